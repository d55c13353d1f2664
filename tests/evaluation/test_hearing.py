"""Judges hear the test sounds and read the class names: each once, at their own rate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from a2ibench import registry
from a2ibench.cli import main
from a2ibench.conformance.sample import make_pairs
from a2ibench.contracts.judge import Judge
from a2ibench.contracts.metric import Metric
from a2ibench.data.sounds import stored_sounds
from a2ibench.data.store_writer import StoreWriter
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import (
    GeneratedImages,
    check_metric,
    evaluate,
    load_judges,
)
from a2ibench.evaluation.hearing import embed_sounds, embed_texts
from a2ibench.evaluation.judging import load_judge
from a2ibench.evaluation.metric_inputs import check_judge
from a2ibench.types import DataKey, Pair, Part

DATA = DataKey("data", "encoder")
RATE = 8_000
LENGTHS = (16_000, 16_000, 4_000, 400, 16_000, 12_000)
"""Of the sounds of a store; the fourth is shorter than the judge needs."""


class Loudness(Judge):
    """Brightness of images, loudness of sounds and length of words: one space of two numbers."""

    name = "loudness"
    embeds = frozenset({"images", "sounds", "texts"})
    outputs = ("acoustic", "features")
    sound_outputs = ("acoustic",)
    text_outputs = ("acoustic",)
    sample_rate = RATE
    min_samples = 800
    seen: list[tuple[int, int]] = []  # noqa: RUF012  # shapes of what it heard

    def weights_hash(self):
        return "none"

    def embed(self, images):
        mean = images.mean(axis=(1, 2, 3), dtype=np.float32)[:, np.newaxis]
        return {"acoustic": np.hstack([mean, 1 - mean]), "features": mean}

    def embed_sounds(self, waveforms):
        self.seen.append(waveforms.shape)
        loud = np.abs(waveforms).mean(axis=1, keepdims=True)
        return {"acoustic": np.hstack([loud, 1 - loud])}

    def embed_texts(self, texts):
        return {"acoustic": np.array([[len(text), 1.0] for text in texts], dtype=np.float32)}


class Louder(Loudness):
    """Starts from the other one's outputs, and is trained on sounds."""

    name = "louder"
    base = "loudness"
    embeds = frozenset({"images", "sounds"})
    trained = True
    encoder_free = True

    def build(self, spec):
        assert spec.acoustic_dim == 0
        super().build(spec)

    def fit(self, train):
        assert train.acoustic.shape == (len(train), 0)
        return {"heard": float(np.abs(train.sounds[0]).mean())}

    def embed_from(self, outputs):
        return outputs

    def embed_sounds(self, waveforms):
        raise AssertionError("the sounds were heard already")

    def embed_sounds_from(self, outputs):
        return {"acoustic": 2 * outputs["acoustic"]}


class Broken(Loudness):
    name = "broken_ears"

    def embed_sounds(self, waveforms):
        return {"acoustic": np.full((len(waveforms), 2), np.nan, np.float32)}


class SameLoudness(Metric):
    """Distance of a sound and its generated image, where the class has a name."""

    judge = "loudness"
    reads = ("acoustic",)
    reads_sounds = ("acoustic",)
    reads_texts = ("acoustic",)
    title = "distance"
    higher_is_better = False
    bounds = (0.0, float("inf"))

    def compute(self, outputs):
        assert np.array_equal(outputs.acoustic, outputs.sounds["acoustic"])
        assert outputs.texts["acoustic"].shape == (len(outputs.classes), 2)
        apart = outputs.sounds["acoustic"] - outputs.generated["acoustic"]
        return np.linalg.norm(apart, axis=1)


@pytest.fixture(autouse=True)
def ears(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Loudness, "seen", [])
    for kind, plugins in (
        (registry.judges, (Loudness, Louder, Broken)),
        (registry.metrics, (SameLoudness,)),
    ):
        monkeypatch.setattr(kind, "_registered", {})
        for plugin in plugins:
            kind.register(plugin)


@pytest.fixture
def sounds(tmp_path):
    """The sounds of six pairs, of which the second shares that of the first."""
    rng = np.random.default_rng(0)
    heard = [0.1 * rng.standard_normal(length).astype(np.float32) for length in LENGTHS]
    heard[1] = heard[0]
    identity = {"dataset": "noise", "version": 1, "config": {}, "sample_rate": 16_000}
    pairs = (
        Pair(
            image=np.full((8, 8, 3), i, np.uint8),
            audio=audio,
            label="pong",
            source=f"clip{i // 2}",
            split="test" if i >= 4 else "train",
        )
        for i, audio in enumerate(heard)
    )
    with StoreWriter(tmp_path / "store", identity) as writer:
        writer.add(Part(pairs))
        store = writer.finish()
    return stored_sounds(store, np.arange(len(store)))


