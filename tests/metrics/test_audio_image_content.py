"""AIC by class names, by a classifier and by class means, against the definitions in loops."""

from dataclasses import replace

import numpy as np
import pytest

from a2ibench.contracts.metric import JudgeOutputs, Metric
from a2ibench.errors import UserError
from a2ibench.registry import metrics
from a2ibench.types import Labels
from a2ibench_plugins.metrics.accuracy import Accuracy
from a2ibench_plugins.metrics.audio_image_content import AICClassifier, AICZeroShot

CLASSES = ("dog", "rain", "sea_waves")
ALL = [AICZeroShot(), AICClassifier(), AICClassifier(by="means")]


def noisy_outputs(n: int = 60, noise: float = 1.5, seed: int = 0) -> JudgeOutputs:
    rng = np.random.default_rng(seed)
    centre = np.random.default_rng(1).normal(size=(3, 6))
    label, train_label = rng.integers(0, 3, n), np.arange(40) % 3

    def near(which: np.ndarray) -> np.ndarray:
        return (centre[which] + noise * rng.normal(size=(len(which), 6))).astype(np.float32)

    drawn = near(label)
    return JudgeOutputs(
        generated={"features": drawn, "logits": drawn @ centre.T.astype(np.float32)},
        real={},
        acoustic=np.zeros((n, 0), dtype=np.float32),
        label=label,
        classes=CLASSES,
        train={"features": near(train_label)},
        train_label=train_label,
        texts={"features": (3 * centre).astype(np.float32)},
    )


def unit(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) / np.linalg.norm(x.astype(np.float64))


def predicted(metric: Metric, outputs: JudgeOutputs, i: int) -> int:
    if metric == ALL[1]:
        return int(np.argmax(outputs.generated["logits"][i]))
    if metric == ALL[0]:
        classes = outputs.texts["features"]
    else:
        features, label = outputs.train["features"], outputs.train_label
        classes = [np.mean([unit(one) for one in features[label == c]], axis=0) for c in range(3)]
    seen = unit(outputs.generated["features"][i])
    return int(np.argmax([unit(np.asarray(one)) @ seen for one in classes]))


@pytest.mark.parametrize("metric", ALL)
def test_it_is_the_share_of_images_that_show_the_class_of_their_sound(metric):
    outputs = noisy_outputs()
    right = [predicted(metric, outputs, i) == outputs.label[i] for i in range(60)]
    assert 0.4 < np.mean(right) < 0.95
    score = metric.compute(outputs)
    np.testing.assert_array_equal(score.per_segment, right)
    assert score.value == pytest.approx(np.mean(right))
    assert score.chance == np.bincount(outputs.label).max() / 60


def test_by_logits_it_is_the_accuracy():
    outputs = noisy_outputs()
    assert AICClassifier().compute(outputs).value == Accuracy().compute(outputs).value


@pytest.mark.parametrize("metric", ALL)
def test_one_image_for_all_is_at_most_chance(metric):
    outputs = noisy_outputs()
    for row in range(10):
        one = {
            name: np.repeat(out[row : row + 1], 60, axis=0)
            for name, out in outputs.generated.items()
        }
        score = metric.compute(replace(outputs, generated=one))
        assert score.value in np.bincount(outputs.label) / 60
        assert score.value <= score.chance


@pytest.mark.parametrize("metric", ALL)
def test_an_image_that_is_as_near_to_all_classes_counts_a_third(metric):
    outputs = noisy_outputs()
    blank = {name: np.zeros_like(out) for name, out in outputs.generated.items()}
    score = metric.compute(replace(outputs, generated=blank))
    np.testing.assert_allclose(score.per_segment, 1 / 3)


@pytest.mark.parametrize("metric", ALL)
def test_neither_names_nor_order_of_classes_nor_length_of_features_matter(metric):
    outputs = noisy_outputs()
    turned = np.array([2, 0, 1])  # the new number of each class
    back = np.argsort(turned)
    other = replace(
        outputs,
        generated={
            "features": 7 * outputs.generated["features"],
            "logits": outputs.generated["logits"][:, back],
        },
        label=turned[outputs.label],
        train={"features": 3 * outputs.train["features"]},
        train_label=turned[outputs.train_label],
        texts={"features": 5 * outputs.texts["features"][back]},
        classes=("x", "y", "z"),
    )
    np.testing.assert_array_equal(
        metric.compute(other).per_segment, metric.compute(outputs).per_segment
    )
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(
        metric.compute(outputs.take(order)).per_segment, metric.compute(outputs).per_segment[order]
    )


def test_a_classifier_of_other_classes_is_refused_with_a_way_out():
    outputs = noisy_outputs()
    logits = np.zeros((60, 1000), dtype=np.float32)
    with pytest.raises(UserError) as refused:
        AICClassifier(judge="lite0").compute(replace(outputs, generated={"logits": logits}))
    assert str(refused.value) == (
        "aic_classifier[judge=lite0]: judge lite0 knows 1000 classes, the data have 3; choose a"
        " judge that is trained on them, or aic_classifier[judge=lite0,by=means]"
    )


def test_a_class_without_a_training_image_is_refused():
    outputs = noisy_outputs()
    few = replace(outputs, train_label=np.arange(40) % 2)
    with pytest.raises(UserError) as refused:
        AICClassifier(by="means").compute(few)
    assert str(refused.value) == ("class 'sea_waves' has no training image")


def test_names_say_what_decides():
    assert AICClassifier().name == "aic_classifier_resnet18"
    found = metrics.get("aic_classifier[by=means,judge=lite0]")
    assert (found.name, found.title) == ("aic_classifier_means_lite0", "AIC lite0 means")
    assert (found.reads, found.needs) == (("features",), {"train"})
    assert AICClassifier().needs == frozenset()
    assert metrics.get("aic_zeroshot").reads_texts == ("features",)


def test_any_label_of_a_segment_may_be_shown_and_unseen_ones_are_scored_apart():
    outputs = noisy_outputs()
    n, further = len(outputs.label), (outputs.label + 1) % 3
    visible = np.tile(np.array([[0, 1], [1, 1]], np.int8), (n // 2, 1))
    labels = Labels(np.column_stack([outputs.label, further]), np.ones((n, 2), np.int8), visible)
    known = replace(outputs, labels=labels)
    shown = np.array([predicted(ALL[0], outputs, i) for i in range(n)])
    own, any_of = shown == outputs.label, shown == further
    any_of[1::2] |= own[1::2]  # of the others the own class is not seen
    assert AICZeroShot().compute(known).per_segment.tolist() == own.tolist()
    assert AICZeroShot(labels="any").compute(known).per_segment.tolist() == any_of.tolist()
    assert AICZeroShot(over="seen").compute(known).value == pytest.approx(own[1::2].mean())
    metric = AICClassifier(by="means", over="seen")
    assert (metric.needs, metric.title) == (
        {"train", "labels"}, "AIC resnet18 [own labels, seen] means",
    )  # fmt: skip
