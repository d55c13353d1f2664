"""The published metrics by a judge that sees, hears and reads, as a study computes them."""

from dataclasses import replace

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.conformance.sample import make_pairs
from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import (
    GeneratedImages,
    check_metric,
    default_metrics,
    evaluate,
    load_judges,
)
from a2ibench.evaluation.metric_inputs import check_judge
from a2ibench.types import DataKey

RATE = 8_000
FAMILIES = (
    "ais_rate",
    "ais_cos",
    "ais_z",
    "iis_rate",
    "iis_cos",
    "iis_z",
    "aic_zeroshot",
    "image_retrieval",
)


class Senses(Judge):
    """Colours, spectra and letters, thrown into one space of eight numbers."""

    name = "senses"
    embeds = frozenset({"images", "sounds", "texts"})
    outputs = sound_outputs = text_outputs = ("features",)
    sample_rate = RATE
    min_samples = RATE // 4

    def weights_hash(self):
        return "none"

    def thrown(self, x):
        law = np.random.default_rng(x.shape[1]).normal(size=(x.shape[1], 8))
        return {"features": (x @ law).astype(np.float32)}

    def embed(self, images):
        return self.thrown(images[:, ::4, ::4].reshape(len(images), -1) / 255)

    def embed_sounds(self, waveforms):
        return self.thrown(np.abs(np.fft.rfft(waveforms[:, : RATE // 4], axis=1)))

    def embed_texts(self, texts):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return self.thrown(np.array([[text.count(one) for one in letters] for text in texts]))


class Blind(Senses):
    name = "blind"

    def embed(self, images):
        return {"features": np.full((len(images), 8), np.nan, dtype=np.float32)}


@pytest.fixture(autouse=True)
def senses(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry.judges, "_registered", {})
    for plugin in (Senses, Blind):
        registry.judges.register(plugin)


def results(names, judge="senses", drawn=None):
    chosen = [registry.metrics.get(f"{name}[judge={judge}]") for name in names]
    train, test = make_pairs(60), make_pairs(40, seed=1)
    for metric in chosen:
        check_judge(metric)
    judges = load_judges(chosen, train, DataKey("data"))
    images = GeneratedImages(test.images[:] if drawn is None else drawn)
    return evaluate(images, make_eval_set(train, test), chosen, judges)


def test_each_is_computed_from_what_the_judge_sees_hears_and_reads():
    test = make_pairs(40, seed=1)
    turned = test.images[np.roll(np.arange(40), 2)]
    found = {
        name.partition("[")[0]: one.score for name, one in results(FAMILIES, drawn=turned).items()
    }
    assert set(found) == set(FAMILIES)
    judge = Senses()
    rate = test.sounds.sample_rate

    def unit(outputs):
        wide = outputs["features"].astype(np.float64)
        return wide / np.linalg.norm(wide, axis=1, keepdims=True)

    import soxr

    heard = np.stack([soxr.resample(test.sounds[i], rate, RATE) for i in range(40)])
    drawn, real = unit(judge.embed(turned)), unit(judge.embed(test.images[:]))
    sounds, texts = unit(judge.embed_sounds(heard)), unit(judge.embed_texts(test.classes))
    for kind, own in (("ais", sounds), ("iis", real)):
        near = drawn @ own.T
        mine = np.diagonal(near)
        below = (near < mine[:, np.newaxis]).mean(axis=1)
        np.testing.assert_allclose(found[f"{kind}_rate"].per_segment, below, atol=1e-6)
        np.testing.assert_allclose(found[f"{kind}_cos"].per_segment, mine, atol=1e-4)
        others = [np.delete(near[:, i], i) for i in range(40)]
        z = [(c - one.mean()) / one.std() for c, one in zip(mine, others, strict=True)]
        np.testing.assert_allclose(found[f"{kind}_z"].per_segment, z, atol=1e-3)
    right = (drawn @ texts.T).argmax(axis=1) == test.label
    np.testing.assert_array_equal(found["aic_zeroshot"].per_segment, right)
    place = ((drawn @ real.T) > np.sum(drawn * real, axis=1, keepdims=True)).sum(axis=1)
    np.testing.assert_array_equal(found["image_retrieval"].per_segment, place < 10)


def test_outputs_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="judge blind, output 'features': NaN or infinite numbers"):
        results(["iis_rate"], judge="blind")


def test_a_class_without_a_text_is_refused_before_any_work():
    metric = registry.metrics.get("aic_zeroshot[judge=senses]")
    with pytest.raises(UserError) as refused:
        check_metric(metric, replace(make_pairs(40), classes=("dog", "07")))
    assert str(refused.value) == (
        "aic_zeroshot[judge=senses]: class '07' has no text: expected a name with letters; rename"
        " it"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ais_rate[judge=lite0]", "judge lite0 embeds images, the metric reads sounds"),
        ("aic_zeroshot[judge=lite0]", "judge lite0 embeds images, the metric reads texts"),
        (
            "ais_z[judge=lite0,space=acoustic]",
            "judge lite0 gives features, logits, the metric reads acoustic",
        ),
    ],
)
def test_a_judge_that_cannot_serve_is_refused_and_others_are_named(name, said):
    with pytest.raises(UserError) as refused:
        check_judge(registry.metrics.get(name))
    assert f"{said}; judges that give it: " in str(refused.value)
    other = "i2a_lite0" if "acoustic" in name else "senses"
    assert other in str(refused.value).rpartition("judges that give it: ")[2].split(", ")


def test_of_all_metrics_those_whose_judge_is_not_here_are_left_out_with_the_reason():
    choice = default_metrics(make_pairs(40, seed=1), every=True)
    assert {"iis_rate_lite0", "image_r1_lite0", "ais_z_i2a_lite0"} <= set(choice.names)
    assert choice.left_out["aic_zeroshot_clip_l14"]
    assert choice.left_out["ais_rate_wav2clip_44k"]
