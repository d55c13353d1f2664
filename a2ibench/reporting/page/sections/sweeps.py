"""Sweeps: a run's pictures while a sound was changed step by step."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from a2ibench.contracts.section import Section
from a2ibench.errors import UserError
from a2ibench.media.data_uris import png_uri
from a2ibench.reporting.cells import Difference, Label, Number
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.results.recorded_files import SWEEP
from a2ibench.spreadsheet import unguard
from a2ibench.storage import read_json

TEXTS, NUMBERS = ("sound", "measure"), ("rho", "low", "high", "p", "cases")
"""Columns of a sweep's correlations."""
SWEEPS = "sweeps"
"""The folder in a study's where its page looks for sweeps."""
STRIPS = 4
"""Strips of pictures that are shown of a sweep, at most."""
RHO = (
    "ρ: Spearman's; distance and changed against how far a level is from the unchanged sound, the"
    " others against the level. [ ]: over noises, or over sounds. p: by permuting the levels; not"
    " corrected for the number of measures."
)


class Sweep(NamedTuple):
    """The output of ``a2ibench sweep``: its figure and, by sound, strips of pictures, as data URIs;
    the number of strips left out."""

    title: str
    curves: str
    strips: tuple[tuple[str, str], ...]
    correlations: Table
    left_out: int


class Sweeps(Section):
    """Curves, strips and correlations of each sweep."""

    name, title, place = "sweeps", "Sweeps", 80

    def collect(self, study: StudyView) -> dict[str, object] | None:
        """Read the sweeps in ``STUDY/sweeps`` and in the folders that were asked for.

        A damaged one that lies there is left out of the page, and named.

        Raises:
            UserError: a folder that was asked for holds no sweep, or a damaged one.
        """
        own = sorted(path.parent for path in (study.folder / SWEEPS).glob(f"*/{SWEEP}"))
        asked = {path.resolve() for path in study.sweeps}
        found: list[Sweep] = []
        damaged: list[str] = []
        for whole, path in {path.resolve(): path for path in (*own, *study.sweeps)}.items():
            try:
                found.append(_read(path, len(found) + 1, study.rows))
            except UserError as error:
                if whole in asked:
                    raise
                study.say(f"left out: {error}")
                damaged.append(f"{SWEEPS}/{path.name}")
        return {"sweeps": found, "damaged": damaged} if found or damaged else None


def _read(folder: Path, number: int, rows: Jobs) -> Sweep:
    if not (folder / SWEEP).is_file():
        raise UserError(
            f"{folder}: no sweep (it has no {SWEEP}); expected what `a2ibench sweep … --out DIR`"
            " leaves"
        )
    try:
        about: dict[str, Any] = read_json(folder / SWEEP)
        types = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(NUMBERS, float)}
        found = pd.read_csv(folder / "correlations.csv", dtype=types)
        strips = sorted((folder / "strips").glob("*.png"))
        drawn_by = about["system"] if "system" in about else _run(about["job"], rows)
        return Sweep(
            title=f"{drawn_by}: {about['change']}",
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
            Label(unguard(row["sound"])),
            Label(row["measure"]),
            Difference(row["rho"], low=row["low"], high=row["high"]),
            Number(row["p"], digits=3),
            Number(row["cases"], digits=0),
        )
        for row in found.astype(object).where(found.notna(), None).to_dict("records")
    ]
    columns = (
        *map(Column.text, TEXTS),
        Column("ρ", {"rho": "value", "low": "low", "high": "high"}),
        Column.value("p"),
        Column.value("n"),
    )
    title = "Correlations with the change"
    return Table(f"sweep_{number}", title, columns, (tuple(rows),), (RHO,), keys=2)
