"""Pictures for any sound, drawn by a finished run."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench import registry
from a2ibench.code_hash import code_changes, has_earlier_rule, source_hash
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import Standardiser
from a2ibench.errors import UserError
from a2ibench.media.isolated_decoding import read_sound_apart
from a2ibench.results.job_state import CHECKPOINT, PLUGINS, JobState
from a2ibench.results.recorded_files import safe_name
from a2ibench.results.records import Result
from a2ibench.results.result_file import RESULT
from a2ibench.storage import content_key
from a2ibench.types import FloatArray, ImageArray, Spec

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

LONG = 2.0
"""A sound gets a note beyond this many times the length of the training's segments."""
SHORTEST = 0.01
"""Seconds of the shortest window: pictures are named by hundredths of a second."""
MAX_WINDOWS = 1000
STANDARDISER = "standardiser.safetensors"
"""In a job's folder: the statistics that standardise features for its model."""


@dataclass(frozen=True)
class Run:
    """A finished run that is ready to draw.

    Attributes:
        standardiser: standardises features with the statistics of its training pairs.
        model: the trained model, on its device.
        notes: what the user should know.
        segment_seconds: length of the sounds it was trained with; None if unknown.
    """

    result: Result
    encoder: Encoder
    standardiser: Standardiser
    model: "Model"
    notes: tuple[str, ...]
    segment_seconds: float | None = None

    def encode(self, waveform: FloatArray, rate: int) -> FloatArray:
        """Return the standardised feature of a waveform: float32 ``[d]``."""
        return self.standardiser(self.encoder(waveform, rate))

    def draw(self, waveform: FloatArray, rate: int, count: int, seed: int) -> ImageArray:
        """Draw pictures that differ in the noise alone: uint8 ``[count, S, S, 3]``."""
        from a2ibench.training.draw import draw, draw_noise

        acoustic = self.encode(waveform, rate)[np.newaxis]
        noise = draw_noise(count, self.model.noise_dim, seed)
        return draw(self.model, np.repeat(acoustic, count, axis=0), noise)


def open_run(folder: Path, loaded: dict[str, Encoder] | None = None) -> Run:
    """Load the encoder and the model of a finished job.

    Args:
        folder: of the job.
        loaded: encoders by their names and options, for runs that share them; it is added to.

    Raises:
        UserError: the job trained no model, its plug-in is missing, or its files do not fit each
            other.
    """
    from a2ibench.training.checkpoint import load_for_drawing
    from a2ibench.training.device import place

    result = JobState(folder).result
    if result is None or result.job.kind != "model":
        raise UserError(
            f"{folder}: holds no trained model, as a reference row does not;"
            " choose an arm of the study"
        )
    if (stored := result.spec) is None:
        raise UserError(f"{folder / RESULT}: damaged ('spec'); train again")
    sizes = Spec(stored.image_size, stored.acoustic_dim, tuple(stored.classes))
    trained = result.job
    loaded = {} if loaded is None else loaded
    asked = content_key([result.encoder.name, result.encoder.config])
    if asked not in loaded:
        loaded[asked] = registry.encoders.build(result.encoder.name, result.encoder.config)
    encoder = loaded[asked]
    if encoder.fingerprint() != (result.encoder.fingerprint or trained.encoder):
        raise UserError(f"{folder}: was trained with another version of encoder {encoder.name}")
    standardiser = Standardiser.load(folder / STANDARDISER)
    _check_fits(standardiser, sizes, folder)
    method = registry.models.get(trained.method)
    model = registry.models.build(trained.method, trained.config, sizes)
    load_for_drawing(model, model.generator, folder / CHECKPOINT)
    model = place(model)
    notes, sources = [], result.sources
    if source_hash(method) != trained.source and (changed := code_changes(method, sources)):
        notes.append(
            f"since this run was trained, the code of {trained.method} has changed: {changed}"
        )
    if result.encoder.fingerprint is not None and encoder.identity() != trained.encoder:
        notes.append(
            f"this run was trained with an earlier version of a2ibench: whether the code of encoder"
            f" {encoder.name} has changed since is not known"
            if has_earlier_rule(sources)
            else f"since this run was trained, the code of encoder {encoder.name} has changed"
        )
    return Run(result, encoder, standardiser, model, tuple(notes), result.segment_seconds)


def _check_fits(standardiser: Standardiser, sizes: Spec, folder: Path) -> None:
    mean, std, d = standardiser.mean, standardiser.std, sizes.acoustic_dim
    if not (mean.shape == std.shape == (d,) and np.isfinite(mean).all() and (std > 0).all()):
        raise UserError(
            f"{folder / STANDARDISER}: expected a mean and a deviation above 0 for"
            f" each of {d} dimensions; train again"
        )


def copy_run(folder: Path, to: Path) -> None:
    """Copy what :func:`open_run` reads of a job, and the plug-in files that it was trained with.

    Raises:
        UserError: a file is missing, or the checkpoint is damaged or of another format.
    """
    from a2ibench.training.checkpoint import save_for_drawing

    for name in (RESULT, STANDARDISER, CHECKPOINT):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: no such file")
    for name in (RESULT, STANDARDISER):
        shutil.copy(folder / name, to / name)
    save_for_drawing(folder / CHECKPOINT, to / CHECKPOINT)
    for path in sorted((folder / PLUGINS).glob("*.py")):
        if path.is_file() and not path.is_symlink():  # a link may lead to what is nobody's business
            (to / PLUGINS).mkdir(exist_ok=True)
            shutil.copy(path, to / PLUGINS / path.name)


