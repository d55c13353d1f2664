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
from a2ibench.reporting.critical_difference import LEAST, NOTE, Ranks, rank, save_diagram
from a2ibench.reporting.differences import (
    DIFFERENCES,
    PairedTest,
    ablation_pairs,
    ablation_table,
    method_pairs,
    method_table,
    run_tests,
)
from a2ibench.reporting.render import FORMATS, save_table
from a2ibench.reporting.table import Table
from a2ibench.reporting.tables import TITLES, score_tables
from a2ibench.reporting.words import NO_JUDGE, Comparison, comparisons, lead
from a2ibench.results.finished import (
    Finished,
    check_alike,
    metrics_as_stored,
    read_rows,
    read_study,
    to_method,
)
from a2ibench.results.judge_health import find_health, struck_reasons, usable
from a2ibench.results.outcome import JOBS, failure_of
from a2ibench.results.rows import RowScores
from a2ibench.results.stored import find_store, outside_notes

DIAGRAM = "critical_difference.png"
OWN_TABLES = tuple(f"{name}.{suffix}" for name in (*TITLES, *DIFFERENCES) for suffix in FORMATS)
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
        tests: of the methods, then of the ablations.
        ranks: of the arms over the metrics; None with too few of either.
        diagram: the critical-difference diagram; None without ranks.
        check: the last check of the pairs.
        warnings: what a reader must know of single results.
    """

    about: str
    methods: tuple[RowScores, ...]
    metrics: tuple[type[Metric], ...]
    tables: tuple[Table, ...]
    tests: tuple[PairedTest, ...]
    ranks: Ranks | None
    diagram: Path | None
    check: LastCheck = field(default_factory=LastCheck)
    warnings: tuple[str, ...] = ()

    @property
    def arms(self) -> list[RowScores]:
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
    def scored(self) -> list[RowScores]:
        """Those that have any score."""
        return scored_arms(self.methods)

    def table(self, name: str) -> Table | None:
        """One of the tables; None where it was not made."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def compared(self) -> list[Comparison]:
        """What the tests say."""
        return comparisons(self.tests)

    @property
    def said(self) -> str:
        """What the tests say, in a sentence."""
        if not self.metrics:
            return NOTHING_MEASURED
        return lead(self.compared) if self.usable else NO_JUDGE

    @property
    def struck(self) -> list[str]:
        """Why nothing is said by some metrics: their judge failed."""
        struck = struck_reasons(self.metrics, self.health)
        return [f"Left out: {reason}" for reason in struck]

    @property
    def verdict(self) -> str:
        """What the last check of the pairs says, then the tests, then what is left out."""
        return " ".join(part for part in (self.check.caution, self.said, *self.struck) if part)


def write_report(
    folder: Path,
    about: Mapping[str, Any],
    rows: Sequence[RowScores],
    metrics: Sequence[type[Metric]],
    check: LastCheck,
) -> Report:
    """Write ``folder/tables`` anew, with what a reader must know in the captions.

    Args:
        folder: of the study.
        about: its ``study.json``.
        rows: references, then arms.
        metrics: in the order of the columns.
        check: the last check of the pairs.
    """
    results = read_rows(folder, about)
    warnings = _warnings(folder, about, results)
    notes = [_what_n_is(about, results), SPREAD, *warnings]
    made = write_tables(folder, rows, metrics, _title(about), notes)
    return replace(made, check=check, warnings=tuple(warnings))


def write_tables(
    folder: Path,
    rows: Sequence[RowScores],
    metrics: Sequence[type[Metric]],
    about: str,
    notes: Sequence[str],
) -> Report:
    """Write ``folder/tables`` anew: each table in every format, and the diagram.

    Args:
        folder: of the study.
        rows: references, then arms.
        metrics: in the order of the columns.
        about: the data, for the titles.
        notes: for every caption.
    """
    health = find_health(rows, metrics)
    tested = usable(metrics, health)
    ablations = run_tests(ablation_pairs(rows), tested)
    methods = run_tests(method_pairs(rows), tested)
    made = (
        *score_tables(rows, metrics, about, notes),
        ablation_table(ablations, about, notes, health),
        method_table(methods, about, notes, health),
    )
    tables = tuple(table for table in made if table is not None)
    for name in (*OWN_TABLES, DIAGRAM):
        # Of an earlier command: what this one does not make would stay.
        (folder / "tables" / name).unlink(missing_ok=True)
    for table in tables:
        save_table(table, folder / "tables")
    ranks = _rank(rows, tested)
    diagram = None
    if ranks is not None:
        diagram = folder / "tables" / DIAGRAM
        save_diagram(ranks, [arm.label for arm in scored_arms(rows)], diagram)
    tests = (*methods, *ablations)
    return Report(about, tuple(rows), tuple(metrics), tables, tests, ranks, diagram)


def scored_arms(methods: Sequence[RowScores]) -> list[RowScores]:
    """Those that are no reference row and have any score."""
    return [method for method in methods if not method.reference and method.scores]


def _rank(methods: Sequence[RowScores], metrics: Sequence[type[Metric]]) -> Ranks | None:
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
    return write_report(folder, about, methods, metrics, _last_check(folder, about))


def _title(about: Mapping[str, Any]) -> str:
    """The data of a study, as the titles of its tables name them; of its ``study.json``."""
    return f"{Path(about['dataset']).name}, {about['encoder']}, {about['scale']} scale"


def _warnings(folder: Path, about: Mapping[str, Any], rows: Sequence[Finished]) -> list[str]:
    """Scores of older versions, images from outside, and failures, one line each."""
    _, aged = metrics_as_stored(rows, about["metrics"])
    return [
        *aged,
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
