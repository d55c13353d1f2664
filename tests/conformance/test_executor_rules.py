"""Each rule on executors finds what breaks it, and nothing in one that keeps the contract."""

from contextlib import contextmanager

import pytest
import warnings_of_others
from broken import assert_all_met, finding

from a2ibench.conformance.executor import ExecutorSubject, rules
from a2ibench.contracts.executor import Executor, Update
from a2ibench.errors import StoppedError
from a2ibench.parallel import MEMORY, Pool
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.process import Processes
from a2ibench.runs.executors.ray_tune import RayTune


class Good(Executor):
    name = "good"

    def __call__(self, trials, tell):
        for trial in trials:
            trial(lambda step, steps, trial=trial: tell(Update(trial, step, steps)))
            tell(Update(trial, ended=True))


class Boundless(Good):
    def room(self, trials):
        return len(trials) + 1


class Hasty(Good):
    def room(self, trials):
        trials[0](lambda step, steps: None)
        return 1


class Lazy(Good):
    def __call__(self, trials, tell):
        super().__call__(trials[1:], tell)


class Twice(Good):
    def __call__(self, trials, tell):
        for trial in trials:
            trial(lambda step, steps: None)
        super().__call__(trials, tell)


class NeverEnds(Good):
    def __call__(self, trials, tell):
        super().__call__(trials, lambda update: None if update.ended else tell(update))


class EndsFirst(Good):
    def __call__(self, trials, tell):
        for trial in trials:
            tell(Update(trial, ended=True))
        super().__call__(trials, lambda update: None if update.ended else tell(update))


class Silent(Good):
    def __call__(self, trials, tell):
        super().__call__(trials, lambda update: tell(update) if update.ended else None)


class GoesOn(Good):
    def __call__(self, trials, tell):
        for trial in trials:
            try:
                super().__call__([trial], tell)
            except StoppedError:
                tell(Update(trial, ended=True))


class Backwards(Good):
    @contextmanager
    def pool(self, memory=MEMORY):
        class Reversing(Pool):
            @contextmanager
            def opened(self):
                yield 1, None

            def in_order(self, function, arguments):
                return (function(*one) for one in reversed(list(arguments)))

        yield Reversing(memory)


@pytest.mark.parametrize(
    "executor", [Good, Inline, pytest.param(Processes, marks=pytest.mark.integration)]
)
def test_what_keeps_the_contract_meets_every_rule(executor):
    assert_all_met(rules, ExecutorSubject(executor, {}))


@pytest.mark.integration
@warnings_of_others.ignored  # Ray warns about its own dependencies
def test_ray_keeps_the_contract():
    assert_all_met(rules, ExecutorSubject(RayTune, {"gpus_per_trial": 0}))


@pytest.mark.parametrize(
    ("executor", "rule", "got"),
    [
        (Boundless, "room", "4"),
        (Hasty, "room", "calls: [1, 0, 0]"),
        (Lazy, "calls", "calls: [0, 1, 1]"),
        (Twice, "calls", "calls: [2, 2, 2]"),
        (NeverEnds, "ends", "ends of 0 trials"),
        (EndsFirst, "ends", "after its end"),
        (Silent, "news", "[]"),
        (GoesOn, "stops", "it returned"),
        (Backwards, "workers", "[2, 1]"),
    ],
)
def test_each_rule_finds_what_breaks_it(executor, rule, got):
    found = finding(rules, ExecutorSubject(executor, {}), rule)
    assert found.state == "broken"
    assert got in found.got
