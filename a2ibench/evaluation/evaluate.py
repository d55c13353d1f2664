"""Generated images → judges → metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.contracts.metric import OWN, Looks, Metric, Score
from a2ibench.errors import UserError
from a2ibench.evaluation.apart import Evidence
from a2ibench.evaluation.blocks import jackknife
from a2ibench.evaluation.exam import Exam
from a2ibench.evaluation.judging import LoadedJudge, Progress, load_judge, look_at
from a2ibench.types import FloatArray, ImageArray, Images, Pairs


@dataclass(frozen=True)
class Drawn:
    """What a method drew for an exam.

    Attributes:
        images: uint8 ``[n, S, S, 3]``, one per test segment, in order.
        grid: uint8 ``[A, Z, S, S, 3]``, for the segments of ``exam.grid_rows`` with Z noises each,
            the same Z for all; None where nothing can be drawn twice.
        own: the image-to-audio network that the method trains against: uint8 ``[m, S, S, 3]`` →
            float32 ``[m, d]``; None without one.
    """

    images: ImageArray
    grid: ImageArray | None = None
    own: Callable[[ImageArray], FloatArray] | None = None


@dataclass(frozen=True)
class Marked:
    """A score with what its interval is made from.

    Attributes:
        score: the score.
        pseudo: float64 ``[B]``, pseudo-values of the delete-a-block jackknife over the exam's
            blocks of source clips (Tukey 1958): as if each block had a score of its own.
        clips: how many source clips the score's images are of.
    """

    score: Score
    pseudo: npt.NDArray[np.float64]
    clips: int


@dataclass(frozen=True)
class Choice:
    """Which metrics are computed where the user names none.

    Attributes:
        names: of the metrics.
        left_out: the others → why.
    """

    names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def default_metrics(test: Pairs, every: bool = False) -> Choice:
    """The headline metrics, without those whose judge lacks something or that the data refuse.

    Args:
        test: the test pairs.
        every: take those that are no headline as well.
    """
    choice = Choice()
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)()
        reason = None
        if not (every or metric.headline):
            reason = "on request: --metric NAME, or --metric all"
        elif metric.judge != OWN:
            reason = registry.judges.get(metric.judge).missing()
        if reason is None:
            try:
                check_metric(metric, test)
            except UserError as error:
                reason = str(error).removeprefix(f"{name}: ")
        if reason is None:
            choice.names.append(name)
        else:
            choice.left_out[name] = reason
    return choice


def check_metric(metric: Metric, test: Pairs) -> None:
    """Refuses a test split that a metric cannot be computed on.

    Raises:
        UserError: it is too small, or its factors are not known.
    """
    Evidence.of(test).check(metric)
    if "factors" in metric.needs and not test.factors:
        raise UserError(f"{metric.name}: it needs data whose factors are known")


def evaluate(
    drawn: Drawn,
    exam: Exam,
    metrics: Sequence[Metric],
    judges: Mapping[str, LoadedJudge],
    progress: Progress = lambda line: None,
) -> dict[str, Marked]:
    """Scores what a method drew by several metrics.

    Each judge looks once at each set of images, for all metrics.

    Args:
        drawn: the images.
        exam: what everybody is judged on.
        metrics: what is computed.
        judges: by name, those that the metrics need (:func:`load_judges`).
        progress: told what is being done.

    Returns:
        Metric name → score. Metrics that need a grid, or the method's own network, are missing
        where there is none.

    Raises:
        TypeError: the images are not uint8.
        UserError: another number or size of images than the test segments', or a test split too
            small for a metric.
        ValueError: a judge gives NaN, or a metric a score outside its bounds.
    """
    _check_images(drawn, exam)
    for metric in metrics:
        check_metric(metric, exam.test)
    possible = [
        metric
        for metric in metrics
        if not ("grid" in metric.needs and drawn.grid is None)
        and not (metric.judge == OWN and drawn.own is None)
    ]
    marked = {}
    for judge in sorted({metric.judge for metric in possible}):
        own = [metric for metric in possible if metric.judge == judge]
        needs = frozenset[str]().union(*(metric.needs for metric in own))
        looks = _look(judge, needs, drawn, exam, judges, progress)
        for metric in own:
            score = metric.compute(looks)
            _check_score(metric, score, len(exam.test))
            pseudo = jackknife(metric, looks, score, exam.block)
            marked[metric.name] = Marked(score, pseudo, _count_clips(metric, looks, score))
    return {metric.name: marked[metric.name] for metric in possible}


def _count_clips(metric: Metric, looks: Looks, score: Score) -> int:
    """Source clips of the test segments that a score rests on."""
    source = looks.source
    if score.per_segment is not None:
        source = source[np.isfinite(score.per_segment)]
    elif "grid" in metric.needs:
        source = source[looks.grid_rows]
    return len(np.unique(source))


def _look(
    name: str,
    needs: frozenset[str],
    drawn: Drawn,
    exam: Exam,
    judges: Mapping[str, LoadedJudge],
    progress: Progress,
) -> Looks:
    test, train = exam.test, exam.train

    def outputs(images: Images) -> dict[str, FloatArray]:
        if name != OWN:
            return look_at(judges[name], images, progress)
        assert drawn.own is not None
        return {"acoustic": drawn.own(images[:])}

    grid = {}
    if "grid" in needs and drawn.grid is not None:
        a, z = drawn.grid.shape[:2]
        flat = outputs(drawn.grid.reshape(a * z, *drawn.grid.shape[2:]))
        grid = {key: value.reshape(a, z, -1) for key, value in flat.items()}
    wants_train = bool(needs & {"train", "factors"})
    return Looks(
        generated=outputs(drawn.images),
        real=outputs(test.images),
        acoustic=test.acoustic,
        label=test.label,
        classes=test.classes,
        train=outputs(train.images) if wants_train else {},
        train_label=train.label,
        source=test.source,
        train_source=train.source,
        train_acoustic=train.acoustic,
        grid=grid,
        grid_rows=exam.grid_rows,
        factors=test.factors,
        train_factors=train.factors,
        block=exam.block,
        apart=exam.apart,
    )


def load_judges(
    metrics: Sequence[Metric],
    train: Pairs,
    data_key: str,
    progress: Progress = lambda line: None,
) -> dict[str, LoadedJudge]:
    """Every judge that some metrics need, by name; see :func:`load_judge`."""
    names = sorted({metric.judge for metric in metrics} - {OWN})
    return {name: load_judge(name, train, data_key, progress) for name in names}


def _check_images(drawn: Drawn, exam: Exam) -> None:
    size = exam.test.images[:1].shape[1:]
    shapes = {"images": (drawn.images, (len(exam.test), *size))}
    if drawn.grid is not None:
        grid = (len(exam.grid_rows), drawn.grid.shape[1], *size)
        shapes["grid of images"] = (drawn.grid, grid)
    for name, (images, expected) in shapes.items():
        if images.dtype != np.uint8:
            raise TypeError(f"generated {name}: expected uint8, got {images.dtype}")
        if images.shape != expected:
            raise UserError(
                f"generated {name}: expected {list(expected)} (one RGB image a test segment, of the"
                f" dataset's size), got {list(images.shape)}"
            )


def _check_score(metric: Metric, score: Score, n: int) -> None:
    """Checks at the border: what a metric promises, its score keeps."""
    if not metric.allows(score.value):
        raise ValueError(f"metric {metric.name}: {score.value} is outside {metric.bounds}")
    if score.per_segment is not None and (
        score.per_segment.shape != (n,)
        or not np.isclose(np.nanmean(score.per_segment, dtype=np.float64), score.value, atol=1e-6)
    ):
        raise ValueError(
            f"metric {metric.name}: per_segment must be [{n}] numbers whose mean is the value"
        )
