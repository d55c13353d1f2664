"""Sweeps of systems outside: changed sounds leave, and pictures come back.

The sounds of a sweep lie in ``sounds/<sound>/<level>.wav``, level 0 being the unchanged sound. The
pictures of each are called ``<sound>/<level>.png``, or ``<sound>/<level>_<k>.png``, k = 0, 1, …,
for several noises: those of the same k ought to come from the same noise.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.errors import UserError, counted
from a2ibench.evaluation.outside_images import Files, images_by_name, read_images, refuse_all
from a2ibench.evaluation.picture_files import FORMATS
from a2ibench.generator.generate import open_run, silence
from a2ibench.generator.sound_changes import LIMITS, Change
from a2ibench.generator.sweep import Finding, Swept, correlate_all, find_classifier, measure_levels
from a2ibench.media.isolated_decoding import read_sound_apart
from a2ibench.results.recorded_files import check_free, safe_name, writing
from a2ibench.spreadsheet import guard
from a2ibench.storage import atomic_write, read_json
from a2ibench.types import FloatArray

RECORD = "exported_sounds.json"
"""The record in a folder of sounds: the change, its levels, and the names of the sounds."""
LIST = "sounds.csv"
COLUMNS = ("file", "sound", "change", "level", "picture")


@dataclass(frozen=True)
class Exported:
    """The content of a folder of exported sounds."""

    change: Change
    sounds: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """The names of its files, without the record."""
        numbers = range(len(self.change.levels) + 1)
        return [LIST, *(f"sounds/{name}/{i:02}.wav" for name in self.sounds for i in numbers)]


def check_out(sounds: Sequence[str], change: Change, folder: Path) -> None:
    """Raise the :class:`UserError` of :func:`export_sounds` before the work is done."""
    check_free(folder, RECORD, Exported(change, tuple(sounds)).files)


def export_sounds(
    sounds: Sequence[Path], change: Change, folder: Path, progress: Callable[[int, int], None]
) -> tuple[int, list[str], list[UserError]]:
    """Write every sound, unchanged and at each level, as 32-bit float WAV files, and a list.

    Nothing is clipped or resampled: the unchanged sound and that of a neutral level are equal to
    the last bit. ``sounds.csv`` has a line per file, with the name of the picture that is expected
    for it; the files of an earlier export in the folder are replaced.

    Returns:
        The number of sounds, notes for the user, and the reasons why sounds are left out.

    Raises:
        UserError: no sound can be used, or the folder cannot be written.
    """
    import soundfile

    changed: dict[str, tuple[int, list[FloatArray]]] = {}
    notes, left_out = [], []
    for i, path in enumerate(sounds):
        name = safe_name(path.stem)
        try:
            waveform, rate = read_sound_apart(path)
            levels, said = change.waveforms(name, waveform, rate)
        except UserError as error:
            left_out.append(error)
            continue
        changed[name] = rate, [waveform, *levels]
        notes += [*silence(name, waveform), *said]
        progress(i + 1, len(sounds))
    if not changed:
        raise left_out[0]
    made = Exported(change, tuple(changed))
    about = {
        "change": change.kind,
        "levels": list(change.levels),
        "seed": change.seed,
        "other": None if change.other is None else change.other.name,
        "sounds": list(changed),
    }
    with writing(folder, RECORD, made.files, about):
        for name, (rate, waveforms) in changed.items():
            for i, waveform in enumerate(waveforms):
                with atomic_write(folder / f"sounds/{name}/{i:02}.wav") as temporary:
                    soundfile.write(temporary, waveform, rate, format="WAV", subtype="FLOAT")
        _write_list(made, folder / LIST)
    return len(changed), notes, left_out


def _write_list(made: Exported, path: Path) -> None:
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name in made.sounds:
            for i, level in enumerate(("", *(f"{level:g}" for level in made.change.levels))):
                file = f"sounds/{name}/{i:02}.wav"
                picture = guard(f"{name}/{i:02}.png")
                writer.writerow([file, guard(name), made.change.kind, level, picture])


def read_exported(folder: Path) -> Exported:
    """Read what was exported.

    Raises:
        UserError: the folder holds no exported sounds, or its record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected what `sweep … --export-sounds DIR` wrote")
    try:
        about: dict[str, Any] = read_json(path)
        if about["change"] not in LIMITS:
            raise ValueError(f"unknown change {about['change']!r}")
        change = Change(about["change"], tuple(map(float, about["levels"])))
        names = tuple(map(str, about["sounds"]))
        if not names or any(name != safe_name(name) for name in names):
            raise ValueError("the names of the sounds")
    except (OSError, ValueError, KeyError, TypeError, UserError) as error:
        raise UserError(f"{path}: damaged ({error}); export the sounds again") from None
    return Exported(change, names)


