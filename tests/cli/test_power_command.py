"""``a2ibench power`` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest
from made_up import run, study

import a2ibench
from a2ibench.errors import UserError
from a2ibench.evaluation.verdict import spending
from a2ibench.results.study import open_study
from a2ibench.study.power import Wanted, study_power
from a2ibench.study.primary import Primary

ARMS = {"vae": 0.0, "ours": 0.0003, "ours − consistency": 0.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return study(tmp_path / "s", ARMS)


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_answers_fit_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, text = run("power", folder)
    assert code == 0, text
    assert "continued" not in text
    assert all(word in text for word in ("vae vs ours", "they", "power", "needs", "clips"))


def test_the_table_has_a_line_for_each_primary_question(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    before = (folder / "study.json").read_bytes()
    code, text = run("power", folder, "--at-once", 2, "--verbose")
    assert code == 0, text
    assert "Seeds and test clips for a power of 80 %" in text
    for label in ("vae vs ours", "ours − consistency vs ours"):
        assert label in text
    assert text.count("3 × 8") == 2 * 2
    assert "at p < 0.0076: 0.05 / 4 primary tests × 0.608 for look 1" in text
    assert "From 3 seeds of each arm, the sd of seeds is known to a factor of 0.6 to 2.9" in text
    assert "2 at once" in text
    assert "those of an earlier version" in words(text)
    assert (folder / "study.json").read_bytes() == before
    assert not (folder / "tables").exists()


def test_a_given_difference_is_planned_for_instead_of_the_observed_one(folder: Path) -> None:
    opened = a2ibench.open_study(folder)
    found = opened.power(differences={"kid_lite0": 0.002}).set_index(["arm", "metric"])
    observed = opened.power().set_index(["arm", "metric"])
    assert found["planned_for"]["vae", "kid_lite0"] == 0.002
    other = ("vae", "rprec1_i2a_lite0")
    assert found["planned_for"][other] == abs(observed["difference"][other])
    assert found["power"]["vae", "kid_lite0"] > observed["power"]["vae", "kid_lite0"]
    given, usual = (
        run("power", folder, *more) for more in (("--difference", "rprec1_i2a_lite0=0.6%"), ())
    )
    assert (given[0], usual[0]) == (0, 0)
    assert given[1] != usual[1]


def test_more_seeds_and_clips_are_a_question_of_what_if(folder: Path) -> None:
    opened = a2ibench.open_study(folder)
    now, more = opened.power(), opened.power(seeds=10, clips=80)
    assert list(now["seeds"]) == [3] * 4
    assert list(more["seeds"]) == [10] * 4
    assert list(more["clips"]) == [80] * 4
    assert (more["detectable"] < now["detectable"]).all()
    assert (opened.power(tests=1)["detectable"] < now["detectable"]).all()
    assert (opened.power(power=0.95)["detectable"] > now["detectable"]).all()


def test_a_pilot_of_two_seeds_is_planned_for_three(tmp_path: Path) -> None:
    found = a2ibench.open_study(study(tmp_path / "s", ARMS, seeds=2)).power()
    assert set(found["seeds"]) == {3}
    assert (found["seeds_needed"].dropna() >= 3).all()


def test_another_metric_counts_as_one_more_primary_test(folder: Path) -> None:
    found = study_power(open_study(folder), Wanted(metrics=("is1_lite0",)))
    assert [one.test.metric.name for one in found.questions] == ["is1_lite0"] * 2
    assert found.tests == 6
    assert study_power(open_study(folder), Wanted(metrics=("kid_lite0",))).tests == 4


def test_after_a_look_the_next_one_is_planned_for(folder: Path) -> None:
    about = json.loads((folder / "study.json").read_text())
    primary = {**Primary.of(["kid_lite0"], ["vae vs ours"]).plain, "time": 1.0, "results": 0}
    (folder / "study.json").write_text(json.dumps({**about, "primary": primary, "looks": []}))
    assert study_power(open_study(folder), Wanted()).look == 1
    assert run("report", folder)[0] == 0
    found = study_power(open_study(folder), Wanted())
    assert (found.look, found.tests) == (2, 1)
    assert found.level == pytest.approx(0.05 * spending(2))
    assert study_power(open_study(folder), Wanted(look=1)).level > found.level


def test_what_has_no_answer_is_named(folder: Path) -> None:
    job = json.loads((folder / "study.json").read_text())["jobs"]["vae"]
    for key in job[1:]:
        shutil.rmtree(folder / "jobs" / key)
    code, text = run("power", folder)
    assert code == 0, text
    assert "Left out: vae vs ours, KID lite0 ×10³: an arm has a single seed." in words(text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--difference", "kid_lite0"], "expected METRIC=VALUE, as in kid_lite0=40"),
        (["--difference", "kid_lite0=much"], "expected METRIC=VALUE"),
        (["--difference", "kid_lite0=0"], "difference kid_lite0=0: no number of seeds shows it"),
        (["--difference", "kid_lite0=nan"], "no number of seeds shows it"),
        (["--difference", "kid_lite=4"], "did you mean kid_lite0"),
        (["--difference", "rprec1_i2a_lite0=5"], "write 0.05 or 5%"),
        (["--metric", "accuracy_resnet18"], "unknown metric of"),
        (["--power", "1.5"], "power 1.5: expected a number between 0.05 and 1"),
        (["--seeds", "2"], "seeds 2: a test needs at least 3 of each arm"),
        (["--clips", "4"], "clips 4: a test needs at least 5 test clips"),
        (["--budget", "7"], "has no budget of 7 images"),
    ],
)
def test_a_mistake_is_one_line(folder: Path, options: list[str], expected: str) -> None:
    code, text = run("power", folder, *options)
    assert code == 2, text
    assert expected in text
    assert "Traceback" not in text


def test_one_seed_one_arm_and_no_study_are_refused(tmp_path: Path) -> None:
    one = study(tmp_path / "one", ARMS, seeds=1)
    code, text = run("power", one)
    assert (code, text.strip()) == (
        2,
        f"error: power needs at least two seeds of each arm, {one} has 1 seed: run the same command"
        " with --seeds 2 or more",
    )
    code, text = run("power", study(tmp_path / "alone", {"vae": 0.0}))
    assert code == 2
    assert "nothing to compare; a primary question needs two arms" in text
    code, text = run("power", tmp_path / "none")
    assert code == 2
    assert "no study" in text
    with pytest.raises(UserError, match="unknown argument of power 'seed'; did you mean seeds"):
        a2ibench.open_study(one).power(seed=3)
