"""The page of a forced-choice study: one file, no network, nothing that says what is compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from a2ibench.reporting.html import write_html
from a2ibench.reporting.media import picture_uri, sound_uri
from a2ibench.types import FloatArray, ImageArray

APART = 5
"""Trials between a trial and its repeat, at least, where there are so many."""


@dataclass(frozen=True)
class Question:
    """What one trial shows.

    Attributes:
        id: opaque.
        sound: which of the sounds.
        left: uint8 ``[S, S, 3]``.
        right: the same.
        after: the id of the trial that this one repeats, and comes after.
    """

    id: str
    sound: str
    left: ImageArray
    right: ImageArray
    after: str | None


def write_human_page(
    study: str,
    title: str,
    question: str,
    questions: Sequence[Question],
    sounds: Mapping[str, tuple[FloatArray, int]],
    path: Path,
) -> None:
    """Writes one HTML file that works from a disk.

    Each participant gets an order of their own, which follows from their code. Texts are escaped
    wherever they stand.

    Args:
        study: identifies the trials; answers carry it.
        title: of the page.
        question: what is asked.
        questions: the trials.
        sounds: name → float32 ``[T]`` and its rate; at most ten seconds are played.
        path: the file.
    """
    data = {
        "study": study,
        "apart": APART,
        "sounds": {name: sound_uri(*sound) for name, sound in sounds.items()},
        "trials": [
            {
                "id": one.id,
                "sound": one.sound,
                "left": picture_uri(one.left),
                "right": picture_uri(one.right),
                "after": one.after,
            }
            for one in questions
        ],
    }
    write_html(
        "human_study.html.j2",
        path,
        title=title,
        question=question,
        trials=len(questions),
        data=data,
    )
