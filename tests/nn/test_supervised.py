import itertools
import math
from collections.abc import Iterator

import torch
from torch import nn

from a2ibench.nn.supervised import keep_best

NAN = math.nan


class Counted(nn.Module):
    """A network whose only weight is the number of steps that it was trained."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.Parameter(torch.zeros(()))

    def fit(self) -> Iterator[float]:
        """Take steps for ever."""
        for step in itertools.count(1):
            assert self.mode == "training"
            self.steps.data.fill_(step)
            yield 0.0

    def train(self, mode: bool = True) -> nn.Module:
        self.mode = "training" if mode else "evaluation"
        return self


def kept(
    *scores: tuple[float, ...], bounds=(-math.inf, math.inf), max_steps=100
) -> tuple[int, int]:
    """Return the step that is kept by some scores, two steps apart, and how many were asked for."""
    network = Counted()
    network.train()
    left = list(scores)

    def score() -> tuple[float, ...]:
        assert network.mode == "evaluation"
        return left.pop(0)

    step = keep_best(
        network,
        network.fit(),
        score,
        check_every=2,
        patience=3,
        max_steps=max_steps,
        bounds=bounds,
    )
    assert int(network.steps) == step
    assert network.mode == "evaluation"
    return step, len(scores) - len(left)


def test_the_weights_of_the_highest_score_are_kept_and_training_ends_when_it_rises_no_more():
    assert kept((1.0,), (3.0,), (2.0,), (3.0,), (1.0,), (9.0,)) == (4, 5)


def test_of_equal_scores_the_one_with_the_best_second_number_is_kept():
    assert kept((1.0, 0.0), (1.0, 2.0), (1.0, 1.0), (1.0, 0.0), (9.0, 0.0)) == (4, 4)


def test_training_ends_at_the_highest_possible_score():
    assert kept((0.5,), (1.0,), (1.0,), bounds=(0.0, 1.0)) == (4, 2)


def test_a_score_at_the_lower_bound_is_no_rise():
    assert kept((0.0,), (0.0,), (0.0,), (0.9,), bounds=(0.0, 1.0)) == (2, 3)


def test_training_ends_after_the_largest_number_of_steps():
    assert kept((1.0,), (2.0,), (3.0,), (4.0,), max_steps=5) == (6, 3)


def test_a_score_that_is_no_number_is_never_kept():
    assert kept((1.0,), (NAN,), (NAN,), (NAN,), (2.0,)) == (2, 4)
