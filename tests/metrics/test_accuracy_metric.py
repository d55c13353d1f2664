"""Classification accuracy."""

import numpy as np

from a2ibench.contracts.metric import JudgeOutputs
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
