"""From generated images to scores, with the real judges and metrics."""

import json

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.data.holdout import part
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import GeneratedImages, default_metrics, evaluate, load_judges
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.types import DataKey, Pairs

CLASSES = ("bar", "disc")
PLACES = 13
INCEPTION = {"is10_inceptionv3", "kid_inceptionv3"}
"""Headline metrics whose weights are not here."""


def picture(kind: int, place: int) -> np.ndarray:
    """An orange bar or a blue disc at one of 13 heights."""
    image = np.full((32, 32, 3), 20, dtype=np.uint8)
    row, column = np.mgrid[:32, :32]
    y = 3 + 2 * place
    bar = abs(row - y) <= 2
    disc = (row - y) ** 2 + (column - 16) ** 2 <= 30
    image[disc if kind else bar] = (40, 90, 250) if kind else (250, 160, 40)
    return image


def pairs_of(n: int, seed: int) -> Pairs:
    """The kind and the height of what is seen are heard, with a little noise."""
    rng = np.random.default_rng(seed)
    kind, place = np.arange(n) % 2, rng.integers(0, PLACES, n)
    heard = np.column_stack([np.where(kind, 2.0, -2.0), (place - 6) / 2, np.zeros(n)])
    return Pairs(
        images=np.stack([picture(*both) for both in zip(kind, place, strict=True)]),
        acoustic=(heard + rng.normal(0, 0.1, heard.shape)).astype(np.float32),
        label=kind.astype(np.int64),
        classes=CLASSES,
        source=np.array([f"{CLASSES[k]}-{i // 20}" for i, k in enumerate(kind)]),
    )


TRAIN, TEST = pairs_of(200, seed=0), pairs_of(240, seed=1)


@pytest.fixture(autouse=True)
def no_inception(monkeypatch):
    monkeypatch.delenv("A2IBENCH_INCEPTION_WEIGHTS", raising=False)


