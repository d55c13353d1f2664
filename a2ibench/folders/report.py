"""The scores of a folder of pictures: as a table, as data frames, and on disk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench import registry
from a2ibench.errors import counted
from a2ibench.evaluation.picture_files import some
from a2ibench.evaluation.statistics import no_interval
from a2ibench.folders.metrics import Scored
from a2ibench.folders.pairs import Groups
from a2ibench.reporting.cells import Count, Label, full_name, heading
from a2ibench.reporting.score_tables import protocols, score_cell, why_none
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.text_formats import save_table
from a2ibench.results.overwrite_guard import check_own
from a2ibench.results.rows import RowScores
from a2ibench.runs.feasibility_lines import left_out_lines
from a2ibench.runs.progress_display import Display
from a2ibench.spreadsheet import guard
from a2ibench.storage import atomic_write

if TYPE_CHECKING:
    import pandas as pd

REAL, FAKE, HALVES = "REAL", "FAKE", "halves of REAL"
NAME = "scores"
IMAGES = "images.csv"
PARTS = ("value", "spread", "low", "high")
TEXTS = ("image", "class", "clip")


@dataclass(frozen=True)
class FolderScores:
    """The scores of a folder of pictures against real ones.

    Attributes:
        table: for each metric a row of the pictures, and one of real ones, where there are enough:
            in the place of their partners, or one half against the other; with what a reader must
            know in its notes.
        images: one row for each picture that was scored: ``image`` (its path in the folder),
            ``class`` where there are several, ``clip``, and the score by each metric that has one
            for every picture.
        left_out: metrics that were not computed → why.
    """

    table: Table
    images: "pd.DataFrame"
    left_out: Mapping[str, str]

    @property
    def scores(self) -> "pd.DataFrame":
        """The numbers of :attr:`table`, unrounded, as fractions where it prints percent."""
        return self.table.frame

    def save(self, folder: Path) -> None:
        """Write ``scores.md``, ``.csv`` and ``.tex``, and ``images.csv``.

        Raises:
            UserError: the folder holds files that are not such scores.
        """
        check_out(folder)
        save_table(self.table, folder)
        images = self.images.assign(
            **{name: self.images[name].map(guard) for name in TEXTS if name in self.images}
        )
        with atomic_write(folder / IMAGES) as temporary:
            images.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return self.table._repr_html_()


def check_out(folder: Path) -> None:
    """Refuse a folder that holds files, and no such scores, with a UserError."""
    check_own(folder, f"{NAME}.csv")


def make_report(
    title: str,
    paths: Sequence[str],
    groups: Groups,
    scored: Mapping[str, Scored],
    left_out: Mapping[str, str],
    notes: Sequence[str],
) -> FolderScores:
    """Make the table and the data frames.

    Args:
        title: of the table.
        paths: ``n`` paths of the pictures in their folder.
        groups: their classes and clips.
        scored: their scores as :data:`FAKE`; those of real pictures as :data:`REAL`, in the place
            of their partners, and as :data:`HALVES`, one half against the other.
        left_out: metrics that were not computed → why.
        notes: facts on the pictures that a reader must know.
    """
    import pandas as pd

    fake = scored[FAKE]
    metrics = [registry.metrics.get(name) for name in fake.scores]
    rows = {label: RowScores(label, False, None, 1, one.scores) for label, one in scored.items()}
    lines = []
    for metric in metrics:
        for label, row in rows.items():
            if (one := row.scores.get(metric.name)) is not None:
                name = Label(full_name(metric))
                count = Count(one.n), Count(one.n, one.clips)
                shown = Label(heading(metric)), Label(label)
                lines.append((name, *shown, *count, score_cell(row, metric)))
    table = Table(
        name=NAME,
        title=title,
        columns=(
            Column(fields={"metric": "text"}),
            Column("metric", left=True),
            Column("pictures", {"pictures": "text"}, left=True),
            Column("n", {"n": "n"}),
            Column(fields={"clips": "clips"}),
            Column("score [95 %]", {part: part for part in PARTS}),
        ),
        sections=(tuple(lines),),
        notes=(
            *_about(groups, scored),
            *why_none("score", map(no_interval, fake.scores.values())),
            *(f"{note}." for note in notes),
            protocols(metrics),
        ),
        keys=2,
    )
    classes = len(groups.classes) > 1
    images = pd.DataFrame(
        {
            "image": _encodable(paths),
            **({"class": _encodable(groups.classes[i] for i in groups.label)} if classes else {}),
            "clip": _encodable(groups.source.tolist()),
            **fake.per_image,
        }
    )
    return FolderScores(table, images, dict(left_out))


def _encodable(names: Iterable[str]) -> list[str]:
    """Return names of files with escapes for the bytes that are not UTF-8."""
    return [name.encode(errors="backslashreplace").decode() for name in names]


def show_scores(found: FolderScores, display: Display) -> None:
    """Print the table, what a reader must know, and what is left out; if verbose, why."""
    from a2ibench.reporting.terminal import rich_tables

    console = display.console
    console.print(*rich_tables(found.table, console.width, stacked=False), sep="\n")
    for note in found.table.notes:
        display.say(note)
    if display.verbose:
        for line in left_out_lines(found.left_out):
            display.say(line)
    elif names := [one for one in found.left_out if registry.metrics.get(one).headline]:
        display.say(f"left out: {some(names)}; --verbose says why")


def _about(groups: Groups, scored: Mapping[str, Scored]) -> Iterator[str]:
    pairs = counted(len(groups.label), "pair")
    clips = counted(len({*groups.source.tolist()}), "clip")
    classes = (
        f"{len(groups.classes)} classes by sub-folder" if len(groups.classes) > 1 else "no classes"
    )
    yield f"{pairs} of pictures by their names, {classes}. {clips}, {groups.said}."
    yield (
        "[ ]: 95 % interval over blocks of clips: how sure the score is of the choice of clips. The"
        " variation of training is not in it."
    )
    if REAL in scored:
        yield f"{REAL}: the real pictures in the place of their partners."
    if HALVES in scored and scored[HALVES].scores:
        yield (
            f"{HALVES}: one half of its clips against the other, so what real pictures score; no"
            " ceiling where a metric, by its definition, depends on n."
        )
