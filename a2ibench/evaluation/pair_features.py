"""Acoustic and visual features of every pair of a store, with which labels are checked.

Neither knows a label: an encoder is frozen, and so is the judge.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from a2ibench import registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import bare_pairs, encode_to_disk
from a2ibench.data.npy_files import StoredArray, write_header
from a2ibench.data.store import PairStore, StoredImages
from a2ibench.data.verification import verify
from a2ibench.errors import UserError
from a2ibench.evaluation.judging import LoadedJudge, embed_images, load_judge
from a2ibench.storage import cache_dir
from a2ibench.types import DataKey

CHUNK = 256
"""Images per cache entry: no more than so many are lost when it is interrupted."""

Counter = Callable[[str], Callable[[int, int], None]]
"""Makes a progress function ``(done, total)`` for something with a name."""


def encode_and_embed(
    store: PairStore, encoder: Encoder, judge: str, counter: Counter
) -> tuple[StoredArray, StoredArray]:
    """Return the features of all sounds and of all images, from the cache where they are there.

    Pairs that a correction leaves out are among them. ``judge`` names one that is not trained and
    gives ``"features"``; ``counter`` shows how far both are.

    Returns:
        float32 ``[len(store), d]`` of the encoder and ``[len(store), k]`` of the judge, both on
        disk.

    Raises:
        UserError: an unknown judge, one that is trained on labels, or one without features; or the
            bytes of the store have changed.
    """
    if registry.judges.get(judge).trained:
        raise UserError(
            f"judge {judge} is trained on the labels that are to be checked; choose a frozen one"
        )
    verify(store)
    # The pictures first: a judge that cannot serve says so at once.
    loaded = load_judge(judge, bare_pairs(store, "train"), DataKey(store.content_hash))
    seen = _look(store, loaded, counter(f"looking with {judge}"))
    heard = encode_to_disk(store, encoder, counter(f"encoding with {encoder.name}"))
    return heard, seen


def _look(store: PairStore, loaded: LoadedJudge, show: Callable[[int, int], None]) -> StoredArray:
    """Embed all images into a file, which is gone as soon as nobody reads it any more."""
    with _temporary_file() as stream:
        for start in range(0, len(store), CHUNK):
            show(start, len(store))
            rows = np.arange(start, min(start + CHUNK, len(store)), dtype=np.int64)
            outputs = embed_images(loaded, StoredImages(store.images, rows))
            if (features := outputs.get("features")) is None:
                raise UserError(
                    f"judge {loaded.judge.name} gives {', '.join(outputs)} but no features;"
                    " choose another one"
                )
            if start == 0:
                write_header(stream, (len(store), features.shape[1]), features.dtype)
            stream.write(features.tobytes())
        show(len(store), len(store))
        stream.flush()
        return StoredArray(Path(stream.name))


def _temporary_file() -> "tempfile._TemporaryFileWrapper[bytes]":
    """Open a file that loses its name when it is closed, in the cache if that is writable."""
    try:
        return tempfile.NamedTemporaryFile(suffix=".npy", dir=cache_dir("looks"))
    except (OSError, UserError):  # what is cached may be read by somebody who must not write
        return tempfile.NamedTemporaryFile(suffix=".npy")
