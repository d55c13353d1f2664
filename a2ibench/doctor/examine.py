"""The whole diagnosis, in order."""

from collections.abc import Iterator
from pathlib import Path

from a2ibench.doctor import libraries, machine, media, plugins
from a2ibench.doctor.line import Line


def examine(studies: Path, dataset: str, encoder: str) -> Iterator[Line]:
    """Yield the lines of a diagnosis for studies in a folder with this dataset and encoder.

    Nothing is downloaded, and written files are removed again.
    """
    yield from libraries.look()
    yield from machine.look(studies)
    yield from media.look()
    yield from plugins.look(dataset, encoder)
