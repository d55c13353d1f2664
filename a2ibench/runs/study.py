"""A study from request to tables: only what is missing is computed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Protocol

from a2ibench import registry
from a2ibench.contracts.executor import Executor, Update
from a2ibench.reporting.figures import choose_segments, save_grid
from a2ibench.reporting.page.collect import write_page
from a2ibench.reporting.report import SAMPLES, Report, captions, notes_once, title_of, write_tables
from a2ibench.results.board import Board, at_work
from a2ibench.results.earlier import what_changed
from a2ibench.results.finished import read_study
from a2ibench.results.identity import write_about
from a2ibench.results.job import Task
from a2ibench.results.mend import mend
from a2ibench.results.outcome import is_done, read_failure, read_result
from a2ibench.results.records import DamagedError
from a2ibench.results.samples import GRID_COLUMNS, read_images
from a2ibench.results.scores import LONG, Entry, collect, write_long
from a2ibench.runs.display import Display, show_check, show_feasibility
from a2ibench.runs.prepare import Prepared, prepare_study
from a2ibench.runs.trial import Trial
from a2ibench.study.plan import Plan
from a2ibench.study.request import Request
from a2ibench.study.study_file import save_requests


class Observer(Protocol):
    """Is told of a study while it is run; reads everything else in its folder."""

    def open(self) -> None:
        """Before the first trial."""

    def job(self, key: str) -> None:
        """A job has ended."""

    def close(self) -> None:
        """The tables are written."""

    @property
    def place(self) -> str:
        """Where a person sees what it was told; empty where that failed."""


def run_study(
    request: Request,
    executor: Executor[Trial],
    observer: Observer | None,
    display: Display,
    plan: Plan | None = None,
) -> list[str]:
    """Run what is missing of a study and write its results.

    Args:
        request: what to compare.
        executor: trains the models.
        observer: of the study; None for none.
        display: what the user sees.
        plan: of :func:`a2ibench.runs.prepare.preflight`, which has found room for its trainings;
            None where it made none.

    Returns:
        ``"arm, seed N: reason"`` for each job that failed.

    Raises:
        UserError: the request cannot be planned, its resources are not there, or another command
            is at work in the folder.
        StoppedError: it cannot go on (a full disk).
    """
    with display.running():
        prepared = prepare_study(request, display.counter, display.say, plan)
    folder = prepared.outline.folder
    with at_work(folder) as board:
        with display.running():
            announce(prepared, display)
            for line in what_changed(folder, prepared.entries):
                display.say(line)
            about = describe(prepared)
            mend(folder, prepared.entries, display.say)
            write_about(folder, about)
            save_requests(folder, [request])
            missing = [Trial.of(task) for task in prepared.tasks if not is_done(task)]
            trainings = [trial for trial in missing if trial.job.kind == "model"]
            if trainings and plan is None:
                executor.room(trainings)  # before the reference rows are computed for nothing
            if observer is not None and missing:
                observer.open()
            draw_untrained(missing, observer, display)
            if trainings:
                _train(prepared, trainings, executor, observer, display, board)
        return show_results(prepared, observer, display)


def draw_untrained(
    missing: Sequence[Trial],
    observer: Observer | None,
    display: Display,
    name: str = "reference rows",
) -> None:
    """Do the jobs that train nothing, in this process: they are quick, and leave what the judges
    see in the real images in the cache."""
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
    """By the executor, with a bar per trial; the observer is told of each that has ended."""
    names = {trial.job.key: f"{plan.label(trial)}, seed {trial.job.seed}" for trial in trials}
    bars: dict[str, Callable[[int, int], None]] = {}

    def tell(update: Update[Trial]) -> None:
        key = update.trial.job.key
        board.note(update)
        if update.steps:
            bar = bars.setdefault(key, display.counter(names[key]))
            bar(update.step, update.steps)
        if update.ended:
            failure = _failure(update.trial)
            display.say(f"{names[key]}: {'failed: ' + failure if failure else 'done'}")
            for note in (read_result(update.trial.folder) or {}).get("notes", []):
                display.say(f"{names[key]}: {note}")
            if observer is not None:
                observer.job(key)

    executor(trials, tell)


def show_results(plan: Prepared, observer: Observer | None, display: Display) -> list[str]:
    """Write the tables and the page, and print the tables; return the failures."""
    failures = _failures(plan.entries)
    made = _write_results(plan)
    write_page(plan.outline.folder, made, plan.store, display.say)
    for table in made.tables:
        display.console.print(*table.to_rich(display.console.width), sep="\n")
    for note in notes_once(made):
        display.say(note)
    if observer is not None:
        observer.close()
    return failures


def announce(plan: Prepared, display: Display) -> None:
    """Say what the pairs are, and what they can answer."""
    store = plan.store
    counts = store.counts
    display.say(
        f"{plan.request.data_name}: {counts['train']} training and {counts['test']} test pairs,"
        f" {len(store.classes)} classes, {store.image_size} px"
    )
    if plan.tiled:
        display.say(
            f"{plan.tiled} of {len(store)} sounds are shorter than the encoder needs: tiled"
        )
    show_feasibility(plan.found, display)
    show_check(plan.check, store.root, display)


def describe(plan: Prepared) -> dict[str, Any]:
    """Return the study in plain values, for ``study.json``."""
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
        "images": plan.outline.images,
        "check": asdict(plan.check),
        "pairs": {"models": len(plan.data.train), "judges": len(plan.data.judging)},
        "metrics": list(plan.metrics),
        "arms": {arm.label: asdict(arm) for arm in plan.outline.arms},
        "jobs": jobs_of(plan.entries),
    }


def jobs_of(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return the folders of each row's jobs by its label, for ``study.json``."""
    return {entry.label: [task.folder.name for task in entry.tasks] for entry in entries}


def _failure(task: Task) -> str | None:
    """Why a job that has ended is not done, with every metric that is asked for; None where it
    is."""
    if is_done(task):
        return None
    return read_failure(task.folder) or "it ended without a result"


def _failures(entries: Sequence[Entry]) -> list[str]:
    return [
        f"{entry.label}, seed {task.job.seed}: {reason}"
        for entry in entries
        for task in entry.tasks
        if (reason := _failure(task)) is not None
    ]


def _write_results(plan: Prepared) -> Report:
    """``results.parquet``, tables and the sample grid."""
    folder = plan.outline.folder
    write_long(plan.entries, folder.name, folder / LONG)
    methods = collect(plan.entries, plan.metrics)
    metrics = [registry.metrics.get(name) for name in plan.metrics]
    about = read_study(folder)
    made = write_tables(folder, methods, metrics, title_of(about), captions(folder, about))
    made = replace(made, check=plan.check)
    _save_study_grid(plan)
    return made


def _save_study_grid(plan: Prepared) -> None:
    """The first seed of every row, for the same few segments."""
    rows = {}
    chosen = choose_segments(plan.data.test.label, GRID_COLUMNS)
    for entry in plan.entries:
        samples = entry.tasks[0].folder / "samples" / "test.npy"
        if samples.is_file():
            with suppress(DamagedError):
                rows[entry.label] = read_images(samples)[chosen]
    headings = [plan.data.test.classes[i] for i in plan.data.test.label[chosen]]
    save_grid(rows, headings, plan.outline.folder / "tables" / SAMPLES)