def score_pictures(
    exported: Exported,
    folder: Path,
    system: str,
    judged_by: Path | None,
    progress: Callable[[int, int], None],
) -> tuple[list[Swept], list[Finding], list[str]]:
    """Measure the pictures that a system outside drew for exported sounds.

    Pictures are read at the size of the first one, or of the judging run; others are resized, and
    counted in the notes.

    Args:
        exported: what was exported.
        folder: the pictures, a folder per sound.
        system: name of the system.
        judged_by: folder of a finished job, whose study's classifier gives the class posterior.
        progress: receives the number of pictures read and in total.

    Returns:
        One record per sound, the correlations, and notes for the user.

    Raises:
        UserError: a picture that is missing, surplus or damaged, by name, also where levels of a
            sound differ in their number of pictures; a job that cannot be used.
    """
    levels = len(exported.change.levels) + 1
    found = _find(exported, folder)
    paths = [
        found[name][i][k]
        for name in exported.sounds
        for i in range(levels)
        for k in sorted(found[name][0])
    ]
    notes: list[str] = []
    classifier, classes, size = None, tuple[str, ...](), _size(paths[0])
    if judged_by is not None:
        run = open_run(judged_by)
        classifier, said = find_classifier(run)
        classes, size = run.model.spec.classes, run.model.spec.image_size
        notes += said
    images, converted = read_images(paths, folder, size, True, progress)
    notes += [f"{counted(count, 'picture')} {what}" for what, count in sorted(converted.items())]
    swept, start = [], 0
    for name in exported.sounds:
        count = len(found[name][0])
        own = images[start : start + levels * count].reshape(levels, count, *images.shape[1:])
        start += levels * count
        if count > 1 and (own == own[:, :1]).all():
            notes.append(f"{name}: {system} drew equal pictures for all noises: one per level")
            own = own[:, :1]
        swept.append(Swept(name, own, measure_levels(own, classifier, classes)))
    return swept, correlate_all(swept, exported.change), notes


def _find(exported: Exported, folder: Path) -> dict[str, Files]:
    """Return sound → level → k → picture, complete."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of pictures")
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    surplus = sorted(there.difference(exported.sounds))
    refuse_all(folder, [f"{name}: no sound of this sweep" for name in surplus])
    gone = [name for name in exported.sounds if not (folder / name).is_dir()]
    refuse_all(folder, [f"no pictures of {name} ({name}/00.png, …)" for name in gone])
    found = {name: images_by_name(folder / name) for name in exported.sounds}
    levels = range(len(exported.change.levels) + 1)
    wrong = []
    for name, files in found.items():
        wrong += [
            f"{name}/{i:02}: no level of this sweep, which has 00 to {levels[-1]:02}"
            for i in sorted(files.keys() - set(levels))
        ]
        ks = range(max((len(files[i]) for i in levels if i in files), default=1) or 1)
        wrong += [
            f"no picture {name}/{i:02}{f'_{k}' if len(ks) > 1 else ''}.png"
            for i in levels
            for k in ks
            if k not in files[i]
        ]
        wrong += [
            f"{files[i][k].relative_to(folder)}: beyond the {len(ks)} noises"
            for i in levels
            for k in sorted(files[i].keys() - set(ks))
        ]
    refuse_all(folder, wrong)
    return found


def _size(path: Path) -> int:
    """Return the shorter side of a picture in pixels."""
    from PIL import Image

    try:
        with Image.open(path, formats=sorted(set(FORMATS.values()))) as opened:
            return min(opened.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: the picture cannot be decoded ({error})") from None
