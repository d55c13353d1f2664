"""Sentences about the tests of a study: nothing is said that a test does not say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from a2ibench.evaluation.verdict import FEW_SEEDS
from a2ibench.reporting.differences import difference_cell, p_cell
from a2ibench.study.paired_tests import PairedTest

NO_JUDGE = "Nothing can be said: the judge of every metric failed."
NAMED = 4
"""Comparisons that the first sentence names, and metrics that do not separate, at most."""


@dataclass(frozen=True)
class Comparison:
    """A method against a base, by every primary metric that both have."""

    method: str
    base: str
    tests: tuple[PairedTest, ...]

    def by(self, *verdicts: str) -> tuple[PairedTest, ...]:
        """Return the tests with one of some verdicts."""
        return tuple(test for test in self.tests if test.verdict in verdicts)

    @property
    def decided(self) -> tuple[PairedTest, ...]:
        """The tests that separate the two."""
        return self.by("better", "worse")

    @property
    def numbers(self) -> list[tuple[str, str, str, str]]:
        """Metric, verdict, difference and p of each test that separates the two."""
        found = []
        for test in self.decided:
            p, change = str(p_cell(test)), str(difference_cell(test))
            unit = " points" * test.metric.percent
            said = p if p.startswith("<") else f"= {p}"
            found.append((test.metric.title, str(test.verdict), f"{change}{unit}", said))
        return found

    @property
    def verdict(self) -> str:
        """``ours is better than vae by KID and worse than vae by accuracy``."""
        parts = [
            f"{verdict} than {self.base} by {_titles(found)}"
            for verdict in ("better", "worse")
            if (found := self.by(verdict))
        ]
        return f"{self.method} is {' and '.join(parts)}"

    @property
    def sentence(self) -> str:
        """The words after the method's name: ``better than ours by KID; not separable from …``. The
        metrics that separate are all named."""
        parts, name = [], self.base
        for verdict in ("better", "worse"):
            if found := self.by(verdict):
                parts.append(f"{verdict} than {name} by {_titles(found)}")
                name = "it"
        if found := self.by("not separable"):
            if len(found) == len(self.tests) > 1:
                named = f"any of {len(found)} metrics"
            else:
                named = _titles(found) if len(found) <= NAMED else f"the other {len(found)} metrics"
            parts.append(f"not separable from {name} by {named}")
        if found := self.by(*FEW_SEEDS):
            seeds = found[0].verdict
            parts.append(f"not tested against {name}: {seeds}; a test needs three")
        if self.by("not complete"):
            parts.append(f"not tested against {name} yet: jobs are still to be done")
        for reason, found in _reasons(self.by("not tested")).items():
            by = "" if len(found) == len(self.tests) else f" by {_titles(found)}"
            parts.append(f"not tested against {name}{by}: {reason}")
        return "; ".join(parts) or f"has no score in common with {name}"


def comparisons(tests: Sequence[PairedTest]) -> list[Comparison]:
    """Return a comparison for each pair of rows of some tests; what is exploratory is left out."""
    found: dict[tuple[str, str], list[PairedTest]] = {}
    for one in tests:
        pair = found.setdefault((one.row.label, one.base.label), [])
        if one.verdict != "exploratory" and one.change is not None:
            pair.append(one)
    return [Comparison(*pair, tuple(tests)) for pair, tests in found.items()]


def lead(compared: Sequence[Comparison]) -> str:
    """Return the first sentence: what is separable, or how much of it, or that nothing is."""
    tests = [test for one in compared for test in one.tests]
    tested = [test for test in tests if test.tested]
    decided = [one for one in compared if one.decided]
    if not compared:
        return "One method stands alone: it is compared with the reference rows only."
    if not tests:
        return "Nothing can be compared yet: no two methods have a primary score in common."
    if all(test.verdict == "not complete" for test in tests):
        return "Nothing is tested yet: the rows compared have jobs that are still to be done."
    untested = _reasons([test for test in tests if test.verdict == "not tested"])
    if untested and not tested:
        return f"Nothing is tested: {'; '.join(untested)}."
    if not tested:
        return (
            "Nothing is tested: with fewer than three training seeds a difference may be luck. Take"
            " three seeds at least, better five."
        )
    count = sum(len(one.decided) for one in decided)
    rest = len(tested) - count
    if not decided:
        only = "the one tested difference is not"
        if rest > 1:
            only = f"none of {rest} tested differences is"
        return f"No method is separable from another: {only} significant after correction."
    if len(decided) <= NAMED:
        said = "; ".join(one.verdict for one in decided)
    else:
        said = (
            f"{count} of {len(tested)} tested differences are separable, of {len(decided)} methods"
        )
    others = {
        0: "No other difference was tested.",
        1: "The one other tested difference is not separable.",
    }.get(rest, f"The other {rest} tested differences are not separable.")
    return f"{said}. {others}"


def over_budgets(compared: Mapping[int, Sequence[Comparison]]) -> list[tuple[str, str]]:
    """Return each method that a test separates from its base at some budget, and in words at which
    budgets. Each p, corrected for the tests of its budget, is multiplied by the number of budgets.
    """
    held: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for budget, one in ((budget, one) for budget, several in compared.items() for one in several):
        for test in (_corrected(test, len(compared)) for test in one.decided):
            if test.verdict == "not separable":
                continue
            at = held.setdefault((one.method, one.base, test.metric.title), {})
            at.setdefault(test.verdict, []).append(f"{budget:,}")
    found: dict[str, dict[str, list[str]]] = {}
    for (method, base, title), at in held.items():
        order = (f"{verdict} than {base} at {_listed(budgets)}" for verdict, budgets in at.items())
        said = f"{' and '.join(order)} images{' (the curves cross)' if len(at) > 1 else ''}"
        found.setdefault(method, {}).setdefault(said, []).append(title)
    return [
        (method, "; ".join(f"{said} by {_listed(titles)}" for said, titles in alike.items()))
        for method, alike in found.items()
    ]


def _corrected(test: PairedTest, budgets: int) -> PairedTest:
    """Correct a test for the number of budgets (Bonferroni)."""
    return test.judged(None if test.p is None else min(1.0, budgets * test.p))


def _reasons(tests: Sequence[PairedTest]) -> dict[str, tuple[PairedTest, ...]]:
    """Tests without an interval, by the reason."""
    found: dict[str, tuple[PairedTest, ...]] = {}
    for test in tests:
        reason = difference_cell(test).reason
        assert reason is not None  # else it has an interval, and a test
        found[reason] = (*found.get(reason, ()), test)
    return found


def _titles(tests: Sequence[PairedTest]) -> str:
    """Return ``KID, accuracy and similarity``."""
    return _listed([test.metric.title for test in tests])


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
