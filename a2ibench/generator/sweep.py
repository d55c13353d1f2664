"""Sweeps: a sound is changed step by step, and a run's pictures are measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.errors import UserError
from a2ibench.evaluation.judge_health import held_out_health
from a2ibench.evaluation.judging import LoadedJudge, embed_images, load_kept
from a2ibench.evaluation.rank_correlation import Correlation, correlate, over_sounds
from a2ibench.generator.generate import Run, open_run, read_for, too_long
from a2ibench.generator.picture_measures import FROM_BASE, measure
from a2ibench.generator.sound_changes import AXES, FACTORS, Change
from a2ibench.generator.sweep_curves import Curve, save_curves
from a2ibench.reporting.image_grids import save_grid
from a2ibench.results.job import Job
from a2ibench.results.recorded_files import SWEEP, check_free, safe_name, writing
from a2ibench.spreadsheet import guard
from a2ibench.storage import atomic_write
from a2ibench.types import ImageArray

POSTERIOR = "posterior"
SHOWN = 8
"""Rows of a strip, at most."""
SHOWN_LEVELS = 12
"""Levels of a strip, at most: spread evenly, the first and the last among them."""
ALL = "all sounds"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Swept:
    """One sound's pictures and measures.

    Attributes:
        images: uint8 ``[1 + L, Z, S, S, 3]``: the unchanged sound, then every level.
        measures: name → float64 ``[1 + L, Z]``.
    """

    name: str
    images: ImageArray
    measures: dict[str, Array]


@dataclass(frozen=True)
class Finding:
    """Correlation of a measure with the change of one sound, or of :data:`ALL`.

    Measures that compare with the unchanged sound's picture are correlated with the distance of the
    level from the unchanged sound, the others with the level.
    """

    sound: str
    measure: str
    correlation: Correlation


def check_out(sounds: Sequence[str], folder: Path) -> None:
    """Raise the :class:`UserError` of :func:`write_sweep` before the work is done."""
    check_free(folder, SWEEP, _names(sounds))


def _names(sounds: Sequence[str]) -> list[str]:
    """Return the names of a sweep's files, without its record."""
    strips = [f"strips/{name}.png" for name in sounds]
    return ["curves.parquet", "curves.csv", "correlations.csv", "curves.png", *strips]