def judge(name="loudness", key=DATA):
    return load_judge(name, make_pairs(12), key)


class TestSounds:
    def test_each_is_embedded_once_at_the_judge_s_rate_and_short_ones_are_repeated(self, sounds):
        outputs = embed_sounds(judge(), sounds)["acoustic"]
        assert outputs.shape == (6, 2)
        assert outputs.dtype == np.float32
        np.testing.assert_array_equal(outputs[0], outputs[1])
        assert len(np.unique(outputs, axis=0)) == 5
        assert sorted(Loudness.seen) == [(1, 800), (1, 2_000), (1, 6_000), (2, 8_000)]

    def test_they_are_kept_and_another_order_or_a_repetition_of_them_is_the_same_set(self, sounds):
        first = embed_sounds(judge(), sounds)["acoustic"]
        Loudness.seen.clear()
        turned = np.array([5, 0, 1, 2, 3, 4, 4])
        again = embed_sounds(judge(), sounds.take(turned))["acoustic"]
        np.testing.assert_array_equal(again, first[turned])
        assert Loudness.seen == []

    def test_some_of_them_or_the_same_samples_at_another_rate_are_another_set(self, sounds):
        embed_sounds(judge(), sounds)
        embed_sounds(judge(), sounds.take(np.arange(3)))
        embed_sounds(judge(), replace(sounds, origin="another recording"))
        assert len(Loudness.seen) == 4 + 2 + 4

    def test_one_at_a_time_they_give_the_same(self, sounds):
        whole = embed_sounds(judge(), sounds)["acoustic"]
        for i in range(6):
            alone = embed_sounds(judge(), sounds.take(np.array([i])))["acoustic"]
            np.testing.assert_array_equal(alone[0], whole[i])

    def test_two_judges_of_one_network_hear_them_once(self, sounds):
        first = embed_sounds(judge(), sounds)["acoustic"]
        Loudness.seen.clear()
        np.testing.assert_array_equal(embed_sounds(judge("louder"), sounds)["acoustic"], 2 * first)
        assert Loudness.seen == []

    def test_nan_is_refused_and_nothing_is_kept(self, sounds, tmp_path):
        with pytest.raises(ValueError, match="judge broken_ears, output 'acoustic': NaN"):
            embed_sounds(judge("broken_ears"), sounds)
        assert not [*(tmp_path / "cache" / "sounds").glob("*.npz")]


class TestTexts:
    def test_class_names_are_read_without_underscores(self):
        outputs = embed_texts(judge(), ("dog", "space_invaders"))
        np.testing.assert_array_equal(outputs["acoustic"], [[3, 1], [14, 1]])

    @pytest.mark.parametrize(
        ("classes", "said"),
        [
            (("dog", "07"), "class '07' has no text: expected a name with letters; rename it"),
            (("a_b", "a b"), "classes 'a_b', 'a b' have the same text 'a b'; rename one of them"),
        ],
    )
    def test_a_class_without_a_text_of_its_own_is_refused_before_any_work(self, classes, said):
        test = replace(make_pairs(40), classes=classes)
        with pytest.raises(UserError) as refused:
            check_metric(registry.metrics.get("same_loudness"), test)
        assert str(refused.value) == f"same_loudness: {said}"


def test_a_judge_that_is_the_same_for_every_encoder_is_trained_once(tmp_path):
    prints = {judge("louder", DataKey("data", one)).fingerprint for one in ("logmel", "mfcc")}
    assert len(prints) == 1
    assert len([*(tmp_path / "cache" / "judges").glob("*.safetensors")]) == 1
    assert judge("louder", DataKey("other pairs")).figures == judge("louder").figures
    assert len([*(tmp_path / "cache" / "judges").glob("*.safetensors")]) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "same_loudness[judge=lite0]",
            "judge lite0 gives features, logits, the metric reads acoustic;"
            " judges that give it: broken_ears, loudness",
        ),
        (
            "same_loudness[judge=i2a_cnn]",
            "judge i2a_cnn embeds images, the metric reads sounds;"
            " judges that give it: broken_ears, loudness",
        ),
        (
            "same_loudness[judge=louder]",
            "judge louder embeds images, sounds, the metric reads texts;"
            " judges that give it: broken_ears, loudness",
        ),
    ],
)
def test_a_metric_whose_judge_gives_too_little_is_refused_before_any_work(name, said):
    with pytest.raises(UserError) as refused:
        check_judge(registry.metrics.get(name))
    assert str(refused.value) == f"metric {name}: {said}"


