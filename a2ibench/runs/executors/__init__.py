"""Executors, which spread the trainings of a study over a machine; one module each."""

import time

from a2ibench.contracts.executor import Report, Update

__all__ = ["REPORT_EVERY", "Update", "now_and_then"]

REPORT_EVERY = 1.0
"""Seconds between two reports of a trial in another process."""


def now_and_then(send: Report) -> Report:
    """Pass on the progress of a training every :data:`REPORT_EVERY` seconds, and at its end."""
    last = 0.0

    def report(step: int, steps: int) -> None:
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY or step == steps:
            last = time.monotonic()
            send(step, steps)

    return report
