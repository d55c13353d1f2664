"""Set the published claims of Yang, Su and Wang (2020) beside what studies of this bench measure.

    python benchmarks/claims.py reports/arcade-large --out reports/claims/README.md

Each claim is a difference of two rows by one metric, as the paper's Tables I and II or its text
state it. It is estimated from the first of the studies that has both rows and the metric, at the
study's largest budget, over training seeds and test clips; the p of all claims is corrected
together (Holm). A second table has the same at the smaller budgets. The pairs, the budget and the
size of the networks are not those of the paper, so a verdict is about what the claim says of the
methods, not about the paper's own numbers.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.evaluation.power import Pilot, pilot
from a2ibench.evaluation.statistics import MIN_SEEDS
from a2ibench.evaluation.verdict import ALPHA
from a2ibench.results.study import Study, open_study
from a2ibench.storage import atomic_write
from a2ibench.study.paired_tests import PairedTest, confirm, explore

MATCH = "i2a_lite0"
"""Judge of R-precision."""

POWER = 0.8
"""Probability of a verdict with which the detectable difference is found."""


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: a row scores higher than another, or lower.

    Attributes:
        words: what is claimed, as a topic.
        published: the two numbers of the paper, or what it says instead.
        size: the published difference in the metric's unit; None where scores of the paper and of
            the metric are on different scales, or no number is published.
        lower: whether the claim is that the first row scores lower.
    """

    words: str
    arm: str
    base: str
    metric: str
    published: str
    size: float | None = None
    lower: bool = False

    def __str__(self) -> str:
        return f"{self.arm} {'<' if self.lower else '>'} {self.base}"


def claims(match: str) -> list[Claim]:
    """Return the claims; ``match`` is the judge of R-precision, as ``i2a_lite0``."""
    ours, wan, vae, without = "ours", "wan2019", "vae", "ours − consistency"
    at = {k: registry.metrics.get(f"rprec[k={k},judge={match}]").name for k in (1, 5, 10)}
    found = [
        Claim("quality", ours, "ground truth", "is10_lite0", "3.37 < 4.79", lower=True),
        Claim("quality", ours, wan, "is10_lite0", "3.37 > 2.25"),
        Claim("quality", wan, vae, "is10_lite0", "2.25 > 1.06"),
        Claim("class", ours, wan, "accuracy_resnet18", "86 > 78 %", 0.08),
        Claim("class", wan, vae, "accuracy_resnet18", "78 > 50 %", 0.28),
    ]
    table = {1: ("6.0 > 5.5", 0.005), 5: ("18.3 > 17.4", 0.009), 10: ("34.9 > 28.4", 0.065)}
    for k, (published, size) in table.items():
        found.append(Claim("match", ours, wan, at[k], f"{published} %", size))
    found.append(Claim("match", wan, vae, at[10], "28.4 > 16.5 %", 0.119))
    found.append(Claim("diverse", ours, wan, "diversity_lite0", "“diverse”"))
    for metric in ("accuracy_resnet18", at[10]):
        found.append(Claim("consistent", ours, without, metric, "“consistency”"))
    return found


Verdict = Literal["supported", "contradicted", "not separable", "not tested"]


@dataclass(frozen=True)
class Answer:
    """What a study says of a claim.

    Attributes:
        test: the difference of the two rows, its p corrected for all claims.
        known: the scatter that the power is computed from; None where there is none.
        level: the p below which the test has a verdict, as the first of all claims.
    """

    claim: Claim
    study: Study
    test: PairedTest
    known: Pilot | None
    level: float

    @property
    def verdict(self) -> Verdict:
        """The verdict on the direction of the claim."""
        change = self.test.change
        if change is None or self.test.p is None:
            return "not tested"
        if self.test.p >= ALPHA:
            return "not separable"
        return "supported" if (change.value < 0) == self.claim.lower else "contradicted"

    @property
    def detectable(self) -> float | None:
        """The difference that these seeds and clips find with :data:`POWER`."""
        if self.known is None or self.known.seeds < MIN_SEEDS:
            return None
        return self.known.detectable(POWER, self.level, self.known.seeds, self.known.clips)

    @property
    def size(self) -> str:
        """The published difference against the interval, in words."""
        change, size = self.test.change, self.claim.size
        if size is None or change is None or change.low is None or change.high is None:
            return "–"
        where = "above" if size > change.high else "below" if size < change.low else "inside"
        return f"{size * 100:+.1f} {where} the interval"


def answers(studies: Sequence[Study], asked: Sequence[Claim]) -> Iterator[Answer]:
    """Yield the answers to those claims that a study has both rows and the metric for."""
    found = [(claim, one, test) for claim in asked for one, test in _first(studies, claim)]
    tests = confirm([test for _, _, test in found], {test.metric.name for *_, test in found})
    counted = sum(test.change is not None and test.change.p is not None for test in tests)
    for (claim, study, _), test in zip(found, tests, strict=True):
        a, b = (row.scores.get(test.metric.name) for row in (test.row, test.base))
        known = None if a is None or b is None else pilot(a, b)
        yield Answer(claim, study, test, known, ALPHA / max(counted, 1))


def _first(studies: Sequence[Study], claim: Claim) -> Iterator[tuple[Study, PairedTest]]:
    for study in studies:
        rows = {row.label: row for row in study.scores}
        usable = {metric.name: metric for metric in study.usable}
        if {claim.arm, claim.base} <= rows.keys() and claim.metric in usable:
            pair = rows[claim.base], rows[claim.arm]
            yield study, explore([pair], [usable[claim.metric]])[0]
            return


