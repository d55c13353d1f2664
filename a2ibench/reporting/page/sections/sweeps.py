"""Sweeps: what happened to a run's pictures while a sound was changed step by step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from a2ibench.contracts.section import Section
from a2ibench.errors import UserError
from a2ibench.reporting.cells import Difference, Label, Number
from a2ibench.reporting.curves import ABOUT
from a2ibench.reporting.media import png_uri
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.storage import read_json

TEXTS, NUMBERS = ("sound", "measure"), ("rho", "low", "high", "p", "cases")
"""Columns of a sweep's correlations."""
SWEEPS = "sweeps"
"""In a study's folder: where its page looks for sweeps."""
STRIPS = 4
"""Strips of pictures that are shown of a sweep, at most."""
RHO = (
    "ρ: Spearman's; distance and changed against how far a level is from the unchanged sound, the"
    " others against the level. [ ]: over noises, or over sounds. p: by permuting the levels; not"
    " corrected for the number of measures."
)


@dataclass(frozen=True)
class Sweep:
    """The output of ``a2ibench sweep``.

    Attributes:
        title: which run, and what was changed.
        curves: the figure, a data URI.
        strips: sound → its strip of pictures, a data URI.
        correlations: the table.
        left_out: how many further strips there are.
    """

    title: str
    curves: str
    strips: tuple[tuple[str, str], ...]
    correlations: Table
    left_out: int


class Sweeps(Section):
    """Curves, strips and correlations of each sweep."""

    name, title, place = "sweeps", "Sweeps", 80

    def collect(self, study: StudyView) -> Mapping[str, Any] | None:
        """See :class:`~a2ibench.contracts.section.Section`."""
        found, damaged = read_sweeps(study.folder, study.sweeps, study.rows, study.say)
        return {"sweeps": found, "damaged": damaged} if found or damaged else None


def read_sweeps(
    folder: Path, given: Sequence[Path], rows: Jobs, say: Callable[[str], None]
) -> tuple[list[Sweep], list[str]]:
    """The sweeps in ``STUDY/sweeps`` and in other folders, and those that are left out.

    One that lies there damaged is no reason to write no page: it is left out, and named. One that
    was asked for is not.

    Args:
        folder: of the study.
        given: other folders.
        rows: the jobs of the study.
        say: is told of those that are left out, and why.

    Raises:
        UserError: another folder that holds no sweep, or a damaged one.
    """
    own = sorted(path.parent for path in (folder / SWEEPS).glob(f"*/{ABOUT}"))
    asked = {path.resolve() for path in given}
    found: list[Sweep] = []
    left_out: list[str] = []
    for whole, path in {path.resolve(): path for path in (*own, *given)}.items():
        try:
            found.append(_read(path, len(found) + 1, rows))
        except UserError as error:
            if whole in asked:
                raise
            say(f"left out: {error}")
            left_out.append(f"{SWEEPS}/{path.name}")
    return found, left_out


def _read(folder: Path, number: int, rows: Jobs) -> Sweep:
    if not (folder / ABOUT).is_file():
        raise UserError(
            f"{folder}: no sweep (it has no {ABOUT}); expected what `a2ibench sweep … --out DIR`"
            " leaves"
        )
    try:
        about: dict[str, Any] = read_json(folder / ABOUT)
        found = pd.read_csv(
            folder / "correlations.csv",
            dtype={**dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, float)},
        )
        strips = sorted((folder / "strips").glob("*.png"))
        return Sweep(
            title=f"{_run(about['job'], rows)}: {about['change']}",
            curves=png_uri(folder / "curves.png"),
            strips=tuple((path.stem, png_uri(path)) for path in strips[:STRIPS]),
            correlations=_table(found, number),
            left_out=max(0, len(strips) - STRIPS),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: damaged sweep ({error}); sweep again") from error


def _run(job: str, rows: Jobs) -> str:
    for label, jobs in rows.items():
        for ran in jobs:
            if ran.folder.name == job:
                return f"{label}, seed {ran.seed}"
    return f"job {job}, which is none of this study's"


def _table(found: pd.DataFrame, number: int) -> Table:
    rows = [
        (
            Label(row["sound"]),
            Label(row["measure"]),
            Difference(row["rho"], low=row["low"], high=row["high"]),
            Number(row["p"], digits=3),
            Number(row["cases"], digits=0),
        )
        for row in found.astype(object).where(found.notna(), None).to_dict("records")
    ]
    return Table(
        name=f"sweep_{number}",
        title="Correlations with the change",
        columns=(
            Column("sound", {"sound": "text"}),
            Column("measure", {"measure": "text"}),
            Column("ρ", {"rho": "value", "low": "low", "high": "high"}),
            Column("p", {"p": "value"}),
            Column("n", {"n": "value"}),
        ),
        sections=(tuple(rows),),
        notes=(RHO,),
        keys=2,
    )
