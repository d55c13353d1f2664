"""The pictures of a folder as judges see them, and a file that keeps that."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2ibench.errors import counted
from a2ibench.evaluation.judging import LoadedJudge, embed_images
from a2ibench.evaluation.picture_files import read_checked, some
from a2ibench.folders.unusable_files import UnusableFiles
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, IntArray, RejectedError

CHUNK = 256
"""Files that are read at once: no more are in memory, and no more work is lost by a stop."""

Outputs = Mapping[str, Mapping[str, FloatArray]]
"""Judge → output → float32 ``[n, k]``."""


@dataclass(frozen=True)
class EmbeddedPictures:
    """Pictures as judges see them.

    Attributes:
        names: ``n`` names, sorted; without those of files that cannot be used.
        outputs: of each judge.
        fingerprints: judge → fingerprint.
        digests: of the n pictures, by their pixels.
        size: S, the side that they were read at, in pixels.
        notes: what a reader of the scores must know.
    """

    names: tuple[str, ...]
    outputs: Outputs
    fingerprints: Mapping[str, str]
    digests: tuple[str, ...]
    size: int
    notes: tuple[str, ...]

    @property
    def content_hash(self) -> str:
        """A hash of the pictures and their names."""
        return content_key([self.size, list(self.names), list(self.digests)])

    def take(self, names: Sequence[str]) -> Outputs:
        """Return the outputs for the pictures of some names, in their order."""
        return take_names(self.outputs, self.names, names)


def embed_pictures(
    files: Mapping[str, Path],
    size: int,
    resize: bool,
    judges: Mapping[str, LoadedJudge],
    where: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EmbeddedPictures:
    """Read picture files and embed them, a few at a time; what was embedded before is not again.

    Files that cannot be used are left out and named in the notes, with the reason.

    Args:
        files: name → file.
        size: S, the side in pixels.
        resize: see :func:`~a2ibench.evaluation.picture_files.read_checked`.
        judges: by name; none of them trained on a dataset.
        where: what the folder is called in notes.
        progress: called with the files done so far and in total.

    Raises:
        UserError: too many of the files cannot be used.
    """
    names: list[str] = []
    digests: list[str] = []
    parts: dict[str, list[Mapping[str, FloatArray]]] = {judge: [] for judge in judges}
    flat: list[str] = []
    converted: Counter[str] = Counter()
    items = sorted(files.items())
    unusable = UnusableFiles(where, len(items))
    for start in range(0, len(items), CHUNK):
        seen = min(start + CHUNK, len(items))
        images = []
        for name, path in items[start : start + CHUNK]:
            try:
                image, done = read_checked(path, size, resize)
            except RejectedError as error:
                unusable.add(f"{name}{path.suffix}", error)
                continue
            converted.update(done)
            names.append(name)
            images.append(image)
            digests.append(hashlib.sha256(image.tobytes()).hexdigest())
            if (image == image[:1, :1]).all():
                flat.append(name)
        unusable.check(seen)
        for judge, loaded in judges.items() if images else ():
            parts[judge].append(embed_images(loaded, np.stack(images)))
        progress(seen, len(items))
    notes = list(unusable.notes())
    notes += [
        f"{where}: {counted(count, 'image')} {what}" for what, count in sorted(converted.items())
    ]
    if flat:
        notes.append(f"{where}: {counted(len(flat), 'picture')} of one colour ({some(flat)})")
    if (distinct := len(set(digests))) < len(digests):
        notes.append(f"{where}: only {distinct} of {len(digests)} pictures differ from each other")
    return EmbeddedPictures(
        names=tuple(names),
        outputs=join_parts(parts),
        fingerprints={judge: loaded.fingerprint for judge, loaded in judges.items()},
        digests=tuple(digests),
        size=size,
        notes=tuple(notes),
    )


def join_parts(parts: Mapping[str, Sequence[Mapping[str, FloatArray]]]) -> Outputs:
    """Join outputs that each judge gave a few at a time."""
    return {
        judge: {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        for judge, found in parts.items()
    }


def take_names(outputs: Outputs, known: Sequence[str], names: Sequence[str]) -> Outputs:
    """Select outputs, which are those of the ``known`` names, by name."""
    if tuple(names) == tuple(known):
        return outputs
    place = {name: i for i, name in enumerate(known)}
    return take_rows(outputs, np.array([place[name] for name in names], dtype=np.int64))


def take_rows(outputs: Outputs, rows: IntArray) -> Outputs:
    """Select outputs by position, int64 ``[m]``."""
    return {
        judge: {name: output[rows] for name, output in of_judge.items()}
        for judge, of_judge in outputs.items()
    }