def earlier(studies: Sequence[Study], asked: Sequence[Claim]) -> dict[int, list[Answer]]:
    """Return the answers of the studies at each of their smaller budgets."""
    budgets = sorted({budget for study in studies for budget in study.budgets[:-1]})
    return {
        budget: list(answers([one.at(budget) for one in studies if budget in one.budgets], asked))
        for budget in budgets
    }


def write_page(
    asked: Sequence[Claim],
    found: Sequence[Answer],
    before: Mapping[int, Sequence[Answer]],
    command: str,
) -> str:
    """Return the page; ``before`` are the answers at smaller budgets."""
    tested = sum(one.test.p is not None for one in found)
    lines = [
        "# What was claimed, and what is measured here",
        "",
        "Yang, Su and Wang (2020) compare `ours` with Wan et al. (2019) and a VAE on two classes of"
        " video, 218 test sounds, one training each. This page sets each of their claims beside the"
        " same comparison on this bench. Made by",
        "",
        f"    {command}",
        "",
        "| claim | metric | published | here [95 %] | paper's difference | seeds | n (clips) |"
        f" detectable at {POWER:.0%} | p | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *map(_row, found),
        "",
        "*Supported*, *contradicted*: p < 0.05 for the direction of the claim, corrected by Holm's"
        f" method for the {tested} claims that are tested. *Not separable*: no difference is"
        " shown, which is no evidence that there is none; *detectable* is the difference that a"
        f" study with these seeds and clips finds with a probability of {POWER:.0%}. *Here* is the"
        " first row of the claim minus the second, whichever way the claim points, and the paper's"
        " difference is in percentage points. A study marked (?) did not record its number of"
        " clips. Inception scores here are by another network (`lite0`), so their order can be"
        " compared and their size cannot. “Diverse” and “consistent” have no metric in the paper:"
        " `diversity_lite0`, and the arm without the consistency loss, stand for them.",
        "",
        *_sources(found),
    ]
    missing = [claim for claim in asked if claim not in [one.claim for one in found]]
    if missing:
        lines += ["", "Without an answer, since no study here has both rows and the metric: "]
        lines[-1] += "; ".join(f"{claim} by `{claim.metric}`" for claim in missing) + "."
    if before:
        lines += ["", "## After fewer training images", "", *_earlier(asked, before), ""]
        lines += ["p is corrected for the claims of each budget by itself."]
    return "\n".join(lines) + "\n"


def _row(one: Answer) -> str:
    change, metric = one.test.change, one.test.metric
    scores = one.test.row.scores.get(metric.name)
    seeds = "–" if change is None else str(change.seeds)
    cells = [
        f"{one.claim.words}: {one.claim}",
        f"`{metric.name}`",
        one.claim.published,
        _change(one, metric),
        one.size,
        seeds,
        "–" if scores is None else f"{scores.n:,} ({scores.clips or '?'})",
        "–" if one.detectable is None else _number(one.detectable, metric),
        "–" if one.test.p is None else f"{one.test.p:.3f}" if one.test.p >= 0.001 else "< 0.001",
        _verdict(one),
    ]
    return f"| {' | '.join(cells)} |"


def _earlier(asked: Sequence[Claim], before: Mapping[int, Sequence[Answer]]) -> Iterator[str]:
    yield f"| claim | metric | {' | '.join(f'{budget:,} images' for budget in before)} |"
    yield "|---" * (2 + len(before)) + "|"
    for claim in asked:
        cells = [
            next((_short(one) for one in found if one.claim == claim), "–")
            for found in before.values()
        ]
        name = registry.metrics.get(claim.metric).name
        yield f"| {claim.words}: {claim} | `{name}` | {' | '.join(cells)} |"


def _short(one: Answer) -> str:
    return f"{_change(one, one.test.metric)}, {_verdict(one)}"


def _verdict(one: Answer) -> str:
    return f"**{one.verdict}**" if one.verdict in ("supported", "contradicted") else one.verdict


def _change(one: Answer, metric: Metric) -> str:
    change = one.test.change
    if change is None:
        return "–"
    value = _number(change.value, metric)
    if change.low is None or change.high is None:
        return value
    return f"{value} [{_number(change.low, metric)}, {_number(change.high, metric)}]"


def _number(value: float, metric: Metric) -> str:
    return f"{value * 100:+.1f}" if metric.percent else f"{value:+.3g}"


def _sources(found: Sequence[Answer]) -> Iterator[str]:
    for study in {one.study.folder: one.study for one in found}.values():
        about = study.about
        yield (
            f"- `{study.folder.name}`: {study.dataset}, {about.encoder}, {about.scale} scale,"
            f" {max(study.budgets):,} training images per method"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--match", default=MATCH, help="the judge of R-precision")
    parser.add_argument("--out", type=Path, required=True, help="the page to write")
    told = parser.parse_args()
    asked = claims(told.match)
    for claim in asked:
        registry.metrics.get(claim.metric)
    studies = [open_study(folder) for folder in told.studies]
    found = list(answers(studies, asked))
    if not found:
        raise UserError("none of these studies has two rows of a claim and its metric")
    named = " ".join(map(str, told.studies))
    match = "" if told.match == MATCH else f" --match {told.match}"
    command = f"python benchmarks/claims.py {named}{match} --out {told.out}"
    told.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(told.out) as path:
        path.write_text(write_page(asked, found, earlier(studies, asked), command))


if __name__ == "__main__":
    main()
