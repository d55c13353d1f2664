"""Reference: a row of every table, so that each number has a floor and a ceiling."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from a2ibench.contracts.metric import Group
from a2ibench.types import ImageArray, Pairs

CEILING = 0
"""The row of the real image itself."""


class Reference(ABC):
    """The contract of a reference row, which draws without learning and may use test images."""

    name: ClassVar[str]
    row: ClassVar[int] = 100
    """Its place among the reference rows, then by name; the real image has :data:`CEILING`."""
    random: ClassVar[bool] = False
    """Whether the images depend on the seed."""
    floor_of: ClassVar[frozenset[Group]] = frozenset()
    """The groups of metrics whose floor it is: a method that scores no better is marked."""

    @abstractmethod
    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        """Draw one image per test segment: uint8 ``[len(test), S, S, 3]``."""
