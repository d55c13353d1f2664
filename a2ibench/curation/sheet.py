"""The sheet on which a person decides about labels: a csv file that spreadsheets open.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``, and rewrites one that looks
like a number or a date (the class ``007`` becomes 7). An apostrophe before such a cell keeps it as
it is; reading takes the apostrophe away again.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError
from a2ibench.storage import whole_file

SHEET = "label_errors.csv"
COLUMNS = (
    "row", "covers", "pairs", "suspect", "source", "start", "split", "label", "suggested",
    "label_quality", "p_label", "audio_says", "image_says", "decision",
)  # fmt: skip
TEXTS = ("source", "label", "suggested", "audio_says", "image_says", "why", "decision")
"""Columns whose cells come from the data."""
_ODD = frozenset("\t\r\n'")
_FORMULA = frozenset("=+-@＝＋－＠")
NEEDED = ("row", "covers", "source", "label", "decision")
"""What must be there when a sheet is read; the others are for the reader and for ``--auto``."""


@dataclass(frozen=True)
class Line:
    """One line of a sheet.

    Attributes:
        where: file and line, for errors.
        row: of the store; with ``covers`` the key of the line.
        covers: ``"clip"`` or ``"segment"``.
        source: as the sheet has it.
        label: as the sheet has it.
        decision: what was filled in; ``""`` for nothing yet.
        suspect: whether anything of it is suspect.
        suggested: the likeliest class; ``""`` where the line makes no suggestion.
        label_quality: 0 to 1; None where it is not known.
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
    """Writes lines, one value per column, whole or not at all.

    The mark at the beginning of the file is what tells Excel that it is UTF-8.
    """
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(columns)
        for line in lines:
            writer.writerow(
                guard(str(line[name])) if name in TEXTS else line[name] for name in columns
            )


def read_sheet(path: Path) -> list[Line]:
    """Reads a sheet as it comes back from a spreadsheet: with commas, semicolons or tabs.

    Raises:
        UserError: no such file, not UTF-8, a column or a cell that is missing or makes no sense.
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
    row = _number(where, "row", cells["row"])
    if row is None or row < 0 or row != int(row):
        raise UserError(f"{where}: row: expected a row number of the store, got {cells['row']!r}")
    return Line(
        where=where,
        row=int(row),
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


def guard(text: str) -> str:
    """A cell that a spreadsheet takes for text; :func:`unguard` gives ``text`` back."""
    return f"'{text}" if _is_read_otherwise(text) else text


def unguard(cell: str) -> str:
    """The text of a guarded cell; a cell that was typed in by hand is its own."""
    return cell[1:] if cell[:1] == "'" and _is_read_otherwise(cell[1:]) else cell


def _is_read_otherwise(text: str) -> bool:
    first, shown = text[:1], text.lstrip()[:1]
    return first in _ODD or shown in _FORMULA or shown.isdigit()
