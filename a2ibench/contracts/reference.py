"""Reference: a row that every table holds, so that each number has a floor and a ceiling."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from a2ibench.contracts.metric import Group
from a2ibench.types import ImageArray, Pairs

CEILING = 0
"""The row of the real image itself."""


class Reference(ABC):
    """Draws without learning; unlike a model it may look at the test images."""

    name: ClassVar[str]
    row: ClassVar[int] = 100
    """Reference rows stand in ascending order of it, then of the name; :data:`CEILING` is the real
    image's own."""
    random: ClassVar[bool] = False
    """Whether the images depend on the seed."""
    floor_of: ClassVar[frozenset[Group]] = frozenset()
    """Groups of metrics of which it is the floor: a method that scores no better is marked."""

    @abstractmethod
    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """One image for each test segment: uint8 ``[len(test), S, S, 3]``."""
