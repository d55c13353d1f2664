"""Ray Tune as a searcher: Optuna proposes, successive halving stops what is behind.

What a search knows is in the records of its trials alone: a search that goes on tells them to a new
searcher and a new scheduler. Nothing of Ray's or Optuna's own state is read back.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from a2ibench.runs.executors.ray_cluster import started
from a2ibench.runs.executors.ray_tune import RayTune
from a2ibench.runs.resources import Machine, check_disk, need_of, trials_at_once
from a2ibench.runs.trial import Trial
from a2ibench.runs.trial_data import Counter
from a2ibench.tuning.search_trial import (
    BROKEN,
    FAILED,
    OPEN,
    STOPPED,
    SearchTrial,
    State,
    best_options,
    end_trial,
    read_trials,
    repeated,
    run_trial,
)
from a2ibench.tuning.tune import MORE_SEEDS, RUNGS, Tuning

VALUE, RUNG = "value", "rung"


def search(tuning: Tuning, trials: int, repeat: int, ray_tune: RayTune, counter: Counter) -> None:
    """Run trials until there are as many as asked for, then repeat the best ones with
    :data:`~a2ibench.tuning.tune.MORE_SEEDS`.

    Args:
        trials: number of trials in all, those of earlier commands among them.
        repeat: number of the best complete ones that are repeated.
        ray_tune: how Ray is started, and the GPUs per trial.

    Raises:
        UserError: the resources that were asked for are not there.
        KeyboardInterrupt: the user stopped it.
    """
    # A trial that diverges reports nothing.
    os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
    with ExitStack() as stack:

        @cache
        def start() -> list[Machine]:
            return stack.enter_context(started(ray_tune.config.address))

        _search(tuning, trials, ray_tune, start, counter("trials"))
        _repeat(tuning, best_options(tuning, repeat), ray_tune, start, counter("repetitions"))


def _search(
    tuning: Tuning,
    trials: int,
    ray_tune: RayTune,
    start: Callable[[], list[Machine]],
    tell: Callable[[int, int], None],
) -> None:
    known = read_trials(tuning.folder)
    ended = [one for one in known if one.state not in OPEN]
    missing = trials - len(ended)
    if missing <= 0:
        return
    machines = start()
    import optuna
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searcher = OptunaSearch(
        {name: domain.distribution() for name, domain in tuning.space.items()},
        metric=VALUE,
        mode=tuning.mode,
        # Those that were cut off come first.
        points_to_evaluate=[one.options for one in known if one.state in OPEN],
        # The same seed again would propose the same first options again.
        seed=tuning.task.job.seed + len(known),
    )
    scheduler = ASHAScheduler(
        time_attr=RUNG,
        metric=VALUE,
        mode=tuning.mode,
        max_t=RUNGS[-1],
        grace_period=RUNGS[0],
        reduction_factor=RUNGS[1] / RUNGS[0],
    )
    for number, record in enumerate(ended):
        _remember(record, number, searcher, scheduler)
    _fit(
        tune.with_parameters(_trial, tuning=tuning),
        tuning, len(ended), trials, ray_tune, machines, tuning.trial_folder, tell,
        search_alg=searcher, scheduler=scheduler, num_samples=missing,
    )  # fmt: skip


def _repeat(
    tuning: Tuning,
    best: Sequence[dict[str, Any]],
    ray_tune: RayTune,
    start: Callable[[], list[Machine]],
    tell: Callable[[int, int], None],
) -> None:
    calls = [(tuning.with_seed(seed), chosen) for chosen in best for seed in MORE_SEEDS]
    records = [record for chosen in best for record in repeated(tuning, chosen)]
    missing = [
        call
        for call, record in zip(calls, records, strict=True)
        if record is None or record.state in OPEN
    ]
    if not missing:
        return
    machines = start()
    from ray import tune

    def folder(config: Mapping[str, Any]) -> Path:
        again, chosen = missing[config["number"]]
        return again.trial_folder(chosen)

    _fit(
        tune.with_parameters(_repetition, calls=missing),
        tuning, len(calls) - len(missing), len(calls), ray_tune, machines, folder, tell,
        {"number": tune.grid_search(list(range(len(missing))))},
    )  # fmt: skip


def _fit(
    trainable: Any,
    tuning: Tuning,
    count: int,
    total: int,
    ray_tune: RayTune,
    machines: Sequence[Machine],
    folder: Callable[[Mapping[str, Any]], Path],
    tell: Callable[[int, int], None],
    space: dict[str, Any] | None = None,
    **options: Any,
) -> None:
    """Run the trials that are missing, as many at once as there is room for.

    Args:
        count: number of trials that have ended.
        total: number of trials that are to end.
        folder: gives the folder of a trial from what Tune calls its configuration.
    """
    from ray import tune

    def note(config: Mapping[str, Any], state: State, reason: str | None) -> None:
        nonlocal count
        end_trial(folder(config), state, reason)
        count += 1
        tell(count, total)

    trial = Trial.of(tuning.task)
    need = need_of([trial], ray_tune.config.gpus_per_trial, machines)
    at_once = trials_at_once(need, machines, total - count, ray_tune.say)
    check_disk([trial] * at_once, at_once)
    with tempfile.TemporaryDirectory(prefix="a2ibench-") as scratch:
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1.0, "gpu": need.gpus}),
            param_space=space,
            tune_config=tune.TuneConfig(
                max_concurrent_trials=at_once, reuse_actors=True, **options
            ),
            run_config=tune.RunConfig(
                name="trials", storage_path=scratch, verbose=0, callbacks=[_closer(note)]
            ),
        ).fit()
    if count < total:
        # Tune itself handles Ctrl-C: it stops its trials and returns.
        raise KeyboardInterrupt


def _remember(record: SearchTrial, number: int, searcher: Any, scheduler: Any) -> None:
    """Tell both what an earlier command found."""
    failed = record.state == FAILED
    value = None if failed else record.rungs[-1].value
    # As Tune tells it of a trial that reports nothing: worse than every score.
    searcher.add_evaluated_point(dict(record.options), value, pruned=failed)
    trial = SimpleNamespace(trial_id=f"earlier-{number}")
    scheduler.on_trial_add(None, trial)
    for done in record.rungs:
        scheduler.on_trial_result(None, trial, {RUNG: done.rung, VALUE: done.value})


def _trial(chosen: dict[str, Any], tuning: Tuning) -> None:
    """Run one trial, on a worker."""
    from ray import tune

    run_trial(tuning, chosen, lambda rung, value: tune.report({RUNG: rung, VALUE: value}))


def _repetition(config: dict[str, Any], calls: list[tuple[Tuning, dict[str, Any]]]) -> None:
    """Run one trial with another seed, on a worker."""
    again, chosen = calls[config["number"]]
    _trial(chosen, again)


def _closer(note: Callable[[Mapping[str, Any], State, str | None], None]) -> Any:
    """Make a Tune callback that closes the records of stopped trials and of dead workers."""
    from ray.tune.progress_reporter import TrialProgressCallback

    # Tune prints lines of its own unless it is given a callback of this kind.
    class Closer(TrialProgressCallback):
        def __init__(self, note: Any) -> None:
            super().__init__()
            self.note = note

        def __getstate__(self) -> dict[str, None]:
            # Tune stores its callbacks to restore a run later; ours goes on from its own files.
            return {"note": None}

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
        ) -> None:
            """Nothing to print."""

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self.note(trial.config, STOPPED, None)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self.note(trial.config, BROKEN, "the worker died")

    return Closer(note)
