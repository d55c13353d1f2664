"""Judges in the space of aiSFX: sounds as the encoder embeds them, images beside them."""

from dataclasses import replace

import numpy as np
import pytest

from a2ibench.conformance.sample import make_pairs
from a2ibench.data.sounds import waveforms
from a2ibench.errors import UserError
from a2ibench.evaluation.feasibility import find_metric
from a2ibench.registry import encoders, judges
from a2ibench.types import Spec
from a2ibench_plugins.judges.i2a_aisfx import AISFXImageToAudio, _nearer


def without_features(pairs):
    return replace(pairs, acoustic=pairs.acoustic[:, :0])


def test_a_judge_that_only_hears_scores_no_images():
    with pytest.raises(UserError, match="judge aisfx embeds sounds, the metric reads images"):
        find_metric("rprec[judge=aisfx]")


def test_match_metrics_take_the_judge_that_sees_and_hears():
    for name in ("rprec", "retrieval", "similarity"):
        assert find_metric(f"{name}[judge=i2a_aisfx]").judge == "i2a_aisfx"


@pytest.fixture(scope="module")
def trained():
    judge = AISFXImageToAudio()
    judge.build(Spec(32, 0, ("bar", "disc")))
    return judge, judge.fit(without_features(make_pairs(80)))


@pytest.mark.integration
class TestWithWeights:
    def test_it_hears_what_the_encoder_hears(self):
        sounds = make_pairs(4).sounds
        encoder = encoders.build("aisfx", {})
        ((_, heard),) = waveforms(sounds, encoder.sample_rate, encoder.min_samples)
        features = judges.get("aisfx")().embed_sounds(heard)["features"]
        np.testing.assert_array_equal(features, encoder.encode(heard))

    def test_inside_the_classes_no_direction_of_the_training_sounds_stands_out(self, trained):
        judge, _ = trained
        train = make_pairs(80)
        ((_, some), (_, rest)) = waveforms(train.sounds, judge.sample_rate, judge.min_samples)
        acoustic = np.concatenate([judge.embed_sounds(part)["acoustic"] for part in (some, rest)])
        assert acoustic.shape == (80, 512)
        np.testing.assert_allclose(acoustic.mean(axis=0), 0, atol=1e-3)
        for one in np.unique(train.label):
            acoustic[train.label == one] -= acoustic[train.label == one].mean(axis=0)
        assert np.linalg.eigvalsh(acoustic.T @ acoustic / 80).max() < 1

    def test_its_outputs_follow_from_its_base(self, trained):
        judge, _ = trained
        images = make_pairs(3, seed=1).images[:]
        base = judges.get("lite0")().embed(images)
        np.testing.assert_array_equal(
            judge.embed(images)["acoustic"], judge.embed_from(base)["acoustic"]
        )

    def test_images_of_other_clips_are_found_by_their_sounds(self, trained):
        judge, figures = trained
        test = make_pairs(40, seed=1)
        ((_, heard),) = waveforms(test.sounds, judge.sample_rate, judge.min_samples)
        sounds = judge.embed_sounds(heard)["acoustic"]
        images = judge.embed(test.images[:])["acoustic"]
        assert images.shape == sounds.shape == (40, 512)
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (sounds, images)]
        rank = (unit[0] @ unit[1].T > (unit[0] * unit[1]).sum(axis=1)[:, np.newaxis]).sum(axis=1)
        assert np.median(rank) < 12  # 19.5 by chance
        assert figures["held_out_nearer"] > 0.6

    def test_many_sounds_are_heard_in_processes_alike(self, trained, monkeypatch):
        judge, _ = trained
        pairs = make_pairs(70)
        one = judge._hear(pairs)
        monkeypatch.setattr("a2ibench_plugins.judges.i2a_aisfx.FEWEST", 1)
        with monkeypatch.context() as patch:
            patch.setattr(judge, "_ears", None)  # it is not asked itself
            np.testing.assert_allclose(judge._hear(pairs), one, rtol=1e-4, atol=1e-5)

    def test_pairs_without_sounds_are_refused(self, trained):
        judge, _ = trained
        with pytest.raises(ValueError, match="expected pairs with sounds"):
            judge.fit(replace(make_pairs(40), sounds=None))


def test_one_sound_alone_is_as_near_to_its_image_as_chance():
    assert _nearer(np.ones((1, 3), np.float32), np.ones((1, 3), np.float32)) == 0.5


def test_nearer_is_the_share_of_the_other_images_of_each_sound():
    rng = np.random.default_rng(0)
    sounds, images = rng.normal(size=(2, 10, 4)).astype(np.float32)
    images[3] = images[7]  # a tie
    cosine = (sounds / np.linalg.norm(sounds, axis=1)[:, None]) @ (
        images / np.linalg.norm(images, axis=1)[:, None]
    ).T
    wins = np.sign(np.diagonal(cosine)[:, None] - cosine) / 2 + 0.5
    wins[3, 7] = wins[7, 3] = 0.5
    expected = [np.delete(wins[i], i).mean() for i in range(10)]
    np.testing.assert_allclose(_nearer(sounds, images), expected, atol=1e-12)
    assert _nearer(sounds[:1], images[:1]).tolist() == [0.5]
