"""The choice of a trained model: one of a study's, or that of a job."""

from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import RESULT
from a2ibench.results.rows import Row
from a2ibench.results.study import ABOUT, Study, find_row, open_study, what_to_give


def find_run(path: Path, arm: str | None, seed: int) -> Path:
    """Return the folder of one finished job.

    Args:
        path: a job's folder (it has a ``result.json``), or a study's (it has a ``study.json``).
        arm: of a study, which arm; None for its first model.
        seed: of a study, which seed.

    Raises:
        UserError: neither of the two, an arm of a job, no such arm or seed, or a job that is not
            finished.
    """
    if _is_job(path):
        if arm is not None:
            raise UserError(f"{path}: is a single job; an arm ({arm}) is chosen of a study")
        job = JobState(path)
        if job.damage is not None:
            raise UserError(f"{path}: {job.damage}; run the study again")
        return path
    study = _open(path)
    return _finished(study, _choose(study, arm), seed)


def _is_job(path: Path) -> bool:
    return (path / RESULT).is_file()


def _open(path: Path) -> Study:
    if not (path / ABOUT).is_file():
        raise UserError(
            f"{path}: neither a study (study.json) nor one of its jobs (result.json);"
            f" {what_to_give(path)}"
        )
    return open_study(path)


def _choose(study: Study, arm: str | None) -> Row:
    """An arm of a study that can draw; None for the first."""
    arms = trained_arms(study)
    if not arms:
        raise UserError(f"{study.folder}: no model was trained in this study")
    if arm is None:
        return arms[0]
    others = {row.label for row in study.rows} - {row.label for row in arms}
    if arm.strip() in others:
        raise UserError(
            f"{study.folder}: {arm.strip()!r} holds no trained model: it is a row to compare with,"
            " and draws nothing for a sound; arms that do:"
            f" {', '.join(row.label for row in arms)}"
        )
    return find_row(arm, arms, str(study.folder))


def _finished(study: Study, arm: Row, seed: int) -> Path:
    if not 0 <= seed < len(arm.jobs):
        raise UserError(
            f"{study.folder}: {arm.label} has seeds 0 to {len(arm.jobs) - 1}, not {seed}"
        )
    job = arm.jobs[seed]
    if job.result is None:
        why = "" if job.failure is None else f" ({job.failure})"
        raise UserError(
            f"{study.folder}: {arm.label}, seed {seed}, has no result{why}; run the study again"
        )
    return job.folder


def trained_arms(study: Study) -> list[Row]:
    """Return the rows of a study that can draw, its first model first; reference rows are none."""
    return [row for row in study.rows if row.arm is not None]


def describe_choice(path: Path, arm: str | None, seed: int) -> str:
    """Describe the arm and seed that :func:`find_run` finds, and the other choices."""
    if _is_job(path):
        return _name(find_run(path, arm, seed))
    study = _open(path)
    arms, chosen = trained_arms(study), _choose(study, arm)
    seeds = len(chosen.jobs)
    told = f"{chosen.label}, seed {seed}" + (f" of 0 to {seeds - 1}" if seeds > 1 else "")
    if arm is None and len(arms) > 1:
        labels = ", ".join(row.label for row in arms)
        told += f" (the first of {len(arms)} arms; choose with --arm: {labels})"
    return told


def find_models(path: Path, seed: int) -> tuple[dict[str, Path], list[str]]:
    """Return every trained model of a study, or the one of a job.

    Args:
        path: a job's folder, or a study's.
        seed: of a study, which seed.

    Returns:
        Name → folder of its job, and why others of the study's are missing.

    Raises:
        UserError: neither of the two, or a study in which nothing has a result.
    """
    if not (path / ABOUT).is_file():
        folder = find_run(path, None, seed)
        return {_name(folder): folder}, []
    study = open_study(path)
    found, missing = {}, []
    for arm in trained_arms(study):
        try:
            found[arm.label] = _finished(study, arm, seed)
        except UserError as error:
            missing.append(str(error))
    if not found:
        raise UserError(missing[0] if missing else f"{path}: no model was trained in this study")
    return found, missing


def _name(folder: Path) -> str:
    """The name of a job by itself."""
    result = JobState(folder).result
    return str(folder) if result is None else f"{result.job.method} ({folder.resolve().name})"
