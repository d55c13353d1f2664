"""Sample the load of the machine every few seconds while a trial trains."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from a2ibench.results.system_metrics import read_system_metrics, write_system_metrics
from a2ibench.training.fit import Progress

EVERY = 5.0
"""Seconds between two samples, at first."""
MOST = 500
"""Largest number of samples. Beyond it, every other one is dropped and the pace is halved."""
SAVE_EVERY = 30.0


class _Monitor(threading.Thread):
    """A thread that samples the machine."""

    def __init__(self, folder: Path) -> None:
        import psutil

        super().__init__(daemon=True, name="a2ibench-watch")
        self.step = -1
        self._folder = folder
        self._samples = read_system_metrics(folder)
        self._ended = threading.Event()
        self._process = psutil.Process()
        # The first result of these two is meaningless: they measure since the previous call.
        psutil.cpu_percent()
        self._process.cpu_percent()

    def run(self) -> None:
        saved, every = time.monotonic(), EVERY
        while not self._ended.wait(every):
            self._samples.append(self._sample())
            if len(self._samples) > MOST:
                self._samples = self._samples[::2]
                every *= 2
            if time.monotonic() - saved > SAVE_EVERY:
                self._save()
                saved = time.monotonic()

    def stop(self) -> None:
        self._ended.set()
        self.join()
        self._samples.append(self._sample())
        self._save()

    def _save(self) -> None:
        # A training that was already complete has no step to sample.
        if self.step >= 0:
            write_system_metrics(self._folder, self._samples)

    def _sample(self) -> dict[str, float]:
        import psutil

        memory = psutil.virtual_memory()
        return {
            "time": int(1000 * time.time()),
            "step": self.step,
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
    """Sample the trial's own GPU, which it knows as number 0; nothing where there is none."""
    import torch

    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    sample = {
        "system/gpu_0_memory_usage_megabytes": round((total - free) / 1e6, 1),
        "system/gpu_0_memory_usage_percentage": round(100 * (1 - free / total), 1),
    }
    # A part of a GPU, or an old driver, does not report these.
    with suppress(Exception):
        sample["system/gpu_0_utilization_percentage"] = float(torch.cuda.utilization())
        sample["system/gpu_0_power_usage_watts"] = torch.cuda.power_draw() / 1000
    return sample


@contextmanager
def monitored(
    folder: Path, report: Callable[[Progress], None]
) -> Iterator[Callable[[Progress], None]]:
    """Sample the machine inside the block.

    Args:
        folder: folder of the job; an existing file is continued.

    Yields:
        The function that the training must report to instead.
    """
    monitor = _Monitor(folder)

    def note(progress: Progress) -> None:
        monitor.step = progress.step
        report(progress)

    monitor.start()
    try:
        yield note
    finally:
        monitor.stop()
