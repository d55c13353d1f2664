"""A study as the sections of its page see it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from a2ibench.data.store import PairStore
from a2ibench.reporting.charts import colour
from a2ibench.reporting.differences import DIFFERENCES
from a2ibench.reporting.page.against import Against, against_references
from a2ibench.reporting.page.exam import Asked, damaged_pictures, open_exam
from a2ibench.reporting.report import Report
from a2ibench.reporting.table import Table
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import Study as About
from a2ibench.results.study import Study


@dataclass(frozen=True)
class StudyView:
    """A study with what several sections of its page need, computed once.

    Attributes:
        study: with its results.
        report: its tables and tests.
        store: the pairs that it was run on; None where they are not at hand.
        unseen: then why.
        sweeps: folders of sweeps beside those in ``STUDY/sweeps``.
        say: is told what is left out.
    """

    study: Study
    report: Report
    store: PairStore | None
    unseen: str
    sweeps: tuple[Path, ...]
    say: Callable[[str], None]

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.study.folder

    @property
    def about(self) -> About:
        """Its ``study.json``."""
        return self.study.about

    @cached_property
    def rows(self) -> Jobs:
        """Its jobs, by the labels of its rows."""
        return {row.label: row.jobs for row in self.study.rows}

    @cached_property
    def asked(self) -> Asked | None:
        """The exam of its pairs; None where they are not at hand."""
        return None if self.store is None else open_exam(self.store)

    @cached_property
    def damaged_pictures(self) -> list[str]:
        """A line for each file of pictures that cannot be shown beside its sounds."""
        return [] if self.asked is None else damaged_pictures(self.rows)

    @cached_property
    def arms(self) -> list[str]:
        """The labels of the rows that are no reference rows."""
        return [arm.label for arm in self.report.arms]

    @cached_property
    def colours(self) -> dict[str, str]:
        """Arm → its colour in all charts."""
        return {label: colour(self.arms, label) for label in self.arms}

    @cached_property
    def against(self) -> list[Against]:
        """The methods against ceiling and floors."""
        return against_references(self.report)

    @property
    def score_tables(self) -> list[Table]:
        """Tables I and II."""
        return [table for table in self.report.tables if table.name not in DIFFERENCES]

    @property
    def difference_tables(self) -> list[Table]:
        """Tables III and IV."""
        return [table for table in self.report.tables if table.name in DIFFERENCES]

    @property
    def said_of_scores(self) -> list[str]:
        """Notes that all tables of scores share."""
        return _shared(self.score_tables)

    @property
    def said_of_differences(self) -> list[str]:
        """Notes that all tables of differences share."""
        return _shared([*self.difference_tables, *(one.table for one in self.against)])

    @cached_property
    def said_once(self) -> set[str]:
        """Notes that no table need repeat."""
        return {*self.said_of_scores, *self.said_of_differences}


def _shared(tables: list[Table]) -> list[str]:
    """The notes of every one of several tables, which need be said once."""
    if len(tables) < 2:
        return []
    first, *others = tables
    return [note for note in first.notes if all(note in table.notes for table in others)]
