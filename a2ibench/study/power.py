"""The seeds and test clips that the primary questions of a study need, from what it has shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError, counted, unknown
from a2ibench.evaluation.power import Pilot, pilot
from a2ibench.evaluation.statistics import MIN_CLIPS, MIN_SEEDS
from a2ibench.evaluation.verdict import ALPHA, spending
from a2ibench.results.comparability import check_alike
from a2ibench.results.declaration import same_look
from a2ibench.results.study import Study
from a2ibench.study.looks import Standing, standing
from a2ibench.study.paired_tests import PairedTest, primary_tests

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Wanted:
    """A question about the power of a study.

    Attributes:
        power: the probability of a verdict that is wanted, in (0, 1).
        differences: metric → absolute difference to plan for; others are planned for the observed
            difference. These metrics are shown too.
        metrics: names to show; empty for the primary ones. Others count as if they were declared
            beside these.
        seeds: training seeds of each arm, instead of those that are there.
        clips: test clips, instead of those that are there.
        tests: number of primary tests that p is corrected for; None for those of the study.
        look: number of the look at which the questions will be tested, 1 for a new study; None for
            the next look at this one.
    """

    power: float = 0.8
    differences: Mapping[str, float] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    seeds: int | None = None
    clips: int | None = None
    tests: int | None = None
    look: int | None = None


@dataclass(frozen=True)
class Power:
    """The seeds and clips that a primary question needs.

    Attributes:
        test: the contrast and the metric, with the observed difference.
        pilot: the variances that it is computed from.
        seeds: training seeds of each arm that it is computed for.
        clips: test clips that it is computed for.
        detectable: the difference that these find with the power that is wanted.
        difference: the one that is planned for, given or observed; absolute.
        power: the probability that these seeds and clips find it.
        seeds_needed: seeds that find it with these clips; None where more seeds alone cannot.
        clips_needed: clips that find it with these seeds; None where more clips alone cannot.
        both_needed: seeds and clips that find it, multiplied alike; None where neither can.
        seconds: time of a trial of each of the two arms, as far as it was measured.
    """

    test: PairedTest
    pilot: Pilot
    seeds: int
    clips: int
    detectable: float
    difference: float
    power: float
    seeds_needed: int | None
    clips_needed: int | None
    both_needed: tuple[int, int] | None
    seconds: float | None

    @property
    def record(self) -> dict[str, Any]:
        """Its numbers by name; None for what is missing."""
        change, both = self.test.change, self.both_needed or (None, None)
        return {
            "arm": self.test.row.label,
            "base": self.test.base.label,
            "metric": self.test.metric.name,
            "difference": None if change is None else change.value,
            "sd_seeds": sum(self.pilot.seed) ** 0.5,
            "sd_clips": self.pilot.block**0.5,
            "sd_rest": sum(self.pilot.rest) ** 0.5,
            "seed_correlation": self.pilot.correlation,
            "seeds": self.seeds,
            "clips": self.clips,
            "detectable": self.detectable,
            "planned_for": self.difference,
            "power": self.power,
            "seeds_needed": self.seeds_needed,
            "clips_needed": self.clips_needed,
            "both_seeds": both[0],
            "both_clips": both[1],
        }

    @property
    def to_add(self) -> tuple[int, int] | None:
        """The seeds and the clips to add to what is there: those that are multiplied less; None
        where nothing helps."""
        seeds, clips, there = self.seeds_needed, self.clips_needed, self.pilot

        def more(seeds: int, clips: int) -> tuple[int, int]:
            return max(seeds - there.seeds, 0), max(clips - there.clips, 0)

        if seeds is not None and (
            clips is None or seeds / max(there.seeds, MIN_SEEDS) <= clips / there.clips
        ):
            return more(seeds, self.clips)
        if clips is not None:
            return more(self.seeds, clips)
        return None if self.both_needed is None else more(*self.both_needed)

    @property
    def cost(self) -> float | None:
        """Seconds of trials of both arms that :attr:`to_add` takes; None where not known. With
        other test clips, the trials that are there are run again."""
        if self.to_add is None or self.seconds is None:
            return None
        seeds, clips = self.to_add
        return (seeds + self.pilot.seeds * (clips > 0)) * self.seconds


@dataclass(frozen=True)
class StudyPower:
    """The power of a study.

    Attributes:
        questions: contrast by contrast.
        tests: number of tests that p is corrected for.
        look: number of the look at which they are made.
        level: the p, uncorrected, below which the first of them has a verdict.
        left_out: a line for each question that has no answer.
    """

    questions: tuple[Power, ...]
    tests: int
    look: int
    level: float
    left_out: tuple[str, ...]

    @property
    def frame(self) -> "pd.DataFrame":
        """A row for each question; standard deviations are those of the difference of one seed."""
        import pandas as pd

        return pd.DataFrame([one.record for one in self.questions])


def study_power(study: Study, wanted: Wanted) -> StudyPower:
    """Return what the primary questions of a study need.

    Raises:
        UserError: a number that is none, a metric that the study has not, nothing to compare, or
            fewer than two seeds of every arm.
    """
    _check(wanted)
    check_alike(study.rows, study.metrics)
    now = standing(study)
    differences = {_metric(study, name).name: d for name, d in wanted.differences.items()}
    for name, difference in differences.items():
        _check_difference(registry.metrics.get(name), difference)
    named = [_metric(study, name).name for name in wanted.metrics]
    shown = list(dict.fromkeys([*(named or now.primary.metrics), *differences]))
    tests = _tests(study, now, [*now.primary.metrics, *shown])
    family = [
        one
        for one in tests
        if one.metric.directed and one.change is not None and one.change.reason is None
    ]
    look = wanted.look or _next_look(study, now)
    count = wanted.tests or max(len(family), 1)
    level = ALPHA * spending(look) / count
    found, left_out = [], []
    for test in (one for one in tests if one.metric.name in shown):
        known = _pilot(test)
        if isinstance(known, str):
            left_out.append(f"{test.row.label} vs {test.base.label}, {test.metric.title}: {known}")
            continue
        given = differences.get(test.metric.name)
        found.append(_answer(test, known, wanted, given, level, _seconds(study, test)))
    if not found:
        raise _nothing(study, tests, left_out)
    return StudyPower(tuple(found), count, look, level, tuple(left_out))


def _check(wanted: Wanted) -> None:
    if not (isinstance(wanted.power, Real) and 0.05 < wanted.power < 1):
        raise UserError(f"power {wanted.power!r}: expected a number between 0.05 and 1, as 0.8")
    if wanted.seeds is not None and wanted.seeds < MIN_SEEDS:
        raise UserError(f"seeds {wanted.seeds}: a test needs at least {MIN_SEEDS} of each arm")
    if wanted.clips is not None and wanted.clips < MIN_CLIPS:
        raise UserError(f"clips {wanted.clips}: a test needs at least {MIN_CLIPS} test clips")
    for name, number in (("tests", wanted.tests), ("look", wanted.look)):
        if number is not None and number < 1:
            raise UserError(f"{name} {number}: expected 1 or more")


def _check_difference(metric: Metric, difference: float) -> None:
    if not isinstance(difference, Real):
        raise UserError(f"difference {metric.name}={difference!r}: expected a number")
    said = f"difference {metric.name}={difference:g}"
    low, high = metric.bounds
    if difference == 0 or not isfinite(difference):
        raise UserError(
            f"{said}: no number of seeds shows it; give the smallest difference that would matter"
        )
    if abs(difference) > high - low:
        hint = f"; write {difference / 100:g} or {difference:g}%" * metric.percent
        raise UserError(f"{said}: expected at most {high - low:g}, the range of its values{hint}")


def _metric(study: Study, name: str) -> Metric:
    metric = registry.metrics.get(name)
    if metric.name not in study.metrics:
        raise unknown(f"metric of {study.folder}", metric.name, study.metrics)
    if metric.name not in {one.name for one in study.usable}:
        raise UserError(f"metric {metric.name}: its judge cannot judge; see `a2ibench report`")
    return metric


def _tests(study: Study, now: Standing, names: Sequence[str]) -> list[PairedTest]:
    """Return the differences of the primary contrasts by some metrics."""
    asked = replace(now, primary=replace(now.primary, metrics=tuple(dict.fromkeys(names))))
    return primary_tests(study.scores, study.usable, asked)


def _next_look(study: Study, now: Standing) -> int:
    """Return the number of the next look; present results that were looked at are the last."""
    looked = any(now.look is not None and same_look(one, now.look) for one in study.about.looks)
    return now.number + looked


def _pilot(test: PairedTest) -> Pilot | str:
    """Return what a question shows of its scatter, or why nothing."""
    a, b = test.row.scores.get(test.metric.name), test.base.scores.get(test.metric.name)
    if test.change is None or a is None or b is None:
        return "there is no score of both"
    if test.change.reason is not None:
        return test.change.reason
    found = pilot(a, b)
    if found is None:
        few = test.change.seeds < 2
        return "an arm has a single seed" if few else "the two are equal on every seed and clip"
    return found


def _answer(
    test: PairedTest,
    known: Pilot,
    wanted: Wanted,
    given: float | None,
    level: float,
    seconds: float | None,
) -> Power:
    assert test.change is not None
    seeds = max(known.seeds, MIN_SEEDS) if wanted.seeds is None else wanted.seeds
    clips = known.clips if wanted.clips is None else wanted.clips
    difference = abs(test.change.value if given is None else given)
    return Power(
        test,
        known,
        seeds,
        clips,
        known.detectable(wanted.power, level, seeds, clips),
        difference,
        known.power(difference, level, seeds, clips),
        known.seeds_needed(difference, wanted.power, level, clips),
        known.clips_needed(difference, wanted.power, level, seeds),
        known.both_needed(difference, wanted.power, level, seeds, clips),
        seconds,
    )


def _seconds(study: Study, test: PairedTest) -> float | None:
    """Return the mean time of a trial of both arms; a reference row is not trained."""
    total = 0.0
    for label in (one.label for one in (test.row, test.base) if not one.reference):
        took = [job.result.seconds for job in study.row(label).results if job.result is not None]
        if not took or not all(took):
            return None
        total += sum(took) / len(took)
    return total


def _nothing(study: Study, tests: Sequence[PairedTest], left_out: Sequence[str]) -> UserError:
    """Return why no question of a study has an answer."""
    if not tests:
        return UserError(
            f"{study.folder}: nothing to compare; a primary question needs two arms with results"
        )
    fewest = min((one.change.seeds for one in tests if one.change is not None), default=0)
    if fewest == 1:
        return UserError(
            f"power needs at least two seeds of each arm, {study.folder} has"
            f" {counted(fewest, 'seed')}: run the same command with --seeds 2 or more"
        )
    return UserError(f"{study.folder}: no power to compute: {left_out[0]}")
