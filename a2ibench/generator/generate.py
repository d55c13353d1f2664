"""From a finished run and any sound to pictures."""

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2ibench import registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import Standardiser
from a2ibench.errors import UserError
from a2ibench.media.decoding import read_sound_apart
from a2ibench.results.job_state import CHECKPOINT, PLUGINS, JobState
from a2ibench.results.recorded_files import safe_name
from a2ibench.results.records import Result
from a2ibench.results.result_file import RESULT
from a2ibench.source import code_changes, has_earlier_rule, source_hash
from a2ibench.types import FloatArray, ImageArray, Spec

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

LONG = 2.0
"""Times the length of the training's segments: a sound that is longer is said to be."""
MOST_WINDOWS = 1000
STANDARDISER = "standardiser.safetensors"
"""In a job's folder: what standardises the features that its model takes."""


@dataclass(frozen=True)
class Run:
    """A finished run that is ready to draw.

    Attributes:
        result: its ``result.json``.
        encoder: what it hears with.
        standardiser: of the features, with the statistics of its training pairs.
        model: trained, on its device.
        notes: what the user should know.
        segment_seconds: of its training's sounds; None where its result does not say.
    """

    result: Result
    encoder: Encoder
    standardiser: Standardiser
    model: "Model"
    notes: tuple[str, ...]
    segment_seconds: float | None = None

    def hear(self, waveform: FloatArray, rate: int) -> FloatArray:
        """The standardised feature of a waveform, float32 ``[d]``."""
        return self.standardiser(self.encoder(waveform, rate))

    def draw(self, waveform: FloatArray, rate: int, count: int, seed: int) -> ImageArray:
        """Pictures for a waveform that differ in the noise alone: uint8 ``[count, S, S, 3]``."""
        from a2ibench.training.draw import draw, draw_noise

        acoustic = self.hear(waveform, rate)[np.newaxis]
        noise = draw_noise(count, self.model.noise_dim, seed)
        return draw(self.model, np.repeat(acoustic, count, axis=0), noise)


def open_run(folder: Path) -> Run:
    """Load what a finished job draws with.

    Raises:
        UserError: the job trained no model, its plug-in is missing, or its files are none that go
            together.
    """
    from a2ibench.training.checkpoint import load_for_drawing
    from a2ibench.training.device import place

    result = JobState(folder).result
    if result is None or result.job.kind != "model":
        raise UserError(
            f"{folder}: holds no trained model, as a reference row does not;"
            " choose an arm of the study"
        )
    sizes = spec(result, folder)
    heard, trained = result.encoder.name, result.job
    encoder = registry.encoders.build(heard, result.encoder.config)
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
        earlier = has_earlier_rule(sources)
        notes.append(
            f"this run was trained with an earlier version of a2ibench: whether the code of encoder"
            f" {heard} has changed since is not known"
            if earlier
            else f"since this run was trained, the code of encoder {heard} has changed"
        )
    return Run(result, encoder, standardiser, model, tuple(notes), result.segment_seconds)


def _check_fits(standardiser: Standardiser, sizes: Spec, folder: Path) -> None:
    mean, std = standardiser.mean, standardiser.std
    expected = (sizes.acoustic_dim,)
    if not (mean.shape == std.shape == expected and np.isfinite(mean).all() and (std > 0).all()):
        raise UserError(
            f"{folder / STANDARDISER}: expected a mean and a deviation above 0 for"
            f" each of {expected[0]} dimensions; train again"
        )


def copy_run(folder: Path, to: Path) -> None:
    """Copies what :func:`open_run` reads of a job, and the plug-in files that it was trained with.

    Args:
        folder: of a finished job of a model.
        to: an empty folder.

    Raises:
        UserError: the checkpoint is damaged or of another format.
    """
    from a2ibench.training.checkpoint import save_for_drawing

    for name in (RESULT, STANDARDISER):
        shutil.copy(folder / name, to / name)
    save_for_drawing(folder / CHECKPOINT, to / CHECKPOINT)
    for path in sorted((folder / PLUGINS).glob("*.py")):
        if path.is_file() and not path.is_symlink():  # a link may lead to what is nobody's business
            (to / PLUGINS).mkdir(exist_ok=True)
            shutil.copy(path, to / PLUGINS / path.name)


def spec(result: Result, folder: Path) -> Spec:
    """Return the sizes that a run's networks were built for.

    Raises:
        UserError: the result in that folder does not say.
    """
    sizes = result.spec
    if sizes is None:
        raise UserError(f"{folder / RESULT}: damaged ('spec'); train again")
    return Spec(sizes.image_size, sizes.acoustic_dim, tuple(sizes.classes))


