"""All lines of a diagnosis, in order."""

from collections.abc import Iterator
from pathlib import Path

from a2ibench.doctor import libraries, machine, media, plugins
from a2ibench.doctor.line import Line


def examine(studies: Path, dataset: str, encoder: str) -> Iterator[Line]:
    """Yield the lines of a diagnosis; nothing is downloaded, and written files are removed again.

    Args:
        studies: the folder of studies.
        dataset: the default dataset of a study.
        encoder: the default encoder of a study.
    """
    yield from libraries.look()
    yield from machine.look(studies)
    yield from media.look()
    yield from plugins.look(dataset, encoder)
