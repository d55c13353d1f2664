"""Errors in lists and names of files: a clip twice, one under two classes, broken names."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from a2ibench.data.files.clip import Clip
from a2ibench.types import RejectedError

Reject = Callable[[str, str, float | None], None]
"""Called with file, reason and start."""


def as_utf8(name: str) -> str:
    r"""Return a name that can be written anywhere; bytes that are not UTF-8 become ``\xff``."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def check_names(clip: Clip) -> None:
    """Check that a clip's names can be written.

    Raises:
        RejectedError: one of them is not valid UTF-8.
    """
    names = {"name": clip.file, "class": clip.label, "source": clip.source}
    for what, text in {**names, "picture's name": clip.picture or ""}.items():
        if as_utf8(text) != text:
            shown = "" if text == clip.file else f" ({as_utf8(text)})"
            raise RejectedError(f"its {what}{shown} is not valid UTF-8")


def without_conflicts(
    clips: Iterable[tuple[Path, Clip]], seconds: float, reject: Reject
) -> tuple[list[Clip], tuple[str, ...]]:
    """Keep each segment of a file once, under one class.

    A segment that is listed again is cut once. One that overlaps a segment of another class is left
    out under both, since a pair has one class.

    Args:
        clips: each with the file that it really is, behind links.
        seconds: length of a segment.
        reject: called with everything that is left out.

    Returns:
        The clips, in their order, and notes for the user.
    """
    groups: dict[tuple[Path, str | None], list[int]] = defaultdict(list)
    listed = []
    for i, (path, clip) in enumerate(clips):
        listed.append(clip)
        groups[path, clip.picture].append(i)
    kept: dict[int, Clip] = {}
    count: Counter[str] = Counter()
    for members in groups.values():
        if len(members) == 1:
            kept[members[0]] = listed[members[0]]
            continue
        several = [listed[i] for i in members]
        labels = {clip.label for clip in several}
        seen: set[tuple[str, float | None]] = set()
        for i in sorted(members, key=lambda i: (listed[i].starts is not None, i)):  # whole first
            clip = listed[i]
            left: list[float | None] = []
            for start in clip.starts or (None,):
                others = {
                    other.label
                    for other in (several if len(labels) > 1 else ())
                    if other.label != clip.label and _overlap(start, other, seconds)
                }
                if others:
                    both = ", ".join(sorted({clip.label, *others}))
                    reject(clip.file, f"it is listed under several classes: {both}", start)
                    count["classes"] += 1
                elif (clip.label, start) in seen or (clip.label, None) in seen:
                    reject(clip.file, "it is listed already and is cut once", start)
                    count["again"] += 1
                else:
                    left.append(start)
                seen.add((clip.label, start))
            if left:
                starts = None if None in left else tuple(s for s in left if s is not None)
                kept[i] = replace(clip, starts=starts)
    notes = []
    if n := count["again"]:
        notes.append(f"listed again: {n:,} segments or clips; each is cut once")
    if n := count["classes"]:
        notes.append(
            f"listed under several classes: {n:,} segments or clips; they are left out, since a"
            " pair has one class"
        )
    return [kept[i] for i in sorted(kept)], tuple(notes)


def _overlap(start: float | None, other: Clip, seconds: float) -> bool:
    if start is None or other.starts is None:
        return True
    return any(abs(start - begin) < seconds for begin in other.starts)
