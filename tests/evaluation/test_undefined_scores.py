"""A score that is not defined for some images is marked with the reason; the others go on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from a2ibench import registry
from a2ibench.cli import main
from a2ibench.conformance.sample import make_pairs
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import GeneratedImages, evaluate, load_judges
from a2ibench.types import DataKey

WHY = "to judge lite0 the generated images are all alike: without a spread there is no z"


def test_one_image_for_all_has_the_other_scores_and_a_reason_for_this_one():
    chosen = [registry.metrics.get(name) for name in ("iis_z_lite0", "iis_rate_lite0")]
    train, test = make_pairs(60), make_pairs(40, seed=1)
    one = GeneratedImages(np.repeat(test.images[:1], 40, axis=0))
    eval_set = make_eval_set(train, test)
    judges = load_judges(chosen, train, DataKey("data"))
    found = evaluate(one, eval_set, chosen, judges)
    assert found["iis_rate_lite0"].undefined is None
    assert found["iis_rate_lite0"].score.value == pytest.approx(39 / 80)
    assert found["iis_z_lite0"].undefined == WHY
    assert np.isnan(found["iis_z_lite0"].score.value)
    assert np.isnan(found["iis_z_lite0"].pseudo).all()


@pytest.mark.integration
def test_a_table_says_which_row_has_no_score_and_why(tmp_path: Path):
    def call(*arguments: object) -> str:
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    root = tmp_path / "store"
    call(
        "data", "prepare", "synthetic", "--out", root, "--set", "train=12",
        "--set", "test=12", "--set", "image_size=32", "--set", "seconds=1",
    )  # fmt: skip
    store = PairStore(root)
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    rows = store.rows("test").tolist()
    for i, row in enumerate(rows):
        Image.fromarray(store.images[rows[0]]).save(folders[0] / f"{row}.png")
        Image.fromarray(store.images[rows[i - 1]]).save(folders[1] / f"{row}.png")
    out = tmp_path / "study"
    call(
        "evaluate", "--dataset", root, "--encoder", "logmel", "--name", "theirs",
        "--images", folders[0], "--images", folders[1], "--metric", "iis_z_lite0",
        "--metric", "iis_rate_lite0", "--out", out,
    )  # fmt: skip
    note = f"IIS z lite0 is undefined for theirs: {WHY} (1 of 2 seeds)."
    assert note in (out / "tables" / "match.md").read_text()
    table = pd.read_csv(out / "tables" / "match.csv").set_index("method")
    assert np.isfinite(table.loc["ground truth", "iis_z_lite0_v1:value"])
    (key, _) = json.loads((out / "study.json").read_text())["jobs"]["theirs"]
    score = json.loads((out / "jobs" / key / "result.json").read_text())["metrics"]["iis_z_lite0"]
    assert (score["value"], score["undefined"]) == (None, WHY)
    assert call("report", out)
