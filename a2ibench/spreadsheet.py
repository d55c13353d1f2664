"""Cells of a CSV file that a spreadsheet neither runs nor rewrites.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``, and rewrites one that looks
like a number or a date (the class ``007`` becomes 7). An apostrophe before such a cell prevents it.
"""

_ODD = frozenset("\t\r\n'")
_FORMULA = frozenset("=+-@＝＋－＠")


def guard(text: str) -> str:
    """Return a cell that a spreadsheet takes for text; :func:`unguard` gives ``text`` back."""
    return f"'{text}" if _is_read_otherwise(text) else text


def unguard(cell: str) -> str:
    """Return the text of a guarded cell; a cell typed by hand is returned as it is."""
    return cell[1:] if cell[:1] == "'" and _is_read_otherwise(cell[1:]) else cell


def _is_read_otherwise(text: str) -> bool:
    first, shown = text[:1], text.lstrip()[:1]
    return first in _ODD or shown in _FORMULA or shown.isdigit()