@pytest.fixture(scope="module")
def cheap_judges():
    """The classifier checked every 5 steps, few steps of the other: these pictures are easy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench_plugins.judges.simclr.STEPS", 20)
        patch.setattr("a2ibench_plugins.judges.resnet18.CHECK_EVERY", 5)
        yield


def judges_of(metrics: list[Metric]) -> dict[str, LoadedJudge]:
    return load_judges(metrics, TRAIN, DataKey("bars and discs"))


def scores_of(generated: np.ndarray, names: list[str]) -> dict[str, Score]:
    metrics = [registry.metrics.get(name) for name in names]
    marked = evaluate(
        GeneratedImages(generated), make_eval_set(TRAIN, TEST), metrics, judges_of(metrics)
    )
    return {name: one.score for name, one in marked.items()}


@pytest.mark.integration
@pytest.mark.usefixtures("cheap_judges")
class TestScores:
    def test_real_images_score_high_everywhere(self):
        names = default_metrics(TEST).names
        scores = scores_of(TEST.images, names)
        assert [name for name in names if name not in scores] == [
            name
            for name in names
            if (metric := registry.metrics.get(name)).judge == OWN or "grid" in metric.needs
        ]
        assert scores["accuracy_resnet18"].value > 0.95
        assert scores["rprec10_i2a_lite0"].value > 0.9
        assert scores["rprec10_inclass_i2a_lite0"].value > 0.8
        assert scores["is10_lite0"].value > 1.1
        assert scores["kid_lite0"].value == 0
        assert scores["kid_simclr"].value == 0
        assert scores["coverage5_simclr"].value == 1
        assert scores["cas_lite0"].value > 0.95
        assert scores["similarity_i2a_lite0"].value > 0.9
        assert all(score.n == 240 for score in scores.values())

    def test_the_other_class_is_wrong_everywhere(self):
        swapped = np.roll(TEST.images, 1, axis=0)
        scores = scores_of(swapped, ["accuracy_resnet18", "rprec10_i2a_lite0"])
        assert scores["accuracy_resnet18"].value < 0.05
        assert scores["rprec10_i2a_lite0"].value < 0.05

    def test_the_right_class_alone_is_chance_inside_the_class(self):
        mean = np.stack([TEST.images[TEST.label == kind].mean(axis=0) for kind in (0, 1)])
        generated = mean.round().astype(np.uint8)[TEST.label]
        scores = scores_of(generated, ["rprec10_i2a_lite0", "rprec10_inclass_i2a_lite0"])
        assert scores["rprec10_inclass_i2a_lite0"].value == pytest.approx(0.1, abs=1e-12)
        assert scores["rprec10_i2a_lite0"].value > 0.12

    def test_each_judge_looks_once_for_all_its_metrics(self, tmp_path, monkeypatch):
        monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
        scores_of(255 - TEST.images, ["is10_lite0", "is1_lite0"])
        assert len(list(tmp_path.glob("looks/lite0_*.npz"))) == 2

    def test_the_same_images_in_another_order_cost_no_look(self, tmp_path, monkeypatch):
        monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
        scores_of(TEST.images[::-1].copy(), ["is1_lite0"])
        assert len(list(tmp_path.glob("looks/lite0_*.npz"))) == 1


class TestDefaultMetrics:
    def test_all_but_those_without_weights_are_taken_and_the_reason_is_given(self, tmp_path):
        choice = default_metrics(TEST)
        assert {*choice.names, *choice.left_out} == set(registry.metrics.names())
        left_out = {name: registry.metrics.get(name) for name in choice.left_out}
        assert {
            name
            for name, metric in left_out.items()
            if metric.headline and "factors" not in metric.needs
        } == INCEPTION
        assert "A2IBENCH_INCEPTION_WEIGHTS" in choice.left_out["is10_inceptionv3"]
        assert "--metric all" in choice.left_out["fid_lite0"]

    def test_all_takes_those_on_request_as_well(self):
        choice = default_metrics(TEST, every=True)
        assert {"fid_lite0", "precision3_lite0", "a2i_r1_i2a_lite0"} <= set(choice.names)
        assert "400" in choice.left_out["fid_inf_lite0"]
        assert "A2IBENCH_INCEPTION_WEIGHTS" in choice.left_out["fid_inceptionv3"]

    def test_what_the_data_are_too_few_for_is_left_out_with_the_count(self):
        choice = default_metrics(part(TEST, np.arange(150)))
        assert "rprec1_i2a_lite0" in choice.names
        assert "'bar' has 75" in choice.left_out["rprec1_inclass_i2a_lite0"]


class TestBorder:
    def test_another_number_or_size_of_images_is_refused(self):
        with pytest.raises(UserError, match=r"expected \[240, 32, 32, 3\].*got \[239, 32, 32, 3\]"):
            scores_of(TEST.images[1:], ["is1_lite0"])
        with pytest.raises(UserError, match=r"got \[240, 16, 16, 3\]"):
            scores_of(TEST.images[:, ::2, ::2], ["is1_lite0"])

    def test_images_that_are_not_8_bit_are_refused(self):
        with pytest.raises(TypeError, match="expected uint8, got float32"):
            scores_of(TEST.images.astype(np.float32), ["is1_lite0"])

    def test_a_test_split_that_is_too_small_is_refused_before_a_judge_looks(self):
        few = pairs_of(40, seed=2)
        metric = registry.metrics.get("rprec1_inclass_i2a_lite0")
        with pytest.raises(UserError, match="at least 100 test segments in every class"):
            evaluate(GeneratedImages(few.images[:]), make_eval_set(TRAIN, few), [metric], {})

    @pytest.mark.parametrize(
        "score",
        [
            Score(2.0, 240),
            Score(float("nan"), 240),
            Score(0.5, 240, spread=float("inf")),
            Score(0.5, 240, parts={"dog": float("nan")}),
            Score(0.5, 240, per_segment=np.full(240, 0.4, dtype=np.float32)),
            Score(0.5, 240, per_segment=np.full(239, 0.5, dtype=np.float32)),
        ],
        ids=[
            "out of bounds",
            "nan",
            "infinite spread",
            "nan of a class",
            "not the mean",
            "wrong length",
        ],
    )
    def test_a_metric_that_breaks_its_promise_is_named(self, score):
        class Broken(Metric):
            name = "broken"
            judge = "lite0"
            bounds = (0.0, 1.0)

            def compute(self, outputs: JudgeOutputs) -> Score:
                return score

        with pytest.raises(ValueError, match=r"^metric broken: "):
            evaluate(
                GeneratedImages(TEST.images),
                make_eval_set(TRAIN, TEST),
                [Broken()],
                judges_of([Broken()]),
            )


def test_numbers_of_numpy_in_a_score_can_be_written_down():
    each = np.array([0.25, 0.75], dtype=np.float32)
    score = Score(each.mean(), each.size, spread=each.std(), parts={"dog": each[0]}, chance=each[1])
    numbers = {"value": score.value, "n": score.n, "spread": score.spread, **score.parts}
    assert json.loads(json.dumps(numbers)) == {"value": 0.5, "n": 2, "spread": 0.25, "dog": 0.25}
    assert type(score.chance) is float
