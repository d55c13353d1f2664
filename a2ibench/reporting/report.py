"""The tables of a study, written, and written again from results alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from a2ibench.contracts.metric import Metric
from a2ibench.curation.last_check import LastCheck, last_check
from a2ibench.errors import UserError
from a2ibench.evaluation.critical_difference import LEAST, Ranks, rank
from a2ibench.evaluation.judge_health import Health
from a2ibench.reporting.critical_difference import draw_diagram
from a2ibench.reporting.differences import DIFFERENCES, Differences
from a2ibench.reporting.image_grids import save_figure
from a2ibench.reporting.score_tables import TITLES, score_tables
from a2ibench.reporting.table import Table
from a2ibench.reporting.text_formats import FORMATS, save_table
from a2ibench.reporting.verdict_text import NO_JUDGE, Comparison, comparisons, lead
from a2ibench.results.comparability import check_alike, metrics_as_stored
from a2ibench.results.rows import RowScores
from a2ibench.results.struck_metrics import find_health, struck_reasons, usable
from a2ibench.results.study import Study
from a2ibench.results.study_pairs import find_store
from a2ibench.study.earlier_results import kept_notes
from a2ibench.study.looks import Standing, note_looks, standing
from a2ibench.study.mixed_hardware import mixed_hardware
from a2ibench.study.paired_tests import PairedTest, explore_study, primary_tests

DIAGRAM = "critical_difference.png"
OWN_TABLES = tuple(f"{name}.{suffix}" for name in (*TITLES, *DIFFERENCES) for suffix in FORMATS)
"""Files in ``tables/`` that some command makes; others there are not touched."""
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
    """The findings of a study; nothing is written.

    Attributes:
        about: the data, as the titles name them.
        methods: references, then arms.
        notes: for every caption.
        warnings: those of the notes that speak of single results.
        check: the last check of the pairs.
        standing: the primary questions.
    """

    about: str
    methods: tuple[RowScores, ...]
    metrics: tuple[Metric, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    check: LastCheck = field(default_factory=LastCheck)
    standing: Standing = field(default_factory=Standing)

    @property
    def arms(self) -> list[RowScores]:
        """The methods that are no reference row."""
        return [method for method in self.methods if not method.reference]

    @property
    def scored(self) -> list[RowScores]:
        """The arms that have any score."""
        return [arm for arm in self.arms if arm.scores]

    @cached_property
    def health(self) -> tuple[Health, ...]:
        """The marks of the judges."""
        return find_health(self.methods, self.metrics)

    @cached_property
    def usable(self) -> tuple[Metric, ...]:
        """The metrics whose judges can judge: the others are struck, and compare nothing."""
        return usable(self.metrics, self.health)

    @cached_property
    def tests(self) -> list[PairedTest]:
        """The primary questions with their tests."""
        return primary_tests(self.methods, self.usable, self.standing)

    @property
    def tested(self) -> bool:
        """Whether any of them has a test: who reads it has looked at all."""
        return any(one.tested for one in self.tests)

    @cached_property
    def differences(self) -> list[Differences]:
        """The primary questions, then the other differences, which are exploratory."""
        tested = {(frozenset((t.row.label, t.base.label)), t.metric.name) for t in self.tests}
        rest = explore_study(self.methods, self.usable, tested)
        base = rest["methods"][-1].base.label if "methods" in rest else ""
        made = {
            "primary": (
                "Table III. Primary questions: is A better than B?",
                ("score of B", "score of A"),
                self.tests,
            ),
            "ablations": (
                "Table IV. Ablations, exploratory: difference from the full model",
                ("full", "ablated"),
                rest.get("ablations"),
            ),
            "methods": (
                f"Table V. Methods, exploratory: difference from {base}",
                (base, "method"),
                rest.get("methods"),
            ),
        }
        return [
            Differences(
                name,
                f"{title} ({self.about})",
                headings,
                tests,
                self.health,
                (*self.standing.notes, *self.notes) if name == "primary" else self.notes,
                ("A", "B") if name == "primary" else ("method",),
            )
            for name, (title, headings, tests) in made.items()
            if tests
        ]

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables of scores, then of differences."""
        scores = score_tables(self.methods, self.metrics, self.about, self.notes)
        return (*scores, *(one.table for one in self.differences))

    @cached_property
    def ranks(self) -> Ranks | None:
        """The ranks of the arms over the metrics that all have; None with too few of either."""
        arms = self.scored
        there = [one for one in self.usable if all(one.name in arm.scores for arm in arms)]
        metrics = [one for one in there if one.directed]
        if len(arms) < LEAST or len(metrics) < LEAST:
            return None
        signs = [1 if metric.higher_is_better else -1 for metric in metrics]
        means = [[arm.scores[metric.name].mean for arm in arms] for metric in metrics]
        return rank(np.array(signs)[:, np.newaxis] * np.array(means))

    @property
    def compared(self) -> list[Comparison]:
        """The contrasts of the primary questions."""
        return comparisons(self.tests)

    @property
    def said(self) -> str:
        """The tests in a sentence."""
        if not self.metrics:
            return NOTHING_MEASURED
        asked = self.standing.primary
        if not self.usable:
            return NO_JUDGE
        if asked.contrasts and not any(one.name in asked.metrics for one in self.usable):
            named = ", ".join(one.title for one in self.metrics if one.name in asked.metrics)
            return f"Nothing is tested: the judge of every primary metric failed ({named})."
        return lead(self.compared)

    @property
    def struck(self) -> list[str]:
        """The reasons why nothing is said by some metrics: their judge failed."""
        return [f"Left out: {reason}" for reason in struck_reasons(self.metrics, self.health)]

    @property
    def verdict(self) -> str:
        """The last check of the pairs, then the tests in a sentence, then what is left out."""
        return " ".join(part for part in (self.check.caution, self.said, *self.struck) if part)


