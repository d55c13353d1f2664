"""The same pairs heard by several encoders: what is comparable between them, and compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.reporting.differences import difference_table, run_tests
from a2ibench.reporting.table import Table
from a2ibench.reporting.tables import score_tables
from a2ibench.reporting.words import NO_JUDGE, comparisons, lead
from a2ibench.results.judge_health import find_health, usable
from a2ibench.results.rows import RowScores
from a2ibench.results.study import Study

BASE = "Each encoder is compared with the first one; no other pairs of encoders are tested."


@dataclass(frozen=True)
class Between:
    """A dataset that was heard by several encoders.

    Attributes:
        dataset: on what.
        verdict: what the tests say, in a sentence; empty where there is nothing to test.
        notes: which metrics are comparable between encoders, and which are not.
        tables: scores by those that are, and differences to the first encoder; none where no
            metric is, or no method was trained with each of them.
    """

    dataset: str
    verdict: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]


def compare_encoders(studies: Sequence[Study]) -> list[Between]:
    """One for each set of pairs, scale and budget that several encoders have.

    Comparable is what is measured on the images alone by one and the same judge, which is told by
    its fingerprint. What compares sounds does so in the space of its own encoder.
    """
    groups: dict[tuple[str, str, int], list[Study]] = {}
    for study in studies:
        groups.setdefault(
            (study.about.content_hash, study.about.scale, study.about.images), []
        ).append(study)
    return [
        _compare(same)
        for same in groups.values()
        if len({study.about.encoder for study in same}) > 1
    ]


def _compare(studies: Sequence[Study]) -> Between:
    dataset = studies[0].dataset
    notes = []
    same: list[Study] = []
    for study in studies:
        if not any(method.scores for method in study.scores):
            notes.append(f"{study.folder.name}: no result yet; compared with nothing.")
        elif study.about.encoder in {one.about.encoder for one in same}:
            notes.append(f"{study.folder.name}: a second study of its encoder; left out.")
        else:
            same.append(study)
    if len(same) < 2:
        return Between(dataset, "", tuple(notes), ())
    names = [name for name in same[0].metrics if all(name in one.metrics for one in same)]
    alike = [
        name
        for name in names
        if registry.metrics.get(name).group == "quality"
        and len(set[object]().union(*(study.judge(name) for study in same))) == 1
    ]
    apart = [name for name in names if name not in alike]
    if alike:
        notes.append(
            f"{dataset}: comparable between encoders, by the images alone and by one and the"
            f" same judge: {', '.join(alike)}."
        )
    if apart:
        notes.append(
            f"{dataset}: not compared between encoders, since it is more than the quality of the"
            f" images, or version or judge is another: {', '.join(apart)}."
        )
    metrics = [registry.metrics.get(name) for name in alike]
    arms, left = _arms(same)
    notes += left
    verdict, tables = _tables(same, arms, metrics) if metrics and arms else ("", ())
    return Between(dataset, verdict, tuple(notes), tables)


def _arms(same: Sequence[Study]) -> tuple[list[list[RowScores]], list[str]]:
    """The arms that every encoder has with the same options and code, and why others are left."""
    arms, notes = [], []
    for label, found in _rows(same).items():
        if found[0].reference:
            continue
        if len(found) < len(same):
            notes.append(f"{label}: not trained with every encoder; not compared between them.")
        elif len(set[str]().union(*(study.definition(label) for study in same))) > 1:
            notes.append(f"{label}: with other options or code; not compared between encoders.")
        else:
            arms.append(found)
    return arms, notes


def _tables(
    same: Sequence[Study], by_arm: Sequence[Sequence[RowScores]], metrics: Sequence[Metric]
) -> tuple[str, tuple[Table, ...]]:
    first = same[0]
    about = f"{first.dataset}, {first.about.scale} scale, {first.about.images} images"
    rows: list[RowScores] = []
    for found in _rows(same).values():
        if not found[0].reference or len(found) < len(same):
            continue
        # Most are of the real pictures, whatever hears the sounds.
        equal = len({_values(one, metrics) for one in found}) == 1
        rows += [found[0]] if equal else _named(found, same)
    arms = [_named(found, same) for found in by_arm]
    rows += [one for arm in arms for one in arm]
    (scores,) = score_tables(rows, metrics, about, ())
    title = f"Encoders: quality and class of the images ({about})"
    scores = replace(scores, name=f"encoders-{first.folder.name}", title=title)
    health = find_health(rows, metrics)
    metrics = usable(metrics, health)
    if not metrics:
        return NO_JUDGE, (scores,)
    what = "Encoders"
    if len(by_arm) == 1:  # its name need not stand in every row, and sentence
        what = f"Encoders of {by_arm[0][0].label}"
        arms = [_named(by_arm[0], same, "{encoder}")]
    tests = run_tests([(base, one) for base, *rest in arms for one in rest], metrics)
    differences = difference_table(
        f"encoder_differences-{first.folder.name}",
        f"{what}: difference to {first.about.encoder} ({about})",
        (first.about.encoder, "encoder"),
        tests,
        (BASE,),
        health,
    )
    assert differences is not None  # two encoders at least
    verdict = lead(comparisons(tests))
    return verdict, (scores, differences)


def _rows(same: Sequence[Study]) -> dict[str, list[RowScores]]:
    """The row of each label, from every study that has it."""
    rows: dict[str, list[RowScores]] = {}
    for study in same:
        for method in study.scores:
            rows.setdefault(method.label, []).append(method)
    return rows


def _named(
    found: Sequence[RowScores], same: Sequence[Study], label: str = "{row}, {encoder}"
) -> list[RowScores]:
    return [
        replace(method, label=label.format(row=method.label, encoder=study.about.encoder))
        for method, study in zip(found, same, strict=True)
    ]


def _values(method: RowScores, metrics: Sequence[Metric]) -> tuple[tuple[float, ...], ...]:
    scored = [method.scores[one.name] for one in metrics if one.name in method.scores]
    return tuple(tuple(scores.values.tolist()) for scores in scored)
