"""What a script does with a study: opened or run, it says what the commands say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import METRICS, run, study

import a2ibench
from a2ibench.errors import UserError

ROWS = {"class mean": 0.0, "vae": 0.0, "ours": 0.05, "ours − consistency": 0.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return study(tmp_path / "s", ROWS)


def test_rows_say_what_they_are_by_structure(folder: Path) -> None:
    rows = {row.label: row for row in a2ibench.open_study(folder).rows}
    assert list(rows) == list(ROWS)
    ablated = rows["ours − consistency"]
    assert (ablated.kind, ablated.model, ablated.change) == ("model", "ours", " − consistency")
    assert (ablated.full, rows["ours"].full) == ("ours", None)


def test_scores_are_those_of_results_parquet(small_study: Path) -> None:
    scores = a2ibench.open_study(small_study).scores
    kept = pd.read_parquet(small_study / "results.parquet")
    assert list(scores)[:6] == ["model", "arm", "kind", "change", "images", "seed"]
    assert set(scores["kind"]) == {"model", "reference"}
    same = ["model", "arm", "seed", "metric", "version", "n", "clips", "value", "spread"]
    pd.testing.assert_frame_equal(scores[same], kept[same])


def test_a_score_is_a_row_for_each_seed_and_metric(folder: Path) -> None:
    scores = a2ibench.open_study(folder).scores
    assert len(scores) == len(ROWS) * 3 * len(METRICS)
    assert set(scores[scores["change"] != ""]["arm"]) == {"ours − consistency"}


def test_tables_are_those_of_the_report_and_nothing_is_written(folder: Path) -> None:
    opened = a2ibench.open_study(folder)
    names = list(opened.tables)
    assert not (folder / "tables").exists()
    assert run("report", folder)[0] == 0
    assert {path.stem for path in (folder / "tables").glob("*.md")} == set(names)
    with pytest.raises(UserError, match=r"unknown table of .*'qualty'; did you mean quality"):
        opened.table("qualty")


def test_two_rows_are_compared_as_by_the_command(folder: Path) -> None:
    opened = a2ibench.open_study(folder)
    table = opened.compare("ours", "ours - consistency")
    assert table.title == "A: ours against B: ours − consistency (s, logmel)"
    for wrong, message in (("ous", "did you mean ours"), ("vae", "A and B are the same")):
        with pytest.raises(UserError, match=message):
            opened.compare(wrong, "vae")


def test_images_come_with_the_segments_they_were_drawn_for(
    small_study: Path, small_store: Path
) -> None:
    from a2ibench.data.store import PairStore

    opened = a2ibench.open_study(small_study)
    drawn = opened.images("ground truth")
    store = PairStore(small_store)
    assert (drawn.images == store.images[store.rows("test")]).all()
    assert list(drawn.segments) == ["row", "label", "source", "start"]
    assert (drawn.segments["row"].to_numpy() == store.rows("test")).all()
    assert opened.images("vae").images.dtype == np.uint8
    for seed in (-1, 5):
        with pytest.raises(UserError, match=f"vae has seeds 0 to 0, not {seed}"):
            opened.images("vae", seed)


def test_images_that_are_not_there_are_said_to_be_missing(folder: Path) -> None:
    with pytest.raises(UserError, match="samples: damaged or missing"):
        a2ibench.open_study(folder).images("ours")
    (folder / "jobs" / "ours-1" / "result.json").unlink()
    with pytest.raises(UserError, match="ours, seed 1 has no result: not begun"):
        a2ibench.open_study(folder).images("ours", 1)


def test_a_study_is_shown_with_its_rows_and_nothing_in_it_is_markup(tmp_path: Path) -> None:
    folder = study(tmp_path / "<b>", {"vae": 0.0, "<i>": 0.0})
    opened = a2ibench.open_study(folder)
    assert "6 of 6 jobs have a result; rows: vae, <i>" in repr(opened)
    html = opened._repr_html_()
    assert "<b>" not in html.replace("<b>" + str(folder.parent), "")
    assert "&lt;i&gt;" in html
    assert "<i>" not in html


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no study"):
        a2ibench.open_study(tmp_path)
    with pytest.raises(UserError, match="seeds: expected a number from 1"):
        a2ibench.run("vae", seeds=0)
    with pytest.raises(UserError, match="unknown metric 'kid_lite1'"):
        a2ibench.run("vae", primary={"metrics": "kid_lite1"})
    with pytest.raises(UserError, match="ours versus vae"):
        a2ibench.run("vae", primary={"contrasts": "ours versus vae"})


@pytest.mark.integration
def test_a_study_is_run_once(small_store: Path, tmp_path: Path) -> None:
    def again() -> "a2ibench.api.Study":
        return a2ibench.run(
            "vae", dataset=small_store, encoder="logmel", images=64, metrics=["is1_lite0"],
            executor="inline", tracking_uri="none", out=tmp_path / "s", quiet=True,
        )  # fmt: skip

    first = again()
    assert first.failures == []
    written = {p: p.stat().st_mtime_ns for p in tmp_path.glob("s/jobs/*/result.json")}
    assert written
    pd.testing.assert_frame_equal(again().scores, first.scores)
    assert {path: path.stat().st_mtime_ns for path in written} == written
