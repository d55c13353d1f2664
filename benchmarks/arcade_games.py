"""arcade_games.py [--games NAME,…] [--encoder NAME] [--out FILE]: where is the moment audible?

For each game of the dataset `arcade`, a linear probe goes from the acoustic features of a sound to
the features of its picture (EfficientNet-lite0, score and lives painted black). Its answer is
compared with the true picture and with other pictures of the same game: a value of 50 % is chance,
100 % says that the true one is always nearer. Other pictures are

- of the same episode: what follows the episode (its level, its colours) does not help;
- of other episodes at the same time, within three seconds: what follows the clock does not help;
- of other episodes at any time.

The lower one of the first two ranks a game, on the validation episodes; those of the probes and
the untouched test episodes are others, and all are played by another seed than the dataset's own.
It prints a page in Markdown.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import bare_pairs, encode_store
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.evaluation.judging import embed_images, load_judge
from a2ibench.nn.lite0_regression import Ridge
from a2ibench.registry import encoders
from a2ibench.types import DataKey

GAMES = (
    "assault,atlantis,beam_rider,bowling,carnival,crazy_climber,demon_attack,fishing_derby,freeway,"
    "frostbite,ice_hockey,kangaroo,phoenix,pong,pooyan,qbert,riverraid,seaquest,space_invaders,tennis"
)
OPTIONS = {"train": 240, "test": 96, "test_episodes": 16, "mask_score": True, "seed": 2019}
CHOSEN = 12
SEEDS = 5
"""Probes per game; each is fitted to other three quarters of the episodes."""
PENALTIES = 10.0 ** np.arange(-2, 4, 0.5)
COMPONENTS = 32
"""Principal components of the pictures of a game that a probe answers."""
NEAR = 3.0
"""Seconds between two moments at the same time."""
REPLICATES = 2_000
SILENT = -60.0
"""RMS in dBFS below which a sound is silent."""
KINDS = ("same episode", "same time", "other episodes")

Array = npt.NDArray[np.float64]
INTRO = """# Games of `arcade`

Where is the moment audible? Made by

    python benchmarks/arcade_games.py --out benchmarks/arcade_games.md

{description}

{candidates} candidates; per game {train:.0f} sounds of the probes' episodes, {validation:.0f} of
{validation_episodes:.0f} validation episodes and {test:.0f} of {test_episodes:.0f} test episodes
(means); sounds of 4 s that end with the picture and, but for those of the probes, do not overlap,
encoded by `{encoder}`; {seeds} probes per game. Intervals (95 %) are by {replicates:,} bootstrap
replicates over episodes and probes. *Top tenth* is the share of sounds whose picture is among the
nearest tenth of all pictures of the game and the side (chance: 10 %). *Silent* is the share of
sounds below {silent:g} dBFS, of all sides.

