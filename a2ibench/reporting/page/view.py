"""A study as the sections of its page see it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from a2ibench.data.store import PairStore
from a2ibench.reporting.differences import DIFFERENCES
from a2ibench.reporting.image_grids import GRID_COLUMNS, choose_segments
from a2ibench.reporting.page.against import against_references
from a2ibench.reporting.report import Report, report_on
from a2ibench.reporting.svg import COLOURS
from a2ibench.reporting.table import Table
from a2ibench.results.drawings import (
    Asked,
    Drawings,
    damaged_pictures,
    draw_all,
    open_exam,
)
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import ScoreRecord, StudyRecord
from a2ibench.results.study import Study


@dataclass(frozen=True)
class StudyView:
    """A study with what several sections of its page need, computed once.

    Attributes:
        store: the pairs that it was run on; None where they are not at hand.
        say: is told what is left out.
        unseen: why the pairs are not at hand.
        sweeps: folders of sweeps beside those in ``STUDY/sweeps``.
    """

    study: Study
    report: Report
    store: PairStore | None
    say: Callable[[str], None]
    unseen: str = ""
    sweeps: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.study.folder

    @property
    def about(self) -> StudyRecord:
        """Its ``study.json``."""
        return self.study.about

    @cached_property
    def rows(self) -> Jobs:
        """Its jobs, by the labels of its rows."""
        return {row.label: row.jobs for row in self.study.rows}

    @cached_property
    def budgets(self) -> dict[int, Report]:
        """The findings at each budget, in ascending order."""
        made, own = self.report, self.study.budget
        studies = (self.study.at(budget) for budget in self.study.budgets if budget != own)
        others = {
            one.budget: report_on(one, one.scores, made.metrics, made.check) for one in studies
        }
        return dict(sorted({own: made, **others}.items()))

    @property
    def scores(self) -> Iterator[ScoreRecord]:
        """Every score of every job."""
        for result in self.study.results:
            yield from (score for score in result.metrics.values() if score.value is not None)

    @cached_property
    def asked(self) -> Asked | None:
        """The test segments; None where the pairs are not at hand."""
        return None if self.store is None else open_exam(self.store)

    @cached_property
    def drawn(self) -> Drawings | None:
        """Pictures for a few sounds; None where these are not at hand."""
        if (asked := self.asked) is None:
            return None
        return draw_all(asked, self.study, choose_segments(asked.exam.test.label, GRID_COLUMNS))

    @cached_property
    def damaged_pictures(self) -> list[str]:
        """A line for each file of pictures that cannot be shown beside its sounds."""
        return [] if self.asked is None else damaged_pictures(self.study.all_jobs)

    @cached_property
    def arms(self) -> list[str]:
        """The labels of the rows that are no reference rows."""
        return [arm.label for arm in self.report.arms]

    @cached_property
    def marks(self) -> dict[str, int]:
        """Arm → the number of its colour on all of the page, from 1; they are used in turn."""
        return {label: i % len(COLOURS) + 1 for i, label in enumerate(self.arms)}

    @cached_property
    def colours(self) -> dict[str, str]:
        """Arm → its colour in all charts."""
        return {label: COLOURS[number - 1] for label, number in self.marks.items()}

    @property
    def score_tables(self) -> list[Table]:
        """Tables I and II."""
        return [table for table in self.report.tables if table.name not in DIFFERENCES]

    @cached_property
    def difference_tables(self) -> list[Table]:
        """Tables III to V, and those of the methods against ceiling and floors."""
        return [one.table for one in (*self.report.differences, *against_references(self.report))]

    @cached_property
    def said_once(self) -> set[str]:
        """Notes that no table need repeat."""
        return {*shared_notes(self.score_tables), *shared_notes(self.difference_tables)}


def shared_notes(tables: list[Table]) -> list[str]:
    """Return the notes of every one of several tables, which need be said once."""
    if len(tables) < 2:
        return []
    first, *others = tables
    return [note for note in first.notes if all(note in table.notes for table in others)]
