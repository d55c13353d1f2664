"""The two sides of a comparison: rows, with the studies that they lie in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import RESULT
from a2ibench.results.rows import Row
from a2ibench.results.study import ABOUT, Study, open_study


@dataclass(frozen=True)
class Side:
    """A row with a result at least.

    Attributes:
        study: it lies in this one; None of a job by itself.
    """

    row: Row
    study: Study | None

    @property
    def folder(self) -> Path:
        """The folder of its study; of a job by itself, whatever is there."""
        return self.row.results[0].folder.resolve().parent.parent


def find_sides(texts: Sequence[str], arm: str | None, budget: int | None = None) -> list[Side]:
    """Find the rows of words of the command line: a job's folder, STUDY:ARM, or a study. Sides of
    one study share it.

    ``arm`` is that of a study which is named without one; None for its only model. ``budget`` is
    one of the study's; None for its largest.

    Raises:
        UserError: nothing of the kind, an unknown arm, or an arm without a result.
    """
    opened: dict[Path, Study] = {}

    def study_in(folder: Path) -> Study:
        whole = folder.resolve()
        if whole not in opened:
            opened[whole] = open_study(folder, budget)
        return opened[whole]

    return [_find_side(text, arm, budget, study_in) for text in texts]


def _find_side(
    text: str, arm: str | None, budget: int | None, study_in: Callable[[Path], Study]
) -> Side:
    path = Path(text)
    if (path / RESULT).is_file():
        if budget is not None:
            raise UserError(f"{text}: is a single job; a budget ({budget}) is chosen from a study")
        side = Side(_with_result(Row(path.name, (JobState(path),)), text), None)
        held = (side.folder / ABOUT).is_file()
        return Side(side.row, study_in(side.folder)) if held else side
    if not (path / ABOUT).is_file():
        # Both may hold colons.
        for colon in (at for at, character in enumerate(text) if character == ":"):
            if (Path(text[:colon]) / ABOUT).is_file():
                path, arm = Path(text[:colon]), text[colon + 1 :]
    study = study_in(path)
    if arm is None:
        models = study.about.models
        if len(models) != 1:
            raise UserError(
                f"{path}: holds {', '.join(models) or 'no model'}; say which:"
                f" {path}:ARM, or --arm ARM"
            )
        arm = models[0]
    return Side(_with_result(study.row(arm), text), study)


def _with_result(row: Row, text: str) -> Row:
    if not row.results:
        why = "".join(f"; {one}" for one in row.damaged)
        raise UserError(f"{text}: has no result (yet) that this version can read; run it{why}")
    return row
