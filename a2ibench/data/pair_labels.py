"""All classes of the pairs of a store, and which of them are heard and seen."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from a2ibench.data.store import PairStore, damaged
from a2ibench.types import IntArray, Labels, Pair

COLUMNS = ("labels", "audible", "visible")
"""Columns of the index; each holds a list of class names, as JSON, where it is known."""
Entry = tuple[int, int, int]
"""A class, and whether it is heard and seen, as in :class:`~a2ibench.types.Labels`."""


def columns_of(pair: Pair) -> dict[str, str]:
    """Return the cells of a pair; none for one of which only its class is known."""
    lists = {
        "labels": pair.labels or None,
        "audible": pair.audible,
        "visible": pair.visible,
    }
    return {
        name: json.dumps(sorted(set(classes)), ensure_ascii=False)
        for name, classes in lists.items()
        if classes is not None
    }


def labels_of(store: PairStore, rows: IntArray) -> Labels | None:
    """Read all classes of some pairs, with corrections; None where the store knows only one each.

    A class that none of the store's pairs has as its own is left out.

    Args:
        store: the pairs.
        rows: int64 ``[n]``.

    Raises:
        DamagedError: a cell is no list of names.
    """
    if not set(COLUMNS).intersection(store.index):
        return None
    position = {name: i for i, name in enumerate(store.classes)}
    own = store.index["label"].iloc[rows]
    cells = store.index.reindex(columns=COLUMNS).iloc[rows]
    known: dict[tuple[Any, ...], list[Entry]] = {}
    found = []
    for row, label, *texts in zip(rows, own, *(cells[name] for name in COLUMNS), strict=True):
        lists = tuple(text if isinstance(text, str) else "" for text in texts)
        key = (label, bool(store.corrections.get(int(row))), lists)
        if key not in known:
            known[key] = _entries(label, key[1], [_list(store, text) for text in lists], position)
        found.append(known[key])
    table = np.full((len(found), max(map(len, found), default=1), 3), -1, dtype=np.int64)
    for entries, line in zip(found, table, strict=True):
        line[: len(entries)] = entries
    label, audible, visible = np.moveaxis(table, 2, 0)
    return Labels(label, audible.astype(np.int8), visible.astype(np.int8))


def _entries(
    own: str, corrected: bool, lists: Sequence[list[str] | None], position: Mapping[str, int]
) -> list[Entry]:
    """Return the classes of a pair, its own first."""
    labels, audible, visible = lists
    further = set(labels or ()) - {own}
    # Nobody was asked about a class that a correction brought.
    unasked = {own} if corrected and own not in (labels or ()) else set()

    def mark(name: str, among: list[str] | None) -> int:
        if among is None or (name in unasked and name not in among):
            return -1
        return int(name in among)

    names = [own, *sorted(further & position.keys())]
    return [(position[name], mark(name, audible), mark(name, visible)) for name in names]


def _list(store: PairStore, cell: str) -> list[str] | None:
    if not cell:
        return None
    try:
        names = json.loads(cell)
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise ValueError("expected a list of names")
    except (ValueError, RecursionError) as error:
        raise damaged(store.root, f"index.parquet: {cell[:60]!a}: {error}") from error
    return names
