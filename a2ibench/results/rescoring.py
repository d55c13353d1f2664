"""Score the kept pictures of a study again, on test segments that others hold as well."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.data.features import bare_pairs
from a2ibench.data.held_list import held_by
from a2ibench.data.holdout import part
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError, counted
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.evaluation.evaluate import (
    GeneratedImages,
    check_metric,
    evaluate,
    judge_lacks,
    load_judges,
)
from a2ibench.evaluation.feasibility import find_metric
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.evaluation.metric_inputs import space_of
from a2ibench.results.job import Job
from a2ibench.results.job_images import read_samples
from a2ibench.results.job_state import JobState
from a2ibench.results.records import ScoreRecord
from a2ibench.results.result_file import STRATUM
from a2ibench.results.rows import Row
from a2ibench.results.score_values import score_values
from a2ibench.results.study import Study
from a2ibench.storage import content_key
from a2ibench.types import DataKey, IntArray, Pairs


@dataclass(frozen=True)
class Scoring:
    """The way in which pictures of common test segments are scored.

    Attributes:
        pairs: stands for the content hash of pairs: it follows from the segments, the size of the
            pictures and the length of the sounds, whatever decoder made them.
        eval_set: the real pairs of these segments, without features and training pairs.
        metrics: those that are fair.
        judges: theirs, by name.
        left_out: why other metrics are left out → their names.
    """

    pairs: str
    eval_set: EvalSet
    metrics: tuple[Metric, ...]
    judges: Mapping[str, LoadedJudge]
    left_out: Mapping[str, Sequence[str]]

    @property
    def notes(self) -> list[str]:
        """A line for each reason why metrics are left out."""
        return [f"left out: {', '.join(names)}: {why}" for why, names in self.left_out.items()]


def make_scoring(
    store: PairStore, rows: IntArray, usual: Sequence[str], asked: Sequence[str] = ()
) -> Scoring:
    """Prepare the scoring of some test segments by those of some metrics that are fair.

    Fair are metrics that any holder of the segments computes alike: their judges are not trained on
    pairs, and they need nothing but a picture for each segment.

    Args:
        store: the pairs whose real pictures and sounds count.
        rows: int64 ``[n]``, positions among its test segments.
        usual: metrics that are left out where they are not fair, or where their judge lacks
            something here.
        asked: further ones, which the user named.

    Raises:
        UserError: one that the user named is not fair, or its judge cannot be had; or no metric is
            left.
    """
    test = _with_own_classes(part(bare_pairs(store, "test"), rows))
    lengths = store.index["audio_length"].to_numpy(dtype=np.float64)[store.rows("test")[rows]]
    seconds = float(np.median(lengths)) / store.sample_rate
    left_out: dict[str, list[str]] = {}
    chosen = []
    named = [registry.metrics.canonical(name) for name in asked]
    for metric in map(find_metric, dict.fromkeys([*usual, *named])):
        if (why := _unfair(metric, test)) is not None and metric.name in named:
            raise UserError(f"{metric.name}: {why}")
        if why is None and metric.name not in named:
            why = judge_lacks(metric.judge)
        if why is None:
            chosen.append(metric)
        else:
            left_out.setdefault(why, []).append(metric.name)
    if not chosen:
        told = "; ".join(f"{', '.join(names)}: {why}" for why, names in left_out.items())
        segments = counted(len(rows), "common test segment")
        raise UserError(
            f"nothing to score by on {segments} ({told or 'no metric'}); --metric NAME names others"
        )
    return Scoring(
        content_key([held_by(store).take(rows).hash, store.image_size, round(seconds, 2)]),
        make_eval_set(part(test, np.arange(0)), test),
        tuple(chosen),
        load_judges(chosen, test, DataKey("")),
        left_out,
    )


def _with_own_classes(test: Pairs) -> Pairs:
    """Return pairs that know no classes but their own, as any holder of them does."""
    own, label = np.unique(test.label, return_inverse=True)
    place = np.full(len(test.classes) + 1, -1, dtype=np.int64)  # the last one is that of −1
    place[own] = np.arange(len(own))
    labels = test.labels
    if labels is not None:
        labels = dataclasses.replace(labels, label=place[labels.label])
    classes = tuple(test.classes[one] for one in own)
    return dataclasses.replace(test, label=label.astype(np.int64), classes=classes, labels=labels)


def _unfair(metric: Metric, test: Pairs) -> str | None:
    """Return why holders of the same test segments do not compute a metric alike."""
    if metric.judge == OWN:
        return "the judge is a method's own"
    if _is_trained(metric.judge):
        return (
            "the judge is trained on clips that one side holds, and the methods of the other may"
            " have learnt from them"
        )
    if metric.needs & {"train", "factors"}:
        return "needs training pairs, of which each side has its own"
    if "grid" in metric.needs:
        return "needs several pictures of one sound, and each side drew them for other sounds"
    if space_of(metric) == "encoder":
        return "needs features of the encoder, which are standardised by each side's own pairs"
    try:
        check_metric(metric, test)
    except UserError as error:
        return str(error).removeprefix(f"{metric.name}: ")
    return None


def _is_trained(judge: str) -> bool:
    plugin = registry.judges.get(judge)
    return plugin.trained or (plugin.base is not None and _is_trained(plugin.base))


def score_again(
    study: Study,
    rows: IntArray,
    drawn: int,
    scoring: Scoring,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Return a study, at every budget, as if it had been asked about some test segments alone.

    Nothing is written.

    Args:
        study: its jobs have kept their pictures.
        rows: int64 ``[n]``, which of its test segments are those of the scoring, in their order.
        drawn: number of test segments that it has drawn pictures for.
        scoring: see :func:`make_scoring`.
        progress: called with the number of jobs done so far and in total.

    Raises:
        UserError: pictures are missing or damaged, or of another number or size.
    """
    total = sum(len(row.results) for row in study.all_rows)
    again: dict[int, Row] = {}
    done = 0
    for row in study.all_rows:
        jobs = []
        for job in row.jobs:
            progress(done, total)
            jobs.append(_score_job(job, rows, drawn, scoring))
            done += job.result is not None
        again[id(row)] = dataclasses.replace(row, jobs=tuple(jobs))
    progress(done, total)
    return Study(
        study.folder,
        study.about.model_copy(update={"metrics": [metric.name for metric in scoring.metrics]}),
        study.budget,
        tuple(again[id(row)] for row in study.rows),
        tuple(again[id(row)] for row in study.all_rows),
    )


