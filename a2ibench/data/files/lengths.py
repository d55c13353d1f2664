"""Suggest a length of segments that fits the files, where many of them are too short."""

from collections.abc import Mapping, Sequence
from typing import Any

LENGTHS = (30.0, 20.0, 15.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.5, 0.25)
"""Lengths that are suggested, in seconds."""
MIN_SHORT = 0.1
"""Share of files that must be too short before anything is said."""
ROOM = 0.95
"""Share of a file's length that a segment may take: sound and picture seldom end together."""
FITS = 0.9
"""Share of files that should be long enough for the suggested length."""


def too_short(sources: Sequence[Mapping[str, Any]], seconds: float) -> str | None:
    """Count the files that are shorter than a segment, and suggest a length.

    Args:
        sources: facts on each file; ``seconds`` is its length, where it is known.
        seconds: length of a segment.

    Returns:
        A sentence; None where few files are too short.
    """
    known = sorted(facts["seconds"] for facts in sources if facts.get("seconds"))
    short = sum(length < seconds for length in known)
    if not short or short < MIN_SHORT * len(sources):
        return None
    text = f"{short:,} of {len(sources):,} files are shorter than {seconds:g} s"
    for enough in (FITS, 0.5):
        # The length that this share of the files reaches.
        reached = known[min(len(known) - 1, int((1 - enough) * len(known)))]
        for length in LENGTHS:
            if length <= ROOM * reached and length < seconds:
                return f"{text}: try --set seconds={length:g}"
    return text
