"""Which length of segments fits the files: said where many of them are too short."""

from collections.abc import Mapping, Sequence
from typing import Any

LENGTHS = (30.0, 20.0, 15.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.5, 0.25)
"""Seconds that are worth a try."""
TOLD = 0.1
"""Share of the files from which on it is told …"""
ROOM = 0.95
"""Share of a file's length that a segment may take: sound and picture seldom end together."""
FITS = 0.9
"""… and that of them which should be long enough."""


def too_short(sources: Sequence[Mapping[str, Any]], seconds: float) -> str | None:
    """Says how many files are shorter than a segment, and which length would do.

    Args:
        sources: facts on each file; ``seconds`` is its length, where it is known.
        seconds: length of a segment.

    Returns:
        A sentence; None where few files are too short.
    """
    known = sorted(facts["seconds"] for facts in sources if facts.get("seconds"))
    short = sum(length < seconds for length in known)
    if not short or short < TOLD * len(sources):
        return None
    text = f"{short:,} of {len(sources):,} files are shorter than {seconds:g} s"
    for enough in (FITS, 0.5):
        # The length that so many of the files reach.
        reached = known[min(len(known) - 1, int((1 - enough) * len(known)))]
        for length in LENGTHS:
            if length <= ROOM * reached and length < seconds:
                return f"{text}: try --set seconds={length:g}"
    return text
