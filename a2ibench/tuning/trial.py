"""A trial of a search: its record, and what is computed for it, rung by rung."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.errors import PLUGIN_FAILURES, UserError
from a2ibench.evaluation.evaluate import evaluate
from a2ibench.results import records
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.runs.data import load_judges_as_planned, open_as_planned
from a2ibench.runs.model import build, draw_eval_set, steps_of, train
from a2ibench.storage import lock, write_json
from a2ibench.training.fit import DivergedError
from a2ibench.tuning.tune import RUNGS, Tuning, split_for_tuning

RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"
BROKEN = "broken"
"""By no fault of its options, as far as is known: the next command tries again."""
OPEN = (RUNNING, BROKEN)


def read_trial(folder: Path) -> dict[str, Any] | None:
    """A trial's ``trial.json``; None where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = folder / "trial.json"
    if not path.is_file():
        return None
    try:
        return dict(read_record(records.SearchTrial, path).plain)
    except DamagedError as error:
        raise UserError(f"{path}: damaged ({error}); remove it to compute it again") from error


def read_trials(folder: Path) -> list[dict[str, Any]]:
    """Every trial of a search, in the order of their start."""
    found = [read_trial(path) for path in (folder / "trials").glob("*/")]
    return sorted((one for one in found if one is not None), key=lambda one: one["started"])


def run_trial(
    tuning: Tuning, chosen: Mapping[str, Any], report: Callable[[int, float], None]
) -> None:
    """Does a trial, or goes on with it; its record is in its folder afterwards.

    A trial that diverges, or whose options do not go together, is a bad trial and no error.

    Args:
        tuning: what it is a trial of.
        chosen: a value for each searched option.
        report: given the rung and the score, at each rung, those that were reached earlier first.
    """
    folder = tuning.trial_folder(chosen)
    with lock(folder / "trial.json"):
        new = {"options": dict(chosen), "state": RUNNING, "rungs": [], "started": time.time()}
        record = read_trial(folder) or {**new, "seconds": 0.0, "reason": None}
        opened = record["state"] in OPEN
        if opened:
            record |= {"state": RUNNING, "reason": None}
            write_json(folder / "trial.json", record)
        for done in record["rungs"]:
            report(done["rung"], done["value"])
        if not opened:
            return
        scores = _scores(tuning, folder, record)
        while (done := _next(scores, folder)) is not None:
            rung, value = done
            # Written first: Tune ends the worker in its report where it stops a trial.
            if rung == RUNGS[-1]:
                end_trial(folder, DONE, None)
            report(rung, value)


def _next(scores: Iterator[tuple[int, float]], folder: Path) -> tuple[int, float] | None:
    """The next rung and score; None at the end, be it a bad one."""
    try:
        return next(scores, None)
    except DivergedError as error:
        end_trial(folder, FAILED, str(error))
    except PLUGIN_FAILURES as error:  # a plug-in may even call sys.exit
        (folder / "trace.txt").write_text(traceback.format_exc(), encoding="utf-8")
        end_trial(folder, BROKEN, f"{type(error).__name__}: {error}")
    return None


def end_trial(folder: Path, state: str, reason: str | None) -> None:
    """Closes a record that is still running; its weights are needed no more, if it has ended."""
    record = read_trial(folder)
    if record is not None and record["state"] == RUNNING:
        write_json(folder / "trial.json", {**record, "state": state, "reason": reason})
        if state not in OPEN:
            (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def _scores(tuning: Tuning, folder: Path, record: dict[str, Any]) -> Iterator[tuple[int, float]]:
    """Trains from rung to rung, and scores at each that the record lacks."""
    task = tuning.task
    for path in task.environment.plugins:
        registry.load_plugin_file(path)
    _, _, data = open_as_planned(task)
    pairs, eval_set = split_for_tuning(data)
    metric = registry.metrics.get(tuning.metric)
    judges = load_judges_as_planned([metric], data, task)
    job = replace(task.job, config={**task.job.config, **record["options"]})
    try:
        config.build(registry.models.get(job.method).Config, job.config, job.method)
    except UserError as error:  # options that do not go together
        raise DivergedError(str(error)) from error
    reached = {done["rung"] for done in record["rungs"]}
    for rung in RUNGS:
        if rung in reached:
            continue
        begun = time.monotonic()
        model = build(job, pairs)
        # From the checkpoint of the rung before, to the bit as if it had never stopped there.
        steps = max(1, steps_of(job, model) * rung // RUNGS[-1])
        train(model, job, pairs, folder / "checkpoint.safetensors", steps)
        try:
            drawn = draw_eval_set(model, eval_set, job.seed, grid="grid" in metric.needs)
        except ValueError as error:  # pixels that are no numbers
            raise DivergedError(str(error)) from error
        marked = evaluate(drawn, eval_set, [metric], judges)
        value = marked[metric.name].score.value
        record["rungs"].append({"rung": rung, "value": value})
        record["seconds"] = round(record["seconds"] + time.monotonic() - begun, 3)
        write_json(folder / "trial.json", record)
        yield rung, value
