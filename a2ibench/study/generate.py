"""From a finished run and any sound to pictures."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.audio import read_sound
from a2ibench.data.features import Standardiser
from a2ibench.data.types import FloatArray, ImageArray, Spec
from a2ibench.errors import UserError
from a2ibench.study.arm import pick_arm
from a2ibench.study.finished import read_study, what_to_give
from a2ibench.study.outcome import PLUGINS, damage, read_failure, read_result

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model


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
    if arm is None and not study["models"]:
        raise UserError(f"{path}: no model was trained in this study")
    arm = pick_arm(arm or study["models"][0], jobs, str(path))
    if not 0 <= seed < len(jobs[arm]):
        raise UserError(f"{path}: {arm} has seeds 0 to {len(jobs[arm]) - 1}, not {seed}")
    folder = path / "jobs" / jobs[arm][seed]
    if read_result(folder) is None:
        why = "" if (reason := read_failure(folder)) is None else f" ({reason})"
        raise UserError(f"{path}: {arm}, seed {seed}, has no result{why}; run the study again")
    return folder


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
    for arm in read_study(path).get("arms", {}):
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
    """

    result: Mapping[str, Any]
    encoder: Encoder
    standardiser: Standardiser
    model: "Model"
    notes: tuple[str, ...]

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
    notes = []
    if "fingerprint" in result["encoder"] and encoder.identity() != job["encoder"]:
        notes.append(f"the code of encoder {encoder.name} has changed since this run was trained")
    if registry.source_hash(method) != job.get("source"):
        notes.append(f"the file of {method.name} has changed since this run was trained")
    return Run(result, encoder, standardiser, model, tuple(notes))


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


def listen(sound: Path, encoder: Encoder) -> tuple[FloatArray, int, list[str]]:
    """A sound's mono samples, their rate, and what the user should know of them.

    Raises:
        UserError: the sound cannot be used.
    """
    waveform, rate = read_sound(sound)
    notes = []
    if len(waveform) / rate < encoder.min_samples / encoder.sample_rate:
        notes.append(
            f"{sound.name} lasts {len(waveform) / rate:.2f} s, less than {encoder.name} needs"
            f" ({encoder.min_samples / encoder.sample_rate:.2f} s): tiled"
        )
    if not np.any(waveform):
        notes.append(f"{sound.name} is silent")
    return waveform, rate, notes


def generate(folder: Path, sound: Path, count: int, seed: int) -> tuple[ImageArray, list[str]]:
    """Draws several pictures for one sound with the model of a finished job.

    Raises:
        UserError: see :func:`open_run` and :func:`listen`.

    See :func:`draw_for` for the rest.
    """
    return draw_for(open_run(folder), sound, count, seed)


def draw_for(run: Run, sound: Path, count: int, seed: int) -> tuple[ImageArray, list[str]]:
    """Draws several pictures for one sound.

    Args:
        run: what draws.
        sound: any file that :func:`~a2ibench.data.audio.read_sound` decodes; all of it is heard.
        count: how many pictures; they differ in the noise alone.
        seed: of the noise.

    Returns:
        uint8 ``[count, S, S, 3]``, and what the user should know (a tiled sound, a model without
        noise).

    Raises:
        UserError: see :func:`listen`.
    """
    waveform, rate, notes = listen(sound, run.encoder)
    notes += run.notes
    images = run.draw(waveform, rate, count, seed)
    if count > 1 and (images == images[0]).all():
        notes.append(f"{run.model.name} uses no noise in this arm: all pictures are the same")
    return images, notes


def save_pictures(images: ImageArray, folder: Path, zoom: int = 4) -> Path:
    """Writes ``00.png``, ``01.png``, … and all of them side by side, enlarged, as ``all.png``.

    Returns:
        The path of ``all.png``.
    """
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("[0-9][0-9]*.png"), folder / "all.png"):
        old.unlink(missing_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    strip = Image.fromarray(np.concatenate(list(images), axis=1))
    path = folder / "all.png"
    strip.resize((strip.width * zoom, strip.height * zoom), Image.Resampling.NEAREST).save(path)
    return path
