"""Metrics of two sets of pictures that no dataset, sound or training stands behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric
from a2ibench.data.holdout import hold_out_rows
from a2ibench.errors import UserError, counted
from a2ibench.evaluation.clip_blocks import make_blocks
from a2ibench.evaluation.evaluate import check_metric, measure
from a2ibench.evaluation.feasibility import choose_metrics, find_metric
from a2ibench.evaluation.metric_inputs import heard_by
from a2ibench.evaluation.picture_files import some
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.folders.embedded_pictures import Outputs, take_rows
from a2ibench.folders.pairs import Groups
from a2ibench.types import FloatArray, IntArray, Pairs

HALVES_SEED = 2_031
"""Seed of the cut of the real pictures into halves."""
NEEDS = {
    "train": "needs real training images",
    "factors": "needs data whose factors are known",
    "grid": "needs several pictures of each sound",
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Compared:
    """Outputs of judges for pictures and for the real ones, one for each, judge by judge.

    Attributes:
        generated: of the pictures to score.
        real: of the real ones.
        groups: classes and clips of the pairs.
        sounds: of their sounds, by the judges that hear; empty without sounds.
        texts: of the class names, by the judges that read them.
    """

    generated: Outputs
    real: Outputs
    groups: Groups
    sounds: Outputs = field(default_factory=dict)
    texts: Outputs = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """Scores of pictures against real ones, by the names of the metrics.

    Attributes:
        scores: with the pseudo-values of the blocks of clips.
        per_image: float32 ``[n]`` of the metrics that score each picture.
        left_out: metrics that cannot be computed → why.
    """

    scores: dict[str, SeedScores] = field(default_factory=dict)
    per_image: dict[str, FloatArray] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def choose(
    asked: Sequence[str], groups: Groups, sounds: bool
) -> tuple[tuple[Metric, ...], dict[str, str]]:
    """Choose the metrics to compute on some pairs of pictures; return them, and why others are not.

    Args:
        asked: names, as for :func:`~a2ibench.evaluation.feasibility.choose_metrics`.
        groups: classes and clips of the pairs.
        sounds: whether there are sounds of the pairs.

    Raises:
        UserError: one that was asked for by name cannot be computed, or none can.
    """
    for name in asked:
        metric = find_metric(name) if name in registry.metrics else None
        if metric is not None and (reason := _lack(metric, groups, sounds)) is not None:
            raise UserError(f"metric {name}: {reason}; choose other metrics")
    names, left_out = choose_metrics(asked, _pairs(groups))
    metrics = {name: registry.metrics.get(name) for name in (*names, *left_out)}
    lacking = {
        name: why
        for name, metric in metrics.items()
        if (why := _lack(metric, groups, sounds)) is not None
    }
    possible = tuple(metrics[name] for name in names if name not in lacking)
    if not possible:
        few = [
            f"{name}: {why}"
            for name, why in left_out.items()
            if name not in lacking and metrics[name].headline
        ]
        pairs = counted(len(groups.label), "pair")
        raise UserError(f"no metric can be computed on {pairs} of pictures ({some(few, '; ')})")
    return possible, {**left_out, **lacking}


def score(
    metrics: Sequence[Metric],
    pairs: Compared,
    progress: Progress = lambda done, total: None,
) -> Scored:
    """Score pictures against real ones.

    ``progress`` is called with the metrics done so far and in total.
    """
    found = Scored()
    groups = pairs.groups
    block, stratum = make_blocks(groups.source, groups.label)
    for judge in dict.fromkeys(metric.judge for metric in metrics):
        sounds = pairs.sounds.get(judge, {})
        outputs = JudgeOutputs(
            generated=pairs.generated[judge],
            real=pairs.real[judge],
            acoustic=sounds.get("acoustic", np.zeros((len(groups.label), 0), np.float32)),
            label=groups.label,
            classes=groups.classes,
            source=groups.source,
            sounds=sounds,
            texts=pairs.texts.get(judge, {}),
            block=block,
        )
        for metric in (one for one in metrics if one.judge == judge):
            progress(len(found.scores) + len(found.left_out), len(metrics))
            try:
                check_metric(metric, _pairs(groups))
                result = measure(metric, outputs, stratum)
            except UserError as error:
                found.left_out[metric.name] = str(error).removeprefix(f"{metric.name}: ")
                continue
            spread = result.score.spread
            found.scores[metric.name] = SeedScores(
                seeds=(0,),
                values=np.array([result.score.value]),
                n=result.score.n,
                spread=None if spread is None else np.array([spread]),
                blocks=result.pseudo[np.newaxis],
                clips=result.clips,
                chance=result.score.chance,
                strata=stratum,
                pooled=result.score.per_segment is None,
            )
            if result.score.per_segment is not None:
                found.per_image[metric.name] = result.score.per_segment
    progress(len(metrics), len(metrics))
    return found


def cut_in_halves(pairs: Compared) -> Compared | None:
    """Return one half of the clips of the real pictures, to be compared with the other half.

    Both have as many pictures of each class; sounds are left out. None where a class has a single
    clip.
    """
    groups = pairs.groups
    try:
        halves = hold_out_rows(groups.label, groups.source, groups.classes, 0.5, HALVES_SEED)
    except UserError:
        return None
    parts: list[list[IntArray]] = [[], []]
    for one in range(len(groups.classes)):
        own = [rows[groups.label[rows] == one] for rows in halves]
        for part, rows in zip(parts, own, strict=True):
            part.append(rows[: min(map(len, own))])
    first, second = map(np.concatenate, parts)
    return Compared(
        generated=take_rows(pairs.real, first),
        real=take_rows(pairs.real, second),
        groups=groups.take(second),
        texts=pairs.texts,
    )


def _lack(metric: Metric, groups: Groups, sounds: bool) -> str | None:
    """Say what a metric needs that the folders do not have; None where they have all."""
    if metric.judge == OWN:
        return "needs the network that a method trains against"
    if (trained := _trained(metric.judge)) is not None:
        return f"judge {trained} is trained on the training pairs of a dataset"
    if not sounds and heard_by([metric]):
        return "needs sounds: --sounds DIR"
    if metric.reads_texts and len(groups.classes) < 2:
        return "needs classes: pictures in sub-folders"
    return next((said for need, said in NEEDS.items() if need in metric.needs), None)


def _trained(judge: str) -> str | None:
    """Return the name of a judge, or of the base of one, that has to be trained; None of none."""
    plugin = registry.judges.get(judge)
    if plugin.trained:
        return judge
    return None if plugin.base is None else _trained(plugin.base)


def _pairs(groups: Groups) -> Pairs:
    """Return pairs of which nothing but class and clip is known."""
    n = len(groups.label)
    return Pairs(
        images=np.zeros((n, 0, 0, 3), np.uint8),
        acoustic=np.zeros((n, 0), np.float32),
        label=groups.label,
        classes=groups.classes,
        source=groups.source,
    )
