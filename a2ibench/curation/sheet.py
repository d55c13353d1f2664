"""Sheets on which a person decides about labels: CSV files that spreadsheets open."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.spreadsheet import guard, unguard
from a2ibench.storage import atomic_write

SHEET = "label_errors.csv"
COLUMNS = (
    "row", "covers", "pairs", "suspect", "source", "start", "split", "label", "suggested",
    "label_quality", "p_label", "audio_says", "image_says", "decision",
)  # fmt: skip
TEXTS = ("source", "label", "suggested", "audio_says", "image_says", "why", "decision")
"""Columns whose cells come from the data."""
NEEDED = ("row", "covers", "source", "label", "decision")
"""Columns that a sheet must have to be read; the others are for people and for ``--auto``."""


@dataclass(frozen=True)
class Line:
    """One line of a sheet.

    Attributes:
        where: file and line, for errors.
        row: row of the store; together with ``covers``, the key of the line.
        covers: ``"clip"`` or ``"segment"``.
        source: as on the sheet.
        label: as on the sheet.
        decision: as filled in; ``""`` if empty.
        suspect: whether any of its pairs is suspect.
        suggested: the likeliest class; ``""`` if the line suggests none.
        label_quality: 0 to 1; None if not given.
    """

    where: str
    row: int
    covers: str
    source: str
    label: str
    decision: str
    suspect: bool
    suggested: str
    label_quality: float | None


def write_sheet(
    path: Path, lines: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS
) -> None:
    """Write lines, one value per column, atomically; a missing value is an empty cell.

    A byte-order mark at the beginning tells Excel that the file is UTF-8.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(columns)
        for line in lines:
            cells = [(name, line.get(name, "")) for name in columns]
            writer.writerow(guard(str(cell)) if name in TEXTS else cell for name, cell in cells)


def read_sheet(path: Path) -> list[Line]:
    """Read a sheet as a spreadsheet saves it: with commas, semicolons or tabs.

    Raises:
        UserError: there is no such file, it is not UTF-8, or a column or cell is missing or wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            delimiter = max(",;\t", key=head.count)
            reader = csv.DictReader(stream, delimiter=delimiter, restval="")
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            if missing := [name for name in NEEDED if name not in names]:
                raise UserError(
                    f"{path}: expected the columns {', '.join(COLUMNS)};"
                    f" {', '.join(missing)} missing"
                )
            reader.fieldnames = names
            return [
                _read_line(f"{path}, line {reader.line_num}", cells)
                for cells in reader
                if any(cell for name, cell in cells.items() if name is not None)
            ]
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it from the spreadsheet as “CSV UTF-8”") from None
    except csv.Error as error:
        raise UserError(f"{path}: not a csv file ({error})") from None


def _read_line(where: str, cells: Mapping[str, str]) -> Line:
    texts = {name: unguard(cells.get(name, "")) for name in TEXTS}
    covers = cells["covers"].strip().lower()
    if covers not in ("clip", "segment"):
        raise UserError(f"{where}: covers: expected clip or segment, got {cells['covers']!r}")
    # No separator of thousands: "1,000" would be row 1 where the comma is the decimal one.
    if not re.fullmatch(r"[0-9]{1,15}(\.0)?", row := cells["row"].strip()):
        raise UserError(f"{where}: row: expected a row number of the store, got {cells['row']!r}")
    return Line(
        where=where,
        row=int(row.removesuffix(".0")),
        covers=covers,
        source=texts["source"],
        label=texts["label"],
        decision=texts["decision"],
        suspect=bool(_number(where, "suspect", cells.get("suspect", ""))),
        suggested=texts["suggested"],
        label_quality=_number(where, "label_quality", cells.get("label_quality", "")),
    )


def _number(where: str, name: str, cell: str) -> float | None:
    if not cell.strip():
        return None
    try:
        number = float(cell.replace(",", "."))  # the decimal comma of a spreadsheet
        if number != number or abs(number) > 1e15:
            raise ValueError
    except ValueError:
        raise UserError(f"{where}: {name}: expected a number, got {cell!r}") from None
    return number
