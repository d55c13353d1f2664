"""Dataset: a named source of pairs with a train/test split by source clip."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from a2ibench.types import Missing, Pair, Part, Split


class Dataset(ABC):
    """What a dataset plug-in offers. It is prepared once into a pair store on disk.

    ``Config`` is a frozen dataclass with at least the fields ``image_size: int`` and ``seed: int``;
    the same configuration gives the same bytes.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the same configuration gives other pairs than before."""
    Config: ClassVar[type]
    sample_rate: ClassVar[int] = 22_050
    """Of the audio it yields, in hertz."""
    licence: ClassVar[str] = ""
    """Of the pairs, for the data card; empty where nobody said."""
    unit: ClassVar[Literal["pairs", "files"]] = "pairs"
    """What the progress display counts."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def __len__(self) -> int:
        """How many pairs :meth:`pairs` yields (at most), or files; for the progress display."""

    @abstractmethod
    def pairs(self) -> Iterator[Pair]:
        """Yields every pair, in an order that the configuration fixes.

        Raises:
            UserError: something that the dataset needs is not there; the message says what to do.
        """

    def provenance(self) -> dict[str, Any]:
        """Plain facts beside the configuration that the pairs follow from: hashes of lists, of
        files. They are kept in ``store.json``; a preparation goes on only where they are equal.
        """
        return {}

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Clips that its list names and that are not there."""
        return ()

    def notes(self, sources: Sequence[Mapping[str, Any]] = ()) -> tuple[str, ...]:
        """Says what the user should know before relying on the pairs, a sentence each.

        Args:
            sources: the facts on each file that was cut (:attr:`Part.source`); none before.
        """
        return ()

    def sides(self, clips: Sequence[tuple[str, str]]) -> Mapping[str, Split]:
        """Settles the split once it is known which sources are usable.

        Args:
            clips: source and label of every pair.

        Returns:
            The side of each source; one that is not named stays where its pairs say.
        """
        return {}

    def parts(self, done: int = 0) -> Iterator[Part]:
        """Yields the same pairs in parts. A preparation that was cut off goes on behind the last
        part that was written; by default there is but one.

        Args:
            done: how many parts to leave out at the beginning.
        """
        if done == 0:
            yield Part(self.pairs())
