"""Synthetic: scenes whose sound and picture come from one latent state.

The classes are those of Wan et al. (2019), the two sports of Yang et al. (2020) first. Nothing is
downloaded, and the factors of each scene are known, so one can ask which of them a method recovers:

======== ============ ============================== ==========================================
factor   changes with heard as                       seen as
======== ============ ============================== ==========================================
rate     the moment   events per second, 1 to 4      number of things in the picture, 1 to 4
pitch    the moment   pitch or brightness            height of something
level    the moment   peak level, −18 to 0 dB        its size, as of something nearer
hue      the source   –                              colour of the sky or the wall
shade    the source   –                              brightness of the day
camera   the source   –                              position of the scene, left to right
noise    the source   background, −60 to −36 dBFS    –
======== ============ ============================== ==========================================
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from a2ibench.config import option
from a2ibench.contracts.dataset import Dataset
from a2ibench.types import Pair, Split

from .picture import draw
from .scene import CLASSES, Scene
from .sound import synthesize


@dataclass(frozen=True)
class SyntheticConfig:
    """Options of :class:`Synthetic`; the defaults give 2 classes × (300 + 100) pairs."""

    classes: int = option(
        2,
        f"number of classes, from the first: {', '.join(CLASSES)}",
        minimum=2,
        maximum=len(CLASSES),
    )
    train: int = option(450, "training pairs per class; judges get a third", minimum=1)
    test: int = option(
        100, "test pairs per class; retrieval inside a class needs pools of 100", minimum=1
    )
    pairs_per_source: int = option(4, "pairs cut from one source clip", minimum=1)
    image_size: int = option(64, "side of the images in pixels", minimum=16, maximum=1024)
    seconds: float = option(4.0, "length of the sound", minimum=0.5, maximum=30.0)
    seed: int = option(0, "seed of the scenes", minimum=0)


class Synthetic(Dataset):
    """Drawn scenes with synthesised sound.

    Each source and each pair has a random generator of its own: a pair depends neither on the
    order nor on the number of classes or pairs.
    """

    name = "synthetic"
    Config = SyntheticConfig
    config: SyntheticConfig

    FACTORS: ClassVar[Mapping[str, frozenset[str]]] = {
        "rate": frozenset({"heard", "seen"}),
        "pitch": frozenset({"heard", "seen"}),
        "level": frozenset({"heard", "seen"}),
        "hue": frozenset({"seen"}),
        "shade": frozenset({"seen"}),
        "camera": frozenset({"seen"}),
        "noise": frozenset({"heard"}),
    }
    """Factor → whether it is heard, seen or both; each is uniform in [0, 1]."""

    def __len__(self) -> int:
        return self.config.classes * (self.config.train + self.config.test)

    def pairs(self) -> Iterator[Pair]:
        """Yield class after class, the training sources before the test sources."""
        wanted: tuple[tuple[Split, int], ...] = (
            ("train", self.config.train),
            ("test", self.config.test),
        )
        for label in CLASSES[: self.config.classes]:
            for split, count in wanted:
                for i in range(count):
                    source, moment = divmod(i, self.config.pairs_per_source)
                    yield self._pair(label, split, source, moment)

    def _pair(self, label: str, split: Split, source: int, moment: int) -> Pair:
        clip = [self.config.seed, CLASSES.index(label), ("train", "test").index(split), source]
        place = np.random.default_rng(clip)
        rng = np.random.default_rng([*clip, moment])
        hue, shade, camera, noise = place.random(4)
        rate, pitch, level = rng.random(3)
        scene = Scene(rate, pitch, level, hue, shade, camera, noise)
        return Pair(
            image=draw(label, scene, self.config.image_size),
            audio=synthesize(label, scene, self.config.seconds, self.sample_rate, rng),
            label=label,
            source=f"{label}/{split}-{source}",
            split=split,
            start=moment * math.ceil(self.config.seconds),
            factors={field.name: float(getattr(scene, field.name)) for field in fields(scene)},
        )
