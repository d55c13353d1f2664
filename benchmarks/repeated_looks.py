"""repeated_looks.py [STUDIES]: how often does a study without any difference give a verdict?

Every study has the primary questions of three arms against a fourth by four metrics, all of them
alike, and is looked at with 3, 5 and 10 seeds: seeds are added to those that are there. A study is
wrong if any test gives a verdict at any look. Printed for several ratios of what varies (training
seeds, test clips, their product), with looks counted and without; 5 % is promised.
"""

import sys

import numpy as np

from a2ibench import registry
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.results.rows import RowScores
from a2ibench.study.paired_tests import confirm, explore

LOOKS, BLOCKS, ARMS = (3, 5, 10), 20, ("a", "b", "c", "d")
NAMES = ("kid_lite0", "accuracy_resnet18", "rprec10_i2a_cnn", "rprec10_inclass_i2a_cnn")
RATIOS = {"seeds rule": (1.0, 0.3, 0.5), "clips rule": (0.2, 1.0, 0.5), "both": (1.0, 1.0, 1.0)}
"""Standard deviations of seeds, of blocks of clips, and of the rest."""


def study(rng: np.random.Generator, spread: tuple[float, float, float]) -> list[RowScores]:
    """Four arms of one distribution, whose blocks of clips are the same."""
    of_seed, of_block, of_rest = spread
    easy = rng.normal(0, of_block, (len(NAMES), 1, BLOCKS))
    rows = []
    for label in ARMS:
        blocks = (
            easy
            + rng.normal(0, of_seed, (len(NAMES), LOOKS[-1], 1))
            + rng.normal(0, of_rest, (len(NAMES), LOOKS[-1], BLOCKS))
        )
        scores = {
            name: SeedScores(tuple(range(LOOKS[-1])), one.mean(axis=1), 600, None, one)
            for name, one in zip(NAMES, blocks, strict=True)
        }
        rows.append(RowScores(label, False, None, LOOKS[-1], scores))
    return rows


def first(row: RowScores, seeds: int) -> RowScores:
    """The row as it was with its first seeds."""
    scores = {
        name: SeedScores(one.seeds[:seeds], one.values[:seeds], one.n, None, one.blocks[:seeds])
        for name, one in row.scores.items()
    }
    return RowScores(row.label, False, None, seeds, scores)


def wrong(rows: list[RowScores], counted: bool) -> bool:
    """Whether any look at a study gives a verdict."""
    metrics = [registry.metrics.get(name) for name in NAMES]
    for look, seeds in enumerate(LOOKS, start=1):
        pairs = [(first(rows[-1], seeds), first(row, seeds)) for row in rows[:-1]]
        tests = confirm(explore(pairs, metrics), NAMES, look if counted else None)
        if any(one.verdict in ("better", "worse") for one in tests):
            return True
    return False


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for name, spread in RATIOS.items():
        rng = np.random.default_rng(0)
        made = [study(rng, spread) for _ in range(studies)]
        found = [100 * np.mean([wrong(rows, one) for rows in made]) for one in (True, False)]
        print(f"{name}: {found[0]:.1f} % with looks counted, {found[1]:.1f} % without")


if __name__ == "__main__":
    main()