class TestScores:
    def scores(self, metrics, test):
        chosen = [registry.metrics.get(name) for name in metrics]
        train = make_pairs(60)
        judges = load_judges(chosen, train, DATA)
        images = GeneratedImages(test.images[:])
        return evaluate(images, make_eval_set(train, test), chosen, judges)

    def test_a_metric_reads_images_sounds_and_texts_of_one_judge(self):
        test = make_pairs(40, seed=1)
        score = self.scores(["same_loudness"], test)["same_loudness"].score
        loaded = judge()
        apart = (
            embed_sounds(loaded, test.sounds)["acoustic"]
            - loaded.judge.embed(test.images[:])["acoustic"]
        )
        np.testing.assert_allclose(score.per_segment, np.linalg.norm(apart, axis=1), rtol=1e-6)

    def test_match_is_measured_in_the_space_of_a_judge_that_hears(self):
        """The method's features are of another length, so they cannot be what is compared."""
        test = make_pairs(240, seed=1)
        name = "rprec[judge=loudness]"
        score = self.scores([name], test)[name].score
        assert 0 <= score.value <= 1
        unheard = replace(test, acoustic=np.full_like(test.acoustic, np.nan))
        assert self.scores([name], unheard)[name].score.value == score.value

    def test_pairs_without_sounds_are_refused_by_a_judge_that_hears(self):
        deaf = replace(make_pairs(40, seed=1), sounds=None)
        with pytest.raises(UserError, match="judge loudness embeds sounds, and of these pairs"):
            self.scores(["same_loudness"], deaf)


PLUGIN = """
import numpy as np
from a2ibench.contracts.judge import Judge
from a2ibench.contracts.metric import Metric
from a2ibench.registry import judges, metrics

@judges.register
class Ears(Judge):
    "The mean of an image, and of the magnitude of a sound."
    name = "ears"
    embeds = frozenset({{"images", "sounds", "texts"}})
    outputs = sound_outputs = text_outputs = ("loudness",)
    sample_rate = 4_000
    min_samples = {shortest}

    def weights_hash(self):
        return "{broken}"

    def embed(self, images):
        return {{"loudness": images.mean(axis=(1, 2, 3), dtype=np.float32)[:, None]}}

    def embed_sounds(self, waveforms):
        print("heard", len(waveforms))
        return {{"loudness": np.abs(waveforms).mean(axis=1, keepdims=True) / {divisor}}}

    def embed_texts(self, texts):
        return {{"loudness": np.array([[len(t)] for t in texts], dtype=np.float32)}}

@metrics.register
class Told(Metric):
    "The distance of an image from its sound and from the name of its class."
    title = "told"
    judge = "ears"
    reads = reads_sounds = reads_texts = ("loudness",)
    higher_is_better = False
    bounds = (0.0, float("inf"))

    def compute(self, outputs):
        seen, heard = outputs.generated["loudness"], outputs.sounds["loudness"]
        return abs(seen - heard - outputs.texts["loudness"][outputs.label])[:, 0]
"""


@pytest.mark.integration
class TestAPluginFile:
    """A judge that hears and a metric by it, in one file of a user's."""

    def run(self, folder: Path, **changed: str):
        plugin = folder / "ears.py"
        values = {"shortest": "1", "divisor": "1", "broken": "no", **changed}
        plugin.write_text(PLUGIN.format(**values), encoding="utf-8")
        arguments = ["run", "--model", "vae", "--seeds", "1", "--images", "32"]
        arguments += ["--dataset", "synthetic", "--encoder", "logmel", "--metric", "told"]
        for option in ("train=60", "test=24", "image_size=32", "seconds=1"):
            arguments += ["--set", f"synthetic.{option}"]
        arguments += ["--plugin", str(plugin), "--out", str(folder / "out")]
        return CliRunner().invoke(
            main, [*arguments, "--executor", "inline", "--tracking-uri", "none"]
        )

    def test_a_study_is_scored_by_it_and_the_sounds_are_heard_once(self, tmp_path):
        done = self.run(tmp_path)
        assert done.exit_code == 0, done.output
        heard = [line for line in done.output.splitlines() if line.startswith("heard")]
        assert heard == ["heard 48"]
        assert "told" in done.output

    def test_sounds_that_are_repeated_for_it_are_counted(self, tmp_path):
        done = self.run(tmp_path, shortest="8_000")
        assert done.exit_code == 0, done.output
        said = "48 of 48 test sounds are shorter than judge ears needs; it hears them repeated"
        assert said in done.output

    def test_one_that_gives_nan_is_refused_before_anything_is_trained(self, tmp_path):
        done = self.run(tmp_path, divisor="np.float32(np.nan)", broken="yes")
        assert done.exit_code == 2, done.output
        assert (
            "judge 'ears' cannot embed the test sounds: ValueError: judge ears, output 'loudness':"
            " NaN or infinite numbers; `a2ibench check judge ears` says more" in done.output
        )
        assert not [*(tmp_path / "out").glob("jobs/*/result.json")]
