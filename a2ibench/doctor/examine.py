"""All lines of a diagnosis, in order."""

from collections.abc import Iterator
from pathlib import Path

from a2ibench.doctor import libraries, machine, media, plugins
from a2ibench.doctor.line import Line


def examine(studies: Path, dataset: str, encoder: str) -> Iterator[Line]:
    """Looks at everything; nothing is downloaded, and what is written is removed again.

    Args:
        studies: where studies go.
        dataset: that of a study where nothing else is said.
        encoder: likewise.
    """
    yield from libraries.look()
    yield from machine.look(studies)
    yield from media.look()
    yield from plugins.look(dataset, encoder)
