"""A/A: a method against itself over other seeds. How often is it called better or worse?

Every "better" or "worse" is false. With the folder of a study, each of its methods of six seeds or
more is compared with itself; without one, ``vae`` is trained on a small synthetic store, once. Two
disjoint sets of seeds are drawn at random and compared by the default metrics as if they were two
methods, again and again. The comparisons share the same few runs and test clips, so that they are
dependent: 20 runs hold only 20 / 2S comparisons without a common run, and all rest on one test
split. Therefore studies are simulated as well, each with runs of its own, from the variance
components of the real ones and the correlation of its metrics over seeds and over blocks.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from a2ibench.console import Console
from a2ibench.contracts.metric import OWN
from a2ibench.evaluation.statistics import Paired, SeedScores, difference
from a2ibench.evaluation.variance import components
from a2ibench.evaluation.verdict import holm
from a2ibench.registry import metrics
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request

MODEL, SEEDS, COMPARISONS = "vae", 20, 200
SIZES = (2, 3, 5, 10)
"""Seeds a side."""

Scores = Mapping[str, SeedScores]


def train(folder: Path) -> None:
    request = Request(
        models=(MODEL,),
        dataset="synthetic",
        encoder="logmel",
        seeds=SEEDS,
        images=(1_600,),
        settings={"synthetic": {"train": 40, "test": 100, "image_size": 32, "seconds": 1.0}},
        folder=folder,
    )
    run_study(request, Inline(), None, Display(Console(quiet=True)))


def some(scores: SeedScores, rows: np.ndarray) -> SeedScores:
    """Some of the seeds, as if they were called 0, 1, …"""
    return SeedScores(
        tuple(range(len(rows))),
        scores.values[rows],
        scores.n,
        None,
        scores.blocks[rows],
        strata=scores.strata,
    )


def halves(scores: Scores, S: int, rng: np.random.Generator) -> Iterator[tuple[Scores, Scores]]:
    """The same runs again and again, cut into two sets of seeds."""
    number = len(next(iter(scores.values())).seeds)
    for _ in range(COMPARISONS if number >= 2 * S else 0):
        rows = rng.permutation(number)
        a, b = rows[:S], rows[S : 2 * S]
        yield (
            {name: some(one, a) for name, one in scores.items()},
            {name: some(one, b) for name, one in scores.items()},
        )


def simulated(scores: Scores, S: int, rng: np.random.Generator) -> Iterator[tuple[Scores, Scores]]:
    """Studies of new runs on new clips, normal, with the variances and correlations of real ones.

    The seeds' deviations of all metrics are one random combination of those of the real runs, and
    so are the blocks' and the rest's, whose scale is then the estimated component.
    """
    known = {name: part for name, one in scores.items() if (part := components(one)) is not None}
    names, parts = [*known], [*known.values()]
    found = [scores[name] for name in names]
    blocks = [np.nan_to_num(one.blocks - np.nanmean(one.blocks, axis=1)[:, None]) for one in found]
    B = blocks[0].shape[1]
    seed = _scaled([one.values - one.mean for one in found], [one.seed for one in parts])
    block = _scaled([one.mean(axis=0) for one in blocks], [B * one.block for one in parts])
    flat = [(one - one.mean(axis=0)).ravel() for one in blocks]
    rest = _scaled(flat, [B * one.rest for one in parts])
    for _ in range(COMPARISONS):
        common = _draw(block, (B,), rng)
        sides = []
        for _ in range(2):
            x = _draw(seed, (S, 1), rng) + common[:, None] + _draw(rest, (S, B), rng)
            sides.append(
                {
                    name: SeedScores(tuple(range(S)), one.mean(axis=1), 1, None, one)
                    for name, one in zip(names, x, strict=True)
                }
            )
        yield sides[0], sides[1]


def _scaled(deviations: list[np.ndarray], variances: list[float]) -> np.ndarray:
    """``[metrics, m]`` deviations whose sums of squares are the variances."""
    x = np.stack(deviations)
    size = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return np.divide(x, size, out=np.zeros_like(x), where=size > 0) * np.sqrt(variances)[:, None]


def _draw(x: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``[metrics, *shape]`` normal deviations with the covariance of x."""
    return np.tensordot(x, rng.normal(size=(x.shape[1], *shape)), 1)


def _outside_zero(one: Paired) -> float | None:
    """Return a p below 0.05 where the interval leaves 0 out, and 1 where it does not."""
    if one.low is None or one.high is None:
        return None
    return 0.04 if one.low * one.high > 0 else 1.0


def report(name: str, pairs: Iterator[tuple[Scores, Scores]]) -> None:
    tables = tests = raw = tail = false = 0
    for one, other in pairs:
        found = [difference(one[m], other[m], metrics.get(m).higher_is_better) for m in sorted(one)]
        # Fewer than three seeds have no test, but an interval.
        p = [_outside_zero(d) for d in found] if found[0].seeds < 3 else [d.p for d in found]
        tables += 1
        there = [value for value in p if value is not None]
        tests += len(there)
        raw += sum(value < 0.05 for value in there)
        tail += sum(value < 0.0005 for value in there)
        false += (
            any(d.p is not None for d in found)
            and min(value for value in holm([d.p for d in found]) if value is not None) < 0.05
        )
    if tables:
        print(
            f"{name}: {tables} comparisons, {tests} tests: interval without 0 in"
            f" {100 * raw / tests:.2f} %,"
            f" p < 0.0005 in {100 * tail / tests:.3f} %; a false verdict after Holm in"
            f" {100 * false / tables:.1f} % of the comparisons",
            flush=True,
        )


def main() -> None:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
    else:
        folder = Path(tempfile.mkdtemp()) / "aa"
        train(folder)
    rng = np.random.default_rng(0)
    study = open_study(folder)
    for row in study.rows:
        names = [name for name in sorted(row.metrics) if metrics.get(name).judge != OWN]
        if row.kind != "model" or not names:
            continue
        scores = row.scores(names).scores
        one = scores[names[0]]
        B = one.blocks.shape[1]
        print(f"{row.label}: {len(one.seeds)} seeds, {len(names)} metrics, {B} blocks")
        for S in SIZES:
            report(f"  {S} against {S} of its runs", halves(scores, S, rng))
            report(f"  {S} against {S} simulated", simulated(scores, S, rng))


if __name__ == "__main__":
    main()
