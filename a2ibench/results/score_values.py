"""Scores of one job as the values that its result holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench.contracts.metric import OWN, Metric
from a2ibench.evaluation.evaluate import MetricResult
from a2ibench.evaluation.judging import LoadedJudge


def score_values(
    metrics: Sequence[Metric],
    judges: Mapping[str, LoadedJudge],
    marked: Mapping[str, MetricResult],
) -> dict[str, dict[str, Any]]:
    """Return the score by each metric, as :class:`~a2ibench.results.records.ScoreRecord` reads it.

    Args:
        metrics: those that were asked for.
        judges: theirs, by name.
        marked: the scores that could be computed. A metric without one does not apply to the
            method: it has no value, and is not missing.
    """
    scores: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        judge = judges.get(metric.judge)
        values = scores[metric.name] = {
            "value": None,
            "n": 0,
            "spread": None,
            "version": metric.version,
            "judge": metric.judge,
            "judge_fingerprint": OWN if judge is None else judge.fingerprint,
            "judge_figures": {} if judge is None else dict(judge.figures),
        }
        if judge is not None and (files := judge.judge.files()):
            values["judge_files"] = dict(files)
        if (mark := marked.get(metric.name)) is None:
            continue
        if mark.undefined is None:
            score = mark.score
            values |= {"value": score.value, "n": score.n, "spread": score.spread}
            values |= {"clips": mark.clips, "chance": score.chance}
            if score.parts:
                values["parts"] = dict(score.parts)
        else:
            values["undefined"] = mark.undefined
    return scores
