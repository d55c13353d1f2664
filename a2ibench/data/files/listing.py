"""Errors in lists and names of files: a clip twice, one under two classes, broken names."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from a2ibench.data.files.clip import Clip, ClipConfig
from a2ibench.errors import UserError
from a2ibench.types import RejectedError

Reject = Callable[[str, str, float | None], None]
"""Called with file, reason and start."""


def as_utf8(name: str) -> str:
    r"""Return a name that can be written anywhere; bytes that are not UTF-8 become ``\xff``."""
    if name.isascii():
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def check_names(clip: Clip) -> None:
    """Check that a clip's names can be written.

    Raises:
        RejectedError: one of them is not valid UTF-8.
    """
    names = [("name", clip.file), ("class", clip.label), ("source", clip.source)]
    names += [("picture's name", clip.picture or ""), ("licence", clip.licence), ("url", clip.url)]
    names += [("further label", label) for label in clip.labels]
    for what, text in names:
        if not text.isascii() and as_utf8(text) != text:
            shown = "" if text == clip.file else f" ({as_utf8(text)})"
            raise RejectedError(f"its {what}{shown} is not valid UTF-8")


def without_conflicts(
    clips: Iterable[tuple[Path, Clip]], config: ClipConfig, reject: Reject
) -> tuple[list[Clip], tuple[str, ...]]:
    """Keep each segment of a file once.

    A segment that is listed again is cut once. One that overlaps a segment of another class is left
    out under both, or is kept with the classes of both (``several``); inside a whole file of
    another class, whose segments are not known yet, it is left out.

    Args:
        clips: each with the file that it really is, behind links.
        config: length of a segment, and what happens to one of several classes.
        reject: called with everything that is left out.

    Returns:
        The clips, in their order, and notes for the user.
    """
    groups: dict[tuple[Path, str | None, int], list[int]] = defaultdict(list)
    listed = []
    for i, (path, clip) in enumerate(clips):
        listed.append(clip)
        groups[path, clip.picture, clip.track].append(i)
    kept: dict[int, list[Clip]] = {}
    count: Counter[str] = Counter()
    for members in groups.values():
        if len(members) == 1:
            kept[members[0]] = [listed[members[0]]]
            continue
        several = [listed[i] for i in members]
        labels = {clip.label for clip in several}
        seen: set[tuple[str, float | None]] = set()
        for i in sorted(members, key=lambda i: (listed[i].starts is not None, i)):  # whole first
            clip = listed[i]
            left: dict[tuple[Clip, ...], list[int]] = defaultdict(list)
            for place, start in enumerate(clip.starts or (None,)):
                others = tuple(
                    other
                    for other in (several if len(labels) > 1 else ())
                    if other.label != clip.label and _overlap(start, other, config.seconds)
                )
                whole = tuple(other for other in others if other.starts is None)
                if config.several == "keep" and start is None:
                    others = whole
                if config.several == "keep" and start is not None and whole:
                    why = f"the whole file is listed under {whole[0].label}"
                    reject(clip.file, why, start)
                    count["inside"] += 1
                elif others and config.several == "drop":
                    both = ", ".join(sorted({clip.label, *(other.label for other in others)}))
                    reject(clip.file, f"it is listed under several classes: {both}", start)
                    count["classes"] += 1
                elif (clip.label, start) in seen or (clip.label, None) in seen:
                    reject(clip.file, "it is listed already and is cut once", start)
                    count["again"] += 1
                elif any((other.label, start) in seen for other in others):
                    count["joined"] += 1  # it is kept with the first of its classes
                else:
                    left[others].append(place)
                seen.add((clip.label, start))
            kept[i] = [_joined(clip, others, places) for others, places in left.items()]
    notes = []
    if n := count["again"]:
        notes.append(f"listed again: {n:,} (segments or clips); each is cut once")
    if n := count["joined"]:
        notes.append(
            f"listed under several classes: {n:,} (segments or clips); each is cut once, with all"
            " of them"
        )
    if n := count["inside"]:
        notes.append(
            f"listed inside a whole file of another class: {n:,} (segments); they are left out:"
            " list the segments of that class, too"
        )
    if n := count["classes"]:
        notes.append(
            f"listed under several classes: {n:,} (segments or clips); they are left out, since a"
            " pair has one class (--set several=keep keeps them, with all their classes)"
        )
    return [clip for i in sorted(kept) for clip in kept[i]], tuple(notes)


def check_sources(clips: Iterable[tuple[Path, Clip]], root: Path, seconds: float) -> None:
    """Refuse a file of several sources, unless these are stretches of it that do not overlap.

    Args:
        clips: each with the file that it really is, behind links.
        root: the folder of the files.
        seconds: length of a segment.

    Raises:
        UserError: segments of two sources overlap, or some rows of the file name none, which makes
            the file the source: one recording could come to both sides of the split.
    """
    files: dict[Path, list[Clip]] = defaultdict(list)
    for path, clip in clips:
        files[path].append(clip)
    for path, parts in files.items():
        sources = sorted({clip.source for clip in parts})
        if len(sources) < 2:
            continue
        file = path.relative_to(root).as_posix()
        starts = sorted((start, clip.source) for clip in parts for start in clip.starts or ())
        overlap = any(
            a != b and later - start < seconds for (start, a), (later, b) in pairwise(starts)
        )
        if overlap or file in sources or any(clip.starts is None for clip in parts):
            raise UserError(
                f"{file}: its rows name several sources ({', '.join(map(repr, sources[:3]))}), and"
                " their segments overlap, or some rows name none; give all its rows one source, so"
                " that a recording stays on one side of the split"
            )


def at_most(most: int, clips: Sequence[tuple[Path, Clip]]) -> list[Clip]:
    """Return the clips with at most so many listed segments per file, evenly spread; 0 for all.

    Whole files are thinned when they are cut.

    Args:
        most: number of segments.
        clips: each with the file that it really is, behind links.
    """
    starts: dict[Path, set[float]] = defaultdict(set)
    for path, clip in clips:
        starts[path].update(clip.starts or ())
    kept = {
        path: {every[i] for i in np.linspace(0, len(every) - 1, most).round().astype(int)}
        for path, every in ((path, sorted(some)) for path, some in starts.items())
        if 0 < most < len(every)
    }
    found = []
    for path, clip in clips:
        if clip.starts is not None and path in kept:
            places = [i for i, start in enumerate(clip.starts) if start in kept[path]]
            clip = _joined(clip, (), places)
        if clip.starts != ():
            found.append(clip)
    return found


def _joined(clip: Clip, others: Sequence[Clip], places: Sequence[int]) -> Clip:
    """Return some of the segments of a clip, with the classes of others besides its own."""
    if clip.starts is not None:
        clip = replace(
            clip,
            starts=tuple(clip.starts[place] for place in places),
            frames=tuple(clip.frames[place] for place in places if clip.frames),
        )
    if not others:
        return clip
    alike = (clip, *others)
    labels = {label for one in alike for label in (one.label, *one.labels)} - {clip.label}
    return replace(
        clip,
        labels=tuple(sorted(labels)),
        audible=_union([one.audible for one in alike]),
        visible=_union([one.visible for one in alike]),
    )


def _union(lists: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    known = [one for one in lists if one is not None]
    return tuple(sorted(set().union(*known))) if len(known) == len(lists) else None


def _overlap(start: float | None, other: Clip, seconds: float) -> bool:
    if start is None or other.starts is None:
        return True
    return any(abs(start - begin) < seconds for begin in other.starts)
