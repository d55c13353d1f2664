"""Clips of a store as it was prepared: the pairs that share a source and a label."""

from typing import Any

from a2ibench.data.store import PairStore


class Clips:
    """The rows of each clip, and the lines of sheets about them.

    Args:
        store: the pairs; labels are those that were prepared.

    Attributes:
        index: one row per pair.
    """

    def __init__(self, store: PairStore) -> None:
        self.index = store.stored_index()
        self.rows_of = self.index.groupby(["source", "label"], sort=False).indices

    def rows(self, covers: str, row: int) -> list[int]:
        """Return the rows that a line covers: ``row`` alone, or those of its ``"clip"``."""
        if covers != "clip":
            return [row]
        clip = (self.index["source"][row], self.index["label"][row])
        return [int(one) for one in self.rows_of[clip]]

    def line(self, covers: str, row: int, **cells: Any) -> dict[str, Any]:
        """Return a line of a sheet: the facts about its pairs, and further cells."""
        here = self.index.iloc[row]
        return {
            "row": row,
            "covers": covers,
            "pairs": len(self.rows(covers, row)),
            "source": here["source"],
            "start": f"{here['start']:.3f}",
            "split": here["split"],
            "label": here["label"],
            **cells,
        }