def _score_job(job: JobState, rows: IntArray, drawn: int, scoring: Scoring) -> JobState:
    """Return a job with its scores on the segments of a scoring."""
    if (result := job.result) is None:
        return job
    images = read_samples(job.folder).images
    if len(images) != drawn:
        raise UserError(
            f"{job.folder / 'samples'}: pictures of {counted(len(images), 'test segment')}, the"
            f" list of its pairs has {drawn}; give the list of the pairs that the study was run on"
        )
    kept = GeneratedImages(np.asarray(images[rows]))
    marked = evaluate(kept, scoring.eval_set, scoring.metrics, scoring.judges)
    values = score_values(scoring.metrics, scoring.judges, marked)
    classes = [*scoring.eval_set.test.classes]
    found = result.model_copy(
        update={
            "job": result.job.model_copy(update={"store": scoring.pairs}),
            "metrics": {name: ScoreRecord(**score) for name, score in values.items()},
            "spec": result.spec and result.spec.model_copy(update={"classes": classes}),
        }
    )
    blocks = {name: mark.pseudo for name, mark in marked.items()}
    segments = {
        name: np.asarray(mark.score.per_segment, dtype=np.float64)
        for name, mark in marked.items()
        if mark.score.per_segment is not None
    }
    strata = scoring.eval_set.stratum.astype(np.float64)
    # Of the same method on other training pairs, this is another job.
    place = f"{scoring.pairs} of {result.job.store}"
    known = Job.from_record(result.job, result.protocol)
    return job.with_scores(
        found, dataclasses.replace(known, store=place), {**blocks, STRATUM: strata}, segments
    )
