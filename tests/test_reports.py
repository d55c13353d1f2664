"""The results that this repository keeps: tuned alike, complete, and their tables follow."""

import io
import json
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import yaml

from a2ibench import registry
from a2ibench.code_hash import code_changes, has_earlier_rule, source_hash, source_hashes
from a2ibench.protocol import PROTOCOL
from a2ibench.reporting.overview import studies_in, write_overview
from a2ibench.reporting.report import report, write_tables
from a2ibench.reporting.verdict_text import over_budgets
from a2ibench.results.study import open_study
from a2ibench.study.combinations import expand_axes
from a2ibench.study.request import Request

REPORTS = Path(__file__).parents[1] / "reports"
FILES = sorted(path for path in REPORTS.glob("*/study.yaml"))
STUDIES = sorted(path.parent for path in REPORTS.glob("**/study.json"))
OVERVIEWS = sorted(path.parent for path in REPORTS.glob("**/overview.md"))


def name(path: Path) -> str:
    return str(path.relative_to(REPORTS))


def tables(study: Path) -> dict[str, str]:
    kept = (path for path in study.glob("tables/*") if path.suffix in {".md", ".csv", ".tex"})
    return {path.name: path.read_text(encoding="utf-8") for path in kept}


def assert_same_tables(kept: dict[str, str], again: dict[str, str]) -> None:
    """Compare tables to the letter, but numbers of exported files, which hold all digits, nearly:
    another processor sums in another order."""
    exported = [name for name in kept if name.endswith(".csv")]
    for name in exported:
        frames = (pd.read_csv(io.StringIO(one[name])) for one in (kept, again))
        pd.testing.assert_frame_equal(*frames, rtol=1e-9, atol=1e-12, obj=name)
    first, second = (
        {name: text for name, text in one.items() if name not in exported} for one in (kept, again)
    )
    assert first == second


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_method_has_the_options_that_its_search_found(file: Path) -> None:
    asked = yaml.safe_load(file.read_text())
    searches = REPORTS / asked.get("provenance", {}).get("searches", "tuning")
    others = []
    everything = Request(tuple(asked["models"]), settings=asked["settings"])
    _, requests = expand_axes(everything, asked.get("dataset", ["mine"]), asked["encoder"])
    for model, request in product(asked["models"], requests):
        with_one = f"{model}@{request.encoder}" in asked["settings"]
        folder = searches / (request.encoder if with_one else model)
        best = yaml.safe_load((folder / "best.yaml").read_text())
        used = request.settings[model]
        found = {  # what --set fixed is text
            key: yaml.safe_load(value) if isinstance(value, str) else value
            for key, value in best["settings"][model].items()
        }
        assert {key: used.get(key) for key in found} == found
        others.append({key: value for key, value in used.items() if key not in found})
    assert all(one == others[0] for one in others), "other options are the same for all methods"


@pytest.mark.parametrize(
    ("searches", "models"),
    [
        ("tuning", {"vae", "wan2019", "ours", "flow"}),
        (
            "tuning-large",
            {"adapted_flow", "cvae", "flow", "ours", "vae", "wan2019", "wan2019_code"},
        ),
        ("tuning-features", {"ours"}),
    ],
)
def test_every_search_had_the_same_trials_metric_and_budget(
    searches: str, models: set[str]
) -> None:
    found = [yaml.safe_load(path.read_text()) for path in REPORTS.glob(f"{searches}/*/best.yaml")]
    assert {one["models"][0] for one in found} >= models
    alike = {
        (one["images"], *(one["provenance"][key] for key in ("metric", "trials", "pairs", "seed")))
        for one in found
    }
    assert len(alike) == 1


