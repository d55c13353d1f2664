"""Columns of a judge that failed hold no number, take part in nothing, and say why."""

from dataclasses import replace

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.reporting.report import Report
from a2ibench.reporting.score_tables import score_tables
from a2ibench.reporting.text_formats import to_markdown
from a2ibench.results.rows import RowScores
from a2ibench.results.struck_metrics import find_health, struck_reasons, usable
from a2ibench.study.looks import Standing
from a2ibench.study.primary import Primary, usual_contrasts


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "classifier", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


class Sharpness(Accuracy):
    name, judge, title, percent = "sharpness_test", "eye", "sharpness", False


METRICS = [Accuracy, Sharpness]


def scores(level: float, clips: int, chance: float | None, seeds: int) -> SeedScores:
    rng = np.random.default_rng(int(1000 * level))
    blocks = level + rng.normal(0, 0.02, (seeds, min(clips, 20)))
    names = tuple(range(seeds))
    return SeedScores(names, blocks.mean(axis=1), 240, None, blocks, clips, chance)


def rows(real: float, clips: int = 9, judges: tuple[Health, ...] = ()) -> list[RowScores]:
    def made(label: str, level: float, seeds: int, **kind: bool) -> RowScores:
        of = {
            "accuracy_test": scores(level, clips, 0.5, seeds),
            "sharpness_test": scores(level + 0.1, clips, None, seeds),
        }
        return RowScores(label, bool(kind), None, seeds, of, judges=judges, **kind)

    return [made("ground truth", real, 1, ceiling=True), made("a", 0.51, 3), made("b", 0.9, 3)]


def report(methods: list[RowScores]) -> Report:
    """Both metrics are primary, and each method is compared with the last one."""
    primary = Primary(tuple(one.name for one in METRICS), usual_contrasts(methods))
    return Report("data", tuple(methods), tuple(METRICS), standing=Standing(primary))


def test_real_images_that_are_compared_with_themselves_say_nothing_of_a_judge():
    class Alike(Accuracy):
        refers_to_own_image = True

    methods = rows(real=0.99)
    assert [one.judge for one in find_health(methods, [Accuracy()])] == ["classifier"]
    assert find_health(methods, [Alike()]) == ()
    own_image = ("iis_rate_lite0", "iis_cos_lite0", "iis_z_lite0", "image_r10_lite0")
    assert all(registry.metrics.get(name).refers_to_own_image for name in own_image)
    assert not registry.metrics.get("ais_rate_i2a_lite0").refers_to_own_image


def test_what_real_images_do_not_reach_is_struck_everywhere_and_the_verdict_says_so():
    made = report(rows(real=0.5))
    (table,) = (one for one in made.tables if one.name == "quality")
    for section in table.texts:
        for row in section:
            assert row[3] == "×"
            assert row[4][0].isdigit()
    assert table.records[0]["accuracy_test_v1:value"] is None
    assert table.records[0]["sharpness_test_v1:value"] is not None
    assert any(
        note.startswith("Judge classifier: accuracy of the ground truth ") for note in table.notes
    )
    (methods,) = (one for one in made.tables if one.name == "primary")
    assert {row["metric"] for row in methods.records} == {"sharpness_test_v1"}
    assert not any(note.startswith("Judge classifier:") for note in methods.notes)
    assert "Left out: accuracy: struck, judge classifier:" in made.verdict
    assert made.verdict.startswith("a is worse than b by sharpness.")


def test_a_judge_that_failed_on_what_it_held_out_is_struck_and_one_that_did_not_has_its_line():
    held_out = Health("classifier", None, "held-out accuracy", 0.43, 0.3, 0.43, 30, 7, percent=True)
    methods = rows(real=0.99, judges=(held_out,))
    assert usable(METRICS, find_health(methods, METRICS)) == (Sharpness,)
    (reason,) = struck_reasons(METRICS, find_health(methods, METRICS))
    assert "held-out accuracy 43.0 % [from 30.0 %] of 30 images (7 clips)" in reason
    (table,) = score_tables(rows(real=0.99), METRICS, "data", [])
    assert "×" not in to_markdown(table)
    assert any("chance 50.0 %" in note for note in table.notes)


def test_tables_of_differences_say_what_the_judge_certifies_by_the_real_images():
    truth, a, b = rows(real=0.9)
    made = report([truth, a, b, replace(a, label="b − x", full="b")])
    for name in ("quality", "primary"):
        (table,) = (one for one in made.tables if one.name == name)
        (line,) = (note for note in table.notes if note.startswith("Judge classifier:"))
        assert line.startswith("Judge classifier: accuracy of the ground truth ")
        assert "chance 50.0 %" in line


def test_where_every_judge_failed_nothing_is_said():
    judges = tuple(Health(one.judge, None, "held-out r²", -0.5, None, 0.0) for one in METRICS)
    made = report(rows(real=0.9, judges=judges))
    assert made.verdict.startswith("Nothing can be said: the judge of every metric failed.")
    assert [table.name for table in made.tables] == ["quality"]
    assert made.ranks is None


def test_where_the_judges_of_all_primary_metrics_failed_nothing_is_tested_and_they_are_named():
    methods = rows(real=0.5)
    primary = Primary(("accuracy_test",), usual_contrasts(methods))
    made = Report("data", tuple(methods), tuple(METRICS), standing=Standing(primary))
    expected = "Nothing is tested: the judge of every primary metric failed (accuracy)."
    assert made.verdict.startswith(expected)


def test_few_clips_are_counted_and_have_no_interval_and_the_reason_stands_once():
    (table,) = score_tables(rows(real=0.9, clips=3), METRICS, "data", [])
    for section in table.texts:
        for row in section:
            assert row[2] == "240 (3 clips)"
            assert not any("[" in cell for cell in row)
    said = [note for note in table.notes if "fewer than 5 test clips" in note]
    assert said == ["A score without an interval: there are fewer than 5 test clips."]


def test_few_clips_have_no_verdict():
    made = report(rows(real=0.9, clips=3))
    (methods,) = (one for one in made.tables if one.name == "primary")
    assert {row["verdict"] for row in methods.records} == {"not tested"}
    assert made.verdict.startswith("Nothing is tested: there are fewer than 5 test clips.")
    assert made.compared[0].sentence == "not tested against b: there are fewer than 5 test clips"
    assert "A difference without an interval: there are fewer than 5 test clips." in methods.notes
