"""A/A: a method against itself over other seeds. How often is it called better or worse?

One method is trained on a small synthetic store with SEEDS seeds, once. Then two disjoint sets of
its seeds are drawn at random and compared as if they were two methods, again and again. The
comparisons share the same few runs and test clips, so that they are dependent: SEEDS runs hold only
SEEDS / 2S comparisons without a common run, and all rest on one test split. The share of false
verdicts is thus much less certain than as many independent studies would make it; the simulated
version (``tests/evaluation/test_statistics.py``) has independent ones.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from a2ibench import registry
from a2ibench.evaluation.statistics import SeedScores, difference
from a2ibench.evaluation.verdict import holm
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request

MODEL, SEEDS, COMPARISONS = "vae", 12, 200
METRICS = ("is1_lite0", "is10_lite0", "rprec1_i2a_lite0", "rprec10_i2a_lite0")


def train(folder: Path) -> None:
    request = Request(
        models=(MODEL,),
        dataset="synthetic",
        encoder="logmel",
        seeds=SEEDS,
        images=1_600,
        settings={"synthetic": {"train": 40, "test": 60, "image_size": 32, "seconds": 1.0}},
        metrics=METRICS,
        folder=folder,
    )
    run_study(request, Inline(), None, Display(Console(quiet=True)))


def half(scores: SeedScores, rows: np.ndarray) -> SeedScores:
    """Some of the seeds, as if they were called 0, 1, …"""
    seeds = tuple(range(len(rows)))
    return SeedScores(seeds, scores.values[rows], scores.n, None, scores.blocks[rows])


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "aa"
    if not (folder / "results.parquet").is_file():
        train(folder)
    scores = open_study(folder).row(MODEL).scores(METRICS).scores
    some = next(iter(scores.values()))
    print(f"{MODEL}: {len(some.seeds)} seeds, n = {some.n}, {some.blocks.shape[1]} blocks")
    for name, one in scores.items():
        print(f"  {name}: {one.mean:.4f}, sd over seeds {one.values.std(ddof=1):.4f}")
    rng = np.random.default_rng(0)
    for S in (2, 3, 5):
        raw = dict.fromkeys(scores, 0)
        corrected, any_raw, any_corrected = 0, 0, 0
        for _ in range(COMPARISONS):
            rows = rng.permutation(len(some.seeds))
            p = []
            for name, one in scores.items():
                higher = registry.metrics.get(name).higher_is_better
                found = difference(half(one, rows[:S]), half(one, rows[S : 2 * S]), higher)
                assert found is not None
                assert found.p is not None
                p.append(found.p)
                raw[name] += found.p < 0.05
            after = [one is not None and one < 0.05 for one in holm(p)]
            corrected += sum(after)
            any_raw += min(p) < 0.05
            any_corrected += any(after)
        tests = COMPARISONS * len(scores)
        print(
            f"{S} seeds against {S} others, {COMPARISONS} comparisons × {len(scores)} metrics:"
            f" called different before correction {100 * sum(raw.values()) / tests:.1f} % of tests"
            f" ({', '.join(f'{100 * n / COMPARISONS:.1f}' for n in raw.values())} % by metric),"
            f" {100 * any_raw / COMPARISONS:.1f} % of comparisons in one metric or more; after Holm"
            f" {100 * corrected / tests:.1f} % and {100 * any_corrected / COMPARISONS:.1f} %;"
            f" at most {len(some.seeds) // (2 * S)} comparisons without a common run"
        )


if __name__ == "__main__":
    main()