@pytest.mark.parametrize("study", STUDIES, ids=name)
def test_tables_follow_from_the_results(study: Path, tmp_path: Path) -> None:
    again = shutil.copytree(study, tmp_path / study.name)
    shutil.rmtree(again / "tables")
    write_tables(report(open_study(again)), again)
    assert_same_tables(tables(study), tables(again))
    about = json.loads((study / "study.json").read_text())
    missing = [
        key
        for keys in about["jobs"].values()
        for key in keys
        if not (study / "jobs" / key / "result.json").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("study", STUDIES, ids=name)
def test_methods_are_the_present_ones_or_the_study_says_that_they_are_not(study: Path) -> None:
    assert stale_rows(study) == {}, "run the study again, or with --keep"


def test_a_changed_method_is_found_in_a_study_that_does_not_say_so(tmp_path: Path) -> None:
    study = shutil.copytree(REPORTS / "synthetic", tmp_path / "study")
    about = json.loads((study / "study.json").read_text())
    (key, *_) = about["jobs"]["vae"]
    path = study / "jobs" / key / "result.json"
    result = json.loads(path.read_text())
    now = source_hashes(registry.models.get("vae"))
    result["sources"] = {**now, "a2ibench/nn/layers.py": "0" * 64}
    path.write_text(json.dumps(result))
    assert stale_rows(study) == {"vae": "protocol 1, a2ibench/nn/layers.py"}
    about["kept"] = {key: {"place": "another", "why": "trained with an earlier version"}}
    (study / "study.json").write_text(json.dumps(about))
    assert stale_rows(study) == {}


EARLIER = [
    study
    for study in STUDIES
    if any(
        result["job"]["kind"] == "model" and has_earlier_rule(result.get("sources"))
        for path in study.glob("jobs/*/result.json")
        if (result := json.loads(path.read_text()))
    )
]


@pytest.mark.parametrize("study", EARLIER, ids=name)
def test_a_study_of_an_earlier_version_says_so_in_its_tables(study: Path) -> None:
    said = " ".join(path.read_text() for path in study.glob("tables/*.md"))
    assert re.search(r"scores of version \d+; this version of a2ibench computes version \d+", said)


def test_the_sentences_of_the_first_screen_follow_from_the_study() -> None:
    """Numbers in prose are in no table that a test compares."""
    text = " ".join((REPORTS.parent / "README.md").read_text(encoding="utf-8").split())
    study = open_study(REPORTS / "arcade-large")
    tests = pd.read_csv(REPORTS / "arcade-large" / "tables" / "primary.csv")
    at = {budget: study.at(budget) for budget in study.budgets}
    assert [*at] == [10_000, 30_000, 100_000]
    rows, early = ({row.label: row for row in at[b].scores} for b in (100_000, 10_000))
    assert all(
        len(row.scores["kid_simclr"].seeds) == 5 for row in rows.values() if not row.reference
    )
    kid = {label: row.scores["kid_simclr"].mean for label, row in rows.items()}
    said = (
        f"`flow` is shown to draw pictures nearer to real ones than `ours` (KID {kid['flow']:.0f}"
    )
    assert f"After 100,000 training images, five seeds each, {said}" in text
    said = f"and `vae` to draw pictures farther from them ({kid['vae']:.0f})"
    assert f"against {kid['ours']:.0f}), {said}" in text
    assert f"none of the other {len(tests) - 2} declared comparisons" in text
    held = tests[tests["verdict"] != "not separable"]
    assert [*zip(held["method"], held["metric"], held["verdict"], strict=True)] == [
        ("vae", "kid_simclr_v2", "worse"),
        ("flow", "kid_simclr_v2", "better"),
    ]
    accuracy = early["ours"].scores["accuracy_resnet18"]
    right = f"the right game for {accuracy.mean:.1%} of {accuracy.n:,} test sounds"
    assert f"after 10,000 images `ours` draws {right.replace('%', ' %', 1)}" in text
    found = over_budgets({budget: report(one).compared for budget, one in at.items()})
    assert {label: said.partition(";")[0] for label, said in found} == {
        "vae": "worse than ours at 10,000 images by accuracy",
        "cvae": "worse than ours at 10,000 images by KID simclr ×10³ and accuracy",
        "wan2019_code": "worse than ours at 10,000 images by accuracy and R-prec@10 in class",
        "flow": "worse than ours at 10,000 images by accuracy",
    }
    assert not any("30,000" in said for _, said in found)
    said = (
        "`vae`, `cvae`, `wan2019_code` and `flow` are shown to be worse; after 30,000 no method is."
    )
    assert said in text
    by_lite0 = sorted(
        (row.scores["kid_lite0"].mean, label) for label, row in rows.items() if not row.reference
    )
    assert [label for _, label in by_lite0[:1] + by_lite0[-2:]] == [
        "flow",
        "wan2019_code",
        "wan2019",
    ]
    assert by_lite0[-2][0] > 1.5 * by_lite0[-3][0]
    asked = tests[
        (tests["method"] == "ours − consistency") & (tests["metric"] == "accuracy_resnet18_v2")
    ]
    low, high = (f"{100 * float(asked[end].iloc[0]):+.1f}" for end in ("low", "high"))
    assert (
        f"accuracy without it, after 100,000 images: {low.replace('-', '−')} to {high} points"
        in text
    )


def stale_rows(study: Path) -> dict[str, str]:
    """Rows by other code than the present, of which the study does not say so: neither by what is
    kept in its ``study.json``, nor by being of a version that named jobs by all code."""
    about = json.loads((study / "study.json").read_text())
    stale = {}
    for label, keys in about["jobs"].items():
        for key in set(keys) - about.get("kept", {}).keys():
            result = json.loads((study / "jobs" / key / "result.json").read_text())
            job, sources = result["job"], result.get("sources")
            if job["kind"] != "model" or has_earlier_rule(sources):
                continue
            method = registry.models.get(job["method"])
            if (job["source"], result["protocol"]) != (source_hash(method), PROTOCOL):
                stale[label] = f"protocol {result['protocol']}, {code_changes(method, sources)}"
    return stale


@pytest.mark.parametrize("root", OVERVIEWS, ids=name)
def test_what_is_said_of_several_studies_follows_from_them(root: Path, tmp_path: Path) -> None:
    again = shutil.copytree(root, tmp_path / root.name)
    shutil.rmtree(again / "tables")
    (again / "overview.md").unlink()
    write_overview(again, studies_in(again))
    assert_same_tables(tables(root), tables(again))
    assert (root / "overview.md").read_text() == (again / "overview.md").read_text()


def test_the_page_of_claims_follows_from_the_kept_studies(tmp_path: Path) -> None:
    kept = REPORTS / "claims" / "README.md"
    command = next(line for line in kept.read_text().splitlines() if line.startswith("    python"))
    words = command.split()
    words[words.index("--out") + 1] = str(tmp_path / "again.md")
    subprocess.run([sys.executable, *words[1:]], cwd=REPORTS.parent, check=True)
    again = (tmp_path / "again.md").read_text()
    assert again.replace(str(tmp_path / "again.md"), "reports/claims/README.md") == kept.read_text()
