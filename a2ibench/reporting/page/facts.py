"""The size of a study, for the head of its page."""

from collections.abc import Iterator

from a2ibench.reporting.cells import Count
from a2ibench.results.records import Score
from a2ibench.results.study import Study

Facts = tuple[tuple[str, str], ...]
"""Names and values."""


def facts(study: Study) -> Facts:
    """The size of a study, for its head."""
    widest = max(scores_of(study), key=lambda score: score.n, default=None)
    segments = "0" if widest is None else str(Count(widest.n, widest.clips))
    return (
        ("seeds", str(study.about.seeds)),
        ("training images a trial", f"{study.about.images:,}"),
        ("test segments", segments),
        ("jobs with a result", f"{len(study.results)} of {len(study.jobs)}"),
    )


def scores_of(study: Study) -> Iterator[Score]:
    """Every score of every job."""
    for result in study.results:
        yield from (score for score in result.metrics.values() if score.value is not None)
