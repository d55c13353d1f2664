"""Classification accuracy."""

import numpy as np
import pytest

from a2ibench.contracts.metric import JudgeOutputs
from a2ibench.errors import UndefinedScoreError
from a2ibench.registry import metrics
from a2ibench.types import Labels
from a2ibench_plugins.metrics.accuracy import Accuracy


def test_it_is_the_share_of_images_with_the_class_of_their_segment():
    logits = np.array([[3, 1, 0], [0, 2, 1], [0, 2, 1], [0, 1, 5]], dtype=np.float32)
    outputs = JudgeOutputs(
        generated={"logits": logits},
        real={"logits": -logits},
        acoustic=np.zeros((4, 2), dtype=np.float32),
        label=np.array([0, 1, 2, 2]),
        classes=("a", "b", "c"),
    )
    score = Accuracy().compute(outputs)
    assert score.value == 0.75
    assert score.n == 4
    assert score.spread is None
    assert score.per_segment.tolist() == [1, 1, 0, 1]
    assert score.per_segment.dtype == np.float32


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_ties_are_shared_whatever_the_order_of_the_classes(order):
    label = np.array(order)[[0, 0, 0, 0, 1]]
    outputs = JudgeOutputs(
        generated={"logits": np.ones((5, 2), np.float32)},
        real={},
        acoustic=np.zeros((5, 2), dtype=np.float32),
        label=label,
        classes=("a", "b"),
    )
    assert Accuracy().compute(outputs).value == 0.5


def labelled(visible: list[list[int]]) -> JudgeOutputs:
    """Images shown as b, b, c and c; their segments are a and b, a, b, and c and a."""
    return JudgeOutputs(
        generated={"logits": np.eye(3, dtype=np.float32)[[1, 1, 2, 2]]},
        real={},
        acoustic=np.zeros((4, 2), dtype=np.float32),
        label=np.array([0, 0, 1, 2]),
        classes=("a", "b", "c"),
        labels=Labels(
            np.array([[0, 1], [0, -1], [1, -1], [2, 0]]),
            np.full((4, 2), -1, np.int8),
            np.array(visible, dtype=np.int8),
        ),
    )


def test_any_label_that_is_heard_and_seen_may_be_right():
    unknown = labelled([[-1, -1]] * 4)
    assert Accuracy().compute(unknown).per_segment.tolist() == [0, 0, 0, 1]
    score = Accuracy(labels="any").compute(unknown)
    assert score.per_segment.tolist() == [1, 0, 0, 1]
    assert score.chance == 0.75  # three segments have a
    unseen = labelled([[1, 0], [1, -1], [1, -1], [0, 1]])
    assert Accuracy(labels="any").compute(unseen).per_segment.tolist() == [0, 0, 0, 0]


def test_segments_whose_class_is_not_seen_are_scored_apart():
    outputs = labelled([[1, 1], [0, -1], [-1, -1], [1, 0]])
    seen = Accuracy(over="seen").compute(outputs)
    assert (seen.value, seen.n, seen.chance) == (0.5, 2, 0.5)
    np.testing.assert_array_equal(seen.per_segment, [0, np.nan, np.nan, 1])
    assert Accuracy(over="unseen").compute(outputs).n == 1
    with pytest.raises(UndefinedScoreError, match="no test segment has a class that is known to"):
        Accuracy(over="unseen").compute(outputs.take(np.array([0, 2, 3])))


def test_what_is_asked_of_labels_is_part_of_the_name():
    metric = metrics.get("accuracy[labels=any,over=seen]")
    assert metric.name == "accuracy[labels=any,over=seen]"
    assert metric.needs == {"labels"}
    assert not Accuracy().needs
