"""The same pairs heard by several encoders: what is comparable between them, and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.metric_inputs import space_of
from a2ibench.reporting.differences import Differences
from a2ibench.reporting.score_tables import score_tables
from a2ibench.reporting.table import Table
from a2ibench.reporting.verdict_text import NO_JUDGE, comparisons, lead
from a2ibench.results.rows import RowScores
from a2ibench.results.struck_metrics import find_health, usable
from a2ibench.results.study import Study
from a2ibench.study.looks import standing
from a2ibench.study.paired_tests import confirm, explore
from a2ibench.study.primary import usual_metrics

BASE = "Each encoder is compared with the first one; no other pairs of encoders are tested."
TESTED = "Tested are the primary metrics of the first study; looks are not counted here."
EACH = "{row}, {encoder}"
"""The label of a row where several encoders have one."""


@dataclass(frozen=True)
class Between:
    """A dataset that was heard by several encoders.

    Attributes:
        verdict: the tests in a sentence; empty where there is nothing to test.
        notes: which metrics are comparable between encoders, and which are not.
        tables: scores by those that are, and differences from the first encoder; none where no
            metric is, or no method was trained with each of them.
    """

    dataset: str
    verdict: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]


def compare_encoders(studies: Sequence[Study]) -> list[Between]:
    """Compare the encoders of each set of pairs, scale and budget that several encoders have.

    Comparable is what is measured by one and the same judge, which is told by its fingerprint, on
    the images alone, or in the space of a judge that hears. What else compares sounds does so in
    the space of its own encoder.
    """
    groups: dict[tuple[str, str, int], list[Study]] = {}
    for study in studies:
        key = study.about.content_hash, study.about.scale, study.budget
        groups.setdefault(key, []).append(study)
    several = [same for same in groups.values() if len({one.about.encoder for one in same}) > 1]
    return [_compare(same) for same in several]


def _compare(studies: Sequence[Study]) -> Between:
    dataset = studies[0].dataset
    notes = []
    same: dict[str, Study] = {}
    for study in studies:
        if not any(method.scores for method in study.scores):
            notes.append(f"{study.folder.name}: no result yet; compared with nothing.")
        elif study.about.encoder in same:
            notes.append(f"{study.folder.name}: a second study of its encoder; left out.")
        else:
            same[study.about.encoder] = study
    if len(same) < 2:
        return Between(dataset, "", tuple(notes), ())
    first, *others = same.values()
    alike: list[Metric] = []
    apart = []
    for name in first.metrics:
        if all(name in one.metrics for one in others):
            metric = registry.metrics.get(name)
            judges = first.judge(name).union(*(one.judge(name) for one in others))
            if space_of(metric) != "encoder" and len(judges) == 1:
                alike.append(metric)
            else:
                apart.append(name)
    if alike:
        notes.append(
            f"{dataset}: comparable between encoders, without their features and by one and the"
            f" same judge: {', '.join(metric.name for metric in alike)}."
        )
    if apart:
        notes.append(
            f"{dataset}: not compared between encoders, since it takes their features, or version"
            f" or judge is another: {', '.join(apart)}."
        )
    references: list[RowScores] = []
    arms: list[dict[str, RowScores]] = []
    for label in dict.fromkeys(row.label for one in same.values() for row in one.scores):
        rows = {
            encoder: row
            for encoder, one in same.items()
            for row in one.scores
            if row.label == label
        }
        shared = len(rows) == len(same)
        if next(iter(rows.values())).reference:
            if shared:
                # Most are of the real pictures, whatever hears the sounds.
                equal = len({_values(one, alike) for one in rows.values()}) == 1
                references += [*rows.values()][:1] if equal else _named(rows)
        elif not shared:
            notes.append(f"{label}: not trained with every encoder; not compared between them.")
        else:
            made = [one for study in same.values() for one in study.definitions(label)]
            if len({source for _, source in made}) > 1:
                notes.append(f"{label}: with other code; not compared between encoders.")
                continue
            arms.append(rows)
            if differ := _different([options for options, _ in made]):
                notes.append(f"{label}: has other options with each encoder ({', '.join(differ)}).")
    verdict, tables = _tables(first, references, arms, alike) if alike and arms else ("", ())
    return Between(dataset, verdict, tuple(notes), tables)


def _different(options: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of options that do not have one value everywhere."""
    first, *others = options
    return [name for name in first if any(one.get(name) != first[name] for one in others)]


def _tables(
    first: Study,
    references: Sequence[RowScores],
    arms: Sequence[Mapping[str, RowScores]],
    metrics: Sequence[Metric],
) -> tuple[str, tuple[Table, ...]]:
    about = f"{first.dataset}, {first.about.scale} scale, {first.budget} images"
    rows = [*references, *(one for arm in arms for one in _named(arm))]
    scores = [
        replace(
            one,
            name=f"encoders{'' if one.name == 'quality' else f'_{one.name}'}-{first.folder.name}",
            title=f"Encoders. {one.title.partition('. ')[2]}",
        )
        for one in score_tables(rows, metrics, about, ())
    ]
    health = find_health(rows, metrics)
    metrics = usable(metrics, health)
    if not metrics:
        return NO_JUDGE, tuple(scores)
    base = first.about.encoder
    what, form = "Encoders", EACH
    if len(arms) == 1:  # its name need not stand in every row, and sentence
        what, form = f"Encoders of {arms[0][base].label}", "{encoder}"
    pairs = [(left, row) for left, *rest in (_named(arm, form) for arm in arms) for row in rest]
    declared = {one.name for one in metrics} & {*standing(first).primary.metrics}
    tests = confirm(explore(pairs, metrics), declared or usual_metrics(metrics))
    made = Differences(
        f"encoder_differences-{first.folder.name}",
        f"{what}: difference from {base} ({about})",
        (base, "encoder"),
        tests,
        health,
        [BASE, TESTED],
    )
    return lead(comparisons(tests)), (*scores, made.table)


def _named(rows: Mapping[str, RowScores], form: str = EACH) -> list[RowScores]:
    """Write the encoder into the label of each row."""
    return [
        replace(row, label=form.format(row=row.label, encoder=encoder))
        for encoder, row in rows.items()
    ]


def _values(row: RowScores, metrics: Sequence[Metric]) -> tuple[tuple[float, ...], ...]:
    """Return the scores of a row, except those that are means over random parts of the images: the
    parts depend on the order of the segments, and that on their features."""
    scored = [row.scores[one.name] for one in metrics if one.name in row.scores]
    return tuple(tuple(scores.values.tolist()) for scores in scored if scores.spread is None)
