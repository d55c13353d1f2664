"""The tables of a study, written, and written again from results alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

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
from a2ibench.reporting.outside_notes import outside_notes
from a2ibench.reporting.render import FORMATS, save_table
from a2ibench.reporting.table import Table
from a2ibench.reporting.tables import TITLES, score_tables
from a2ibench.reporting.words import NO_JUDGE, Comparison, comparisons, lead
from a2ibench.results.comparable import check_alike, metrics_as_stored
from a2ibench.results.judge_health import find_health, struck_reasons, usable
from a2ibench.results.pairs import find_store
from a2ibench.results.rows import RowScores
from a2ibench.results.study import Study
from a2ibench.study.earlier_code import kept_notes

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
    metrics: tuple[Metric, ...]
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
    def usable(self) -> tuple[Metric, ...]:
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
    study: Study,
    rows: Sequence[RowScores],
    metrics: Sequence[Metric],
    check: LastCheck,
) -> Report:
    """Write ``STUDY/tables`` anew, with what a reader must know in the captions.

    Args:
        study: with its results.
        rows: references, then arms.
        metrics: in the order of the columns.
        check: the last check of the pairs.
    """
    made = write_tables(study.folder, rows, metrics, _title(study), _captions(study))
    return replace(made, check=check, warnings=tuple(_warnings(study)))


def write_tables(
    folder: Path,
    rows: Sequence[RowScores],
    metrics: Sequence[Metric],
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
    tables, tests = make_tables(rows, metrics, about, notes)
    for name in (*OWN_TABLES, DIAGRAM):
        # Of an earlier command: what this one does not make would stay.
        (folder / "tables" / name).unlink(missing_ok=True)
    for table in tables:
        save_table(table, folder / "tables")
    ranks = _rank(rows, usable(metrics, find_health(rows, metrics)))
    diagram = None
    if ranks is not None:
        diagram = folder / "tables" / DIAGRAM
        save_diagram(ranks, [arm.label for arm in scored_arms(rows)], diagram)
    return Report(about, tuple(rows), tuple(metrics), tables, tests, ranks, diagram)


def make_tables(
    rows: Sequence[RowScores], metrics: Sequence[Metric], about: str, notes: Sequence[str]
) -> tuple[tuple[Table, ...], tuple[PairedTest, ...]]:
    """Return the tables of scores and of differences, and the tests; see :func:`write_tables`."""
    health = find_health(rows, metrics)
    tested = usable(metrics, health)
    ablations = run_tests(ablation_pairs(rows), tested)
    methods = run_tests(method_pairs(rows), tested)
    made = (
        *score_tables(rows, metrics, about, notes),
        ablation_table(ablations, about, notes, health),
        method_table(methods, about, notes, health),
    )
    return tuple(table for table in made if table is not None), (*methods, *ablations)


def scored_arms(methods: Sequence[RowScores]) -> list[RowScores]:
    """Those that are no reference row and have any score."""
    return [method for method in methods if not method.reference and method.scores]


def _rank(methods: Sequence[RowScores], metrics: Sequence[Metric]) -> Ranks | None:
    arms = scored_arms(methods)
    scored = [metric for metric in metrics if all(metric.name in method.scores for method in arms)]
    if len(arms) < LEAST or len(scored) < LEAST:
        return None
    scores = [
        [arm.scores[m.name].mean * (1 if m.higher_is_better else -1) for arm in arms]
        for m in scored
    ]
    return rank(np.array(scores))


def report(study: Study) -> Report:
    """Writes the tables of a study again from its results, be it finished or not.

    Raises:
        NoResultError: no job has a result.
        UserError: metrics that are not registered, or results that do not belong in one table
            (:func:`~a2ibench.results.comparable.check_alike`).
    """
    return write_report(study, study.scores, _measured(study), _last_check(study))


def tables_of(study: Study) -> tuple[Table, ...]:
    """Return the tables of a study; nothing is written.

    Raises:
        UserError: as :func:`report`.
    """
    return make_tables(study.scores, _measured(study), _title(study), _captions(study))[0]


def _measured(study: Study) -> list[Metric]:
    """The metrics of a study, of which all results belong in one table."""
    if not study.results:
        why = "".join(f"; {failure}" for failure in study.failures()[:SHOWN])
        raise NoResultError(f"{study.folder}: no job has a result yet; run the study{why}")
    check_alike(study.rows, study.metrics)
    return metrics_as_stored(study.rows, study.metrics)[0]


def _title(study: Study) -> str:
    return f"{study.dataset}, {study.about.encoder}, {study.about.scale} scale"


def _captions(study: Study) -> list[str]:
    return [_what_n_is(study), SPREAD, *_warnings(study)]


def _warnings(study: Study) -> list[str]:
    """Scores of older versions, results of earlier code, images from outside, and failures."""
    _, aged = metrics_as_stored(study.rows, study.metrics)
    kept = kept_notes(study.about.jobs, study.about.kept)
    failures = (f"Failed: {failure}." for failure in study.failures())
    return [*aged, *kept, *outside_notes(study), *failures]


def _last_check(study: Study) -> LastCheck:
    """Of the pairs where they are at hand, else as the study's last command knew it."""
    store, _ = find_store(study, None)
    return LastCheck.from_plain(study.about.check) if store is None else last_check(store)


def _what_n_is(study: Study) -> str:
    about = study.about
    seeds = f"{about.seeds} seed{'s' if about.seeds > 1 else ''} asked for"
    done, asked = len(study.results), len(study.jobs)
    pairs = ""
    if about.pairs is not None:
        does = "train the models" if about.models else "are there to train models"
        pairs = f" {about.pairs.models} pairs {does}, {about.pairs.judges} others train the judges."
    trained = (
        f" {about.images} training images per trial (pretraining of a part of a method apart)."
        if about.models
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