def report(study: Study) -> Report:
    """Return what the results of a study say, be it finished or not.

    Raises:
        NoResultError: no job has a result.
        UserError: metrics that are not registered, or results that do not belong in one table
            (:func:`~a2ibench.results.comparability.check_alike`).
    """
    if not study.results:
        why = "".join(f"; {failure}" for failure in study.failures()[:SHOWN])
        raise NoResultError(f"{study.folder}: no job has a result yet; run the study{why}")
    check_alike(study.rows, study.metrics)
    metrics, _ = metrics_as_stored(study.rows, study.metrics)
    store, _ = find_store(study, None)
    # Of the pairs where they are at hand, else as the study's last command knew it.
    check = LastCheck.from_plain(study.about.check) if store is None else last_check(store)
    return report_on(study, study.scores, metrics, check)


def report_on(
    study: Study, rows: Sequence[RowScores], metrics: Sequence[Metric], check: LastCheck
) -> Report:
    """Return what some rows of a study say, with what a reader must know in the captions."""
    _, aged = metrics_as_stored(study.rows, study.metrics)
    now = standing(study)
    warnings = (
        *now.changes,
        *aged,
        *kept_notes(
            ((row.label, [job.key for job in row.jobs]) for row in study.rows), study.about.kept
        ),
        *_outside_notes(study),
        *mixed_hardware(study.rows),
        *(f"Failed: {failure}." for failure in study.failures()),
    )
    notes = (_what_n_is(study), SPREAD, *warnings)
    about = f"{study.dataset}, {study.about.encoder}, {study.about.scale} scale"
    if len(study.budgets) > 1:
        about += f", {study.budget:,} images"
    return Report(about, tuple(rows), tuple(metrics), notes, warnings, check, now)


def write_tables(made: Report, folder: Path) -> None:
    """Write ``tables`` in a study's folder anew: each table in every format, and the diagram.

    Who tests the primary questions has looked at them: it is noted in ``study.json``.
    """
    for name in (*OWN_TABLES, DIAGRAM):
        # Of an earlier command: what this one does not make would stay.
        (folder / "tables" / name).unlink(missing_ok=True)
    for table in made.tables:
        save_table(table, folder / "tables")
    if made.tested:
        note_looks(folder, [made.standing])
    if made.ranks is not None:
        labels = [arm.label for arm in made.scored]
        save_figure(draw_diagram(made.ranks, labels), folder / "tables" / DIAGRAM)


def _what_n_is(study: Study) -> str:
    about = study.about
    seeds = f"{about.seeds} seed{'s' if about.seeds > 1 else ''} asked for"
    done, asked = len(study.results), len(study.jobs)
    said = f"n: test segments, one image each. {seeds}; {done} of {asked} jobs have a result."
    if about.models:
        said += (
            f" {study.budget} training images per trial (pretraining of a part of a method apart)."
        )
    if about.pairs is not None:
        does = "train the models" if about.models else "are there to train models"
        said += f" {about.pairs.models} pairs {does}, {about.pairs.judges} others train the judges."
    return said


def _outside_notes(study: Study) -> list[str]:
    """Return a line for each outside system of a study."""
    lines = []
    for row in study.rows:
        results = [job.result for job in row.results if job.result and job.result.outside]
        if row.kind != "outside" or not results:
            continue
        said: dict[str, list[int]] = {}
        for result in results:
            for note in result.outside.notes if result.outside is not None else ():
                said.setdefault(note, []).append(result.job.seed)
        count = len(results)
        runs = "one seed" if count == 1 else f"{count} seeds"
        line = (
            f"{row.label}: images from outside, {runs}; what it was trained on is not known here."
        )
        for note, seeds in said.items():
            some = "" if len(seeds) == count else f" (seed {', '.join(map(str, seeds))})"
            line += f" {note[0].upper()}{note[1:]}{some}."
        lines.append(line)
    return lines
