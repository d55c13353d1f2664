"""Declarations and looks: what a study keeps of them, and what they cost."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up import result, run, study

from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.evaluation.verdict import spending
from a2ibench.results.rows import RowScores
from a2ibench.results.study import open_study
from a2ibench.results.study_id import write_about
from a2ibench.storage import UnwritableError
from a2ibench.study.looks import Standing, standing
from a2ibench.study.paired_tests import confirm, explore
from a2ibench.study.primary import Primary, declared_in

ARMS = {"vae": 0.0, "ours": 0.001}
KID = Primary.of(["kid_lite0"], ["vae vs ours"])
IS = Primary.of(["is1_lite0"], ["vae vs ours"])


def about(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "study.json").read_text()))


def declare(folder: Path, asked: Primary) -> None:
    """What a command does before it computes anything."""
    write_about(folder, {**about(folder), "primary": asked.plain})


def with_seeds(folder: Path, seeds: int) -> None:
    jobs = {
        arm: [result(folder, arm, seed, better) for seed in range(seeds)]
        for arm, better in ARMS.items()
    }
    write_about(folder, {**about(folder), "jobs": jobs, "seeds": seeds, "primary": KID.plain})


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """A study of three seeds whose questions were declared before any result."""
    folder = study(tmp_path / "s", ARMS)
    shutil.move(folder / "jobs", tmp_path / "jobs")
    declare(folder, KID)
    shutil.move(tmp_path / "jobs", folder / "jobs")
    return folder


def now(folder: Path) -> Standing:
    return standing(open_study(folder))


def test_questions_before_any_result_are_said_to_be_that(declared: Path) -> None:
    assert about(declared)["primary"]["contrasts"] == [{"arm": "vae", "base": "ours"}]
    assert now(declared).notes[0] == (
        f"Primary questions: as declared, fixed before any result (sha256 {KID.hash[:12]})."
    )
    assert now(declared).changes == ()


def test_a_change_after_results_is_kept_and_shown_wherever_it_matters(declared: Path) -> None:
    first = about(declared)["primary"]["time"]
    declare(declared, IS)
    held = about(declared)
    assert [one["hash"] for one in held["earlier_primary"]] == [KID.hash]
    assert (held["primary"]["results"], held["primary"]["time"] > first) == (6, True)
    (change,) = now(declared).changes
    assert "after 6 results; before: kid_lite0; vae vs ours." in change
    code, text = run("report", declared)
    assert (code, change in text) == (0, True), text
    for name in ("tables/quality.md", "tables/primary.md", "tables/methods.md", "report.html"):
        assert "Primary questions changed on " in (declared / name).read_text(), name
    assert "Primary questions changed on " in (declared / "tables" / "primary.tex").read_text()
    declare(declared, IS)
    assert about(declared)["primary"] == held["primary"], "the same again is no change"


def test_a_change_before_any_result_is_none(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", ARMS)
    shutil.rmtree(folder / "jobs")
    declare(folder, KID)
    declare(folder, IS)
    assert (about(folder)["earlier_primary"], about(folder)["primary"]["results"]) == ([], 0)


def test_questions_that_are_declared_late_say_so(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", ARMS)
    assert now(folder).notes[0].startswith("Primary questions: not declared beforehand; the usual")
    declare(folder, KID)
    assert ", after 6 results (sha256 " in now(folder).notes[0]
    (folder / "study.json").write_text("{")
    write_about(folder, {"primary": KID.plain})
    assert about(folder)["primary"]["results"] == 6, "whoever loses the file declares late"


def test_questions_that_were_changed_by_hand_are_found(declared: Path) -> None:
    held = about(declared)
    held["primary"]["metrics"] = ["is1_lite0"]
    (declared / "study.json").write_text(json.dumps(held))
    assert "changed by hand in study.json since" in now(declared).notes[0]


def test_the_same_results_are_looked_at_once_however_often_they_are_reported(
    declared: Path,
) -> None:
    for _ in range(2):
        assert run("report", declared)[0] == 0
        (look,) = about(declared)["looks"]
        assert (look["seeds"], look["primary"], len(look["jobs"])) == (3, KID.hash, 6)
        assert now(declared).number == 1
    page = (declared / "report.html").stat().st_mtime_ns
    assert run("report", declared)[0] == 0
    assert (declared / "report.html").stat().st_mtime_ns == page


def test_no_test_is_made_while_results_wait_to_be_scored_by_a_primary_metric(
    declared: Path,
) -> None:
    whole = {path: path.read_text() for path in declared.glob("jobs/*-2/result.json")}
    for path, text in whole.items():
        stored = json.loads(text)
        del stored["metrics"]["kid_lite0"]
        path.write_text(json.dumps(stored))
    assert now(declared).missing == 2
    assert run("report", declared)[0] == 0
    assert not about(declared).get("looks")
    for path, text in whole.items():
        path.write_text(text)
    assert run("report", declared)[0] == 0
    assert [look["seeds"] for look in about(declared)["looks"]] == [3]


def test_other_scores_of_the_same_jobs_are_another_look(declared: Path) -> None:
    assert run("report", declared)[0] == 0
    for path in declared.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        stored["metrics"]["kid_lite0"]["judge_fingerprint"] = "another2"
        path.write_text(json.dumps(stored))
    assert now(declared).number == 2
    assert run("report", declared)[0] == 0
    assert len(about(declared)["looks"]) == 2


def test_a_look_of_an_earlier_version_is_the_same_by_its_jobs(declared: Path) -> None:
    assert run("report", declared)[0] == 0
    held = about(declared)
    del held["looks"][0]["scored"]
    (declared / "study.json").write_text(json.dumps(held))
    assert (now(declared).number, now(declared).noted) == (1, False)
    assert run("report", declared)[0] == 0
    (look,) = about(declared)["looks"]
    assert look["scored"]
    assert (now(declared).number, now(declared).noted) == (1, True)


def test_whoever_compares_two_arms_has_looked(declared: Path) -> None:
    code, text = run("compare", f"{declared}:vae", f"{declared}:ours", "--metric", "kid_lite0")
    assert (code, "First look" in text) == (0, True), text
    assert [look["seeds"] for look in about(declared)["looks"]] == [3]
    with_seeds(declared, 4)
    code, text = run("compare", f"{declared}:ours", f"{declared}:vae", "--metric", "kid_lite0")
    assert (code, "Look 2 at these tests" in text) == (0, True), text
    assert len(about(declared)["looks"]) == 2
    with_seeds(declared, 5)
    code, text = run("compare", f"{declared}:ours", f"{declared}:vae", "--metric", "is1_lite0")
    assert (code, len(about(declared)["looks"])) == (0, 2), "what is exploratory is no look"


def test_a_look_that_cannot_be_recorded_is_said(
    declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise UnwritableError("study.json: its folder is not writable")

    monkeypatch.setattr("a2ibench.study.looks.record_looks", refuse)
    code, text = run("compare", f"{declared}:vae", f"{declared}:ours", "--metric", "kid_lite0")
    assert (code, "This look is not recorded" in text) == (0, True), text


def test_a_reference_row_has_the_seeds_of_the_other_on_either_side(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"good": 0.001})
    real = result(folder, "ground_truth", 0, 0.05, kind="reference")
    held = about(folder)
    contrasts = ["good vs ground truth"]
    write_about(
        folder,
        {
            **held,
            "jobs": {"ground truth": [real], **held["jobs"]},
            "primary": Primary.of(["kid_lite0"], contrasts).plain,
        },
    )
    for a, b, verdict in (("good", "ground truth", "worse"), ("ground truth", "good", "better")):
        code, text = run("compare", f"{folder}:{a}", f"{folder}:{b}", "--metric", "kid_lite0")
        assert (code, "one seed" in text) == (0, False), text
        assert verdict in text


def with_budgets(folder: Path, seeds: int) -> None:
    """Give the study a smaller budget, at which the other one of its arms is better."""
    small, large = (
        {
            arm: [result(folder, arm + end, seed, 0.05 * (arm == best)) for seed in range(seeds)]
            for arm in ARMS
        }
        for best, end in (("vae", "x"), ("ours", ""))
    )
    arms = {arm: {"model": arm, "change": "", "config": {}} for arm in ARMS}
    more = {"jobs": large, "smaller": {"32": small}, "arms": arms, "seeds": seeds}
    write_about(folder, {**about(folder), **more, "primary": KID.plain})


def test_a_verdict_over_budgets_is_a_look_at_each_of_them(declared: Path) -> None:
    with_budgets(declared, 3)
    assert run("report", declared)[0] == 0
    first, second = about(declared)["looks"]
    assert set(first["jobs"]).isdisjoint(second["jobs"])
    page = (declared / "report.html").read_text()
    assert "look 1 at 32 images, look 1 at 96 images" in page
    assert "worse than ours at 96 images (the curves cross)" in page
    with_budgets(declared, 4)
    assert run("report", declared)[0] == 0
    for budget in (32, 96):
        assert standing(open_study(declared, budget)).number == 2
    assert "look 2 at 32 images, look 2 at 96 images" in (declared / "report.html").read_text()


def test_compare_tests_the_budget_that_it_compares(declared: Path) -> None:
    with_budgets(declared, 3)
    for budget, verdict in ((96, "better"), (32, "worse")):
        sides = [f"{declared}:ours", f"{declared}:vae"]
        code, text = run("compare", *sides, "--budget", budget, "--metric", "kid_lite0")
        assert (code, f"{budget} images" in text, f" {verdict} " in text) == (0, True, True), text


def test_more_seeds_are_another_look_and_cost_more(declared: Path) -> None:
    def p() -> tuple[float, float]:
        assert run("report", declared)[0] == 0
        (row,) = pd.read_csv(declared / "tables" / "primary.csv").to_dict("records")
        return row["p"], row["p holm"]

    raw, corrected = p()
    assert corrected == pytest.approx(min(raw * np.pi**2 / 6, 1.0))
    with_seeds(declared, 5)
    assert [one["seeds"] for one in about(declared)["looks"]] == [3]
    raw, corrected = p()
    assert [one["seeds"] for one in about(declared)["looks"]] == [3, 5]
    assert corrected == pytest.approx(min(raw * 4 * np.pi**2 / 6, 1.0))
    assert "Look 2 at these tests, after 3 seeds on " in now(declared).notes[1]
    with_seeds(declared, 3)
    assert now(declared).number == 1, "the look that it was"


def test_other_questions_about_the_same_results_are_another_look(declared: Path) -> None:
    assert run("report", declared)[0] == 0
    declare(declared, IS)
    assert now(declared).number == 2


def test_results_that_no_look_had_a_part_in_are_looked_at_first(declared: Path) -> None:
    assert run("report", declared)[0] == 0
    jobs = {
        arm: [result(declared, arm + "x", seed, better) for seed in range(3)]
        for arm, better in ARMS.items()
    }
    write_about(declared, {**about(declared), "jobs": jobs, "primary": KID.plain})
    assert now(declared).number == 1


def test_there_is_no_look_without_every_job_and_none_without_a_test(declared: Path) -> None:
    shutil.move(declared / "jobs" / "vae-2", declared / "aside")
    code, text = run("report", declared)
    assert (code, "verdict: Nothing is tested yet:" in text) == (0, True)
    assert pd.read_csv(declared / "tables" / "primary.csv")["p holm"].isna().all()
    assert about(declared)["looks"] == []
    shutil.move(declared / "aside", declared / "jobs" / "vae-2")
    with_seeds(declared, 1)
    assert run("report", declared)[0] == 0
    assert about(declared)["looks"] == []


def test_a_job_that_failed_has_ended(declared: Path) -> None:
    path = declared / "jobs" / "vae-2"
    shutil.rmtree(path)
    path.mkdir()
    (path / "failure.json").write_text('{"reason": "out of memory", "trace": null}')
    assert now(declared).missing == 0


def test_a_study_of_an_earlier_version_is_left_as_it_is(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", ARMS)
    before = (folder / "study.json").read_bytes()
    code, text = run("report", folder)
    assert (code, "not declared beforehand" in text) == (0, True)
    assert (folder / "study.json").read_bytes() == before


def test_what_was_declared_holds_for_the_commands_that_follow(declared: Path) -> None:
    assert declared_in(open_study(declared)) == KID
    declare(declared, Primary(KID.metrics, KID.contrasts, declared=False))
    assert declared_in(open_study(declared)) == Primary()
    assert declared_in(None) == Primary()


def test_compare_tests_what_the_study_declares_and_explores_the_rest(declared: Path) -> None:
    code, text = run("compare", f"{declared}:ours", f"{declared}:vae")
    said = " ".join(text.split())
    assert (code, "p (1" in said, "exploratory" in said) == (0, True, True), text
    assert "Primary questions: as declared, fixed before any result" in said
    code, text = run("compare", f"{declared}:ours", f"{declared}:vae", "--metric", "is1_lite0")
    assert (code, "Exploratory: no primary question" in text, "verdict" in text.split("\n")[2]) == (
        0, True, False,
    )  # fmt: skip
    other = study(declared.parent / "t", {"vae": 0.0})
    code, text = run("compare", f"{declared}:ours", other)
    assert (code, "Exploratory: no primary question" in text, "Holm" in text) == (0, True, False)


def test_the_shares_of_all_looks_make_up_the_error_rate() -> None:
    shares = [spending(look) for look in range(1, 10_000)]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert sum(shares) <= 1
    assert shares == sorted(shares, reverse=True)


class Blank(Metric):
    judge, title, bounds = "none", "blank", (0.0, 1.0)

    def compute(self, outputs: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


@pytest.mark.integration
def test_three_looks_at_nothing_are_wrong_in_five_of_a_hundred_studies_at_most() -> None:
    """Looks at 3, 5 and 10 seeds, two arms against a third, alike in two metrics."""
    metrics = [type(f"Blank{i}", (Blank,), {"name": f"blank{i}"})() for i in range(2)]
    rng = np.random.default_rng(0)
    wrong, studies = {True: 0, False: 0}, 300

    def rows(drawn: np.ndarray, seeds: int) -> list[RowScores]:
        made = []
        for label, of in zip("abc", drawn, strict=True):
            scores = {
                metric.name: SeedScores(
                    tuple(range(seeds)), one[:seeds].mean(axis=1), 600, None, one[:seeds]
                )
                for metric, one in zip(metrics, of, strict=True)
            }
            made.append(RowScores(label, False, None, seeds, scores))
        return made

    names = {one.name for one in metrics}
    for _ in range(studies):
        clips = rng.normal(0, 0.3, (2, 1, 20))
        seeds, rest = rng.normal(0, 1, (3, 2, 10, 1)), rng.normal(0, 0.3, (3, 2, 10, 20))
        least = {True: 1.0, False: 1.0}
        for look, number in enumerate((3, 5, 10), start=1):
            *others, base = rows(clips + seeds + rest, number)
            tests = explore([(base, one) for one in others], metrics)
            for counted in least:
                made = confirm(tests, names, look if counted else None)
                found = [one.p for one in made if one.p is not None]
                least[counted] = min([least[counted], *found])
        for counted, p in least.items():
            wrong[counted] += p < 0.05
    assert wrong[True] / studies <= 0.05
    assert wrong[False] / studies > 0.05, "looks that are not counted are what is corrected for"
