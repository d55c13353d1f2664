"""What a script does with a study: opened or run, it says what the commands say."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up import METRICS, run, study

import a2ibench
from a2ibench import api
from a2ibench.errors import UserError
from a2ibench.study.study_file import read_study_file

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
    for seed in (-1, 5, 0.0, "0"):
        expected = f"vae: seed: expected a whole number, 0 to 0, got {seed!r}"
        with pytest.raises(UserError, match=expected):
            opened.images("vae", seed)  # type: ignore[arg-type]


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
    with pytest.raises(UserError, match="unknown metric 'kid_lite1'"):
        a2ibench.run("vae", primary={"metrics": "kid_lite1"})
    with pytest.raises(UserError, match="ours versus vae"):
        a2ibench.run("vae", primary={"contrasts": "ours versus vae"})


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"models": []}, "models: expected at least one name"),
        ({"models": None}, "models: expected a name, or several, got None"),
        ({"models": [["vae"]]}, r"models: expected a name, or several, got \['vae'\]"),
        ({"ablate": None}, "ablate: expected a name, or several, got None"),
        ({"metrics": None}, "metrics: expected a name, or several, got None"),
        ({"metrics": [3]}, "metrics: expected a name, or several, got 3"),
        ({"encoder": None}, "encoder: expected a name, got None"),
        ({"scale": 3}, "scale: expected a name, got 3"),
        ({"executor": ["ray"]}, r"executor: expected a name, got \['ray'\]"),
        ({"images": [96.0]}, "images: expected a whole number, 1 to 10000000000, got 96.0"),
        ({"images": 1e4}, "images: expected a whole number, .* got 10000.0"),
        ({"images": "96"}, "images: expected a whole number, .* got '96'"),
        ({"images": [64, None]}, "images: expected a whole number, .* got None"),
        ({"images": 0}, "images: expected a whole number, .* got 0"),
        ({"seeds": 0}, "seeds: expected a whole number, 1 to 1000, got 0"),
        ({"seeds": "3"}, "seeds: expected a whole number, 1 to 1000, got '3'"),
        ({"seeds": 2.5}, "seeds: expected a whole number, 1 to 1000, got 2.5"),
        ({"earlier": "Keep"}, "earlier: expected 'keep', 'recompute' or None, got 'Keep'"),
        ({"retries": 1.5}, "retries: expected a whole number, 0 or more, got 1.5"),
        ({"settings": {"vae": None}}, "settings of vae: expected a mapping .*, got None"),
        ({"settings": {"vae": {3: 1}}}, "settings of vae: expected a name, .* got 3"),
        ({"settings": "vae"}, "settings: expected a mapping .*, got 'vae'"),
        ({"primary": ["kid"]}, r"primary: expected a mapping .*, got \['kid'\]"),
        ({"primary": {"metrics": None}}, "metrics of primary: expected a name, .* got None"),
        ({"primary": {"contrasts": 3}}, r"contrast \[3\]: expected two arms"),
    ],
)
def test_what_is_no_request_is_refused_at_once(
    tmp_path: Path, wrong: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        a2ibench.run(**{"models": "vae", "out": tmp_path / "s", **wrong})
    assert not (tmp_path / "s").exists()


def test_a_metric_is_named_alone_or_among_several(folder: Path) -> None:
    opened = a2ibench.open_study(folder)
    alone = opened.compare("ours", "vae", "kid_lite0")
    assert len(alone.frame) == 1
    pd.testing.assert_frame_equal(alone.frame, opened.compare("ours", "vae", ["kid_lite0"]).frame)
    pd.testing.assert_frame_equal(
        opened.power(metrics="kid_lite0"), opened.power(metrics=["kid_lite0"])
    )


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"metrics": 3}, "metrics: expected a name, or several, got 3"),
        ({"seeds": 3.5}, "seeds: expected a whole number, 1 or more, got 3.5"),
        ({"look": 0}, "look: expected a whole number, 1 or more, got 0"),
        ({"power": "0.8"}, "power '0.8': expected a number"),
        ({"differences": "kid_lite0"}, "differences: expected a mapping"),
        ({"differences": {"kid_lite0": "4"}}, "difference kid_lite0='4': expected a number"),
    ],
)
def test_a_question_of_power_that_is_none_is_refused(
    folder: Path, wrong: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        a2ibench.open_study(folder).power(**wrong)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (None, "none"),
        (np.float32(0.5), 0.5),
        (np.arange(2), [0, 1]),
        ((Path("a"), None), ["a", "none"]),
        (True, True),
    ],
)
def test_values_of_options_are_plain_before_they_are_used(given: Any, written: Any) -> None:
    assert api._plain(given) == written


@pytest.mark.integration
def test_a_study_is_run_once(small_store: Path, tmp_path: Path) -> None:
    def again() -> "a2ibench.api.Study":
        return a2ibench.run(
            "vae", dataset=small_store, encoder="logmel", images=np.int64(64),
            metrics=["is1_lite0"], executor="inline", tracking_uri="none", out=tmp_path / "s",
            settings={"vae": {"lr": np.float64(0.002)}}, quiet=True,
        )  # fmt: skip

    first = again()
    assert first.failures == []
    assert read_study_file(tmp_path / "s" / "study.yaml")["settings"] == {"vae": {"lr": 0.002}}
    written = {p: p.stat().st_mtime_ns for p in tmp_path.glob("s/jobs/*/result.json")}
    assert written
    pd.testing.assert_frame_equal(again().scores, first.scores)
    assert {path: path.stat().st_mtime_ns for path in written} == written
