"""Comparison tables: scores with intervals, and paired differences with tests."""

from collections.abc import Sequence
from dataclasses import replace

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.health import Health
from a2ibench.evaluation.statistics import Paired, difference, no_interval
from a2ibench.evaluation.verdict import CORRECTION, holm, judge
from a2ibench.reporting.cells import (
    BELOW_FLOOR,
    STRUCK,
    change_cell,
    count_text,
    effect_text,
    full_name,
    heading,
    p_text,
    score_cell,
    seeds_text,
    text,
)
from a2ibench.reporting.health import health_notes
from a2ibench.reporting.render import Table
from a2ibench.results.judge_health import find_health, usable
from a2ibench.results.rows import RowScores

INTERVAL = (
    "[ ]: 95 % interval of the mean over training seeds and blocks of test clips, both drawn at"
    " random (crossed random effects); of a single seed, over clips alone: the variation of"
    " training is not in it."
)
EFFECT = (
    "Effect: the difference in standard deviations of the seeds (pooled over both sides; from three"
    " seeds on), and the share of test blocks on which the method is better (ties count half; 50 %"
    " is no preference)."
)

BETWEEN_ENCODERS = {
    "quality": "By the images alone: comparable between encoders where the judge is the same.",
    **dict.fromkeys(
        ("match", "match_in_class", "own"),
        "In the acoustic space of this encoder: not comparable with another encoder's scores.",
    ),
}
"""By group of metrics; the others are not all of one kind."""

TITLES = {
    "quality": "Table I. Quality and class of the images",
    "match": "Table II. Match of image and sound",
    "match_in_class": "Table II b. Match of image and sound inside the class",
    "variety": "Table II c. Diversity, sensitivity, memorisation",
    "own": "Table II d. By the network that the method trains against: no measurement",
}
DIFFERENCES = ("ablations", "methods")
"""The names of the tables of differences."""


def score_tables(
    methods: Sequence[RowScores], metrics: Sequence[Metric], about: str, notes: Sequence[str]
) -> list[Table]:
    """Tables I and II: scores with 95 % intervals, reference rows first.

    Args:
        methods: references, then arms.
        metrics: what to show; each says which table it stands in.
        about: the data, for the title.
        notes: more lines for the caption.
    """
    tables = []
    health = find_health(methods, metrics)
    alive = usable(metrics, health)
    for group, title in TITLES.items():
        chosen = [metric for metric in metrics if metric.group == group]
        if not chosen:
            continue
        shown = [metric for metric in chosen if metric in alive]
        sections = [
            tuple(
                (
                    m.label,
                    seeds_text(m),
                    count_text(m.widest(chosen)),
                    *(text(score_cell(m, c, methods)) if c in alive else STRUCK for c in chosen),
                )
                for m in methods
                if m.reference == reference
            )
            for reference in (True, False)
        ]
        tables.append(
            Table(
                name=group,
                title=f"{title} ({about})",
                heading=("method", "seeds", "n", *(heading(metric) for metric in chosen)),
                sections=tuple(section for section in sections if section),
                notes=(
                    *notes,
                    *([INTERVAL] if shown else []),
                    *_why_none(
                        "score",
                        [
                            no_interval(method.scores[metric.name])
                            for method in methods
                            for metric in shown
                            if metric.name in method.scores
                        ],
                    ),
                    *_floor_note(methods, group),
                    *([BETWEEN_ENCODERS[group]] if group in BETWEEN_ENCODERS else []),
                    *health_notes(chosen, health),
                    protocols(chosen),
                ),
                numbers=tuple(_numbers(method, chosen, shown, methods) for method in methods),
            )
        )
    return tables


def _numbers(
    method: RowScores,
    chosen: Sequence[Metric],
    shown: Sequence[Metric],
    methods: Sequence[RowScores],
) -> dict[str, str | int | float | None]:
    """A row for the csv file; what is struck is empty there, too."""
    widest = method.widest(chosen)
    cells = {
        metric: score_cell(method, metric, methods) if metric in shown else None
        for metric in chosen
    }
    return {
        "method": method.label,
        "seeds": method.done,
        "n": 0 if widest is None else widest.n,
        "clips": None if widest is None else widest.clips,
        **{
            f"{full_name(metric)}:{part}": getattr(cell, part, None)
            for metric, cell in cells.items()
            for part in ("value", "spread", "low", "high")
        },
        **{
            f"{full_name(metric)}:sd": None if cell is None else method.sd(metric)
            for metric, cell in cells.items()
        },
    }


def ablation_table(
    methods: Sequence[RowScores], metrics: Sequence[Metric], about: str, notes: Sequence[str]
) -> Table | None:
    """Each ablated arm against its full model; None without any. See :func:`difference_table`.

    Args:
        methods: references, then arms; the references tell of the judges.
        metrics: one row each per arm.
        about: the data, for the title.
        notes: more lines for the caption.
    """
    by_label = {method.label: method for method in methods}
    compared = [(by_label[arm.full], arm) for arm in methods if arm.full is not None]
    title = f"Table III. Ablations: difference to the full model ({about})"
    health = find_health(methods, metrics)
    return difference_table(
        "ablations", title, ("full", "ablated"), compared, metrics, notes, health
    )


