"""A study from request to tables: only what is missing is computed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from a2ibench import registry
from a2ibench.errors import StoppedError
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
from a2ibench.runs.attempt import work
from a2ibench.runs.display import Display, show_check, show_feasibility
from a2ibench.runs.executors import Executor, Update
from a2ibench.study.plan import Draft, Plan, Request, make_plan
from a2ibench.study.study_file import save_requests
from a2ibench.tracking.live import LiveMirror


def run_study(
    request: Request,
    executor: Executor,
    mirror: LiveMirror | None,
    display: Display,
    made: Draft | None = None,
) -> list[str]:
    """Runs what is missing of a study and writes its results.

    Args:
        request: what to compare.
        executor: trains the models.
        mirror: to MLflow; None for none.
        display: what the user sees.
        made: the draft that :func:`a2ibench.runs.preflight.preflight` made, which has found room
            for its trainings; None where it made none.

    Returns:
        ``"arm, seed N: reason"`` for each job that failed.

    Raises:
        UserError: the request cannot be planned, its resources are not there, or another command
            is at work in the folder.
        StoppedError: it cannot go on (a full disk).
    """
    with display.running():
        plan = make_plan(request, display.counter, display.say, made)
    folder = plan.outline.folder
    with at_work(folder) as board:
        with display.running():
            announce(request, plan, display)
            for line in what_changed(folder, plan.entries):
                display.say(line)
            about = describe(request, plan)
            mend(folder, plan.entries, display.say)
            write_about(folder, about)
            save_requests(folder, [request])
            missing = [task for task in plan.tasks if not is_done(task)]
            trainings = [task for task in missing if task.job.kind == "model"]
            if trainings and made is None:
                executor.room(trainings)  # before the reference rows are computed for nothing
            if mirror is not None and missing:
                mirror.open()
            _draw_untrained(missing, mirror, display)
            _train_models(plan, missing, executor, mirror, display, board)
        return show_results(request, plan, mirror, display)


def show_results(
    request: Request, plan: Plan, mirror: LiveMirror | None, display: Display
) -> list[str]:
    """Writes the tables and the page, and prints the tables; returns the failures."""
    failures = _failures(plan.entries)
    made = _write_results(plan)
    write_page(plan.outline.folder, made, plan.store, display.say)
    for table in made.tables:
        display.console.print(*table.to_rich(display.console.width), sep="\n")
    for note in notes_once(made):
        display.say(note)
    if mirror is not None:
        mirror.close()
    return failures


def _draw_untrained(missing: Sequence[Task], mirror: LiveMirror | None, display: Display) -> None:
    """In this process: they are quick, and leave the real images' looks in the cache."""
    tasks = [task for task in missing if task.job.kind != "model"]
    show = display.counter("reference rows")
    for i, task in enumerate(tasks):
        show(i, len(tasks))
        if (why := work(task)) is not None:
            raise StoppedError(why)
        _mirror_job(task, mirror)
        show(i + 1, len(tasks))


def _train_models(
    plan: Plan,
    missing: Sequence[Task],
    executor: Executor,
    mirror: LiveMirror | None,
    display: Display,
    board: Board,
) -> None:
    """By the executor, with a bar per trial; each is mirrored as soon as it has ended."""
    tasks = [task for task in missing if task.job.kind == "model"]
    names = {task.job.key: f"{plan.label(task)}, seed {task.job.seed}" for task in tasks}
    bars: dict[str, Callable[[int, int], None]] = {}

    def tell(update: Update) -> None:
        key = update.task.job.key
        board.note(update)
        if update.steps:
            bar = bars.setdefault(key, display.counter(names[key]))
            bar(update.step, update.steps)
        if update.ended:
            failure = _failure(update.task)
            display.say(f"{names[key]}: {'failed: ' + failure if failure else 'done'}")
            for note in (read_result(update.task.folder) or {}).get("notes", []):
                display.say(f"{names[key]}: {note}")
            _mirror_job(update.task, mirror)

    if tasks:
        executor(tasks, tell)


def _mirror_job(task: Task, mirror: LiveMirror | None) -> None:
    if mirror is not None:
        mirror.job(task.job.key)


def announce(request: Request, plan: Plan, display: Display) -> None:
    """Says what the pairs are, and what they can answer."""
    store = plan.store
    counts = store.counts
    display.say(
        f"{request.data_name}: {counts['train']} training and {counts['test']} test pairs,"
        f" {len(store.classes)} classes, {store.image_size} px"
    )
    if plan.tiled:
        display.say(
            f"{plan.tiled} of {len(store)} sounds are shorter than the encoder needs: tiled"
        )
    show_feasibility(plan.found, display)
    show_check(plan.check, store.root, display)


def describe(request: Request, plan: Plan) -> dict[str, Any]:
    """The study in plain values, for ``study.json``."""
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
        "jobs": {entry.label: [task.job.key for task in entry.tasks] for entry in plan.entries},
        **({"kept": dict(plan.kept)} if plan.kept else {}),
    }


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


def _write_results(plan: Plan) -> Report:
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


def _save_study_grid(plan: Plan) -> None:
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
