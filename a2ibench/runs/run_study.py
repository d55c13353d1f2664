"""Run a study from request to tables, computing only what is missing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Protocol

from a2ibench import registry
from a2ibench.contracts.executor import Executor, Update
from a2ibench.reporting.image_grids import GRID_COLUMNS, choose_segments, save_grid
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.page.write import write_page
from a2ibench.reporting.report import SAMPLES, Report, report_on, write_tables
from a2ibench.reporting.terminal import show_report
from a2ibench.results.job import Task
from a2ibench.results.job_images import read_images
from a2ibench.results.job_state import JobState, is_done
from a2ibench.results.read_record import DamagedError
from a2ibench.results.repair import repair
from a2ibench.results.results_parquet import write_long
from a2ibench.results.study import Study, open_study
from a2ibench.results.study_id import write_about
from a2ibench.runs.prepare import Prepared, prepare_study
from a2ibench.runs.progress_display import Display, show_check, show_feasibility
from a2ibench.runs.study_lock import Board, at_work, refuse_changed
from a2ibench.runs.trial import Trial, trials_of
from a2ibench.study.plan import Plan
from a2ibench.study.planned_rows import jobs_of
from a2ibench.study.request import Request
from a2ibench.study.settings_notice import what_changed
from a2ibench.study.study_file import save_requests


class Observer(Protocol):
    """A listener to the events of a run, which reads everything else from the study's folder."""

    def open(self) -> None:
        """Note that the first trial is about to start."""

    def job(self, key: str) -> None:
        """Note that a job has ended."""

    def close(self) -> None:
        """Note that the tables are written."""

    @property
    def place(self) -> str:
        """Line that says where its records are; empty if recording failed."""


def run_study(
    request: Request,
    executor: Executor[Trial],
    observer: Observer | None,
    display: Display,
    plan: Plan | None = None,
) -> list[str]:
    """Run the missing jobs of a study and write its results.

    Args:
        plan: plan made by :func:`a2ibench.runs.prepare.preflight`, which has found room for its
            trainings; None if it made none.

    Returns:
        ``"arm, seed N: reason"`` for each job that failed.

    Raises:
        UserError: the request cannot be planned, resources are missing, or another command is at
            work in the folder.
        StoppedError: the study cannot continue, as on a full disk.
    """
    with display.running():
        prepared = prepare_study(request, display.counter, display.say, plan)
    folder = prepared.outline.folder
    with at_work(folder) as board:
        refuse_changed(folder, prepared.earlier)
        with display.running():
            announce(prepared, display)
            for line in what_changed(prepared.earlier, prepared.entries):
                display.say(line)
            about = describe(prepared)
            done = repair(folder, prepared.named, display.say)
            write_about(folder, about)
            save_requests(folder, [_as_declared(prepared)])
            trials = trials_of(task for task in prepared.tasks if task.folder.name not in done)
            trainings = [trial for trial in trials if trial.job.kind == "model"]
            if trainings and plan is None:
                executor.room(trainings)  # before the reference rows are computed in vain
            if observer is not None and trials:
                observer.open()
            draw_untrained(trials, observer, display)
            if trainings:
                _train(prepared, trainings, executor, observer, display, board)
        return show_results(prepared, done, observer, display)


def _as_declared(plan: Plan) -> Request:
    """Return the request with the primary questions that hold without being repeated."""
    again = plan.primary.declared and not plan.request.primary.declared
    return replace(plan.request, primary=plan.primary) if again else plan.request


def draw_untrained(
    missing: Sequence[Trial],
    observer: Observer | None,
    display: Display,
    name: str = "reference rows",
) -> None:
    """Run the jobs that train nothing, in this process.

    They are quick, and leave the judges' outputs for the real images in the cache.
    """
    trials = [trial for trial in missing if trial.job.kind != "model"]
    show = display.counter(name)
    for i, trial in enumerate(trials):
        show(i, len(trials))
        trial()
        if observer is not None:
            observer.job(trial.job.key)
        show(i + 1, len(trials))


