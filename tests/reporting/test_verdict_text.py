"""The verdict in words: it says what the tests of a table say, and no more."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.evaluation.rank_intervals import rank_intervals
from a2ibench.evaluation.statistics import Paired, SeedScores
from a2ibench.evaluation.verdict import Verdict
from a2ibench.reporting.differences import Differences, difference_cell
from a2ibench.reporting.verdict_text import Comparison, comparisons, lead, over_budgets
from a2ibench.results.rows import RowScores
from a2ibench.study.looks import Standing
from a2ibench.study.paired_tests import PairedTest, confirm, explore, primary_tests
from a2ibench.study.primary import Primary, usual_contrasts


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "none", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


class Distance(Accuracy):
    name, title, percent, higher_is_better = "distance_test", "distance", False, False


class Own(Accuracy):
    name, title, judge, group = "own_test", "own network", OWN, "own"


METRICS = [Accuracy(), Distance(), Own()]


def method(label: str, accuracy: float, distance: float, seeds: int = 3) -> RowScores:
    """A method whose seeds and blocks scatter by a thousandth."""
    scores = {}
    for i, (metric, level) in enumerate(zip(METRICS, (accuracy, distance, accuracy), strict=True)):
        scatter = np.random.default_rng([i, *label.encode()]).normal(0, 0.001, (seeds, 12))
        blocks = level + scatter
        scores[metric.name] = SeedScores(
            tuple(range(seeds)), blocks.mean(axis=1), 100, None, blocks
        )
    return RowScores(label, False, None, seeds, scores)


def compared(
    *methods: RowScores, metrics: Sequence[Metric] = METRICS[:2], missing: int = 0
) -> list[Comparison]:
    """Each method against the last one."""
    primary = Primary(tuple(one.name for one in metrics), usual_contrasts(methods))
    return comparisons(primary_tests(methods, METRICS, Standing(primary, missing=missing)))


def test_a_method_that_fails_on_some_seeds_is_not_tested_by_the_others() -> None:
    good, base = method("good", 0.9, 0.1), method("base", 0.5, 0.9)
    failed = {"accuracy_test": replace(good.scores["accuracy_test"], undefined=2)}
    good = replace(good, scores={**good.scores, **failed})
    (one,) = compared(good, base)
    assert one.sentence == (
        "better than base by distance; not tested against it by accuracy: it is undefined for 2 of"
        " 5 seeds"
    )
    assert one.verdict == "good is better than base by distance"
    assert rank_intervals([good.scores["accuracy_test"], base.scores["accuracy_test"]], True) == [
        (1, 2),
        (1, 2),
    ]


def test_it_says_at_which_budgets_an_order_holds_and_where_curves_cross() -> None:
    at = {
        1_000: compared(method("mine", 0.9, 0.5), method("base", 0.5, 0.9)),
        3_000: compared(method("mine", 0.9, 0.9), method("base", 0.5, 0.9)),
        9_000: compared(method("mine", 0.9, 0.9), method("base", 0.5, 0.5)),
    }
    assert over_budgets(at) == [
        (
            "mine",
            "better than base at 1,000, 3,000 and 9,000 images by accuracy; better than base at"
            " 1,000 and worse than base at 9,000 images (the curves cross) by distance",
        )
    ]
    assert over_budgets({1_000: compared(method("a", 0.5, 0.5), method("b", 0.5, 0.5))}) == []


def test_an_order_at_one_of_many_budgets_is_corrected_for_their_number() -> None:
    (found,) = compared(method("mine", 0.9, 0.9), method("base", 0.5, 0.9))
    (test,) = found.decided
    near = [replace(found, tests=(test.judged(0.03),))]
    same = compared(method("mine", 0.5, 0.5), method("base", 0.5, 0.5))
    assert over_budgets({1: near}) == [("mine", "better than base at 1 images by accuracy")]
    assert over_budgets({1: near, 2: same}) == []


def test_better_and_worse_follow_the_direction_of_each_metric() -> None:
    (one,) = compared(method("mine", 0.9, 0.9), method("base", 0.5, 0.5))
    assert one.sentence == "better than base by accuracy; worse than it by distance"
    assert lead([one]) == (
        "mine is better than base by accuracy and worse than base by distance."
        " No other difference was tested."
    )
    accuracy, distance = one.decided
    assert str(difference_cell(accuracy)).startswith("+40.0 [")
    assert str(difference_cell(distance)).startswith("+0.40 [")
    (title, verdict, change, p), _ = one.numbers
    assert (title, verdict, p) == ("accuracy", "better", "< 0.001")
    assert change.startswith("+40.0 [")
    assert change.endswith("] points")


def test_a_single_tested_difference_that_is_none_is_said_to_be_none() -> None:
    base, same = method("base", 0.5, 0.5), method("same", 0.5, 0.5)
    (one,) = compared(same, base, metrics=METRICS[:1])
    assert one.sentence == "not separable from base by accuracy"
    assert lead([one]) == (
        "No method is separable from another: the one tested difference is not significant after"
        " correction."
    )


def test_no_difference_is_claimed_without_its_test() -> None:
    (same,) = compared(method("mine", 0.5, 0.5), method("base", 0.5, 0.5))
    assert same.sentence == "not separable from base by any of 2 metrics"
    assert lead([same]).startswith("No method is separable from another: none of 2")
    (single,) = compared(method("mine", 0.9, 0.9, 1), method("base", 0.5, 0.5, 1))
    assert single.sentence == "not tested against base: one seed; a test needs three"
    assert "better" not in lead([single]).split(":")[0]
    assert lead([single]).startswith("Nothing is tested: with fewer than three training seeds")


def without_blocks(one: RowScores, *names: str) -> RowScores:
    """The method on clips of which none can be left out."""
    lost = {
        name: replace(scores, blocks=np.full_like(scores.blocks, np.nan))
        for name, scores in one.scores.items()
        if name in names
    }
    return replace(one, scores={**one.scores, **lost})


def test_what_is_not_tested_has_the_reason_of_its_own() -> None:
    names = [metric.name for metric in METRICS]
    mine, base = method("mine", 0.9, 0.3), method("base", 0.5, 0.5)
    (one,) = compared(without_blocks(mine, *names), without_blocks(base, *names))
    reason = (
        "fewer than 5 blocks of test clips can be left out without the loss of a whole class, or"
        " of the score"
    )
    assert one.sentence == f"not tested against base: {reason}"
    assert lead([one]) == f"Nothing is tested: {reason}."
    (part,) = compared(without_blocks(mine, names[0]), without_blocks(base, names[0]))
    assert part.sentence == (
        f"better than base by distance; not tested against it by accuracy: {reason}"
    )
    assert lead([part]) == "mine is better than base by distance. No other difference was tested."


def test_a_difference_that_nothing_varies_is_not_laid_to_the_clips() -> None:
    def constant(label: str, level: float) -> RowScores:
        scores = SeedScores((0, 1, 2), np.full(3, level), 100, None, np.full((3, 12), level))
        return RowScores(label, False, None, 3, {Accuracy.name: scores})

    pairs = [(constant("base", 0.0), constant("mine", 1.0))]
    tests = confirm(explore(pairs, METRICS[:1]), {Accuracy.name})
    table = Differences("t", "title", ("base", "mine"), tests).table
    reason = "neither another seed nor another choice of test clips changes the difference"
    assert table.records[0]["verdict"] == "not tested"
    assert f"A difference without an interval: {reason}." in table.notes
    assert lead(comparisons(tests)) == f"Nothing is tested: {reason}."
    assert "clips" not in " ".join(map(str, table.texts))


def test_many_metrics_that_do_not_separate_are_counted_and_those_that_do_are_named() -> None:
    mine, base = method("mine", 0.5, 0.5), method("base", 0.5, 0.5)

    def made(name: str, verdict: Verdict) -> PairedTest:
        metric = type(name, (Accuracy,), {"name": name, "title": name})()
        change = Paired(1.0, 0.5, 1.5, 0.5, None, 0.5, 3)
        return PairedTest(mine, base, metric, change, 0.5, verdict)

    few = tuple(made(name, "not separable") for name in "abcd")
    best = made("best", "better")
    assert Comparison("mine", "base", (best, *few)).sentence == (
        "better than base by best; not separable from it by a, b, c and d"
    )
    assert Comparison("mine", "base", (best, *few, made("e", "not separable"))).sentence == (
        "better than base by best; not separable from it by the other 5 metrics"
    )


def test_what_is_exploratory_is_not_spoken_of() -> None:
    (one,) = compared(method("mine", 0.9, 0.5), method("base", 0.5, 0.5), metrics=METRICS[:1])
    assert {test.metric.title for test in one.tests} == {"accuracy"}
    tests = explore([(method("base", 0.5, 0.5), method("mine", 0.9, 0.5))], METRICS)
    assert {test.verdict for test in tests} == {"exploratory"}
    assert lead(comparisons(tests)).startswith("Nothing can be compared yet")


def test_nothing_is_tested_as_long_as_jobs_of_the_rows_are_to_be_done() -> None:
    (one,) = compared(method("mine", 0.9, 0.5), method("base", 0.5, 0.5), missing=1)
    assert one.sentence == "not tested against base yet: jobs are still to be done"
    assert lead([one]).startswith("Nothing is tested yet: ")


def test_a_method_without_a_result_and_one_that_stands_alone_are_said_to_be() -> None:
    (one,) = compared(RowScores("mine", False, None, 3, {}), method("base", 0.5, 0.5))
    assert one.sentence == "has no score in common with base"
    assert lead([one]).startswith("Nothing can be compared yet")
    assert lead(compared(method("base", 0.5, 0.5))).startswith("One method stands alone")


def test_many_differences_are_counted() -> None:
    base = method("base", 0.5, 0.5)
    several = compared(*(method(f"m{i}", 0.9, 0.3) for i in range(5)), base)
    assert lead(several) == (
        "10 of 10 tested differences are separable, of 5 methods. No other difference was tested."
    )
