"""A trial of a search: its record, and its scores, rung by rung."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import FiniteFloat

from a2ibench import config, registry
from a2ibench.errors import PLUGIN_FAILURES, UserError
from a2ibench.evaluation.evaluate import evaluate
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.results.records import Count, Options, Record, Seconds, WholeFile
from a2ibench.runs.model import build, draw_eval_set, steps_of, train
from a2ibench.runs.trial_data import load_judges_as_planned, open_as_planned
from a2ibench.storage import lock, write_json
from a2ibench.training.fit import DivergedError
from a2ibench.tuning.tune import MORE_SEEDS, RUNGS, Tuning, split_for_tuning

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model

State = Literal["running", "done", "stopped", "failed", "broken"]
RUNNING: State = "running"
DONE: State = "done"
STOPPED: State = "stopped"
FAILED: State = "failed"
BROKEN: State = "broken"
"""By no fault of its options, as far as is known: the next command tries again."""
OPEN = (RUNNING, BROKEN)


class Rung(Record):
    """A score of a trial of a search."""

    rung: Count
    value: FiniteFloat


class SearchTrial(WholeFile):
    """``trial.json``: a trial of a search."""

    options: Options
    state: State
    rungs: list[Rung]
    started: Seconds
    seconds: Seconds
    reason: str | None


def read_trial(folder: Path) -> SearchTrial | None:
    """Return the record of a trial; None where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = folder / "trial.json"
    if not path.is_file():
        return None
    try:
        return read_record(SearchTrial, path)
    except DamagedError as error:
        raise UserError(f"{path}: damaged ({error}); remove it to compute it again") from error


def read_trials(folder: Path) -> list[SearchTrial]:
    """Return the record of every trial of a search, in the order of their start."""
    found = [read_trial(path) for path in (folder / "trials").glob("*/")]
    return sorted((one for one in found if one is not None), key=lambda one: one.started)


def best_options(tuning: Tuning, count: int) -> list[Options]:
    """Return the options of the best trials with the whole budget, by their first seed."""
    done = [record for record in read_trials(tuning.folder) if record.state == DONE]
    done.sort(key=lambda one: one.rungs[-1].value, reverse=tuning.mode == "max")
    return [record.options for record in done[:count]]


def repeated(tuning: Tuning, chosen: Mapping[str, Any]) -> list[SearchTrial | None]:
    """Return the record of a trial's repetition with each further seed."""
    return [read_trial(tuning.with_seed(seed).trial_folder(chosen)) for seed in MORE_SEEDS]


def _write(folder: Path, record: SearchTrial, **changed: Any) -> SearchTrial:
    record = record.model_copy(update=changed)
    write_json(folder / "trial.json", record.model_dump())
    return record


def run_trial(
    tuning: Tuning, chosen: Mapping[str, Any], report: Callable[[int, float], None]
) -> None:
    """Run or resume a trial; its record is in its folder afterwards.

    A trial that diverges, or whose options do not go together, is a bad trial and no error.

    Args:
        report: given the rung and the score, at each rung, those that were reached earlier first.
    """
    folder = tuning.trial_folder(chosen)
    with lock(folder / "trial.json"):
        record = read_trial(folder) or SearchTrial(
            options=dict(chosen), state=RUNNING, rungs=[], started=time.time(), seconds=0.0,
            reason=None,
        )  # fmt: skip
        if opened := record.state in OPEN:
            record = _write(folder, record, state=RUNNING, reason=None)
        for done in record.rungs:
            report(done.rung, done.value)
        if not opened:
            return
        scores = _scores(tuning, folder, record)
        while (next_one := _next(scores, folder)) is not None:
            rung, value = next_one
            # Written first: Tune ends the worker in its report where it stops a trial.
            if rung == RUNGS[-1]:
                end_trial(folder, DONE, None)
            report(rung, value)


def _next(scores: Iterator[tuple[int, float]], folder: Path) -> tuple[int, float] | None:
    """Return the next rung and score; None at the end, be it a bad one."""
    try:
        return next(scores, None)
    except DivergedError as error:
        end_trial(folder, FAILED, str(error))
    except PLUGIN_FAILURES as error:  # a plug-in may even call sys.exit
        (folder / "trace.txt").write_text(traceback.format_exc(), encoding="utf-8")
        end_trial(folder, BROKEN, f"{type(error).__name__}: {error}")
    return None


def end_trial(folder: Path, state: State, reason: str | None) -> None:
    """Close a record that is still running; remove the weights of a trial that has ended."""
    record = read_trial(folder)
    if record is not None and record.state == RUNNING:
        _write(folder, record, state=state, reason=reason)
        if state not in OPEN:
            (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def steps_at(rung: int, steps: int, model: "Model") -> int:
    """Return the step at which a trial of that many is scored for a rung.

    The budget is divided after the parts of the method that come first and are frozen: until then
    it has heard nothing, and a score would stop trials by chance.
    """
    first = sum(part.images or 0 for part in model.frozen_parts if part.of_budget)
    frozen = min(steps, first // model.sampling.batch_size)
    return min(steps, frozen + max(1, (steps - frozen) * rung // RUNGS[-1]))


def _scores(tuning: Tuning, folder: Path, record: SearchTrial) -> Iterator[tuple[int, float]]:
    """Train from rung to rung; yield the score at each that the record lacks."""
    task = tuning.task
    for path in task.environment.plugins:
        registry.load_plugin_file(path)
    _, _, data = open_as_planned(task)
    metric = registry.metrics.get(tuning.metric)
    pairs, eval_set = split_for_tuning(data, metric)
    judges = load_judges_as_planned([metric], data, task)
    job = replace(task.job, config={**task.job.config, **record.options})
    try:
        config.build(registry.models.get(job.method).Config, job.config, job.method)
    except UserError as error:  # options that do not go together
        raise DivergedError(str(error)) from error
    reached = {done.rung for done in record.rungs}
    for rung in RUNGS:
        if rung in reached:
            continue
        begun = time.monotonic()
        model = build(job, pairs)
        # From the checkpoint of the rung before, to the bit as if it had never stopped there.
        steps = steps_at(rung, steps_of(job.images, model), model)
        train(model, job, pairs, folder / "checkpoint.safetensors", steps)
        try:
            drawn = draw_eval_set(model, eval_set, job.seed, grid="grid" in metric.needs)
        except ValueError as error:  # pixels that are no numbers
            raise DivergedError(str(error)) from error
        marked = evaluate(drawn, eval_set, [metric], judges)
        if (reason := marked[metric.name].undefined) is not None:
            raise DivergedError(f"{metric.name} is undefined: {reason}")
        value = marked[metric.name].score.value
        rungs = [*record.rungs, Rung(rung=rung, value=value)]
        seconds = round(record.seconds + time.monotonic() - begun, 3)
        record = _write(folder, record, rungs=rungs, seconds=seconds)
        yield rung, value
