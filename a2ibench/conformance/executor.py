"""The demands of the contract on an executor."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench import config
from a2ibench.conformance.rules import Rules, expect
from a2ibench.contracts.executor import Executor, Report, Update
from a2ibench.errors import StoppedError
from a2ibench.results.job import Environment, Job
from a2ibench.runs.memory_estimate import Footprint
from a2ibench.runs.trial import Trial

TRIALS, STEPS = 3, 2
FULL = "no space left on the disk"


@dataclass(frozen=True)
class Sample(Trial):
    """A trial of an instant that leaves one line per call; the one without steps stops a study."""

    footprint = Footprint(memory=0.0, checkpoint=0.0, samples=0.0, batch_size=1)
    plugins = frozenset[type]()

    def __call__(self, report: Report = lambda step, steps: None, compute: Any = None) -> None:
        """Report every step and leave the line."""
        if not self.job.images:
            raise StoppedError(FULL)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "calls").open("a", encoding="utf-8") as file:
            file.write("called\n")
        for step in range(self.job.images + 1):
            report(step, self.job.images)


class ExecutorSubject:
    """An executor under examination."""

    def __init__(self, plugin: type[Executor[Any]], values: Mapping[str, Any]) -> None:
        self.executor = plugin(config.build(plugin.Config, values, plugin.name))
        self.told: list[Update[Any]] = []

    def calls(self, do: Callable[[list[Sample]], Any], images: int = STEPS) -> list[int]:
        """Return the number of calls of each of some trials while something is done with them."""
        with tempfile.TemporaryDirectory(prefix="a2ibench-") as scratch:
            environment = Environment(Path(scratch), "", {}, ())
            jobs = [Job("model", "sample", {}, "", "", "", seed, images) for seed in range(TRIALS)]
            trials = [Sample(job, Path(scratch) / job.key, environment) for job in jobs]
            do(trials)
            files = [trial.folder / "calls" for trial in trials]
            return [len(path.read_text().split()) if path.exists() else 0 for path in files]


rules: Rules[ExecutorSubject] = Rules()


@rules.rule("return a whole number from 1 to the number of trials; start nothing")
def room(subject: ExecutorSubject) -> None:
    """`room` says how many of some trials would run at once, and calls none."""
    found: list[Any] = []
    calls = subject.calls(lambda trials: found.append(subject.executor.room(trials)))
    whole = isinstance(found[0], int) and 1 <= found[0] <= TRIALS
    expect(whole, f"a whole number from 1 to {TRIALS}", repr(found[0]))
    expect(not any(calls), "no trial called", f"calls: {calls}")


@rules.rule("call each trial once, and return when all have ended", gate=True)
def calls(subject: ExecutorSubject) -> None:
    """Every trial has been called once when it returns."""
    calls = subject.calls(lambda trials: subject.executor(trials, subject.told.append))
    expect(calls == [1] * TRIALS, f"{TRIALS} trials called once each", f"calls: {calls}")


@rules.rule("call `tell(Update(trial, ended=True))` once for each trial, after its other news")
def ends(subject: ExecutorSubject) -> None:
    """It tells of each trial's end, once and last."""
    ended = Counter(update.trial.job.key for update in subject.told if update.ended)
    once = sorted(ended.values()) == [1] * TRIALS
    expect(once, f"{TRIALS} ends", f"ends of {len(ended)} trials: {sorted(ended.values())}")
    last = {update.trial.job.key: update.ended for update in subject.told}
    expect(all(last.values()), "the end as the last news", "news of a trial after its end")


@rules.rule("pass on what a trial reports, as in `tell(Update(trial, step, steps))`")
def news(subject: ExecutorSubject) -> None:
    """The last report of a trial is passed on, with its total number of steps."""
    seen = {u.trial.job.key: (u.step, u.steps) for u in subject.told if u.steps}
    every = sorted(seen.values()) == [(STEPS, STEPS)] * TRIALS
    expect(every, f"step {STEPS} of {STEPS} of {TRIALS} trials", sorted(seen.values()))


@rules.rule("let StoppedError through, from whatever process it comes")
def stops(subject: ExecutorSubject) -> None:
    """A trial that says that no other can succeed ends the call with a StoppedError."""
    came = "it returned"
    try:
        subject.calls(lambda trials: subject.executor(trials, lambda update: None), images=0)
    except StoppedError as error:
        came = str(error)
    expect(FULL in came, f"StoppedError: {FULL}", came)


@rules.rule("yield a Pool whose `in_order` gives the answers in the order of the arguments")
def workers(subject: ExecutorSubject) -> None:
    """The workers of `pool` answer in order."""
    with subject.executor.pool() as pool:
        found = list(pool.in_order(pow, ((2, i) for i in range(STEPS))))
    expected = [2**i for i in range(STEPS)]
    expect(found == expected, str(expected), str(found))
