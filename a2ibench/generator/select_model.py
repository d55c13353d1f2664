"""The choice of trained models: of a study, or of one of its jobs."""

from dataclasses import dataclass
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import RESULT
from a2ibench.results.rows import Row
from a2ibench.results.study import ABOUT, Study, find_row, open_study, what_to_give


@dataclass(frozen=True)
class Choice:
    """The folder of a finished job with a trained model, and its description."""

    folder: Path
    description: str


@dataclass(frozen=True)
class Trained:
    """A model of a study: its row, and the folder of a finished job.

    Attributes:
        budget: number of training images; None where its study has only one, or of a job by itself.
    """

    label: str
    budget: int | None
    folder: Path


def find_run(
    path: Path, arm: str | None, seed: int | None = None, budget: int | None = None
) -> Choice:
    """Find a finished job.

    Args:
        path: folder of a job (it has a ``result.json``) or of a study (it has a ``study.json``).
        arm: an arm of the study; None for its first model.
        seed: training seed of the arm; None for a study's first, and for that of a job.
        budget: one of the study's; None for its largest.

    Raises:
        UserError: neither of the two, an arm or a budget of a job, another seed than a job's, no
            such arm, seed or budget, or a job that is not finished.
    """
    if (path / RESULT).is_file():
        for what, given in (("an arm", arm), ("a budget", budget)):
            if given is not None:
                raise UserError(f"{path}: is a single job; {what} ({given}) is chosen from a study")
        return _single(path, seed)
    if not (path / ABOUT).is_file():
        raise UserError(
            f"{path}: neither a study (study.json) nor one of its jobs (result.json);"
            f" {what_to_give(path)}"
        )
    study = open_study(path, budget)
    arms = [row for row in study.rows if row.arm is not None]
    chosen = _find_arm(study, arms, arm)
    seed = seed or 0
    description = f"{chosen.name}, seed {seed}"
    if len(chosen.jobs) > 1:
        description += f" of 0 to {len(chosen.jobs) - 1}"
    if arm is None and len(arms) > 1:
        labels = ", ".join(row.label for row in arms)
        description += f" (the first of {len(arms)} arms; choose with --arm: {labels})"
    return Choice(_finished(study, chosen, seed), description)


def find_models(
    path: Path, seed: int | None, budget: int | None = None
) -> tuple[list[Trained], list[str]]:
    """Return every trained model of a study, arm by arm in ascending order of the budgets, or the
    one of a job.

    Args:
        seed: training seed; None for a study's first, and for that of a job.
        budget: one of the study's; None for all of them.

    Returns:
        The models; the reasons why others of the study are missing.

    Raises:
        UserError: neither of the two, a budget of a job, another seed than a job's, or a study in
            which nothing has a result.
    """
    if not (path / ABOUT).is_file():
        run = find_run(path, None, seed, budget)
        return [Trained(run.description, None, run.folder)], []
    study = open_study(path, budget)
    rows = study.all_rows if budget is None else study.rows
    places = {row.label: place for place, row in enumerate(study.rows)}
    found, missing = [], []
    for arm in sorted((row for row in rows if row.arm), key=lambda row: places[row.label]):
        try:
            found.append(Trained(arm.label, arm.budget, _finished(study, arm, seed or 0)))
        except UserError as error:
            missing.append(str(error))
    if not found:
        raise UserError(missing[0] if missing else _untrained(study))
    return found, missing


def _single(folder: Path, seed: int | None) -> Choice:
    job = JobState(folder)
    if job.result is None:
        raise UserError(f"{folder}: {job.damage}; run the study again")
    if seed not in (None, job.result.job.seed):
        raise UserError(
            f"{folder}: is a single job, of seed {job.result.job.seed}; another one ({seed}) is"
            " chosen from a study"
        )
    return Choice(folder, f"{job.result.job.method} ({folder.resolve().name})")


def _untrained(study: Study) -> str:
    return f"{study.folder}: no model was trained in this study"


def _find_arm(study: Study, arms: list[Row], name: str | None) -> Row:
    if not arms:
        raise UserError(_untrained(study))
    if name is None:
        return arms[0]
    labels = [row.label for row in arms]
    if name.strip() in {row.label for row in study.rows}.difference(labels):
        raise UserError(
            f"{study.folder}: {name.strip()!r} holds no trained model: it is a row to compare with,"
            f" and draws nothing for a sound; arms that do: {', '.join(labels)}"
        )
    return find_row(name, arms, str(study.folder))


def _finished(study: Study, arm: Row, seed: int) -> Path:
    if not 0 <= seed < len(arm.jobs):
        raise UserError(
            f"{study.folder}: {arm.label} has seeds 0 to {len(arm.jobs) - 1}, not {seed}"
        )
    job = arm.jobs[seed]
    if job.result is None:
        why = "" if job.failure is None else f" ({job.failure})"
        raise UserError(
            f"{study.folder}: {arm.name}, seed {seed}, has no result{why}; run the study again"
        )
    return job.folder