def sweep(
    folder: Path,
    sounds: Sequence[Path],
    change: Change,
    count: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> tuple[list[Swept], list[Finding], list[str], list[UserError]]:
    """Draw and measure pictures of sounds at every level of a change.

    Args:
        folder: folder of a finished job.
        sounds: sounds, each changed by itself.
        change: the change.
        count: Z, pictures per level; picture z has the same noise at every level and for every
            sound.
        seed: seed of those noises.
        progress: receives the number of sounds done and in total.

    Returns:
        One record per sound, the correlations, notes for the user, and the reasons why sounds are
        left out.

    Raises:
        UserError: a run that cannot be used, or no sound that can.
    """
    run = open_run(folder)
    classifier, said = find_classifier(run)
    notes = [*run.notes, *said]
    swept, left_out = [], []
    for i, path in enumerate(sounds):
        name = safe_name(path.stem)
        try:
            waveform, rate, said = read_for(run, path)
            features, more = change.features(run, name, waveform, rate)
        except UserError as error:
            left_out.append(error)
            continue
        notes += [*said, *too_long(name, len(waveform) / rate, run.segment_seconds), *more]
        acoustic = np.concatenate([run.encode(waveform, rate)[np.newaxis], features])
        images = _draw(run, acoustic, count, seed)
        if count > 1 and (images == images[:, :1]).all():
            notes.append(f"{name}: {run.model.name} uses no noise here: one picture per level")
            images = images[:, :1]
        measures = measure_levels(images, classifier, run.model.spec.classes)
        swept.append(Swept(name, images, measures))
        progress(i + 1, len(sounds))
    if not swept:
        raise left_out[0]
    return swept, correlate_all(swept, change), list(dict.fromkeys(notes)), left_out


def _draw(run: Run, acoustic: npt.NDArray[np.float32], count: int, seed: int) -> ImageArray:
    from a2ibench.training.draw import draw, draw_noise

    noise = draw_noise(count, run.model.noise_dim, seed)
    images = draw(run.model, np.repeat(acoustic, count, axis=0), noise.repeat(len(acoustic), 1))
    return images.reshape(len(acoustic), count, *images.shape[1:])


def measure_levels(
    images: ImageArray, classifier: LoadedJudge | None, classes: Sequence[str]
) -> dict[str, Array]:
    """Measure the pictures of one sound, uint8 ``[1 + L, Z, S, S, 3]``, by themselves and against
    the unchanged sound's of the same noise; see :class:`Swept`.
    """
    levels, count = images.shape[:2]
    flat = images.reshape(levels * count, *images.shape[2:])
    base = np.broadcast_to(images[:1], images.shape).reshape(flat.shape)
    measures = dict(measure(flat, base))
    if classifier is not None:
        from scipy.special import softmax

        posterior = softmax(embed_images(classifier, flat)["logits"].astype(np.float64), axis=1)
        # Of the class that the unchanged sound's pictures are taken for: a sound has no label.
        top = int(posterior[:count].mean(axis=0).argmax())
        measures[POSTERIOR] = posterior[:, top]
        for c, name in enumerate(classes):
            measures[f"{POSTERIOR}:{name}"] = posterior[:, c]
    return {name: value.reshape(levels, count) for name, value in measures.items()}


def find_classifier(run: Run) -> tuple[LoadedJudge | None, list[str]]:
    """Return the classifier that judged the run's study, as it was then; or the reasons why there
    is none.
    """
    sizes = run.model.spec
    blank = np.zeros((1, sizes.image_size, sizes.image_size, 3), dtype=np.uint8)
    data_key = Job.from_record(run.result.job).data_key
    scores = run.result.metrics.values()
    failed, gone = [], []
    for name, fingerprint in sorted({(s.judge, s.judge_fingerprint) for s in scores}):
        if name == OWN or name not in registry.judges.names():
            continue
        plugin = registry.judges.get(name)
        if not plugin.trained or "images" not in plugin.embeds:
            continue
        judge = load_kept(name, sizes, data_key)
        if judge is None:  # nobody knows whether it would be a classifier
            gone.append(f"judge {name} is not what it was in the study: no class posterior")
            continue
        logits = embed_images(judge, blank).get("logits")
        if logits is None or logits.shape[1] != len(sizes.classes):
            continue
        figures = next(s.judge_figures for s in scores if s.judge == name)
        health = held_out_health(name, figures, len(sizes.classes))
        if health is not None and not health.ok:
            failed.append(f"judge {name}: {health.reason}: no class posterior")
        elif judge.fingerprint != fingerprint:
            failed.append(f"judge {name} is not what it was in the study: no class posterior")
        else:
            return judge, []
    return None, failed or gone


def correlate_all(swept: Sequence[Swept], change: Change) -> list[Finding]:
    """Correlate every measure with the change, for each sound and over all of them."""
    levels = np.array(change.levels, dtype=np.float64)
    found = []
    for name in plotted(swept):
        x = change.strength if name in FROM_BASE else levels
        single = [correlate(x, one.measures[name][1:]) for one in swept]
        found += [Finding(o.name, name, c) for o, c in zip(swept, single, strict=True)]
        if len(swept) > 1:
            found.append(Finding(ALL, name, over_sounds(single)))
    return found


def plotted(swept: Sequence[Swept]) -> list[str]:
    """Return the names of the measures that are plotted and correlated."""
    return [name for name in swept[0].measures if not name.startswith(f"{POSTERIOR}:")]


def shown_levels(count: int) -> list[int]:
    """Return which of so many levels a strip shows."""
    positions = np.linspace(0, count - 1, min(count, SHOWN_LEVELS))
    return [int(i) for i in positions.round()]


def write_sweep(
    swept: Sequence[Swept],
    findings: Sequence[Finding],
    change: Change,
    drawn_by: Mapping[str, str],
    folder: Path,
) -> None:
    """Write ``sweep.json``, ``curves.csv`` and ``.parquet``, ``correlations.csv``, ``curves.png``
    and one strip of pictures per sound, each whole or not at all. A strip shows at most
    :data:`SHOWN` noises and :data:`SHOWN_LEVELS` levels; the tables have all of them. The files of
    an earlier sweep in the folder are removed.

    Args:
        swept: one record per sound.
        findings: the correlations.
        change: the change.
        drawn_by: the ``job`` that drew, by the name of its folder, or the outside ``system``.
        folder: folder to write.

    Raises:
        UserError: the path is no folder, or a file is in the way that no earlier sweep wrote.
    """
    import pandas as pd

    rows = [
        {
            "sound": one.name,
            "change": change.kind,
            "level": level,
            "noise": z,
            **{name: values[i, z] for name, values in one.measures.items()},
        }
        for one in swept
        for i, level in enumerate((None, *change.levels))  # None: the unchanged sound
        for z in range(one.images.shape[1])
    ]
    table = pd.DataFrame(rows)
    about = {**drawn_by, "change": change.kind, "levels": list(change.levels)}
    with writing(folder, SWEEP, _names([one.name for one in swept]), about):
        with atomic_write(folder / "curves.parquet") as temporary:
            table.to_parquet(temporary)
        with atomic_write(folder / "curves.csv") as temporary:
            table.assign(sound=table["sound"].map(guard)).to_csv(temporary, index=False)
        lines = [
            {"sound": guard(f.sound), "measure": f.measure, **asdict(f.correlation)}
            for f in findings
        ]
        with atomic_write(folder / "correlations.csv") as temporary:
            pd.DataFrame(lines).to_csv(temporary, index=False)
        curves = {
            name: [Curve(one.name, one.measures[name][1:], one.measures[name][0]) for one in swept]
            for name in plotted(swept)
        }
        save_curves(
            change.levels,
            AXES[change.kind],
            curves,
            folder / "curves.png",
            logarithmic=change.kind in FACTORS,
            reverse=change.kind == "noise",
        )
        shown = shown_levels(len(change.levels))
        headings = ["unchanged", *(f"{change.levels[i]:g}" for i in shown)]
        columns = [0, *(1 + i for i in shown)]
        for one in swept:
            drawn = one.images[columns, :SHOWN]
            strip = {f"noise {z}": drawn[:, z] for z in range(drawn.shape[1])}
            save_grid(strip, headings, folder / "strips" / f"{one.name}.png")
