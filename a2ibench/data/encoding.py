"""Encode the sounds of a store, piece by piece: in this process, in others, or elsewhere.

Each piece is encoded on one thread, so that the features are the same to the last bit.
"""

import functools
import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.npy_files import write_header
from a2ibench.data.sounds import chunks, distinct, stored_sounds, waveforms
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.one_thread import one_thread
from a2ibench.parallel import Crashed, current_pool
from a2ibench.types import FloatArray, IntArray

FEWEST = 8
"""Pieces below which nothing is gained by sending them to other machines."""
MANY = 64
"""Pieces from which processes of this machine are worth their start."""
PROCESS = 2 * 2**30
"""Bytes of a process with a network, by a cautious estimate."""


def encode_sounds(
    store: PairStore, encoder: Encoder, path: Path, progress: Callable[[int, int], None]
) -> None:
    """Write the features of all sounds of a store, float32 ``[len(store), d]``, as a ``.npy`` file.

    A sound that several pairs share is encoded once. Workers on other machines read the store
    themselves, and make the encoder by its name. No more than a piece is in memory.

    Raises:
        UserError: a machine sees another store, makes another encoder, or lacks memory.
        ValueError: the encoder returns another shape, or NaN or infinite numbers.
    """
    first, sound = distinct(stored_sounds(store, np.arange(len(store))))
    by_sound = np.argsort(sound, kind="stable")
    begin = np.searchsorted(sound[by_sound], np.arange(len(first) + 1))
    pieces = chunks(stored_sounds(store, first))
    done = 0
    with path.open("wb") as stream:
        write_header(stream, (len(store), encoder.dim), np.dtype(np.float32))
        start, row_bytes = stream.tell(), 4 * encoder.dim
        answers = _encoded(store, encoder, [first[piece] for piece in pieces])
        for piece, encoded in zip(pieces, answers, strict=True):
            _check(encoded, encoder, first[piece])
            for one, feature in zip(piece, encoded.astype(np.float32), strict=True):
                for row in by_sound[begin[one] : begin[one + 1]]:
                    stream.seek(start + int(row) * row_bytes)
                    stream.write(feature.tobytes())
            done += len(piece)
            progress(done, len(first))


def _check(encoded: FloatArray, encoder: Encoder, rows: IntArray) -> None:
    if encoded.shape != (len(rows), encoder.dim):
        raise ValueError(
            f"encoder {encoder.name}: expected features {(len(rows), encoder.dim)},"
            f" got {encoded.shape}"
        )
    if not np.isfinite(encoded).all():
        raise ValueError(f"encoder {encoder.name}: NaN or infinite features of rows {rows}")


def _encoded(
    store: PairStore, encoder: Encoder, pieces: Sequence[IntArray]
) -> Iterator[FloatArray]:
    """Yield the features of the sounds of some rows each."""
    pool, name = current_pool().sized(PROCESS), encoder.name
    known = name in registry.encoders and registry.encoders.get(name) is type(encoder)
    if not known or len(pieces) < (FEWEST if pool.elsewhere else MANY) or pool.single:
        yield from (_encode(store, encoder, rows) for rows in pieces)
        return
    pool.check_sees([store.root / "store.json", store.root / "audio.npy"])
    options = json.dumps(config.to_dict(encoder.config))
    identity, files = encoder.identity(), registry.plugin_files(type(encoder))
    recipe = (store.root, store.stored_hash, name, options, identity, files)
    for answer in pool.in_order(_encode_there, ((recipe, rows) for rows in pieces)):
        if isinstance(answer, Crashed):
            raise UserError(f"encoder {name}: a worker {answer}; encode on this machine instead")
        yield answer


def _encode(store: PairStore, encoder: Encoder, rows: IntArray) -> FloatArray:
    """Encode sounds of one length, at most as many as are held in memory at once."""
    ((_, heard),) = waveforms(stored_sounds(store, rows), encoder.sample_rate, encoder.min_samples)
    with one_thread():
        return encoder.encode(heard)


def _encode_there(recipe: tuple[Any, ...], rows: IntArray) -> FloatArray:
    """Encode on a worker."""
    return _encode(*_open(*recipe), rows)


@functools.lru_cache(maxsize=1)
def _open(
    root: Path, stored_hash: str, name: str, options: str, identity: str, plugins: tuple[Path, ...]
) -> tuple[PairStore, Encoder]:
    for path in plugins:
        registry.load_plugin_file(path)
    store = PairStore(root)
    given: Mapping[str, Any] = json.loads(options)
    encoder = registry.encoders.build(name, given)
    for what, here, there in (
        (f"the pairs of {root}", store.stored_hash, stored_hash),
        (f"encoder {name}", encoder.identity(), identity),
    ):
        if here != there:
            raise UserError(
                f"{what} on {socket.gethostname()}: not the same as where the command was given;"
                " every node must see the same folders, the cache (A2IBENCH_CACHE) among them"
            )
    return store, encoder
