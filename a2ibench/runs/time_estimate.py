"""Estimate the time of a study's trainings from earlier measurements, or guess it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from a2ibench.data.store import PairStore
from a2ibench.results.job_state import CHECKPOINT, JobState
from a2ibench.results.records import Result
from a2ibench.runs.progress_display import clock
from a2ibench.runs.trial import Trial

HARDWARE = ("device", "processor", "precision")
"""Properties that must be equal for a speed to apply; each trial has threads of its own."""
RATE, SIZE = 200.0, 64
"""Images per second of a method of the small scale on one core, and the side of its images; 100 to
300 were measured. The time grows in proportion to the number of pixels."""


def estimate(trials: Sequence[Trial], at_once: int, scale: str, folder: Path) -> str:
    """Return one line on the time that some trainings take, without scoring.

    Args:
        trials: the trainings, one or more.
        folder: folder of the study; speeds are taken from it and from the studies beside it.
    """
    from a2ibench.training.device import choose_device, describe

    device = choose_device()
    hardware = describe(device)
    size = PairStore(trials[0].environment.store).image_size
    speeds = _measured({trial.job.method for trial in trials}, size, hardware, folder)
    unknown = sorted({trial.job.method for trial in trials} - speeds.keys())
    trainings = f"{len(trials)} trainings" if len(trials) > 1 else "the one training"
    what = f"estimated time of {trainings}, {at_once} at once"
    if unknown and (device.type != "cpu" or scale != "small"):
        return (
            f"{what}: unknown until the first one has ended; none of {', '.join(unknown)} was"
            " measured on this hardware"
        )
    guess = RATE * (SIZE / size) ** 2
    every = (_left(trial) / speeds.get(trial.job.method, guess) for trial in trials)
    seconds = sum(every) / at_once
    took = clock(seconds) if seconds >= 60 else "less than a minute"
    if not unknown:
        said = ", ".join(f"{name} {rate:,.0f}" for name, rate in sorted(speeds.items()))
        return f"{what}: {took}, by the images/s of earlier ones here ({said})"
    return (
        f"{what}: {took}, by a guess of {guess:,.0f} images/s for"
        f" {', '.join(unknown)}, which may be off by several times; `a2ibench status` knows"
        " more once one has ended"
    )


def _left(trial: Trial) -> int:
    """Return the training images between what was done, also before it was cut off or for smaller
    budgets, and the largest; 0 where the training has ended and is only judged once more."""
    from a2ibench.training.checkpoint import steps_in

    if JobState(trial.folder).result is not None:
        return 0
    folders = (trial.folder, *trial.earlier)
    steps = max(steps_in(folder / CHECKPOINT) for folder in folders)
    done = steps * trial.footprint.batch_size if steps else 0
    return max(0, trial.job.images - done)


def _measured(
    methods: set[str], size: int, hardware: Mapping[str, Any], folder: Path
) -> dict[str, float]:
    """Return the images per second of methods that were trained at this size on this hardware.

    The median counts, since another program may have shared the processors with some of them: of
    the study's own trainings, or else of those beside it. Results that cannot be read are ignored.
    """
    speeds: dict[str, float] = {}
    for jobs in (folder.glob("jobs/*"), folder.parent.glob("*/jobs/*")):
        unknown = methods - speeds.keys()
        if not unknown:
            break
        measured = defaultdict[str, list[float]](list)
        for result in _trainings(jobs, size, hardware):
            if result.job.method in unknown and result.images_per_second:
                measured[result.job.method].append(result.images_per_second)
        speeds |= {method: median(found) for method, found in measured.items()}
    return speeds


def _trainings(jobs: Iterable[Path], size: int, hardware: Mapping[str, Any]) -> Iterator[Result]:
    """Yield the results of trainings at this size on this hardware."""
    for job in jobs:
        result = None
        with suppress(OSError):
            result = JobState(job).result
        if result is None or result.spec is None or result.job.kind != "model":
            continue
        same = all(result.hardware.get(part) == hardware[part] for part in HARDWARE)
        if same and result.spec.image_size == size:
            yield result
