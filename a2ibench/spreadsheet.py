"""Cells of a CSV file that a spreadsheet neither runs nor rewrites.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``, and rewrites one that it
reads as a number, a date or a truth value (the class ``007`` becomes 7, the gene ``SEPT2`` a day in
September). An apostrophe before such a cell prevents it. A few more are guarded than need be, since
what is a date depends on the spreadsheet and its language.
"""

import re

_ODD = frozenset("\t\r\n'")
_FORMULA = frozenset("=+-@＝＋－＠")
_NUMBER = re.compile(r"[\W_]*\d")
"""A digit before any letter: ``007``, ``.5``, ``(5)``, ``$5``, ``3 May``."""
_MONTH = re.compile(
    r"(?<![^\W\d_])"
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"  # English
    r"|mär|mrz|mai|okt|dez"  # German
    r"|fév|fev|avr|jui|aoû|aou|déc"  # French
    r"|gen|mag|giu|lug|ago|set|ott|dic"  # Italian
    r"|ene|abr"  # Spanish
    r"|out"  # Portuguese
    r"|maa|mrt|mei|maj)",  # Dutch, Danish, Swedish
    re.IGNORECASE,
)
"""The beginning of a word that may be a month; with a digit anywhere, it may be a date."""
_TRUTH = frozenset(
    ["true", "false", "wahr", "falsch", "vrai", "faux", "vero", "falso", "verdadero", "verdadeiro",
     "waar", "onwaar"]
)  # fmt: skip


def guard(text: str) -> str:
    """Return a cell that a spreadsheet takes for text; :func:`unguard` gives ``text`` back."""
    return f"'{text}" if _is_read_otherwise(text) else text


def unguard(cell: str) -> str:
    """Return the text of a guarded cell; a cell typed by hand is returned as it is."""
    return cell[1:] if cell[:1] == "'" and _is_read_otherwise(cell[1:]) else cell


def _is_read_otherwise(text: str) -> bool:
    return bool(
        text[:1] in _ODD
        or text.lstrip()[:1] in _FORMULA
        or _NUMBER.match(text)
        or (re.search(r"\d", text) and _MONTH.search(text))
        or text.strip().casefold() in _TRUTH
    )
