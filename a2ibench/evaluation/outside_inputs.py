"""Input of an outside system: the list of test segments, and their sounds."""

import csv
from pathlib import Path

import numpy as np

from a2ibench.data.held_list import held_by
from a2ibench.data.store import FULL_SCALE, PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.spreadsheet import guard
from a2ibench.storage import atomic_write
from a2ibench.types import IntArray

COLUMNS = ("row", "source", "start", "label", "file", "grid")


def write_list(store: PairStore, grid_rows: IntArray, path: Path) -> int:
    """Write one line per test segment, with its expected images; return the number of segments.

    ``file`` is the scored image; ``grid`` names those that the metrics of diversity and sensitivity
    use as well. It is empty but for ``grid_rows``, int64 ``[A]``, positions among the test segments
    that are to be drawn several times. ``start`` is in seconds from where the clip begins
    (:func:`~a2ibench.data.held_list.held_by`). Names that a spreadsheet would run or rewrite are
    guarded (:mod:`a2ibench.spreadsheet`).
    """
    rows, held = store.rows("test"), held_by(store)
    several = set(rows[grid_rows].tolist())
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row, source, start, label in zip(
            rows.tolist(), held.source, held.start, held.label, strict=True
        ):
            draws = range(1, GRID_NOISES + 1) if row in several else ()
            writer.writerow(
                {
                    "row": row,
                    "source": guard(source),
                    "start": f"{start / 1000:.12g}",
                    "label": guard(label),
                    "file": f"{row}.png",
                    "grid": " ".join(f"{row}_{k}.png" for k in draws),
                }
            )
    return len(rows)


def write_sounds(store: PairStore, folder: Path) -> int:
    """Write the sound of each test segment as ``<row>.wav``, 16-bit mono; return their number.

    A folder that holds something else already is refused.
    """
    import soundfile

    rows = store.rows("test").tolist()
    names = {f"{row}.wav" for row in rows}
    if folder.exists() and (other := sorted({p.name for p in folder.iterdir()} - names)):
        raise UserError(f"{folder}: holds other files ({other[0]}); name a new folder")
    for row in rows:
        samples = np.rint(store.waveform(row) * FULL_SCALE).astype(np.int16)
        with atomic_write(folder / f"{row}.wav") as temporary:
            soundfile.write(temporary, samples, store.sample_rate, format="WAV", subtype="PCM_16")
    return len(rows)
