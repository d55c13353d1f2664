"""Evaluation: generated images → judges → metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.errors import UndefinedScoreError, UserError
from a2ibench.evaluation.clip_blocks import jackknife
from a2ibench.evaluation.disjoint_segments import check_size
from a2ibench.evaluation.eval_set import EvalSet
from a2ibench.evaluation.hearing import embed_sounds, embed_texts, texts_of
from a2ibench.evaluation.judge_training import train_together
from a2ibench.evaluation.judging import (
    LoadedJudge,
    Progress,
    embed_images,
    load_judge,
    load_kept,
)
from a2ibench.evaluation.metric_inputs import check_reads, heard_by
from a2ibench.types import DataKey, FloatArray, ImageArray, Images, IntArray, Pairs, Spec


@dataclass(frozen=True)
class GeneratedImages:
    """A method's images for an evaluation set.

    Attributes:
        images: uint8 ``[n, S, S, 3]``, one per test segment, in order.
        grid: uint8 ``[A, Z, S, S, 3]``, for the segments of ``eval_set.grid_rows`` with Z noises
            each, the same Z for all; None where nothing can be drawn twice.
        own: the image-to-audio network that the method trains against: uint8 ``[m, S, S, 3]`` →
            float32 ``[m, d]``; None without one.
    """

    images: ImageArray
    grid: ImageArray | None = None
    own: Callable[[ImageArray], FloatArray] | None = None


@dataclass(frozen=True)
class MetricResult:
    """A score, and what its interval is made from.

    Attributes:
        score: the score.
        pseudo: float64 ``[B]``, pseudo-values of the stratified delete-a-block jackknife over the
            blocks of source clips: as if each block had a score of its own.
        clips: number of source clips that the score's images come from.
        undefined: why there is no score: its value is then NaN; None where there is one.
    """

    score: Score
    pseudo: npt.NDArray[np.float64]
    clips: int
    undefined: str | None = None


@dataclass(frozen=True)
class MetricChoice:
    """Names of the metrics that are computed where the user names none; the others → why not."""

    names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def default_metrics(test: Pairs, every: bool = False) -> MetricChoice:
    """Choose the headline metrics that data and judges allow, or ``every`` listed one."""
    choice = MetricChoice()
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)
        reason = None
        if not (every or metric.headline):
            reason = "on request: --metric NAME, or --metric all"
        elif metric.judge != OWN:
            reason = judge_lacks(metric.judge)
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


def judge_lacks(name: str) -> str | None:
    """Return what a judge lacks on this machine; None when it is ready."""
    try:
        return registry.judges.get(name).missing()
    except UserError as error:  # it belongs to another package, which is not installed
        return str(error)


def check_metric(metric: Metric, test: Pairs) -> None:
    """Refuse a test split that is too small for a metric, or has no factors or texts for it."""
    check_size(metric, test)
    if metric.reads_texts:
        try:
            texts_of(test.classes)
        except UserError as error:
            raise UserError(f"{metric.name}: {error}") from None
    if "factors" in metric.needs and not test.factors:
        raise UserError(f"{metric.name}: it needs data whose factors are known")
    if "labels" in metric.needs and test.labels is None:
        raise UserError(
            f"{metric.name}: it needs pairs of which further labels are known, or what is seen"
            " (columns labels, audible, visible of a table)"
        )


def evaluate(
    generated: GeneratedImages,
    eval_set: EvalSet,
    metrics: Sequence[Metric],
    judges: Mapping[str, LoadedJudge],
    progress: Progress = lambda line: None,
) -> dict[str, MetricResult]:
    """Score a method's images by several metrics.

    Each judge embeds each set of images once, for all metrics. ``judges`` holds, by name, those
    that the metrics need (:func:`load_judges`); ``progress`` is told what is being done.

    Returns:
        Metric name → result. Metrics that need a grid, or the method's own network, are missing
        where there is none.

    Raises:
        TypeError: the images are not uint8.
        UserError: another number or size of images than the test segments', a test split too
            small for a metric, or a judge without an output that a metric reads.
        ValueError: a judge gives NaN, or a metric a score outside its bounds.
    """
    _check_images(generated, eval_set)
    for metric in metrics:
        check_metric(metric, eval_set.test)
    possible = [
        metric
        for metric in metrics
        if not ("grid" in metric.needs and generated.grid is None)
        and not (metric.judge == OWN and generated.own is None)
    ]
    results = {}
    # Metrics that read the same come together: outputs of another kind are not in memory meanwhile.
    for judge, reads in sorted({(metric.judge, metric.reads) for metric in possible}):
        alike = [metric for metric in possible if (metric.judge, metric.reads) == (judge, reads)]
        outputs = _embed(judge, alike, generated, eval_set, judges, progress)
        for metric in alike:
            try:
                results[metric.name] = measure(metric, outputs, eval_set.stratum)
            except UndefinedScoreError as error:
                none = np.full(len(eval_set.stratum), np.nan)
                results[metric.name] = MetricResult(Score(np.nan, 0), none, 0, str(error))
    return {metric.name: results[metric.name] for metric in possible}


def measure(metric: Metric, outputs: JudgeOutputs, stratum: IntArray) -> MetricResult:
    """Return the score by a metric, with the pseudo-values of the blocks of the outputs.

    ``stratum`` is int64 ``[B]``, the stratum of each block.

    Raises:
        UserError: the judge lacks an output that the metric reads.
        UndefinedScoreError: the metric has no value for these images.
        ValueError: the score is infinite, NaN or outside its bounds.
    """
    check_reads(metric, outputs)
    score = metric.score(outputs)
    _check_score(metric, score, len(outputs.label))
    pseudo = jackknife(metric, outputs, score, outputs.block, stratum)
    return MetricResult(score, pseudo, _count_clips(metric, outputs, score))


def _count_clips(metric: Metric, outputs: JudgeOutputs, score: Score) -> int:
    """Count the source clips of the test segments that a score rests on."""
    source = outputs.source
    if score.per_segment is not None:
        source = source[np.isfinite(score.per_segment)]
    elif "grid" in metric.needs:
        source = source[outputs.grid_rows]
    return len(np.unique(source))


def _embed(
    name: str,
    metrics: Sequence[Metric],
    generated: GeneratedImages,
    eval_set: EvalSet,
    judges: Mapping[str, LoadedJudge],
    progress: Progress,
) -> JudgeOutputs:
    """Return the outputs of a judge that some metrics, alike in their ``reads``, need."""
    test, train = eval_set.test, eval_set.train
    needs = frozenset[str]().union(*(metric.needs for metric in metrics))
    learns = bool(needs & {"train", "factors"})

    def embed(images: Images) -> dict[str, FloatArray]:
        if name != OWN:
            return embed_images(judges[name], images, progress, metrics[0].reads)
        assert generated.own is not None
        return {"acoustic": generated.own(images[:])}

    grid = {}
    if "grid" in needs and generated.grid is not None:
        a, z = generated.grid.shape[:2]
        flat = embed(generated.grid.reshape(a * z, *generated.grid.shape[2:]))
        grid = {key: value.reshape(a, z, -1) for key, value in flat.items()}
    sounds, train_sounds, texts = {}, {}, {}
    acoustic, train_acoustic = test.acoustic, train.acoustic
    if name in heard_by(metrics):
        sounds = _hear(judges[name], test, progress)
        train_sounds = _hear(judges[name], train, progress) if learns else {}
        if "acoustic" in sounds:
            acoustic = sounds["acoustic"]
            train_acoustic = train_sounds.get("acoustic", acoustic[:0])
    if any(metric.reads_texts for metric in metrics):
        texts = embed_texts(judges[name], test.classes)
    return JudgeOutputs(
        generated=embed(generated.images),
        real=embed(test.images),
        acoustic=acoustic,
        label=test.label,
        classes=test.classes,
        train=embed(train.images) if learns else {},
        train_label=train.label,
        source=test.source,
        train_source=train.source,
        train_acoustic=train_acoustic,
        sounds=sounds,
        train_sounds=train_sounds,
        texts=texts,
        grid=grid,
        grid_rows=eval_set.grid_rows,
        factors=test.factors,
        train_factors=train.factors,
        block=eval_set.block,
        disjoint=eval_set.disjoint,
        labels=test.labels,
    )


def _hear(loaded: LoadedJudge, pairs: Pairs, progress: Progress) -> dict[str, FloatArray]:
    if pairs.sounds is None:
        raise UserError(
            f"judge {loaded.judge.name} embeds sounds, and of these pairs none are known"
        )

    def show(done: int, total: int) -> None:
        progress(f"judge {loaded.judge.name}: {done} of {total} sounds")

    return embed_sounds(loaded, pairs.sounds, show)


def load_judges(
    metrics: Sequence[Metric],
    train: Pairs,
    data_key: DataKey,
    progress: Progress = lambda line: None,
) -> dict[str, LoadedJudge]:
    """Load every judge that some metrics need, by name; see :func:`load_judge`.

    Those that are trained, and not in the cache, are trained at once.
    """
    names = sorted({metric.judge for metric in metrics} - {OWN})
    spec = Spec.of(train)
    new = [name for name in names if registry.judges.get(name).trained]
    found = {name: load_kept(name, spec, data_key) for name in new}
    train_together([name for name in new if found[name] is None], train, data_key, progress)
    return {name: found.get(name) or load_judge(name, train, data_key, progress) for name in names}


def _check_images(generated: GeneratedImages, eval_set: EvalSet) -> None:
    size = eval_set.test.images[:1].shape[1:]
    shapes = {"images": (generated.images, (len(eval_set.test), *size))}
    if generated.grid is not None:
        grid = (len(eval_set.grid_rows), generated.grid.shape[1], *size)
        shapes["grid of images"] = (generated.grid, grid)
    for name, (images, expected) in shapes.items():
        if images.dtype != np.uint8:
            raise TypeError(f"generated {name}: expected uint8, got {images.dtype}")
        if images.shape != expected:
            raise UserError(
                f"generated {name}: expected {list(expected)} (one RGB image per test segment, of"
                f" the dataset's size), got {list(images.shape)}"
            )


def _check_score(metric: Metric, score: Score, n: int) -> None:
    """Check at the border what a metric promises of its score."""
    numbers = [score.value, score.spread, score.chance, *score.parts.values()]
    if wrong := [one for one in numbers if one is not None and not np.isfinite(one)]:
        raise ValueError(
            f"metric {metric.name}: {wrong[0]} is no finite number; where there is no score,"
            " compute() raises UndefinedScoreError"
        )
    if not metric.allows(score.value):
        raise ValueError(f"metric {metric.name}: {score.value} is outside {metric.bounds}")
    if score.per_segment is not None and (
        score.per_segment.shape != (n,)
        or not np.isclose(np.nanmean(score.per_segment, dtype=np.float64), score.value, atol=1e-6)
    ):
        raise ValueError(
            f"metric {metric.name}: per_segment must be [{n}] numbers whose mean is the value"
        )