def _train(
    plan: Plan,
    trials: Sequence[Trial],
    executor: Executor[Trial],
    observer: Observer | None,
    display: Display,
    board: Board,
) -> None:
    """Train with the executor, with a bar per trial; tell the observer when a job has ended."""
    waiting = {trial.job.key: list(trial.tasks) for trial in trials}
    bars: dict[str, Callable[[int, int], None]] = {}

    def tell(update: Update[Trial]) -> None:
        key = update.trial.job.key
        board.note(update)
        if update.steps:
            name = f"{plan.label(update.trial)}, seed {update.trial.job.seed}"
            bar = bars.setdefault(key, display.counter(name))
            bar(update.step, update.steps)
        while waiting[key] and (update.ended or is_done(waiting[key][0])):
            _tell_end(plan.name(task := waiting[key].pop(0)), task, display)
            if observer is not None:
                observer.job(task.job.key)

    executor(trials, tell)


def _tell_end(name: str, task: Task, display: Display) -> None:
    """Print that a job has ended, and how."""
    state = JobState(task.folder)
    failure = _failure(task, state)
    display.say(f"{name}: {'failed: ' + failure if failure else 'done'}")
    for note in state.result.notes if state.result is not None else ():
        display.say(f"{name}: {note}")


def show_results(
    plan: Prepared, done: Mapping[str, JobState], observer: Observer | None, display: Display
) -> list[str]:
    """Write the tables and the page, and print the tables; return the failures.

    ``done`` holds jobs that were done before, by their keys.
    """
    study = open_study(plan.outline.folder, known=done)
    states = {job.key: job for job in study.all_jobs}
    failures = [
        f"{name}: {reason}"
        for name, task in plan.named.items()
        if (reason := _failure(task, states[task.folder.name])) is not None
    ]
    made = _write_results(plan, study)
    write_page(StudyView(study, made, plan.store, display.say))
    show_report(made, display.console, display.verbose)
    if observer is not None:
        observer.close()
    return failures


def announce(plan: Prepared, display: Display) -> None:
    """Print the counts of the pairs, and the questions that they can answer."""
    store = plan.store
    counts = store.counts
    display.say(
        f"{plan.request.data_name}: {counts['train']} training and {counts['test']} test pairs,"
        f" {len(store.classes)} classes, {store.image_size} px"
    )
    for line in plan.tiled:
        display.say(line)
    show_pairs(plan, display)


def show_pairs(plan: Plan, display: Display) -> None:
    """Print the questions that the pairs can answer, and the findings of their last check."""
    show_feasibility(plan.found, display)
    show_check(plan.check, plan.store.root, display)


def describe(plan: Prepared) -> dict[str, Any]:
    """Return the study as plain values, for ``study.json``."""
    request = plan.request
    return {
        "models": list(request.models),
        "ablate": list(request.ablate),
        "dataset": request.dataset,
        "dataset_config": dict(plan.store.about["config"]),
        "content_hash": plan.store.content_hash,
        "encoder": request.encoder,
        "seeds": request.seeds,
        "scale": request.scale,
        "images": plan.outline.budgets[-1],
        "check": asdict(plan.check),
        "pairs": {"models": len(plan.data.train), "judges": len(plan.data.judging)},
        "metrics": list(plan.metrics),
        "arms": {arm.label: asdict(arm) for arm in plan.outline.arms},
        **jobs_of(plan.entries),
        "primary": plan.primary.plain,
        **(
            {"kept": {key: one.model_dump() for key, one in plan.kept.items()}} if plan.kept else {}
        ),
    }


def _failure(task: Task, state: JobState) -> str | None:
    """Return why a job that has ended lacks a requested metric; None if it lacks none."""
    if state.is_done(task.metrics, task.judges):
        return None
    return state.failure or "it ended without a result"


def _write_results(plan: Prepared, study: Study) -> Report:
    """Write ``results.parquet``, tables and the sample grid."""
    judges = {name: seen for task in plan.tasks for name, seen in task.judges.items()}
    write_long(study, judges)
    scores = [row.scores(plan.metrics, judges) for row in study.rows]
    metrics = [registry.metrics.get(name) for name in plan.metrics]
    made = report_on(study, scores, metrics, plan.check)
    write_tables(made, study.folder)
    _save_study_grid(plan)
    return made


def _save_study_grid(plan: Prepared) -> None:
    """Write samples of the first seed of every row, for the same few segments."""
    rows = {}
    chosen = choose_segments(plan.data.test.label, GRID_COLUMNS)
    for entry in plan.entries:
        samples = entry.tasks[0].folder / "samples" / "test.npy"
        if samples.is_file():
            with suppress(DamagedError):
                rows[entry.label] = read_images(samples)[chosen]
    headings = [plan.data.test.classes[i] for i in plan.data.test.label[chosen]]
    save_grid(rows, headings, plan.outline.folder / "tables" / SAMPLES)
