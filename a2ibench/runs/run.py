"""A study from request to tables: only what is missing is computed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from a2ibench import registry
from a2ibench.errors import StoppedError
from a2ibench.reporting.figures import GRID_COLUMNS, choose_segments, save_grid
from a2ibench.reporting.page.collect import write_page
from a2ibench.reporting.report import SAMPLES, Report, captions, notes_once, title_of, write_tables
from a2ibench.results.job import Task
from a2ibench.results.job_state import JobState, is_done, missing
from a2ibench.results.long_scores import write_long
from a2ibench.results.records import DamagedError
from a2ibench.results.repair import repair
from a2ibench.results.samples import read_images
from a2ibench.results.study import Study, open_study
from a2ibench.results.study_id import write_about
from a2ibench.runs.attempt import work
from a2ibench.runs.display import Display, show_check, show_feasibility
from a2ibench.runs.executors import Executor, Update
from a2ibench.runs.study_lock import Board, at_work
from a2ibench.study.changed_settings import what_changed
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
            repair(folder, plan.named, display.say)
            write_about(folder, about)
            save_requests(folder, [request])
            tasks = [task for task in plan.tasks if not is_done(task)]
            trainings = [task for task in tasks if task.job.kind == "model"]
            if trainings and made is None:
                executor.room(trainings)  # before the reference rows are computed for nothing
            if mirror is not None and tasks:
                mirror.open()
            _draw_untrained(tasks, mirror, display)
            _train_models(plan, tasks, executor, mirror, display, board)
        return show_results(request, plan, mirror, display)


def show_results(
    request: Request, plan: Plan, mirror: LiveMirror | None, display: Display
) -> list[str]:
    """Writes the tables and the page, and prints the tables; returns the failures."""
    study = open_study(plan.outline.folder)
    failures = _failures(plan, study)
    made = _write_results(plan, study)
    write_page(study, made, plan.store, display.say)
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
            state = JobState(update.task.folder)
            failure = _failure(update.task, state)
            display.say(f"{names[key]}: {'failed: ' + failure if failure else 'done'}")
            for note in state.result.notes if state.result is not None else ():
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
    }


def _failure(task: Task, state: JobState) -> str | None:
    """Why a job that has ended is not done, with every metric that is asked for; None where it
    is."""
    if not missing(state.result, task.metrics, task.judges):
        return None
    return state.failure or "it ended without a result"


def _failures(plan: Plan, study: Study) -> list[str]:
    states = {job.key: job for job in study.jobs}
    return [
        f"{name}: {reason}"
        for name, task in plan.named.items()
        if (reason := _failure(task, states[task.job.key])) is not None
    ]


def _write_results(plan: Plan, study: Study) -> Report:
    """``results.parquet``, tables and the sample grid."""
    judges = plan.entries[0].tasks[0].judges
    write_long(study, judges)
    scores = [row.scores(plan.metrics, judges) for row in study.rows]
    metrics = [registry.metrics.get(name) for name in plan.metrics]
    made = write_tables(study.folder, scores, metrics, title_of(study), captions(study))
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
