"""The tables of a study, written, and written again from results alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.contracts.metric import Metric
from a2ibench.curation.last_check import LastCheck, last_check
from a2ibench.errors import UserError
from a2ibench.evaluation.health import Health
from a2ibench.reporting.cells import Method
from a2ibench.reporting.critical_difference import LEAST, NOTE, Ranks, rank, save_diagram
from a2ibench.reporting.health import find_health, struck_reasons, usable
from a2ibench.reporting.render import Table
from a2ibench.reporting.tables import (
    DIFFERENCES,
    TITLES,
    ablation_table,
    method_table,
    score_tables,
)
from a2ibench.reporting.words import NO_JUDGE, Comparison, comparisons, lead
from a2ibench.results.finished import (
    Finished,
    check_alike,
    metrics_as_stored,
    read_rows,
    read_study,
    to_method,
)
from a2ibench.results.outcome import JOBS, failure_of
from a2ibench.results.stored import find_store, outside_notes
from a2ibench.storage import whole_file
from a2ibench.study.earlier_code import kept_notes

DIAGRAM = "critical_difference.png"
SUFFIXES = ("md", "csv", "tex")
OWN_TABLES = tuple(f"{name}.{suffix}" for name in (*TITLES, *DIFFERENCES) for suffix in SUFFIXES)
"""In ``tables/``: every file of a table that some command makes; others there are not touched."""
SHOWN = 3
"""Failures that a message names."""
NOTHING_MEASURED = "Nothing is measured: this study has no metric."
SAMPLES = "samples.png"
PAGE = "report.html"
SPREAD = "±: spread that the protocol defines, no confidence interval."


class NoResultError(UserError):
    """No job of a study has a result yet."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        about: the data, as the titles name them.
        methods: references, then arms.
        metrics: in the order of the columns.
        tables: in order.
        ranks: of the arms over the metrics; None with too few of either.
        diagram: the critical-difference diagram; None without ranks.
        check: the last check of the pairs.
    """

    about: str
    methods: tuple[Method, ...]
    metrics: tuple[type[Metric], ...]
    tables: tuple[Table, ...]
    ranks: Ranks | None
    diagram: Path | None
    check: LastCheck = field(default_factory=LastCheck)

    @property
    def arms(self) -> list[Method]:
        """The methods that are no reference row."""
        return [method for method in self.methods if not method.reference]

    @property
    def health(self) -> tuple[Health, ...]:
        """How the judges did."""
        return find_health(self.methods, self.metrics)

    @property
    def usable(self) -> tuple[type[Metric], ...]:
        """The metrics whose judges can judge: the others are struck, and compare nothing."""
        return usable(self.metrics, self.health)

    @property
    def scored(self) -> list[Method]:
        """Those that have any score."""
        return scored_arms(self.methods)

    def table(self, name: str) -> Table | None:
        """One of the tables; None where it was not made."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def compared(self) -> list[Comparison]:
        """What the tables of differences say."""
        tables = map(self.table, ("methods", "ablations"))
        return [one for table in tables for one in comparisons(table, self.metrics)]

    @property
    def verdict(self) -> str:
        """The same in a sentence, and what is said of nothing since its judge failed."""
        if not self.metrics:
            return f"{self.check.caution} {NOTHING_MEASURED}".lstrip()
        struck = struck_reasons(self.metrics, self.health)
        said = lead(self.compared) if self.usable else NO_JUDGE
        parts = [self.check.caution, said, *(f"Left out: {reason}" for reason in struck)]
        return " ".join(part for part in parts if part)


def write_tables(
    folder: Path,
    methods: Sequence[Method],
    metrics: Sequence[type[Metric]],
    about: str,
    notes: Sequence[str],
) -> Report:
    """Writes ``folder/tables`` anew: each table as md, csv and tex, and the diagram.

    Args:
        folder: of the study.
        methods: references, then arms.
        metrics: in the order of the columns.
        about: the data, for the titles.
        notes: for every caption.
    """
    tables = score_tables(methods, metrics, about, notes)
    tested = usable(metrics, find_health(methods, metrics))
    for make in (ablation_table, method_table):
        table = make(methods, tested, about, notes) if tested else None
        if table is not None:
            tables.append(table)
    for name in (*OWN_TABLES, DIAGRAM):
        # Of an earlier command: what this one does not make would stay.
        (folder / "tables" / name).unlink(missing_ok=True)
    for table in tables:
        save_table(table, folder / "tables")
    ranks = _rank(methods, tested)
    diagram = None
    if ranks is not None:
        diagram = folder / "tables" / DIAGRAM
        save_diagram(ranks, [arm.label for arm in scored_arms(methods)], diagram)
    return Report(about, tuple(methods), tuple(metrics), tuple(tables), ranks, diagram)


