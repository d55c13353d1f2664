"""The sounds of a folder as judges hear them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2ibench.data.sounds import CHUNK, too_short
from a2ibench.errors import UserError, counted
from a2ibench.evaluation.hearing import embed_sounds
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.folders.embedded_pictures import Outputs, join_parts, take_names
from a2ibench.folders.unusable_files import UnusableFiles
from a2ibench.media.isolated_decoding import read_sound_apart
from a2ibench.types import FloatArray, IntArray, Sounds


@dataclass(frozen=True)
class EmbeddedSounds:
    """Sounds as judges hear them.

    Attributes:
        names: ``n`` names, sorted; without those of files that cannot be used.
        outputs: judge → output → float32 ``[n, k]``.
        notes: what a reader of the scores must know.
    """

    names: tuple[str, ...]
    outputs: Outputs
    notes: tuple[str, ...]

    def take(self, names: Sequence[str]) -> Outputs:
        """Return the outputs for the sounds of some names, in their order."""
        return take_names(self.outputs, self.names, names)


def embed_sound_files(
    files: Mapping[str, Path],
    judges: Mapping[str, LoadedJudge],
    where: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EmbeddedSounds:
    """Decode sound files and embed them, a few at a time; what was embedded before is not again.

    ``judges`` are those that embed sounds; for the rest see
    :func:`~a2ibench.folders.embedded_pictures.embed_pictures`.
    """
    items = sorted(files.items())
    unusable = UnusableFiles(where, len(items))
    names: list[str] = []
    short: Counter[str] = Counter()
    parts: dict[str, list[Mapping[str, FloatArray]]] = {judge: [] for judge in judges}
    for start in range(0, len(items), CHUNK):
        seen = min(start + CHUNK, len(items))
        heard: list[tuple[FloatArray, int]] = []
        for name, path in items[start : start + CHUNK]:
            try:
                heard.append(read_sound_apart(path))
            except UserError as error:
                unusable.add(f"{name}{path.suffix}", str(error).removeprefix(f"{path}: "))
            else:
                names.append(name)
        unusable.check(seen)
        by_rate = _by_rate(heard)
        for judge, loaded in judges.items() if heard else ():
            rate, fewest = loaded.judge.sample_rate, loaded.judge.min_samples
            short[judge] += sum(too_short(sounds, rate, fewest) for _, sounds in by_rate)
            parts[judge].append(_embed(loaded, by_rate, len(heard)))
        progress(seen, len(items))
    tiled = [
        f"{where}: {counted(count, 'sound')} shorter than judge {judge} needs, repeated for it"
        for judge, count in short.items()
        if count
    ]
    return EmbeddedSounds(tuple(names), join_parts(parts), (*unusable.notes(), *tiled))


def _by_rate(heard: Sequence[tuple[FloatArray, int]]) -> list[tuple[IntArray, Sounds]]:
    """Return the sounds of each sample rate, with their positions, int64 ``[m]``."""
    rates = np.array([rate for _, rate in heard], dtype=np.int64)
    found = []
    for rate in np.unique(rates):
        rows = np.flatnonzero(rates == rate)
        own = [heard[row][0] for row in rows.tolist()]
        length = np.array([len(one) for one in own], dtype=np.int64)
        digest = hashlib.sha256(length.tobytes())
        for one in own:
            digest.update(one.tobytes())
        sounds = Sounds(
            origin=digest.hexdigest(),
            sample_rate=int(rate),
            row=rows,
            start=np.cumsum(length) - length,
            length=length,
            read=lambda row: heard[row][0],
        )
        found.append((rows, sounds))
    return found


def _embed(
    loaded: LoadedJudge, by_rate: Sequence[tuple[IntArray, Sounds]], n: int
) -> dict[str, FloatArray]:
    outputs: dict[str, FloatArray] = {}
    for rows, sounds in by_rate:
        for name, output in embed_sounds(loaded, sounds).items():
            whole = outputs.setdefault(name, np.empty((n, output.shape[1]), np.float32))
            whole[rows] = output
    return outputs
