"""From a finished run and any sound to pictures."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import Standardiser
from a2ibench.errors import UserError
from a2ibench.media.decoding import read_sound_apart
from a2ibench.results.finished import read_study, what_to_give
from a2ibench.results.outcome import PLUGINS, damage, read_failure, read_result
from a2ibench.results.own_files import safe_name
from a2ibench.source import code_changes, has_earlier_rule, source_hash
from a2ibench.study.arm import pick_arm
from a2ibench.types import FloatArray, ImageArray, Spec

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

LONG = 2.0
"""Times the length of the training's segments: a sound that is longer is said to be."""
MOST_WINDOWS = 1000


def find_run(path: Path, arm: str | None, seed: int) -> Path:
    """The folder of one finished job.

    Args:
        path: a job's folder (it has a ``result.json``), or a study's (it has a ``study.json``).
        arm: of a study, which arm; None for its first model.
        seed: of a study, which seed.

    Raises:
        UserError: neither of the two, an arm of a job, no such arm or seed, or a job that is not
            finished.
    """
    if (path / "result.json").is_file():
        if arm is not None:
            raise UserError(f"{path}: is a single job; an arm ({arm}) is chosen of a study")
        if (reason := damage(path)) is not None:
            raise UserError(f"{path}: {reason}; run the study again")
        return path
    if not (path / "study.json").is_file():
        raise UserError(
            f"{path}: neither a study (study.json) nor one of its jobs (result.json);"
            f" {what_to_give(path)}"
        )
    study = read_study(path)
    jobs: dict[str, list[str]] = study["jobs"]
    arms = trained_arms(study)
    if not arms:
        raise UserError(f"{path}: no model was trained in this study")
    if arm is not None and arm.strip() in jobs and arm.strip() not in arms:
        raise UserError(
            f"{path}: {arm.strip()!r} holds no trained model: it is a row to compare with, and"
            f" draws nothing for a sound; arms that do: {', '.join(arms)}"
        )
    arm = arms[0] if arm is None else pick_arm(arm, arms, str(path))
    if not 0 <= seed < len(jobs[arm]):
        raise UserError(f"{path}: {arm} has seeds 0 to {len(jobs[arm]) - 1}, not {seed}")
    folder = path / "jobs" / jobs[arm][seed]
    if read_result(folder) is None:
        why = "" if (reason := read_failure(folder)) is None else f" ({reason})"
        raise UserError(f"{path}: {arm}, seed {seed}, has no result{why}; run the study again")
    return folder


def trained_arms(study: Mapping[str, Any]) -> list[str]:
    """The arms of a study that can draw, its first model first; reference rows are none."""
    return [label for label in study.get("arms", {}) if label in study["jobs"]]


def describe_choice(path: Path, arm: str | None, seed: int) -> str:
    """Which arm and seed :func:`find_run` finds, and what else can be chosen; of a job, its arm."""
    if not (path / "study.json").is_file() or (path / "result.json").is_file():
        result = read_result(find_run(path, arm, seed))
        return f"{result['job']['method']} ({path.resolve().name})" if result else str(path)
    study = read_study(path)
    arms = trained_arms(study)
    chosen = arms[0] if arm is None else pick_arm(arm, arms, str(path))
    seeds = len(study["jobs"][chosen])
    told = f"{chosen}, seed {seed}" + (f" of 0 to {seeds - 1}" if seeds > 1 else "")
    if arm is None and len(arms) > 1:
        told += f" (the first of {len(arms)} arms; choose with --arm: {', '.join(arms)})"
    return told


def find_models(path: Path, seed: int) -> tuple[dict[str, Path], list[str]]:
    """Every trained model of a study, or the one of a job.

    Args:
        path: a job's folder, or a study's.
        seed: of a study, which seed.

    Returns:
        Name → folder of its job, and why others of the study's are missing.

    Raises:
        UserError: neither of the two, or a study in which nothing has a result.
    """
    if not (path / "study.json").is_file():
        folder = find_run(path, None, seed)
        result = read_result(folder)
        assert result is not None
        return {f"{result['job']['method']} ({folder.resolve().name})": folder}, []
    found, missing = {}, []
    for arm in trained_arms(read_study(path)):
        try:
            found[arm] = find_run(path, arm, seed)
        except UserError as error:
            missing.append(str(error))
    if not found:
        raise UserError(missing[0] if missing else f"{path}: no model was trained in this study")
    return found, missing


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

    result: Mapping[str, Any]
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
    """Loads what a finished job draws with.

    Raises:
        UserError: the job trained no model, its plug-in is missing, or its files are none that go
            together.
    """
    import torch

    from a2ibench.training.checkpoint import load_for_drawing
    from a2ibench.training.device import choose_device

    result = read_result(folder)
    if result is None or result["job"]["kind"] != "model":
        raise UserError(
            f"{folder}: holds no trained model, as a reference row does not;"
            " choose an arm of the study"
        )
    try:
        job, sizes = result["job"], spec(result)
        heard, hears = str(result["encoder"]["name"]), dict(result["encoder"]["config"])
        name, values = str(job["method"]), dict(job["config"])
        fingerprint = result["encoder"].get("fingerprint", job["encoder"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / 'result.json'}: damaged ({error}); train again") from error
    plugin = registry.encoders.get(heard)
    encoder = plugin(config.build(plugin.Config, hears, heard))
    if encoder.fingerprint() != fingerprint:
        raise UserError(f"{folder}: was trained with another version of encoder {encoder.name}")
    standardiser = Standardiser.load(folder / "standardiser.safetensors")
    _check_fits(standardiser, sizes, folder)
    method = registry.models.get(name)
    model = method(config.build(method.Config, values, name), sizes)
    load_for_drawing(model, model.generator, folder / "checkpoint.safetensors")
    model = model.to(choose_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    notes, sources = [], result.get("sources")
    if source_hash(method) != job["source"] and (changed := code_changes(method, sources)):
        notes.append(f"since this run was trained, the code of {name} has changed: {changed}")
    if "fingerprint" in result["encoder"] and encoder.identity() != job["encoder"]:
        earlier = has_earlier_rule(sources)
        notes.append(
            f"this run was trained with an earlier version of a2ibench: whether the code of encoder"
            f" {heard} has changed since is not known"
            if earlier
            else f"since this run was trained, the code of encoder {heard} has changed"
        )
    return Run(
        result,
        encoder,
        standardiser,
        model,
        tuple(notes),
        result.get("segment_seconds"),
    )


def _check_fits(standardiser: Standardiser, sizes: Spec, folder: Path) -> None:
    mean, std = standardiser.mean, standardiser.std
    expected = (sizes.acoustic_dim,)
    if not (mean.shape == std.shape == expected and np.isfinite(mean).all() and (std > 0).all()):
        raise UserError(
            f"{folder / 'standardiser.safetensors'}: expected a mean and a deviation above 0 for"
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

    for name in ("result.json", "standardiser.safetensors"):
        shutil.copy(folder / name, to / name)
    save_for_drawing(folder / "checkpoint.safetensors", to / "checkpoint.safetensors")
    for path in sorted((folder / PLUGINS).glob("*.py")):
        if path.is_file() and not path.is_symlink():  # a link may lead to what is nobody's business
            (to / PLUGINS).mkdir(exist_ok=True)
            shutil.copy(path, to / PLUGINS / path.name)


def spec(result: Mapping[str, Any]) -> Spec:
    """The sizes that a run's networks were built for."""
    sizes = result["spec"]
    return Spec(sizes["image_size"], sizes["acoustic_dim"], tuple(sizes["classes"]))


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
