"""Samples of the machine while a trial trains: ``system.json``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Sample
from a2ibench.storage import write_json

FILE = "system.json"


def read_system_metrics(folder: Path) -> list[Sample]:
    """Read the samples of a job, oldest first; none where there are none.

    Each has ``time`` (milliseconds since 1970), ``step`` (of the training, as last reported; −1
    before that) and measurements under the names that MLflow uses for them.
    """
    try:
        samples = read_record(list[Sample], folder / FILE)
    except (OSError, DamagedError):
        # They are a comfort: a damaged file costs its samples and nothing else.
        return []
    return [sample for sample in samples if sample.keys() >= {"time", "step"}]


def write_system_metrics(folder: Path, samples: Sequence[Mapping[str, float]]) -> None:
    """Write the samples of a job."""
    write_json(folder / FILE, samples)


def time_of_steps(
    samples: Sequence[Mapping[str, float]], steps: Sequence[int], otherwise: int
) -> list[int]:
    """Return when ascending steps of a training were done, between the nearest samples.

    Times are in milliseconds since 1970; without any sample, each is ``otherwise``.
    """
    import numpy as np

    known = {sample["step"]: sample["time"] for sample in samples if sample["step"] >= 0}
    if not known:
        return [otherwise] * len(steps)
    at = sorted(known)
    # After a resume some steps were done twice.
    times = np.maximum.accumulate([known[step] for step in at])
    return [int(one) for one in np.interp(steps, at, times)]
