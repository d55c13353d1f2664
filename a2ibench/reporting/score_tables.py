"""Tables I and II: the scores of references and arms with their intervals."""

from collections.abc import Iterable, Iterator, Sequence

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.metric_inputs import space_of
from a2ibench.evaluation.statistics import interval, no_interval
from a2ibench.reporting.cells import (
    BELOW_FLOOR,
    STRUCK,
    Cell,
    Count,
    Label,
    Mean,
    Seeds,
    full_name,
    heading,
)
from a2ibench.reporting.table import Column, Table
from a2ibench.results.rows import RowScores
from a2ibench.results.struck_metrics import find_health, struck_reasons, usable

INTERVAL = (
    "[ ]: 95 % interval of the mean over training seeds and blocks of test clips, both drawn at"
    " random (crossed random effects); of a single seed, over clips alone: the variation of"
    " training is not in it."
)

SPACES = {
    "encoder": (
        "In the acoustic space of this encoder: not comparable with another encoder's scores"
    ),
    "judge": "By a judge that hears for itself, comparable between encoders",
    "images": "By the images alone: comparable between encoders where the judge is the same",
}
TITLES = {
    "quality": "Table I. Quality and class of the images",
    "match": "Table II. Match of image and sound",
    "match_in_class": "Table II b. Match of image and sound inside the class",
    "variety": "Table II c. Diversity, sensitivity, memorisation",
    "own": "Table II d. By the network that the method trains against: no measurement",
}
PARTS = ("value", "spread", "low", "high")
"""Numbers of a score that stand in one printed cell."""


def score_tables(
    rows: Sequence[RowScores], metrics: Sequence[Metric], about: str, notes: Sequence[str]
) -> list[Table]:
    """Return Tables I and II, one for each group of metrics: references, then arms, by 95 %
    intervals, with what the titles say of the data and more lines for the captions."""
    health = find_health(rows, metrics)
    alive = usable(metrics, health)
    tables = []
    for group, title in TITLES.items():
        chosen = [metric for metric in metrics if metric.group == group]
        if not chosen:
            continue
        shown = [metric for metric in chosen if metric in alive]
        sections = [
            tuple(_row(row, chosen, shown, rows) for row in rows if row.reference == reference)
            for reference in (True, False)
        ]
        scores = [row.scores[m.name] for row in rows for m in shown if m.name in row.scores]
        floors = ", ".join(row.label for row in rows if group in row.floor_of)
        floor_note = [f"{BELOW_FLOOR}: no better than {floors}, its floor."] if floors else []
        tables.append(
            Table(
                name=group,
                title=f"{title} ({about})",
                columns=(
                    Column.text("method"),
                    Column("seeds", {"seeds": "done"}),
                    Column("n", {"n": "n", "clips": "clips"}),
                    *(
                        Column(heading(m), {f"{full_name(m)}:{part}": part for part in PARTS})
                        for m in chosen
                    ),
                    *(Column(fields={f"{full_name(m)}:sd": "sd"}) for m in chosen),
                ),
                sections=tuple(section for section in sections if section),
                notes=(
                    *notes,
                    *([INTERVAL] if shown else []),
                    *why_none("score", map(no_interval, scores)),
                    *(
                        f"{m.title} is undefined for {row.label}: {row.undefined[m.name]}."
                        for m in shown
                        for row in rows
                        if m.name in row.undefined
                    ),
                    *floor_note,
                    *_between_encoders(group, chosen),
                    *health_notes(chosen, health),
                    protocols(chosen),
                ),
            )
        )
    return tables


def _between_encoders(group: str, metrics: Sequence[Metric]) -> Iterator[str]:
    spaces = {metric.name: space_of(metric) for metric in metrics if group != "variety"}
    for space, said in SPACES.items():
        names = ", ".join(name for name, one in spaces.items() if one == space)
        if names:
            mixed = space == "judge" or len({*spaces.values()}) > 1
            yield f"{said} ({names})." if mixed else f"{said}."


def _row(
    row: RowScores,
    chosen: Sequence[Metric],
    shown: Sequence[Metric],
    rows: Sequence[RowScores],
) -> tuple[Cell, ...]:
    widest = row.widest(chosen)
    scores = [
        score_cell(row, metric, rows) if metric in shown else Mean(None, struck=True)
        for metric in chosen
    ]
    count = Count() if widest is None else Count(widest.n, widest.clips)
    return (Label(row.label, "method"), Seeds(row.done, row.asked), count, *scores, *scores)


def score_cell(row: RowScores, metric: Metric, rows: Sequence[RowScores] = ()) -> Mean:
    """Return a score with its interval, which is cut at the metric's bounds; those of all ``rows``
    that are the floor of the metric's group say whether to mark it."""
    scores = row.scores.get(metric.name)
    if scores is None:
        return Mean(None)
    low, high = interval(scores) or (None, None)
    if low is not None and high is not None:
        low, high = max(low, metric.bounds[0]), min(high, metric.bounds[1])
    floors = [
        floor.scores[metric.name].mean
        for floor in rows
        if metric.directed and metric.group in floor.floor_of and metric.name in floor.scores
    ]
    sign = 1 if metric.higher_is_better else -1
    return Mean(
        scores.mean,
        metric.percent,
        None if scores.spread is None else float(scores.spread.mean()),
        low,
        high,
        row.sd(metric),
        below_floor=not row.reference
        and any(sign * scores.mean <= sign * floor for floor in floors),
    )


def why_none(what: str, reasons: Iterable[str | None]) -> list[str]:
    """Say why some scores or differences have no interval, each reason once."""
    found = dict.fromkeys(reason for reason in reasons if reason is not None)
    return [f"A {what} without an interval: {reason}." for reason in found]


def protocols(metrics: Iterable[Metric]) -> str:
    """Return the note that names what was computed: each metric with its judge and version."""
    return f"Protocols: {', '.join(map(full_name, metrics))}."


def health_notes(metrics: Sequence[Metric], health: Sequence[Health]) -> list[str]:
    """Return a line for each judge of some metrics that was examined, then for what is struck."""
    lines: dict[str, list[str]] = {}
    for one in health:
        if any(one.metric in (None, m.name) and one.judge == m.judge for m in metrics):
            lines.setdefault(one.judge, []).append(one.line)
    return [
        *(f"Judge {judge}: {'; '.join(said)}." for judge, said in lines.items()),
        *(f"{STRUCK} {reason}" for reason in struck_reasons(metrics, health)),
    ]
