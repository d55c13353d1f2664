"""The health of the judges of some scores, and the metrics that are struck for it."""

from collections.abc import Sequence

from a2ibench.contracts.metric import OWN, Metric
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.statistics import interval
from a2ibench.results.rows import RowScores


def find_health(methods: Sequence[RowScores], metrics: Sequence[Metric]) -> tuple[Health, ...]:
    """Return all that some rows tell of the judges of some metrics.

    That is what each judge reported of the clips that it held out; then, for each metric that knows
    its chance and does not compare the real images with themselves, the score of their row: the
    most that a judge can certify.
    """
    found = dict.fromkeys(one for method in methods for one in method.judges)
    held_out = [one for one in found if any(one.judge == metric.judge for metric in metrics)]
    real = [
        _of_real_images(metric, method)
        for method in methods
        if method.ceiling
        for metric in metrics
        if metric.judge != OWN
    ]
    # Two studies may hold the same row.
    return (*held_out, *dict.fromkeys(one for one in real if one is not None))


def _of_real_images(metric: Metric, method: RowScores) -> Health | None:
    scores = method.scores.get(metric.name)
    if scores is None or scores.chance is None or metric.refers_to_own_image:
        return None
    ends = interval(scores)
    return Health(
        judge=metric.judge,
        metric=metric.name,
        what=f"{metric.title} of the {method.label}",
        value=scores.mean,
        low=None if ends is None else ends[0 if metric.higher_is_better else 1],
        chance=scores.chance,
        images=scores.n,
        clips=scores.clips,
        percent=metric.percent,
        higher_is_better=metric.higher_is_better,
    )


def why_struck(metric: Metric, health: Sequence[Health]) -> str | None:
    """Return the reason for which a metric's column holds no numbers; None where it does."""
    for one in health:
        if one.judge == metric.judge and one.metric in (None, metric.name) and not one.ok:
            return f"judge {one.judge}: {one.reason}"
    return None


def usable(metrics: Sequence[Metric], health: Sequence[Health]) -> tuple[Metric, ...]:
    """Return the metrics whose judges can judge, as far as is known."""
    return tuple(metric for metric in metrics if why_struck(metric, health) is None)


def struck_reasons(metrics: Sequence[Metric], health: Sequence[Health]) -> list[str]:
    """Return the metrics that are struck, one line per reason."""
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        if (reason := why_struck(metric, health)) is not None:
            by_reason.setdefault(reason, []).append(metric.title)
    return [f"{', '.join(titles)}: struck, {reason}." for reason, titles in by_reason.items()]