def method_table(
    methods: Sequence[RowScores], metrics: Sequence[Metric], about: str, notes: Sequence[str]
) -> Table | None:
    """Each full model against the last one; None with a single one, or none. The arguments are
    those of :func:`ablation_table`."""
    full = [method for method in methods if method.full is None and not method.reference]
    if not full:
        return None
    *others, base = full
    title = f"Table IV. Methods: difference to {base.label} ({about})"
    compared = [(base, other) for other in others]
    health = find_health(methods, metrics)
    return difference_table(
        "methods", title, (base.label, "method"), compared, metrics, notes, health
    )


def difference_table(
    name: str,
    title: str,
    columns: tuple[str, str],
    compared: Sequence[tuple[RowScores, RowScores]],
    metrics: Sequence[Metric],
    notes: Sequence[str],
    health: Sequence[Health],
) -> Table | None:
    """Differences, paired by seed and block of test clips; None without any to compare.

    Args:
        name: of the table's files.
        title: of the table.
        columns: what is above the scores of the base and of the method.
        compared: base and method of each section.
        metrics: one row each; all tests of the table are one family for Holm's correction.
        notes: more lines for the caption.
        health: how the judges of the metrics did, the real images included, which are not among
            what is compared.
    """
    changes = [_change(other, base, metric) for base, other in compared for metric in metrics]
    corrected = holm([None if change is None else change.p for change in changes])
    found = iter(zip(changes, corrected, strict=True))
    sections = []
    numbers: list[dict[str, str | int | float | None]] = []
    for base, other in compared:
        rows: list[tuple[str, ...]] = []
        for metric in metrics:
            change, p = next(found)
            verdict = judge(change, p, metric.higher_is_better)
            seeds = 0 if change is None else change.seeds
            a, b = base.scores.get(metric.name), other.scores.get(metric.name)
            rows.append(
                (
                    other.label if not rows else "",
                    heading(metric),
                    f"{seeds} × {count_text(b)}" if seeds else "–",
                    *(_mean(method, metric) for method in (base, other)),
                    text(change_cell(change, metric)),
                    p_text(p),
                    effect_text(change),
                    verdict,
                )
            )
            numbers.append(
                {
                    "method": other.label,
                    "base": base.label,
                    "seeds": seeds,
                    "n": 0 if b is None else b.n,
                    "clips": None if b is None else b.clips,
                    "metric": full_name(metric),
                    "base value": None if a is None else a.mean,
                    "value": None if b is None else b.mean,
                    "difference": getattr(change, "value", None),
                    "low": getattr(change, "low", None),
                    "high": getattr(change, "high", None),
                    "p": getattr(change, "p", None),
                    "p holm": p,
                    "effect sd": getattr(change, "effect", None),
                    "blocks better": getattr(change, "favours", None),
                    "verdict": verdict,
                    "reason": getattr(change, "reason", None),
                }
            )
        sections.append(tuple(rows))
    if not sections:
        return None
    tests = sum(p is not None for p in corrected)
    reasons = [None if change is None else change.reason for change in changes]
    return Table(
        name=name,
        title=title,
        heading=(
            "method", "metric", "seeds × n", *columns, "difference", f"p ({tests} tests)",
            "effect", "verdict",
        ),
        sections=tuple(sections),
        notes=(
            *notes, INTERVAL, *_why_none("difference", reasons), CORRECTION, EFFECT,
            *health_notes(metrics, health), protocols(metrics),
        ),
        numbers=tuple(numbers),
        keys=2,
    )  # fmt: skip


def _floor_note(methods: Sequence[RowScores], group: str) -> list[str]:
    floors = [method.label for method in methods if group in method.floor_of]
    return [f"{BELOW_FLOOR}: no better than {', '.join(floors)}, its floor."] if floors else []


def _why_none(what: str, reasons: Sequence[str | None]) -> list[str]:
    """Why some scores or differences have no interval, each reason once."""
    found = dict.fromkeys(reason for reason in reasons if reason is not None)
    return [f"A {what} without an interval: {reason}." for reason in found]


def protocols(metrics: Sequence[Metric]) -> str:
    """The note that names what was computed: each metric with its judge and version."""
    return f"Protocols: {', '.join(map(full_name, metrics))}."


def _change(arm: RowScores, base: RowScores, metric: Metric) -> Paired | None:
    a, b = arm.scores.get(metric.name), base.scores.get(metric.name)
    return None if a is None or b is None else difference(a, b, metric.higher_is_better)


def _mean(method: RowScores, metric: Metric) -> str:
    cell = score_cell(method, metric)
    return text(cell and replace(cell, low=None, high=None))
