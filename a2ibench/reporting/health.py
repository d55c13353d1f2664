"""Marks of the judges, for the caption of a table."""

from collections.abc import Sequence

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.health import Health
from a2ibench.reporting.cells import STRUCK
from a2ibench.results.judge_health import struck_reasons


def health_notes(metrics: Sequence[Metric], health: Sequence[Health]) -> list[str]:
    """For the caption of a table: a line for each judge that was examined, then what is struck."""
    names = {metric.name for metric in metrics}
    lines: dict[str, list[str]] = {}
    for one in health:
        own = one.metric in names or (
            one.metric is None and any(metric.judge == one.judge for metric in metrics)
        )
        if own:
            lines.setdefault(one.judge, []).append(one.line)
    return [
        *(f"Judge {judge}: {'; '.join(said)}." for judge, said in lines.items()),
        *(f"{STRUCK} {reason}" for reason in struck_reasons(metrics, health)),
    ]
