"""A file that keeps what judges make of real pictures, so that the pictures need not be there."""

import hashlib
import json
from pathlib import Path

import numpy as np

from a2ibench import __version__
from a2ibench.errors import UserError
from a2ibench.folders.embedded_pictures import EmbeddedPictures, Outputs
from a2ibench.protocol import PROTOCOL
from a2ibench.storage import atomic_write
from a2ibench.types import FloatArray

FORMAT = 1
ABOUT = "a2ibench_reference"
"""The entry of the file's metadata."""


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