def save_table(table: Table, folder: Path) -> None:
    """Writes a table as md, csv and tex."""
    texts = (table.to_markdown(), table.to_csv(), table.to_latex())
    for suffix, text in zip(SUFFIXES, texts, strict=True):
        with whole_file(folder / f"{table.name}.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def scored_arms(methods: Sequence[Method]) -> list[Method]:
    """Those that are no reference row and have any score."""
    return [method for method in methods if not method.reference and method.scores]


def _rank(methods: Sequence[Method], metrics: Sequence[type[Metric]]) -> Ranks | None:
    arms = scored_arms(methods)
    scored = [metric for metric in metrics if all(metric.name in method.scores for method in arms)]
    if len(arms) < LEAST or len(scored) < LEAST:
        return None
    scores = [
        [arm.scores[m.name].mean * (1 if m.higher_is_better else -1) for arm in arms]
        for m in scored
    ]
    return rank(np.array(scores))


def report(folder: Path) -> Report:
    """Writes the tables of a study again from its results, be it finished or not.

    Raises:
        NoResultError: no job has a result.
        UserError: no study, metrics that are not registered, or results that do not
            belong in one table (:func:`~a2ibench.results.finished.check_alike`).
    """
    about = read_study(folder)
    rows = read_rows(folder, about)
    results = [result for row in rows for _, result in row.results]
    if not results:
        why = "".join(f"; {failure}" for failure in failures_of(folder, about)[:SHOWN])
        raise NoResultError(f"{folder}: no job has a result yet; run the study{why}")
    names: list[str] = about["metrics"]
    check_alike(rows, names)
    methods = [to_method(row, names, about["models"]) for row in rows]
    metrics, _ = metrics_as_stored(rows, names)
    made = write_tables(folder, methods, metrics, title_of(about), captions(folder, about))
    return replace(made, check=_last_check(folder, about))


def title_of(about: Mapping[str, Any]) -> str:
    """The data of a study, as the titles of its tables name them; of its ``study.json``."""
    return f"{Path(about['dataset']).name}, {about['encoder']}, {about['scale']} scale"


def captions(folder: Path, about: Mapping[str, Any]) -> list[str]:
    """What a reader of a study's tables must know, one line each.

    Args:
        folder: of the study.
        about: its ``study.json``.
    """
    rows = read_rows(folder, about)
    _, aged = metrics_as_stored(rows, about["metrics"])
    return [
        _what_n_is(about, rows),
        SPREAD,
        *aged,
        *kept_notes(about["jobs"], about.get("kept", {})),
        *outside_notes((row.label, [result for _, result in row.results]) for row in rows),
        *(f"Failed: {failure}." for failure in failures_of(folder, about)),
    ]


def _last_check(folder: Path, about: Mapping[str, Any]) -> LastCheck:
    """Of the pairs where they are at hand, else as the study's last command knew it."""
    store, _ = find_store(folder, None)
    return LastCheck.from_plain(about.get("check")) if store is None else last_check(store)


def failures_of(folder: Path, about: Mapping[str, Any]) -> list[str]:
    """``"arm, seed N: reason"`` for each job that failed, or whose result is damaged."""
    return [
        f"{label}, seed {seed}: {reason}"
        for label, keys in about["jobs"].items()
        for seed, key in enumerate(keys)
        if (reason := failure_of(folder / JOBS / key, about["metrics"])) is not None
    ]


def _what_n_is(about: Mapping[str, Any], rows: Sequence[Finished]) -> str:
    seeds = f"{about['seeds']} seed{'s' if about['seeds'] > 1 else ''} asked for"
    done, asked = sum(len(row.results) for row in rows), sum(row.asked for row in rows)
    pairs = ""
    if "pairs" in about:
        models, judges = about["pairs"]["models"], about["pairs"]["judges"]
        does = "train the models" if about["models"] else "are there to train models"
        pairs = f" {models} pairs {does}, {judges} others train the judges."
    trained = (
        f" {about['images']} training images per trial (pretraining of a part of a method apart)."
        if about["models"]
        else ""
    )
    return (
        f"n: test segments, one image each. {seeds}; {done} of {asked} jobs have a result."
        f"{trained}{pairs}"
    )


def notes_once(made: Report) -> list[str]:
    """Every line of the captions, once, for a terminal; then the verdict."""
    lines = dict.fromkeys(note for table in made.tables for note in table.notes)
    return [*lines, *([NOTE] if made.diagram else []), f"verdict: {made.verdict}"]
