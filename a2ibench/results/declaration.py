"""The primary questions in ``study.json``: when they were declared or changed, and every look."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from a2ibench.results.job_state import JobState
from a2ibench.results.read_record import DamagedError, parse_record, read_content
from a2ibench.results.records import Look, PrimaryRecord, StudyRecord
from a2ibench.results.result_file import JOBS, RESULT
from a2ibench.results.study import ABOUT
from a2ibench.storage import content_key, lock, write_json


def declaration_hash(metrics: Sequence[str], contrasts: Sequence[tuple[str, str]]) -> str:
    """Return the hash of questions; their order does not count."""
    return content_key([sorted(metrics), sorted(contrasts)])


def held_values(folder: Path) -> dict[str, Any] | None:
    """Return the plain values of a folder's ``study.json``; None without one that is whole.

    Raises:
        OSError: the system cannot read it: what it holds is not to be written over.
    """
    try:
        held = read_content(folder / ABOUT)
    except (FileNotFoundError, DamagedError):
        return None
    return held if isinstance(held, dict) else None


def _as_study(held: Mapping[str, Any] | None) -> StudyRecord | None:
    """Return plain values as a record; None of none, or of a damaged one."""
    try:
        return parse_record(StudyRecord, held)
    except DamagedError:
        return None


def with_history(
    folder: Path, about: Mapping[str, Any], values: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what is to be written as ``study.json``, with the declarations and looks that are
    there: questions that stay keep their date, others are changed today.

    Args:
        about: the study in plain values; its ``primary`` holds metrics, contrasts, declared and
            hash. Without one, nothing is added.
        values: those that are there (:func:`held_values`).
    """
    if "primary" not in about:
        return dict(about)
    held = _as_study(values)
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


def record_looks(folder: Path, looks: Iterable[Look]) -> None:
    """Add looks to ``study.json``; the same questions of the same results count once."""
    path = folder / ABOUT
    with lock(path):
        values = held_values(folder)
        if values is None or (held := _as_study(values)) is None:
            return
        every = list(held.looks)
        for look in looks:
            same = next((i for i, one in enumerate(every) if same_look(one, look)), None)
            if same is None:
                every.append(look)
            elif not every[same].scored:  # from here on, other scores are another look
                every[same] = every[same].model_copy(update={"scored": look.scored})
        if every != list(held.looks):
            write_json(path, {**values, "looks": [one.model_dump() for one in every]})


def same_look(one: Look, other: Look) -> bool:
    """Return whether two looks asked the same of the same results, as far as they record it."""
    scored = {one.scored, other.scored} - {""}
    return (one.primary, one.jobs) == (other.primary, other.jobs) and len(scored) < 2
