"""The primary questions in ``study.json``: when they were declared or changed, and every look."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Look, PrimaryRecord, StudyRecord
from a2ibench.results.result_file import JOBS, RESULT
from a2ibench.results.study import ABOUT
from a2ibench.storage import content_key, lock, read_json, write_json


def declaration_hash(metrics: Sequence[str], contrasts: Sequence[tuple[str, str]]) -> str:
    """Return the hash of questions; their order does not count."""
    return content_key([sorted(metrics), sorted(contrasts)])


def with_history(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be written as ``study.json``, with the declarations and looks that are
    there: questions that stay keep their date, others are changed today.

    Args:
        about: the study in plain values; its ``primary`` holds metrics, contrasts, declared and
            hash. Without one, nothing is added.
    """
    if "primary" not in about:
        return dict(about)
    held = _held(folder)
    before = None if held is None else held.primary
    earlier = [] if held is None else held.earlier_primary
    now = about["primary"]
    if before is not None and before.hash == now["hash"]:
        primary = before.model_copy(update={"declared": now["declared"]})
    else:
        results = count_results(folder)
        primary = PrimaryRecord(**{**now, "time": time.time(), "results": results})
        earlier = [*earlier, *([before] if before is not None and results else [])]
    looks = [] if held is None else held.looks
    return {
        **about,
        "primary": primary.model_dump(),
        "earlier_primary": [one.model_dump() for one in earlier],
        "looks": [one.model_dump() for one in looks],
    }


def count_results(folder: Path) -> int:
    """Return the number of results in a study's folder, those of reference rows aside."""
    jobs = (JobState(path.parent) for path in folder.glob(f"{JOBS}/*/{RESULT}"))
    return sum(job.result is not None and job.result.job.kind != "reference" for job in jobs)


def record_look(folder: Path, look: Look) -> None:
    """Add a look to ``study.json``; the same questions of the same results count once."""
    path = folder / ABOUT
    with lock(path):
        held = _held(folder)
        if held is not None and not any(same_look(one, look) for one in held.looks):
            looks = [one.model_dump() for one in (*held.looks, look)]
            write_json(path, {**read_json(path), "looks": looks})


def same_look(one: Look, other: Look) -> bool:
    """Return whether two looks asked the same of the same results."""
    return (one.primary, one.jobs) == (other.primary, other.jobs)


def _held(folder: Path) -> StudyRecord | None:
    """Return the record that is there; None without one, or of a damaged one."""
    try:
        return read_record(StudyRecord, folder / ABOUT)
    except (OSError, DamagedError):
        return None
