"""Arcade: the screen and the sound of a video game console at the same instant.

The Arcade Learning Environment (Bellemare et al. 2013) emulates the console; its package carries
the games, so nothing is downloaded. A class is a game, a source is one episode, an image is the
whole screen, and a sound is the seconds that end with that screen.

Two cautions. The score and the lives are part of the screen: they follow the episode rather than
the moment, and are hardly audible (``mask_score`` paints them black); a game whose world only
follows the clock (the cars of freeway) looks alike at the same time of two episodes. And some
windows of some games are silent: they are kept, since a picture is not always audible.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from a2ibench.config import option
from a2ibench.contracts.dataset import Dataset
from a2ibench.errors import UserError, told, unknown
from a2ibench.parallel import Crashed, in_order
from a2ibench.types import ImageArray, Pair, Part, RejectedError, Split

from .console import FRAME_RATE, listen, switch_on
from .screen import COUNTERS, mask, shrink

HOLD = (4, 20)
"""Frames for which an action is held, from and below: a player, not a tremor."""
HOP = (1.0, 1.5)
"""Seconds from one training pair of an episode to the next."""
TRAIN_EPISODES = 12
"""Fewest training episodes per game."""


_WORKING: set[tuple[type, str]] = set()
"""Games that have been tried in this process and work."""


@dataclass(frozen=True)
class ArcadeConfig:
    """Options of :class:`Arcade`.

    Raises:
        ValueError: there are fewer than two games, or one of them twice.
    """

    games: tuple[str, ...] = option(
        ("bowling", "freeway", "frostbite", "pong", "qbert", "seaquest"),
        "the games, one class each; the defaults are clearly audible",
    )
    train: int = option(450, "training pairs per game; judges get a third", minimum=1)
    test: int = option(
        100,
        "test pairs per game; their sounds do not overlap, and retrieval inside a class needs 100",
        minimum=1,
    )
    test_episodes: int = option(
        6, "fewest test episodes per game; intervals are over them", minimum=1
    )
    image_size: int = option(64, "side of the images in pixels", minimum=16)
    seconds: float = option(
        4.0, "length of the sound, which ends with the image; from 1 s a game is hard to tell",
        minimum=0.25, maximum=30.0,
    )  # fmt: skip
    mask_score: bool = option(False, "paint the score, the lives and other counters black")
    seed: int = option(2020, "seed of the players", minimum=0)

    def __post_init__(self) -> None:
        if len(self.games) < 2:
            raise ValueError(f"games: expected at least two, got {list(self.games)}")
        if len(set(self.games)) < len(self.games):
            raise ValueError(f"games: one is given twice in {list(self.games)}")


class Arcade(Dataset):
    """Games played at random, episodes apart.

    A pair does not depend on the other games of the configuration.

    Raises:
        UserError: the emulator is missing, or does not have a game.
    """

    name = "arcade"
    version = 2
    Config = ArcadeConfig
    config: ArcadeConfig

    def __init__(self, config: ArcadeConfig) -> None:
        super().__init__(config)
        from a2ibench.extras import require

        require("arcade", "the dataset arcade")
        from ale_py.roms import get_all_rom_ids

        if config.mask_score and (bare := [one for one in config.games if one not in COUNTERS]):
            raise UserError(
                f"arcade.mask_score: it is not known where the score is in {', '.join(bare)};"
                f" known: {', '.join(COUNTERS)}"
            )
        self.episode_seconds = 600  # where an episode is cut off
        known = get_all_rom_ids()
        for game in config.games:
            if game not in known:
                raise unknown("game", game, known)
        # Test sounds that overlap would be one question asked twice.
        apart = config.seconds, config.seconds + HOP[1] - HOP[0]
        self._hop: dict[Split, tuple[float, float]] = {"train": HOP, "test": apart}
        # Both sides of the split see episodes from the start to the same moment.
        mean = {split: sum(hop) / 2 for split, hop in self._hop.items()}
        share = {
            "train": math.ceil(config.train / TRAIN_EPISODES),
            "test": math.ceil(config.test / config.test_episodes),
        }
        last = min(mean[split] * (share[split] - 1) for split in mean)
        self._per_episode = {split: 1 + math.floor(last / mean[split] + 1e-9) for split in mean}

    def __len__(self) -> int:
        return len(self.config.games) * (self.config.train + self.config.test)

    def pairs(self) -> Iterator[Pair]:
        """Yield game after game, its training episodes before its test episodes.

        Episodes are played in parallel, one per processor, and yielded in their order. A test pair
        whose picture or sound also occurs in training, to the last bit, is replaced by another.

        Raises:
            UserError: ten episodes of a game in a row end before one window is full.
            RejectedError: the process that played a game died.
        """
        for game in self.config.games:
            yield from self._pairs_of(game)

    def parts(self, done: int = 0) -> Iterator[Part]:
        """Yield one part per game; a game whose process dies costs only its own part.

        Raises:
            UserError: some games do not run; all are tried before the first one is played.
        """
        games = self.config.games[done:]
        untried = [game for game in games if (type(self), game) not in _WORKING]
        tried = in_order(self._try, [(game,) for game in untried])
        refused = []
        for game, reason in zip(untried, tried, strict=True):
            if isinstance(reason, Crashed):
                refused.append(f"{game} (it ends its process)")
            elif reason is not None:
                refused.append(f"{game} ({reason})")
            else:
                _WORKING.add((type(self), game))
        if refused:
            raise UserError(
                f"games that do not run here with one player: {', '.join(refused)};"
                " leave them out of the option `games`"
            )
        for game in games:
            yield Part(self._pairs_of(game), name=game)

    def _try(self, game: str) -> str | None:
        """Play the first episode; return the reason if that fails."""
        try:
            self._play(game, 0, "train")
        except Exception as error:  # the emulator's; the game is refused with it
            return told(error)
        return None

    def _pairs_of(self, game: str) -> Iterator[Pair]:
        episode = 0
        known: set[bytes] = set()
        wanted: tuple[tuple[Split, int], ...] = (
            ("train", self.config.train),
            ("test", self.config.test),
        )
        for split, count in wanted:
            barren = 0
            while count > 0:
                episodes = range(episode, episode + math.ceil(count / self._per_episode[split]))
                for played in self._play_all(game, episodes, split):
                    if split == "train":
                        known.update(part for pair in played for part in _contents(pair))
                        made = played
                    else:
                        made = [pair for pair in played if known.isdisjoint(_contents(pair))]
                    yield from made[:count]
                    count = max(0, count - len(made))
                    barren = 0 if made else barren + 1
                episode = episodes.stop
                if barren >= 10:
                    raise UserError(
                        f"{game}: its episodes end before {self.config.seconds:g} s;"
                        " give a smaller `seconds` or leave it out"
                    )

    def _play_all(self, game: str, episodes: range, split: Split) -> Iterator[list[Pair]]:
        asked = [(game, episode, split) for episode in episodes]
        for played in in_order(self._play, asked):
            if isinstance(played, Crashed):
                raise RejectedError("the game ended its process while it was played") from played
            yield played

    def _play(self, game: str, episode: int, split: Split) -> list[Pair]:
        """Play one episode, until it is over or has given its share of pairs.

        Every window lies wholly inside the episode.
        """
        console = switch_on(game)
        rng = np.random.default_rng([self.config.seed, *game.encode(), episode])
        actions = console.getMinimalActionSet()
        fire = next((action for action in actions if action.name == "FIRE"), actions[0])
        sound: list[npt.NDArray[np.uint8]] = []
        screens: list[ImageArray] = []
        ends: list[int] = []
        action, hold = fire, int(rng.integers(*HOLD))  # many games wait for it to begin
        due = math.ceil(self.config.seconds * FRAME_RATE) + round(rng.random() * FRAME_RATE)
        while (
            len(ends) < self._per_episode[split] and len(sound) < self.episode_seconds * FRAME_RATE
        ):
            if hold == 0:
                action, hold = actions[rng.integers(len(actions))], int(rng.integers(*HOLD))
            before = console.getScreenRGB() if len(sound) + 1 == due else None
            console.act(action)
            if console.game_over():
                break
            hold -= 1
            sound.append(console.getAudio().copy())
            if before is not None:
                # Some sprites are drawn on every other frame only.
                screen = np.maximum(before, console.getScreenRGB())
                screens.append(mask(screen, game) if self.config.mask_score else screen)
                ends.append(due)
                due += round(rng.uniform(*self._hop[split]) * FRAME_RATE)
                # The hop is rounded to screens, and can fall short of the sound.
                while split == "test" and self._window(due).start < self._window(ends[-1]).stop:
                    due += 1
        if not ends:
            return []
        heard = listen(np.concatenate(sound), self.sample_rate)
        pairs = []
        for screen, end in zip(screens, ends, strict=True):
            pairs.append(
                Pair(
                    image=shrink(screen, self.config.image_size),
                    audio=heard[self._window(end)],
                    label=game,
                    source=f"{game}/episode-{episode}",
                    split=split,
                    start=end / FRAME_RATE - self.config.seconds,
                )
            )
        return pairs

    def _window(self, end: int) -> slice:
        """The samples of the sound that ends with a screen."""
        stop = round(end * self.sample_rate / FRAME_RATE)
        return slice(stop - round(self.config.seconds * self.sample_rate), stop)


def _contents(pair: Pair) -> tuple[bytes, bytes]:
    """Hash the picture and the sound; silences of different sources count as different."""
    sound = pair.audio.tobytes() if np.any(pair.audio) else pair.source.encode()
    return hashlib.sha256(pair.image.tobytes()).digest(), hashlib.sha256(sound).digest()
