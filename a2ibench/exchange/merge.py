"""Several exported contents as one: what is equal stands in it once, what disagrees is refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from a2ibench.errors import UserError
from a2ibench.exchange.records import (
    FORMAT,
    Content,
    Entry,
    JobEntry,
    MetricEntry,
    PairsEntry,
    RowEntry,
    ScoreEntry,
    outside_definition,
)

E = TypeVar("E", bound=Entry)

ONE_RESULT = (
    "a job has one result: leave one of the two out, or export again the study that was right"
)
DEFINES = ("group", "percent", "higher_is_better", "directed", "low", "high")
"""Fields that must be alike in two descriptions of one metric; titles and texts may differ."""

Board = tuple[int, str, str, int | None]


def merge(contents: Mapping[str, Content], parts: Sequence[str] = ()) -> Content:
    """Return the union of exported contents.

    Jobs are one by their keys, and rows by what defines them; a row that is known to several has
    the seeds and metrics of all. Other versions of a metric, and other judges, are metrics of their
    own. Of names, hardware and cost, which define no number, the first that is told counts.

    Args:
        contents: by the name under which messages speak of each.
        parts: their hashes.

    Raises:
        UserError: two disagree on a score of one job, on a metric, or on a list of test segments.
    """
    pairs: dict[str, PairsEntry] = {}
    metrics: dict[str, MetricEntry] = {}
    rows: dict[str, RowEntry] = {}
    empty: list[RowEntry] = []
    told: dict[str, str] = {}
    for name, content in contents.items():
        for key, one in content.pairs.items():
            pairs[key] = _same_pairs(pairs[key], one, name) if key in pairs else one
        for key, metric in content.metrics.items():
            _check_metric(metrics.setdefault(key, metric), metric, name)
        for row in content.rows:
            if not row.definition:
                empty.append(row)
                continue
            same = _same_rows(rows, row)
            for earlier in reversed(same):  # what was told first counts
                row = _union(rows[earlier], row, told, name)
            place = same[0] if same else row.definition
            kept = {key: one for key, one in rows.items() if key not in same[1:]} | {place: row}
            rows = {one.definition: one for one in kept.values()}
            told |= {job.key: told.get(job.key, name) for job in row.jobs}
    known = {(board_of(row), row.label) for row in rows.values()}
    lacking = {(board_of(row), row.label): row for row in reversed(empty)}
    return Content(
        format=FORMAT,
        parts=sorted({*parts}),
        pairs=pairs,
        judges=_first(content.judges for content in contents.values()),
        metrics=metrics,
        rows=[
            *rows.values(),
            *(row for place, row in reversed(lacking.items()) if place not in known),
        ],
    )


def _same_rows(rows: Mapping[str, RowEntry], row: RowEntry) -> list[str]:
    """Return the definitions of rows that are of the same system: several, where one of an outside
    system shares runs with each."""
    if row.kind != "outside":
        return [row.definition] if row.definition in rows else []
    jobs = {job.seed: job.key for job in row.jobs}
    same = []
    for definition, one in rows.items():
        if one.kind != "outside" or board_of(one) != board_of(row):
            continue
        there = {job.seed: job.key for job in one.jobs}
        common = jobs.keys() & there.keys()
        # With other images for one of its runs it is another system, or another version of it.
        if common and all(jobs[seed] == there[seed] for seed in common):
            same.append(definition)
            jobs |= there
    return same


def board_of(row: RowEntry) -> Board:
    """Return what must be alike in rows that stand in one table: protocol, pairs, encoder, budget
    (None for what is in the tables of all budgets)."""
    return row.protocol, row.pairs, row.encoder.fingerprint, row.budget


def _first(all_of: Iterable[Mapping[str, E]]) -> dict[str, E]:
    found: dict[str, E] = {}
    for some in all_of:
        found |= {key: one for key, one in some.items() if key not in found}
    return found


def _same_pairs(before: PairsEntry, now: PairsEntry, name: str) -> PairsEntry:
    if None not in (before.list_hash, now.list_hash) and before.list_hash != now.list_hash:
        raise UserError(
            f"{name}: its list of test segments of {', '.join(now.names)} has another hash than the"
            f" same pairs in a file before it ({now.list_hash} and {before.list_hash}); export the"
            " study again with `--dataset DIR`"
        )
    return before.model_copy(
        update={
            "names": list(dict.fromkeys([*before.names, *now.names])),
            "list_hash": before.list_hash or now.list_hash,
            "classes": before.classes or now.classes,
            "image_size": before.image_size or now.image_size,
        }
    )


def _check_metric(before: MetricEntry, now: MetricEntry, name: str) -> None:
    for field in DEFINES:
        if (a := getattr(before, field)) != (b := getattr(now, field)):
            raise UserError(
                f"{name}: describes {now.name}, version {now.version}, otherwise than a file before"
                f" it ({field}: {b} and {a}); a metric that changes must raise its version"
            )


def _union(before: RowEntry, now: RowEntry, told: Mapping[str, str], name: str) -> RowEntry:
    jobs = {job.seed: job for job in before.jobs}
    for job in now.jobs:
        known = jobs.get(job.seed)
        if known is None:
            jobs[job.seed] = job
        elif known.key != job.key:
            raise UserError(
                f"{name}: {now.label}, seed {job.seed} is job {job.key} there, and {known.key} in"
                f" {told[known.key]}; {ONE_RESULT}"
            )
        else:
            jobs[job.seed] = _same_job(known, job, now.label, told[job.key], name)
    ordered = [jobs[seed] for seed in sorted(jobs)]
    asked = max(before.asked, now.asked, len(ordered))
    union = before.model_copy(update={"jobs": ordered, "asked": asked})
    if union.kind == "outside":
        definition = outside_definition(job.key for job in ordered)
        return union.model_copy(update={"definition": definition})
    return union


def _same_job(before: JobEntry, now: JobEntry, label: str, first: str, second: str) -> JobEntry:
    for metric, why in _differences(before, now):
        raise UserError(
            f"{first} and {second}: disagree on job {now.key} ({label}, seed {now.seed}), metric"
            f" {metric.partition(' ')[0]}: {why}; {ONE_RESULT}"
        )
    return before.model_copy(
        update={"scores": {**now.scores, **before.scores}, "strata": before.strata or now.strata}
    )


def _differences(before: JobEntry, now: JobEntry) -> Iterator[tuple[str, str]]:
    """Yield the metrics by which two results of one job differ, with the difference."""
    for metric in before.scores.keys() & now.scores.keys():
        a, b = before.scores[metric], now.scores[metric]
        if a.value != b.value:
            yield metric, f"{_said(a)} and {_said(b)}"
        elif a != b or before.strata != now.strata:
            yield metric, f"{_said(a)} in both, from other scores by block of test clips"


def _said(score: ScoreEntry) -> str:
    return "no value" if score.value is None else f"{score.value:.6g}"
