"""The pictures of a folder as judges see them, and a file that keeps that."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2ibench import __version__
from a2ibench.errors import UserError, counted
from a2ibench.evaluation.judging import LoadedJudge, embed_images
from a2ibench.evaluation.picture_files import read_checked, some
from a2ibench.protocol import PROTOCOL
from a2ibench.storage import atomic_write, content_key
from a2ibench.types import FloatArray, RejectedError

CHUNK = 256
"""Files that are read at once: no more are in memory, and no more work is lost by a stop."""
UNUSABLE = 1 / 10
"""Share of the files that may be left out; with more of them the folder is refused."""
FORMAT = 1
ABOUT = "a2ibench_reference"

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
        place = {name: i for i, name in enumerate(self.names)}
        rows = np.array([place[name] for name in names], dtype=np.int64)
        return {
            judge: {name: output[rows] for name, output in outputs.items()}
            for judge, outputs in self.outputs.items()
        }


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
        UserError: more than :data:`UNUSABLE` of the files cannot be used.
    """
    names: list[str] = []
    digests: list[str] = []
    parts: dict[str, list[Mapping[str, FloatArray]]] = {judge: [] for judge in judges}
    rejected: dict[str, list[str]] = {}
    flat: list[str] = []
    converted: Counter[str] = Counter()
    items = sorted(files.items())
    for start in range(0, len(items), CHUNK):
        images = []
        for name, path in items[start : start + CHUNK]:
            try:
                image, done = read_checked(path, size, resize)
            except RejectedError as error:
                rejected.setdefault(str(error), []).append(path.name)
                continue
            converted.update(done)
            names.append(name)
            images.append(image)
            digests.append(hashlib.sha256(image.tobytes()).hexdigest())
            if (image == image[:1, :1]).all():
                flat.append(name)
        if sum(map(len, rejected.values())) > UNUSABLE * len(items):
            raise UserError(_unusable(rejected, len(items), where))
        for judge, loaded in judges.items() if images else ():
            parts[judge].append(embed_images(loaded, np.stack(images)))
        progress(min(start + CHUNK, len(items)), len(items))
    notes = [f"{_unusable(rejected, len(items), where)}; left out"] if rejected else []
    notes += [f"{where}: {count} images {what}" for what, count in sorted(converted.items())]
    if flat:
        notes.append(f"{where}: {counted(len(flat), 'picture')} of one colour ({some(flat)})")
    if (distinct := len(set(digests))) < len(digests):
        notes.append(f"{where}: only {distinct} of {len(digests)} pictures differ from each other")
    return EmbeddedPictures(
        names=tuple(names),
        outputs={
            judge: {key: np.concatenate([part[key] for part in found]) for key in found[0]}
            for judge, found in parts.items()
        },
        fingerprints={judge: loaded.fingerprint for judge, loaded in judges.items()},
        digests=tuple(digests),
        size=size,
        notes=tuple(notes),
    )


def _unusable(rejected: Mapping[str, Sequence[str]], total: int, where: str) -> str:
    """Name the files that cannot be used, by reason → names."""
    count = sum(map(len, rejected.values()))
    reasons = [f"{reason} ({some(names)})" for reason, names in rejected.items()]
    return f"{where}: {count} of {total} files cannot be used: {some(reasons, '; ')}"


def save_reference(path: Path, pictures: EmbeddedPictures) -> None:
    """Write embedded pictures to a safetensors file, which holds no code and no picture.

    Raises:
        UserError: the file exists and is of other pictures or judges.
    """
    from safetensors.numpy import save_file

    if path.exists():
        kept = load_reference(path)
        if (kept.content_hash, kept.fingerprints) == (
            pictures.content_hash,
            pictures.fingerprints,
        ):
            return
        raise UserError(
            f"{path}: exists, and is of other pictures or judges; remove it, or give another name"
        )
    about = {
        "format": FORMAT,
        "version": __version__,
        "protocol": PROTOCOL,
        "n": len(pictures.names),
        "size": pictures.size,
        "hash": pictures.content_hash,
        "outputs": _hash_outputs(pictures.outputs),
        "judges": dict(pictures.fingerprints),
        "names": list(pictures.names),
        "digests": list(pictures.digests),
        "notes": list(pictures.notes),
    }
    tensors = {
        f"{judge}/{name}": np.ascontiguousarray(output)
        for judge, outputs in pictures.outputs.items()
        for name, output in outputs.items()
    }
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, {ABOUT: json.dumps(about)})


def load_reference(path: Path) -> EmbeddedPictures:
    """Read a file of :func:`save_reference`.

    Raises:
        UserError: there is no such file, it holds something else, or is damaged; or it is of
            another protocol.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: no such reference file; give REAL and FAKE to write it")
    outputs: dict[str, dict[str, FloatArray]] = {}
    try:
        with safe_open(path, "numpy") as kept:
            about = json.loads((kept.metadata() or {})[ABOUT])
            if (about["format"], about["protocol"]) != (FORMAT, PROTOCOL):
                raise UserError(
                    f"{path}: written by a2ibench {about['version']}, protocol"
                    f" {about['protocol']}; expected protocol {PROTOCOL}: write it again"
                )
            for key in kept.keys():  # noqa: SIM118  # not a mapping
                judge, _, name = key.partition("/")
                outputs.setdefault(judge, {})[name] = kept.get_tensor(key)
        found = EmbeddedPictures(
            names=tuple(map(str, about["names"])),
            outputs=outputs,
            fingerprints={str(k): str(v) for k, v in about["judges"].items()},
            digests=tuple(map(str, about["digests"])),
            size=int(about["size"]),
            notes=tuple(map(str, about["notes"])),
        )
        hashes = found.content_hash, _hash_outputs(outputs)
        whole = (about["hash"], about["outputs"]) == hashes
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path}: not a reference file, or damaged ({error!r})") from None
    if not whole:
        raise UserError(f"{path}: damaged: its numbers are not those of its pictures")
    return found


def _hash_outputs(outputs: Outputs) -> str:
    digest = hashlib.sha256()
    for judge, of_judge in sorted(outputs.items()):
        for name, output in sorted(of_judge.items()):
            digest.update(f"{judge}/{name} {output.dtype} {output.shape} ".encode())
            digest.update(np.ascontiguousarray(output).data)
    return digest.hexdigest()
