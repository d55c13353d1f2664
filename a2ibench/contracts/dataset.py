"""Dataset: a named source of pairs with a train/test split by source clip."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from a2ibench.types import Missing, Pair, Part, Split


class Dataset(ABC):
    """The contract of a dataset, which is prepared once into a pair store on disk.

    ``Config`` is a frozen dataclass with at least the fields ``image_size: int`` and ``seed: int``;
    the same configuration gives the same bytes.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Increase it when the same configuration gives different pairs."""
    Config: ClassVar[type]
    sample_rate: ClassVar[int] = 22_050
    """Sample rate of the audio it yields, in hertz."""
    licence: ClassVar[str] = ""
    """The licence of the pairs, for the data card; empty where none is known."""
    unit: ClassVar[Literal["pairs", "files"]] = "pairs"
    """The unit of :meth:`__len__` and of the progress display."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def __len__(self) -> int:
        """Return the largest number of pairs that :meth:`pairs` yields, or the number of files."""

    @abstractmethod
    def pairs(self) -> Iterator[Pair]:
        """Yield every pair, in an order that the configuration fixes.

        Raises:
            UserError: something that the dataset needs is missing; the message says what to do.
        """

    def provenance(self) -> dict[str, Any]:
        """Return what determines the pairs besides the configuration: hashes of lists and files.

        Plain values, kept in ``store.json``; a preparation is resumed only if they are equal.
        """
        return {}

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The clips on its list that are not there."""
        return ()

    def notes(self, sources: Sequence[Mapping[str, Any]] = ()) -> tuple[str, ...]:
        """Return what a user should know before relying on the pairs, one sentence per fact.

        Args:
            sources: the record of each file that was cut (:attr:`Part.source`); empty before.
        """
        return ()

    def sides(self, clips: Sequence[tuple[str, str]]) -> Mapping[str, Split]:
        """Return the split, once it is known which sources are usable.

        ``clips`` holds source and label of every pair. A source that is not named in the answer
        stays where its pairs say.
        """
        return {}

    def parts(self, done: int = 0) -> Iterator[Part]:
        """Yield the same pairs in parts, by default in a single one.

        An interrupted preparation resumes after the last part that was written: the first ``done``
        parts are left out.
        """
        if done == 0:
            yield Part(self.pairs())