Chosen, by the column *moment* of the validation episodes: {chosen}.
"""


@dataclass(frozen=True)
class Side:
    """Features of one game's pairs on one side; the first axis is the pair's."""

    sound: Array
    picture: Array
    episode: npt.NDArray[np.int64]
    time: Array


def sides_of(store: PairStore, encoder: Encoder, game: str) -> tuple[Side, Side, Side]:
    """Return the pairs of the probes, of the validation and of the test."""
    pairs = {split: bare_pairs(store, split) for split in ("train", "test")}
    judge = load_judge("lite0", pairs["train"], DataKey(store.content_hash, ""))
    sounds = encode_store(store, encoder)
    made = []
    for split, rows in (("train", store.rows("train")), ("test", store.rows("test"))):
        own = np.flatnonzero(store.label(rows) == store.classes.index(game))
        source = pairs[split].source[own]
        _, episode = np.unique(source, return_inverse=True)
        made.append(
            Side(
                sound=sounds[rows[own]].astype(np.float64),
                picture=embed_images(judge, pairs[split].images[own])["features"].astype(float),
                episode=episode.astype(np.int64),
                time=pairs[split].span[own, 1],
            )
        )
    train, test = made
    return train, part(test, test.episode % 2 == 0), part(test, test.episode % 2 == 1)


def part(side: Side, kept: npt.NDArray[np.bool_]) -> Side:
    """Keep some pairs."""
    return Side(side.sound[kept], side.picture[kept], side.episode[kept], side.time[kept])


class Probe:
    """A linear map from standardised sounds to the principal components of the pictures."""

    def __init__(self, train: Side, seed: int) -> None:
        self.mean, self.std = train.sound.mean(axis=0), train.sound.std(axis=0) + 1e-9
        self.centre = train.picture.mean(axis=0)
        _, _, axes = np.linalg.svd(train.picture - self.centre, full_matrices=False)
        self.axes = axes[:COMPONENTS].T
        episodes = np.random.default_rng(seed).permutation(train.episode.max() + 1)
        held = np.isin(train.episode, episodes[: max(1, len(episodes) // 4)])
        x, y = (train.sound - self.mean) / self.std, (train.picture - self.centre) @ self.axes
        ridge = Ridge(x[~held], y[~held])
        errors = []
        for penalty in PENALTIES:
            weight, bias = ridge.solve(float(penalty))
            errors.append(np.square(y[held] - x[held] @ weight - bias).sum())
        self.weight, self.bias = ridge.solve(float(PENALTIES[int(np.argmin(errors))]))

    def likeness(self, side: Side) -> Array:
        """Return the cosine of each answer and each picture, ``[sounds, pictures]``."""
        answer = (side.sound - self.mean) / self.std @ self.weight + self.bias
        picture = (side.picture - self.centre) @ self.axes
        answer /= np.linalg.norm(answer, axis=1, keepdims=True) + 1e-9
        picture /= np.linalg.norm(picture, axis=1, keepdims=True) + 1e-9
        return np.asarray(answer @ picture.T)


def wins(likeness: Array, side: Side) -> dict[str, Array]:
    """Return the share of other pictures that are less like each answer than the true one.

    Returns:
        ``[n]`` for each of :data:`KINDS`, NaN where there is no such picture; and ``top tenth``,
        1 where the true one is among the nearest tenth of all.
    """
    true = np.diag(likeness)[:, np.newaxis]
    beaten = (likeness < true) + 0.5 * (likeness == true)
    same = side.episode[:, np.newaxis] == side.episode
    near = np.abs(side.time[:, np.newaxis] - side.time) < NEAR
    others = (same & ~np.eye(len(same), dtype=bool), ~same & near, ~same)
    found = {}
    for kind, other in zip(KINDS, others, strict=True):
        number = other.sum(axis=1)
        share = (beaten * other).sum(axis=1) / np.maximum(number, 1)
        found[kind] = np.where(number > 0, share, np.nan)
    everyone = (beaten.sum(axis=1) - 0.5) / (len(beaten) - 1)
    found["top tenth"] = (everyone >= 0.9).astype(np.float64)
    return found


@dataclass(frozen=True)
class Row:
    """The figures of one side of a game: ``mean, low, high`` by column."""

    figures: Mapping[str, tuple[float, float, float]]

    @property
    def moment(self) -> float:
        """The lower one of the figures that neither the episode nor the clock explains."""
        return min(self.figures[kind][0] for kind in KINDS[:2])


def score(probes: list[Probe], side: Side) -> Row:
    """Compute the figures of one side, with intervals over episodes and probes."""
    each = [wins(probe.likeness(side), side) for probe in probes]
    rng = np.random.default_rng(0)
    episodes = side.episode == np.unique(side.episode)[:, np.newaxis]
    figures = {}
    for column in each[0]:
        value = np.stack([one[column] for one in each])
        there = ~np.isnan(value[0])
        total = np.where(there, value, 0) @ episodes.T  # [probes, episodes]
        number = (there * episodes).sum(axis=1)
        drawn = rng.integers(len(number), size=(REPLICATES, len(number)))
        probe = rng.integers(len(each), size=REPLICATES)
        means = total[probe[:, np.newaxis], drawn].sum(axis=1) / number[drawn].sum(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        figures[column] = float(total.mean(axis=0).sum() / number.sum()), float(low), float(high)
    return Row(figures)


def silent_share(store: PairStore, game: str) -> float:
    """Return the share of silent sounds of a game."""
    rows = np.flatnonzero(store.label(np.arange(len(store))) == store.classes.index(game))
    power = [float(np.mean(np.square(store.waveform(int(row))))) for row in rows]
    return float(np.mean(np.array(power) < 10 ** (SILENT / 10)))


def table(rows: Mapping[str, Row], silent: Mapping[str, float], order: list[str]) -> str:
    """Return a table in Markdown, one line per game."""
    columns = [*KINDS, "top tenth"]
    lines = [f"| game | moment | {' | '.join(columns)} | silent |", "|---" * 7 + "|"]
    for game in order:
        cells = [
            f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
            for mean, low, high in (rows[game].figures[column] for column in columns)
        ]
        moment, quiet = 100 * rows[game].moment, 100 * silent[game]
        lines.append(f"| {game} | {moment:.1f} | {' | '.join(cells)} | {quiet:.1f} % |")
    return "\n".join(lines)


def main() -> None:
    """Choose, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", default=GAMES)
    parser.add_argument("--encoder", default="soundnet8")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    store = open_dataset("arcade", {"games": asked.games, **OPTIONS})
    plugin = encoders.get(asked.encoder)
    encoder = plugin(plugin.Config())
    validation, test, silent, sizes = {}, {}, {}, []
    for game in store.classes:
        sides = sides_of(store, encoder, game)
        probes = [Probe(sides[0], seed) for seed in range(SEEDS)]
        validation[game], test[game] = score(probes, sides[1]), score(probes, sides[2])
        silent[game] = silent_share(store, game)
        sizes.append([n for side in sides for n in (len(side.time), len(np.unique(side.episode)))])
    order = sorted(store.classes, key=lambda game: -validation[game].moment)
    train, _, n, episodes, untouched, last = np.mean(sizes, axis=0)
    page = INTRO.format(
        description="\n".join(__doc__.splitlines()[2:-1]),
        candidates=len(order),
        train=train,
        validation=n,
        validation_episodes=episodes,
        test=untouched,
        test_episodes=last,
        encoder=encoder.name,
        seeds=SEEDS,
        replicates=REPLICATES,
        silent=SILENT,
        chosen=", ".join(order[:CHOSEN]),
    )
    page += f"\n## Validation: the choice, best first\n\n{table(validation, silent, order)}\n"
    page += f"\n## Untouched episodes: what to quote\n\n{table(test, silent, order)}\n"
    if asked.out:
        asked.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
