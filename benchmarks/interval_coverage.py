"""Do 95 % intervals cover the truth in 95 of 100 studies? Ours against a two-way bootstrap.

Scores are simulated: a seed effect, a block effect and their interaction, all normal, whose shares
of the variance of the mean are given. The bootstrap resamples seeds and blocks (pigeonhole, Owen
2007) and takes percentiles. Widths are in standard deviations of the mean.

With ``differences``: how often is a difference found where there is none, at p < 0.05 and in the
tail, p < 0.0005? Two arms of equal or unequal variance, with seeds of their own on common clips.
"""

import sys

import numpy as np

from a2ibench.evaluation.statistics import SeedScores, difference, interval

STUDIES, RESAMPLES = 400, 200
SEEDS, BLOCKS = (2, 3, 5, 10), (6, 20, 50)
RATIOS = (
    (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1),
    (1, 1, 1), (3, 1, 1), (1, 3, 1), (10, 1, 1), (1, 10, 1), (1, 1, 10),
)  # fmt: skip
"""Seeds : blocks : interaction, of the variance of the mean."""


def simulate(S: int, B: int, ratio: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``[S, B]`` scores whose mean is 0 ± 1."""
    seed, block, rest = np.sqrt(np.array(ratio) / sum(ratio) * (S, B, S * B))
    return (
        seed * rng.normal(size=(S, 1)) + block * rng.normal(size=B)
        + rest * rng.normal(size=(S, B))
    )  # fmt: skip


def bootstrap(scores: np.ndarray, rng: np.random.Generator, resamples: int) -> tuple[float, float]:
    S, B = scores.shape
    seeds = rng.multinomial(S, np.full(S, 1 / S), resamples) / S
    blocks = rng.multinomial(B, np.full(B, 1 / B), resamples) / B
    low, high = np.percentile(((seeds @ scores) * blocks).sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def coverage(
    S: int,
    B: int,
    ratio: tuple[int, ...],
    studies: int,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float, float]:
    """Coverage and mean width, of ours and of the bootstrap."""
    rng = np.random.default_rng([seed, S, B, *ratio])
    ours, other = [], []
    for _ in range(studies):
        scores = simulate(S, B, ratio, rng)
        arm = SeedScores(tuple(range(S)), scores.mean(axis=1), 1, None, scores)
        ours.append(interval(arm))
        other.append(bootstrap(scores, rng, resamples))
    a, b = np.array(ours), np.array(other)
    return (
        float(np.mean((a[:, 0] <= 0) & (a[:, 1] >= 0))),
        float(np.mean(a[:, 1] - a[:, 0])),
        float(np.mean((b[:, 0] <= 0) & (b[:, 1] >= 0))),
        float(np.mean(b[:, 1] - b[:, 0])),
    )


def false_differences(
    S: int, B: int, ratio: tuple[int, ...], base: float, studies: int, seed: int = 0
) -> tuple[float, float]:
    """Share of p < 0.05 and of p < 0.0005; the base varies ``base`` times as much as the arm."""
    rng = np.random.default_rng([seed, S, B, *ratio])
    p = []
    for _ in range(studies):
        common = rng.normal(size=B)
        scores = [common + scale * simulate(S, B, ratio, rng) for scale in (1.0, base)]
        arm, base_arm = (
            SeedScores(tuple(range(S)), one.mean(axis=1), 1, None, one) for one in scores
        )
        p.append(difference(arm, base_arm).p)
    return float(np.mean(np.array(p) < 0.05)), float(np.mean(np.array(p) < 0.0005))


def differences(studies: int) -> None:
    for S in (3, 5, 10):
        for base in (1.0, 0.2):
            found = np.array([false_differences(S, 20, ratio, base, studies) for ratio in RATIOS])
            print(
                f"{S} seeds, sd × {base:g}: p < 0.05 in {100 * found[:, 0].min():.1f} to"
                f" {100 * found[:, 0].max():.1f} %, mean {100 * found[:, 0].mean():.1f}; p < 0.0005"
                f" in {100 * found[:, 1].max():.3f} % at most, mean {100 * found[:, 1].mean():.3f}",
                flush=True,
            )


def main() -> None:
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    studies = numbers[0] if numbers else STUDIES
    if "differences" in sys.argv:
        differences(studies)
        return
    print(f"{studies} studies a line; coverage of 95 % intervals in %, mean width in sd")
    print("seeds blocks  seed:block:rest     ours  width    bootstrap  width")
    for S in SEEDS:
        rows = []
        for B in BLOCKS:
            for ratio in RATIOS:
                row = coverage(S, B, ratio, studies)
                rows.append(row)
                text = ":".join(map(str, ratio))
                print(
                    f"{S:5} {B:6}  {text:15} {100 * row[0]:8.1f} {row[1]:6.2f}"
                    f" {100 * row[2]:12.1f} {row[3]:6.2f}",
                    flush=True,
                )
        table = np.array(rows)
        for name, column, width in (("ours", 0, 1), ("bootstrap", 2, 3)):
            covered = 100 * table[:, column]
            inside = np.mean((covered >= 93) & (covered <= 97))
            print(
                f"S = {S}, {name}: {covered.min():.1f} to {covered.max():.1f}, mean"
                f" {covered.mean():.1f}; {100 * inside:.0f} % of the lines in 93 to 97; mean width"
                f" {table[:, width].mean():.2f}"
            )


if __name__ == "__main__":
    main()