@dataclass(frozen=True)
class Row:
    """Pictures of one sound, or of one window of it; they differ in the noise alone.

    Attributes:
        start: of the window in the sound, in seconds; None for the whole sound.
        images: uint8 ``[count, S, S, 3]``.
    """

    start: float | None
    images: ImageArray


def silence(name: str, waveform: FloatArray) -> list[str]:
    """A note on a sound without any, which is drawn like every other."""
    return [] if np.any(waveform) else [f"{name} is silent: all of its samples are 0"]


def listen(sound: Path, run: Run) -> tuple[FloatArray, int, list[str]]:
    """A sound's mono samples, their rate, and what the user should know of them.

    Raises:
        UserError: the sound cannot be used.
    """
    waveform, rate = read_sound_apart(sound)
    name, encoder, seconds = safe_name(sound.name), run.encoder, len(waveform) / rate
    notes = silence(name, waveform)
    if seconds < encoder.min_samples / encoder.sample_rate:
        notes.append(
            f"{name} lasts {seconds:.2f} s, less than {encoder.name} needs"
            f" ({encoder.min_samples / encoder.sample_rate:.2f} s): tiled"
        )
    return waveform, rate, notes


def too_long(name: str, seconds: float, trained: float | None) -> list[str]:
    """A note on a sound that lasts much longer than those that a model was trained with."""
    if trained is None or seconds <= LONG * trained:
        return []
    return [
        f"{name} lasts {seconds:.1f} s, and the model was trained on segments of {trained:g} s:"
        " each picture stands for the whole sound"
    ]


def cut(waveform: FloatArray, rate: int, every: float) -> tuple[list[float], list[FloatArray]]:
    """Cuts a sound into windows that follow each other.

    Args:
        waveform: float32 ``[T]``.
        rate: its samples per second.
        every: seconds from the beginning of one window to the next.

    Returns:
        Where each begins, in seconds, and its samples. A last one of less than half the length is
        left out, unless it is the only one.

    Raises:
        UserError: a length without samples, or more than :data:`MOST_WINDOWS`.
    """
    if not (np.isfinite(every) and every * rate >= 1):
        raise UserError(f"--every {every:g}: expected a number of seconds above 0")
    step = every * rate
    count = max(1, round(len(waveform) / step))
    if count > MOST_WINDOWS:
        raise UserError(
            f"--every {every:g}: {count} windows in {len(waveform) / rate:.1f} s; expected at most"
            f" {MOST_WINDOWS}"
        )
    edges = [round(i * step) for i in range(count + 1)]
    windows = [waveform[start:end] for start, end in pairwise(edges)]
    return [i * every for i in range(count)], windows


def draw_for(run: Run, sound: Path, count: int, seed: int) -> tuple[ImageArray, list[str]]:
    """Draws several pictures for one sound.

    Args:
        run: what draws.
        sound: any file that :func:`~a2ibench.media.audio.read_sound` decodes; all of it is heard.
        count: how many pictures; they differ in the noise alone.
        seed: of the noise.

    Returns:
        uint8 ``[count, S, S, 3]``, and what the user should know (a tiled sound, a model without
        noise).

    Raises:
        UserError: see :func:`listen`.
    """
    (row,), notes = draw_rows(run, sound, count, seed)
    return row.images, notes


def draw_rows(
    run: Run, sound: Path, count: int, seed: int, every: float | None = None
) -> tuple[list[Row], list[str]]:
    """Draws pictures for one sound, or for every window of it.

    Args:
        run: what draws.
        sound: any file that :func:`~a2ibench.media.audio.read_sound` decodes.
        count: pictures per row; the noise of a column is the same in all rows.
        seed: of the noise.
        every: seconds of a window; None for one row, in which all of the sound is heard.

    Returns:
        The rows, and what the user should know.

    Raises:
        UserError: see :func:`listen` and :func:`cut`.
    """
    waveform, rate, notes = listen(sound, run)
    name, seconds = safe_name(sound.name), len(waveform) / rate
    if every is None:
        if long := too_long(name, seconds, run.segment_seconds):
            notes.append(f"{long[0]}; --every {run.segment_seconds:g} draws a row per segment")
        rows = [Row(None, run.draw(waveform, rate, count, seed))]
    else:
        starts, windows = cut(waveform, rate, every)
        if (left := seconds - len(windows) * every) > 0.01:
            notes.append(f"{name}: its last {left:.2f} s are no whole window: left out")
        rows = [
            Row(start, run.draw(window, rate, count, seed))
            for start, window in zip(starts, windows, strict=True)
        ]
    notes += run.notes
    if count > 1 and all((row.images == row.images[0]).all() for row in rows):
        notes.append(f"{run.model.name} uses no noise in this arm: all pictures are the same")
    return rows, notes
