"""The time that the trainings of a study will take, as measured before, or by a guess."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from a2ibench.data.store import PairStore
from a2ibench.results.job import Task
from a2ibench.results.job_state import JobState
from a2ibench.results.records import Result
from a2ibench.runs.display import clock

HARDWARE = ("device", "processor", "precision")
"""Parts that must be the same for a speed to hold here; a trial has threads of its own."""
RATE, SIZE = 200.0, 64
"""Images a second of a method of the small scale on one core, at so many pixels a side: between 100
and 300 were measured. More pixels take longer in proportion to their number."""


def estimate(tasks: Sequence[Task], at_once: int, scale: str, folder: Path) -> str:
    """One line on the time that some trainings take; scoring is not in it.

    Args:
        tasks: the models to train, one or more.
        at_once: how many of them run at once.
        scale: of the study.
        folder: of the study; speeds are looked for in it and in the studies beside it.
    """
    from a2ibench.training.device import choose_device, describe

    device = choose_device()
    hardware = describe(device)
    size = PairStore(tasks[0].environment.store).image_size
    speeds = _measured({task.job.method for task in tasks}, size, hardware, folder)
    unknown = sorted({task.job.method for task in tasks} - speeds.keys())
    trainings = f"{len(tasks)} trainings" if len(tasks) > 1 else "the one training"
    what = f"estimated time of {trainings}, {at_once} at once"
    if unknown and (device.type != "cpu" or scale != "small"):
        return (
            f"{what}: not known before the first has ended; none of {', '.join(unknown)} was"
            " measured on this hardware"
        )
    guess = RATE * (SIZE / size) ** 2
    seconds = sum(task.job.images / speeds.get(task.job.method, guess) for task in tasks) / at_once
    took = clock(seconds) if seconds >= 60 else "less than a minute"
    if not unknown:
        said = ", ".join(f"{name} {rate:,.0f}" for name, rate in sorted(speeds.items()))
        return f"{what}: {took}, by the images/s of earlier ones here ({said})"
    return (
        f"{what}: {took}, by a guess of {guess:,.0f} images/s for"
        f" {', '.join(unknown)}, which may be off by a factor of several; status tells more once"
        " one has ended"
    )


def _measured(
    methods: set[str], size: int, hardware: Mapping[str, Any], folder: Path
) -> dict[str, float]:
    """Images a second of the methods that were trained at this size on this hardware."""
    speeds: dict[str, float] = {}
    for result in _results(folder):
        method, speed = result.job.method, result.images_per_second
        if (
            method in methods - speeds.keys()
            and speed
            and result.spec is not None
            and result.spec.image_size == size
            and all(result.hardware.get(part) == hardware[part] for part in HARDWARE)
        ):
            speeds[method] = speed
        if len(speeds) == len(methods):
            break
    return speeds


def _results(folder: Path) -> Iterator[Result]:
    """Yield results of the study, then of those beside it; unreadable ones are passed over."""
    for study in (folder, *sorted(folder.parent.glob("*"))):
        for job in sorted(study.glob("jobs/*")):
            try:
                result = JobState(job).result
            except OSError:
                continue
            if result is not None and result.job.kind == "model":
                yield result
