"""The part of a file: the pairs that were cut from it, or the reason for none."""

from collections.abc import Mapping
from itertools import repeat
from typing import Any

from a2ibench.data.files.clip import Clip
from a2ibench.media.cutting import Cut
from a2ibench.types import Pair, Part, Rejected, Split


def part_of(clip: Clip, split: Split, result: Cut | str, facts: Mapping[str, Any]) -> Part:
    """Return the part of a clip.

    Args:
        clip: what the list says of it.
        split: its side.
        result: its segments, or the reason for none.
        facts: further facts on its file.
    """
    about = {
        "file": clip.file,
        "source": clip.source,
        "label": clip.label,
        "split": split,
        **{name: said for name in ("licence", "url") if (said := getattr(clip, name))},
        **({} if clip.begins is None else {"begins": clip.begins}),
        **facts,
    }
    if isinstance(result, str):
        return Part((), (Rejected(clip.file, result),), about)
    given = dict(zip(clip.starts or (), clip.frames, strict=False))
    pairs = [
        Pair(
            image,
            segment.audio,
            clip.label,
            clip.source,
            split,
            segment.start,
            frame=frame,
            labels=clip.labels,
            audible=clip.audible,
            visible=clip.visible,
        )
        for segment in result.segments
        for image, frame in zip(
            segment.images, given.get(segment.start) or repeat(None), strict=False
        )
    ]
    rejected = tuple(Rejected(clip.file, why, start) for start, why in result.rejected)
    return Part(pairs, rejected, {**about, **result.facts})
