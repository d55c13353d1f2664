"""power.py [STUDIES]: is a difference found as often as ``a2ibench power`` says?

For several ratios of what varies (training seeds of each arm, test clips, the rest), levels and
sizes, studies are simulated whose true difference is the one that should be found in 80 of 100, and
one that should be found in 50. Each is tested as a study's primary question is. Then the number of
seeds that is said to be needed is simulated: it should find the difference in 80 of 100 or little
more, one seed fewer in less.
"""

import sys

import numpy as np

from a2ibench.evaluation.power import Pilot
from a2ibench.evaluation.statistics import SeedScores, difference

STUDIES = 2_000
RATIOS = {
    "seeds rule": ((1.0, 1.0), 0.05, (0.1, 0.1)),
    "one arm's seeds": ((1.0, 0.1), 0.05, (0.1, 0.1)),
    "clips rule": ((0.05, 0.05), 1.0, (0.1, 0.1)),
    "the rest rules": ((0.05, 0.05), 0.05, (1.0, 1.0)),
    "all alike": ((0.3, 0.3), 0.6, (0.3, 0.3)),
    "no seeds": ((0.0, 0.0), 1.0, (0.2, 0.2)),
}
"""Variances of each arm's seeds, of blocks of clips, and of each arm's rest."""
LEVELS, SIZES = (0.05, 0.002), ((3, 12), (3, 60), (5, 24), (10, 24))


def known(ratio: str, blocks: int) -> Pilot:
    """A pilot whose variances are the true ones."""
    seed, block, rest = RATIOS[ratio]
    return Pilot(seed, rest, block, blocks - 1, blocks, 3, blocks)


def simulate(
    pilot: Pilot, delta: float, level: float, S: int, studies: int, rng: np.random.Generator
) -> float:
    """The share of studies with a verdict in the right direction."""
    B, found = pilot.blocks, 0
    for _ in range(studies):
        hard, harder = rng.normal(size=(2, B)) * np.sqrt(B)
        arms: list[SeedScores] = []
        for i, mean in enumerate((delta + harder * np.sqrt(pilot.block), np.zeros(B))):
            seed = np.sqrt(pilot.seed[i]) * rng.normal(size=(S, 1))
            rest = np.sqrt(pilot.rest[i] * B) * rng.normal(size=(S, B))
            scores = mean + hard + seed + rest
            arms.append(SeedScores(tuple(range(S)), scores.mean(axis=1), 1, None, scores))
        one = difference(arms[0], arms[1])
        found += one.p is not None and one.p < level and one.value > 0
    return found / studies


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    rng = np.random.default_rng(0)
    errors = []
    print(f"{studies} studies a line: power in %, said and simulated")
    print("what varies       seeds clips  level     said  simulated    said  simulated")
    for ratio in RATIOS:
        for S, B in SIZES:
            pilot = known(ratio, B)
            for level in LEVELS:
                line = f"{ratio:17} {S:5} {B:5} {level:6}"
                for said in (0.8, 0.5):
                    delta = pilot.detectable(said, level, S, B)
                    share = simulate(pilot, delta, level, S, studies, rng)
                    errors.append(share - said)
                    line += f" {100 * said:8.0f} {100 * share:10.1f}"
                print(line, flush=True)
    print("what varies      delta    level  seeds needed  simulated  with one fewer")
    for ratio in RATIOS:
        pilot = known(ratio, 24)
        for level in LEVELS:
            delta = pilot.detectable(0.8, level, 6.5, 24)
            needed = pilot.seeds_needed(delta, 0.8, level, 24)
            assert needed is not None
            seeds = (needed, needed - 1)
            shares = [simulate(pilot, delta, level, n, studies, rng) for n in seeds]
            print(
                f"{ratio:15} {delta:6.2f} {level:8} {needed:13} {100 * shares[0]:9.1f}"
                f" {100 * shares[1]:15.1f}",
                flush=True,
            )
    print(f"largest error of the power: {100 * max(errors, key=abs):+.1f} points")


if __name__ == "__main__":
    main()
