"""The corrections of a store: their effect, and the file that holds them.

``corrections.csv`` lies beside the pairs, which stay as they were prepared; it is applied when the
store is opened. It is written from one sheet of decisions; applying another sheet replaces it.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from a2ibench.data.store import CORRECTIONS, LEFT_OUT, PairStore
from a2ibench.errors import UserError, counted
from a2ibench.storage import atomic_write


@dataclass(frozen=True)
class Effect:
    """The effect of corrections.

    Attributes:
        classes: name → pairs ``(train before, train after, test before, test after)``, where
            before is as prepared.
        test_pairs: number of test pairs that are relabelled or left out; every method is judged on
            the test pairs.
    """

    classes: Mapping[str, tuple[int, int, int, int]]
    test_pairs: int


def effect(store: PairStore, corrections: Mapping[int, str]) -> Effect:
    """Count the pairs that corrections leave in each class on each side of the split.

    Raises:
        UserError: a class would lose all its training pairs or all its test pairs.
    """
    before = store.stored_index()[["label", "split"]].astype(object)
    after = before.copy()
    for row, to in corrections.items():
        after.at[row, "label" if to else "split"] = to or LEFT_OUT
    then, now = (part.value_counts() for part in (before, after))
    classes = {}
    for name in store.about["classes"]:
        counts: list[int] = []
        for side in ("train", "test"):
            pair = [int(part.get((name, side), 0)) for part in (then, now)]
            if pair[0] and not pair[1]:
                raise UserError(
                    f"class {name!r} would lose all its {counted(pair[0], f'{side} pair')}; keep"
                    " some of them, or prepare the dataset without that class"
                )
            counts += pair
        classes[name] = (counts[0], counts[1], counts[2], counts[3])
    changed = before.loc[sorted(corrections), "split"]
    return Effect(classes, int((changed == "test").sum()))


def write_corrections(root: Path, corrections: Mapping[int, str]) -> None:
    """Replace the corrections of a store atomically; remove the file if there are none."""
    if not corrections:
        undo(root)
        return
    with (
        atomic_write(root / CORRECTIONS) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(("row", "label"))
        writer.writerows(sorted(corrections.items()))


def undo(root: Path) -> bool:
    """Remove the corrections of a store, and return whether there were any.

    Raises:
        UserError: the folder is not a pair store.
    """
    if not (root / "store.json").is_file():
        raise UserError(f"{root}: not a pair store (it has no store.json)")
    exists = (root / CORRECTIONS).is_file()
    (root / CORRECTIONS).unlink(missing_ok=True)
    return exists
