"""What the machine does while a trial trains: a sample every few seconds, in a small file."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from a2ibench.results import records
from a2ibench.results.records import DamagedError
from a2ibench.storage import write_json
from a2ibench.training.fit import Progress

FILE = "system.json"
EVERY = 5.0
"""Seconds between two samples, at first."""
MOST = 500
"""Samples in the file. When there are more, every other one is dropped and the pace is halved."""
SAVE_EVERY = 30.0

Row = Mapping[str, float]


def read_rows(folder: Path) -> list[dict[str, float]]:
    """The samples of a job, oldest first; none where there are none.

    Each has ``time`` (milliseconds since 1970), ``step`` (of the training, as last reported; −1
    before that) and measurements under the names that MLflow uses for them.
    """
    try:
        rows = records.read(list[records.Sample], folder / FILE)
    except (OSError, DamagedError):
        # They are a comfort: a damaged file costs its rows and nothing else.
        return []
    return [row for row in rows if row.keys() >= {"time", "step"}]


class _Watch:
    """Samples in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        import psutil

        self._folder = folder
        self._rows = read_rows(folder)
        self._every = EVERY
        self._step = -1
        self._ended = threading.Event()
        self._process = psutil.Process()
        # The first answer of these two is meaningless: they measure since the call before.
        psutil.cpu_percent()
        self._process.cpu_percent()
        self._thread = threading.Thread(target=self._sample_all, daemon=True, name="a2ibench-watch")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._rows.append(self._sample())
        self._save()

    def note(self, progress: Progress) -> None:
        self._step = progress.step

    def _sample_all(self) -> None:
        saved = time.monotonic()
        while not self._ended.wait(self._every):
            self._rows.append(self._sample())
            if len(self._rows) > MOST:
                self._rows = self._rows[::2]
                self._every *= 2
            if time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved = time.monotonic()

    def _save(self) -> None:
        # A training that was complete already has done nothing that is worth a sample.
        if self._step >= 0:
            write_json(self._folder / FILE, self._rows)

    def _sample(self) -> dict[str, float]:
        import psutil

        memory = psutil.virtual_memory()
        return {
            "time": int(1000 * time.time()),
            "step": self._step,
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_megabytes": round(memory.used / 1e6, 1),
            "system/system_memory_usage_percentage": memory.percent,
            "system/process_cpu_utilization_percentage": self._process.cpu_percent(),
            "system/process_memory_usage_megabytes": round(
                self._process.memory_info().rss / 1e6, 1
            ),
            **_sample_gpu(),
        }


def _sample_gpu() -> dict[str, float]:
    """The trial's own GPU, which it knows as number 0; nothing where there is none."""
    import torch

    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    sample = {
        "system/gpu_0_memory_usage_megabytes": round((total - free) / 1e6, 1),
        "system/gpu_0_memory_usage_percentage": round(100 * (1 - free / total), 1),
    }
    # A part of a GPU, or an old driver, does not tell these.
    with suppress(Exception):
        sample["system/gpu_0_utilization_percentage"] = float(torch.cuda.utilization())
        sample["system/gpu_0_power_usage_watts"] = torch.cuda.power_draw() / 1000
    return sample


@contextmanager
def watched(
    folder: Path, report: Callable[[Progress], None]
) -> Iterator[Callable[[Progress], None]]:
    """Samples the machine inside the block.

    Args:
        folder: of the job; the file that is there already is continued.
        report: what the training reports to.

    Yields:
        What the training reports to instead.
    """
    watch = _Watch(folder)

    def note(progress: Progress) -> None:
        watch.note(progress)
        report(progress)

    watch.start()
    try:
        yield note
    finally:
        watch.stop()


def time_of_steps(rows: Sequence[Row], steps: Sequence[int], otherwise: int) -> list[int]:
    """When steps of a training were done, between the samples that are nearest.

    Args:
        rows: of :func:`read_rows`.
        steps: ascending.
        otherwise: the answer without any sample, in milliseconds since 1970.
    """
    import numpy as np

    known: dict[float, float] = {row["step"]: row["time"] for row in rows if row["step"] >= 0}
    if not known:
        return [otherwise] * len(steps)
    at = sorted(known)
    # After a resume some steps were done twice.
    times = np.maximum.accumulate([known[step] for step in at])
    return [int(one) for one in np.interp(steps, at, times)]