@dataclass(frozen=True)
class Row:
    """Pictures of one sound, or of one window of it; they differ in the noise alone.

    Attributes:
        start: beginning of the window, in seconds; None for the whole sound.
        images: uint8 ``[count, S, S, 3]``.
    """

    start: float | None
    images: ImageArray


def silence(name: str, waveform: FloatArray) -> list[str]:
    """Return a note on a sound that is silent; it is drawn like any other."""
    return [] if np.any(waveform) else [f"{name} is silent: all of its samples are 0"]


def read_for(run: Run, sound: Path) -> tuple[FloatArray, int, list[str]]:
    """Return a sound's mono samples, their rate, and notes for the user.

    Raises:
        UserError: the sound cannot be used.
    """
    waveform, rate = read_sound_apart(sound)
    return waveform, rate, sound_notes(run, safe_name(sound.name), waveform, rate)


def sound_notes(run: Run, name: str, waveform: FloatArray, rate: int) -> list[str]:
    """Return notes on a sound that is silent, or too short for the encoder of a run."""
    notes = silence(name, waveform)
    seconds, needed = len(waveform) / rate, _needed(run)
    if seconds < needed:
        notes.append(
            f"{name} lasts {seconds:.2f} s, less than {run.encoder.name} needs ({needed:.2f} s):"
            " tiled"
        )
    return notes


def part_notes(
    run: Run, name: str, whole: FloatArray, rate: int, parts: Sequence[FloatArray], called: str
) -> list[str]:
    """Return the same notes on what a sound was made into, with a number instead of a line each.

    What :func:`sound_notes` says of the whole sound is not said again.

    Args:
        parts: windows of the sound, or changes of it.
        called: their name in the plural, such as "windows".
    """
    needed = _needed(run)
    kinds: dict[str, Callable[[FloatArray], bool]] = {
        "are silent: all of their samples are 0": lambda one: not np.any(one),
        f"last less than {run.encoder.name} needs ({needed:.2f} s): tiled": lambda one: (
            len(one) / rate < needed
        ),
    }
    return [
        f"{name}: {sum(map(has, parts))} of {len(parts)} {called} {said}"
        for said, has in kinds.items()
        if any(map(has, parts)) and not has(whole)
    ]


def _needed(run: Run) -> float:
    """Return the seconds of the shortest sound that the encoder of a run does not tile."""
    return run.encoder.min_samples / run.encoder.sample_rate


def too_long(name: str, seconds: float, trained: float | None) -> list[str]:
    """Return a note on a sound much longer than those that a model was trained with."""
    if trained is None or seconds <= LONG * trained:
        return []
    return [
        f"{name} lasts {seconds:.1f} s, and the model was trained on segments of {trained:g} s:"
        " each picture stands for the whole sound"
    ]


def cut(waveform: FloatArray, rate: int, every: float) -> tuple[list[float], list[FloatArray]]:
    """Cut a sound into successive windows of ``every`` seconds.

    Returns:
        The second at which each begins, and its samples. A last window of less than half the length
        is left out, unless it is the only one.

    Raises:
        UserError: a length below :data:`SHORTEST`, or more windows than :data:`MAX_WINDOWS`.
    """
    if not (np.isfinite(every) and every >= SHORTEST):
        raise UserError(f"--every {every:g}: expected at least {SHORTEST:g} seconds")
    step = every * rate
    count = max(1, math.floor(len(waveform) / step + 0.5))  # round() makes 2 of 2.5, and 4 of 3.5
    if count > MAX_WINDOWS:
        raise UserError(
            f"--every {every:g}: {count} windows in {len(waveform) / rate:.1f} s; expected at most"
            f" {MAX_WINDOWS}"
        )
    edges = [round(i * step) for i in range(count + 1)]
    windows = [waveform[start:end] for start, end in pairwise(edges)]
    return [i * every for i in range(count)], windows


def draw_rows(
    run: Run, sound: Path, count: int, seed: int, every: float | None = None
) -> tuple[list[Row], list[str]]:
    """Draw pictures for one sound, or for every window of it.

    Args:
        run: the run.
        sound: any file that :func:`~a2ibench.media.sound_file.read_sound` decodes.
        count: pictures per row; the noise of a column is the same in all rows.
        seed: seed of the noise.
        every: seconds of a window; None for one row, drawn for the whole sound.

    Returns:
        The rows, and notes for the user (a tiled sound, a model without noise).

    Raises:
        UserError: the sound cannot be used; see also :func:`cut`.
    """
    waveform, rate, notes = read_for(run, sound)
    name, seconds = safe_name(sound.name), len(waveform) / rate
    if every is None:
        if long := too_long(name, seconds, run.segment_seconds):
            notes.append(f"{long[0]}; --every {run.segment_seconds:g} draws a row per segment")
        rows = [Row(None, run.draw(waveform, rate, count, seed))]
    else:
        starts, windows = cut(waveform, rate, every)
        if (left := seconds - len(windows) * every) > 0.01:
            notes.append(f"{name}: its last {left:.2f} s are no whole window: left out")
        notes += part_notes(run, name, waveform, rate, windows, "windows")
        rows = [
            Row(start, run.draw(window, rate, count, seed))
            for start, window in zip(starts, windows, strict=True)
        ]
    notes += run.notes
    if count > 1 and all((row.images == row.images[0]).all() for row in rows):
        notes.append(f"{run.model.name} uses no noise in this arm: all pictures are the same")
    return rows, notes
