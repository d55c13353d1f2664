"""The size of a study, for the head of its page."""

from collections.abc import Iterator, Mapping
from typing import Any

from a2ibench.reporting.cells import Count
from a2ibench.reporting.page.files import Rows

Facts = tuple[tuple[str, str], ...]
"""Names and values."""


def facts(about: Mapping[str, Any], rows: Rows) -> Facts:
    """The size of a study, for its head."""
    jobs = [ran for row in rows.values() for ran in row]
    done = sum(ran.result is not None for ran in jobs)
    widest = max(scores_of(rows), key=lambda score: int(score["n"]), default={"n": 0})
    return (
        ("seeds", str(about["seeds"])),
        ("training images a trial", f"{about['images']:,}"),
        ("test segments", str(Count(widest["n"], widest.get("clips")))),
        ("jobs with a result", f"{done} of {len(jobs)}"),
    )


def scores_of(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """Every score of every job."""
    for row in rows.values():
        for ran in row:
            for score in (ran.result or {"metrics": {}})["metrics"].values():
                if score["value"] is not None:
                    yield score
