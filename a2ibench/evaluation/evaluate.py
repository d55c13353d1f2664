"""Generated images → judges → metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import Looks, Metric, Score
from a2ibench.data.types import ImageArray, IntArray, Pairs
from a2ibench.errors import UserError
from a2ibench.evaluation.judging import LoadedJudge, Progress, load_judge, look_at


@dataclass(frozen=True)
class Choice:
    """Which metrics are computed where the user names none.

    Attributes:
        names: of the metrics.
        left_out: the others → why.
    """

    names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def default_metrics(label: IntArray, classes: tuple[str, ...]) -> Choice:
    """Every registered metric but those whose judge lacks something or that the data refuse.

    Args:
        label: int64 ``[n]``, classes of the test segments.
        classes: the class names.
    """
    choice = Choice()
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)()
        reason = registry.judges.get(metric.judge).missing()
        if reason is None:
            try:
                metric.check(label, classes)
            except UserError as error:
                reason = str(error)
        if reason is None:
            choice.names.append(name)
        else:
            choice.left_out[name] = reason
    return choice


def evaluate(
    generated: ImageArray,
    test: Pairs,
    metrics: Sequence[Metric],
    judges: Mapping[str, LoadedJudge],
    progress: Progress = lambda line: None,
) -> dict[str, Score]:
    """Scores one image a test segment by several metrics.

    Each judge looks once at the generated and once at the real test images, for all metrics.

    Args:
        generated: uint8 ``[len(test), S, S, 3]``, in the order of ``test``.
        test: the real test pairs.
        metrics: what is computed.
        judges: by name, those that the metrics need (:func:`load_judges`).
        progress: told what is being done.

    Returns:
        Metric name → score.

    Raises:
        TypeError: ``generated`` is not uint8.
        UserError: another number or size of images than the test segments', or a test split too
            small for a metric.
        ValueError: a judge gives NaN, or a metric a score outside its bounds.
    """
    _check_images(generated, test)
    for metric in metrics:
        metric.check(test.label, test.classes)
    looks = {}
    for name in sorted({metric.judge for metric in metrics}):
        loaded = judges[name]
        looks[name] = Looks(
            generated=look_at(loaded, generated, progress),
            real=look_at(loaded, test.images, progress),
            acoustic=test.acoustic,
            label=test.label,
            classes=test.classes,
        )
    scores = {metric.name: metric.compute(looks[metric.judge]) for metric in metrics}
    for metric in metrics:
        _check_score(metric, scores[metric.name], len(test))
    return scores


def load_judges(
    metrics: Sequence[Metric],
    train: Pairs,
    data_key: str,
    progress: Progress = lambda line: None,
) -> dict[str, LoadedJudge]:
    """Every judge that some metrics need, by name; see :func:`load_judge`."""
    names = sorted({metric.judge for metric in metrics})
    return {name: load_judge(name, train, data_key, progress) for name in names}


def _check_images(generated: ImageArray, test: Pairs) -> None:
    if generated.dtype != np.uint8:
        raise TypeError(f"generated images: expected uint8, got {generated.dtype}")
    expected = (len(test), *test.images[:1].shape[1:])
    if generated.shape != expected:
        raise UserError(
            f"generated images: expected {list(expected)} (one RGB image a test segment, of the"
            f" dataset's size), got {list(generated.shape)}"
        )


def _check_score(metric: Metric, score: Score, n: int) -> None:
    """Checks at the border: what a metric promises, its score keeps."""
    low, high = metric.bounds
    slack = 1e-6 * max(1.0, abs(low))
    if not low - slack <= score.value <= high + slack:
        raise ValueError(f"metric {metric.name}: {score.value} is outside {metric.bounds}")
    if score.per_segment is not None and (
        score.per_segment.shape != (n,)
        or not np.isclose(score.per_segment.mean(dtype=np.float64), score.value, atol=1e-6)
    ):
        raise ValueError(
            f"metric {metric.name}: per_segment must be [{n}] numbers whose mean is the value"
        )
