"""Judges are fitted once, and look at each set of images once."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from a2ibench import registry
from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.evaluation.judging import BATCH, embed_images, load_judge, load_kept
from a2ibench.types import DataKey, Pairs, Spec
from a2ibench_plugins.judges.lite0 import Lite0

DATA, OTHER = DataKey("data", "encoder"), DataKey("other data", "encoder")


class MeanColour(Judge):
    """A small judge: distance of an image's mean colour from that of each class."""

    name = "mean_colour"
    trained = True

    def build(self, spec):
        self.register_buffer("center", torch.zeros(len(spec.classes), 3))

    def fit(self, train):
        for label in range(len(train.classes)):
            rows = np.flatnonzero(train.label == label)
            self.center[label] = torch.from_numpy(train.images[rows].mean(axis=(0, 1, 2)))
        return {"images": float(len(train)), "random": torch.rand(1).item()}

    def weights_hash(self):
        return "none"

    def embed(self, images):
        mean = torch.tensor(images.mean(axis=(1, 2)), dtype=torch.float32)
        return {"logits": -torch.cdist(mean, self.center.cpu()).numpy(), "mean": mean.numpy()}


class Brightness(Judge):
    """Reads another judge."""

    name = "brightness"
    base = "mean_colour"

    def weights_hash(self):
        return "none"

    def embed(self, images):
        raise AssertionError("the images were looked at already")

    def embed_from(self, outputs):
        return {"features": outputs["mean"].mean(axis=1, keepdims=True)}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(registry.judges, "_registered", {})
    registry.judges.register(MeanColour)
    registry.judges.register(Brightness)
    return tmp_path


def pairs_of(n: int = 70, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    return Pairs(
        images=rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8),
        acoustic=rng.normal(size=(n, 4)).astype(np.float32),
        label=np.arange(n) % 2,
        classes=("a", "b"),
        source=np.array([f"{i}" for i in range(n)]),
    )


def hash_of(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


class TestLoading:
    def test_a_trained_judge_is_fitted_once(self, cache):
        lines: list[str] = []
        first = load_judge("mean_colour", pairs_of(), DATA, lines.append)
        again = load_judge("mean_colour", pairs_of(), DATA, lines.append)
        assert lines == ["judge mean_colour: training on 70 real images"]
        assert len(list(cache.glob("judges/*.safetensors"))) == 1
        assert again.fingerprint == first.fingerprint
        assert again.figures == first.figures
        assert again.figures["images"] == 70
        assert torch.equal(again.judge.center, first.judge.center)

    def test_other_data_or_another_version_is_another_judge(self, cache, monkeypatch):
        prints = {
            load_judge("mean_colour", pairs_of(), DATA).fingerprint,
            load_judge("mean_colour", pairs_of(seed=1), OTHER).fingerprint,
        }
        monkeypatch.setattr(MeanColour, "version", 2)
        prints.add(load_judge("mean_colour", pairs_of(), DATA).fingerprint)
        assert len(prints) == 3
        assert len(list(cache.glob("judges/*.safetensors"))) == 3

    def test_a_frozen_judge_is_its_version_and_weights_a_trained_one_its_code_as_well(
        self, cache, monkeypatch
    ):
        names = ("lite0", "mean_colour")
        frozen, trained = (load_judge(one, pairs_of(), DATA).fingerprint for one in names)
        monkeypatch.setattr("a2ibench.evaluation.judging.source_hash", lambda plugin: "other code")
        assert load_judge("lite0", pairs_of(), DATA).fingerprint == frozen
        assert load_judge("mean_colour", pairs_of(), DATA).fingerprint != trained

    def test_another_protocol_trains_and_looks_again(self, cache, monkeypatch):
        for protocol in (1, 2):
            monkeypatch.setattr("a2ibench.evaluation.judging.PROTOCOL", protocol)
            embed_images(load_judge("mean_colour", pairs_of(), DATA), pairs_of(3).images)
        assert len(list(cache.glob("judges/*.safetensors"))) == 2
        assert len(list(cache.glob("looks/*.npz"))) == 2

    def test_a_failed_fit_leaves_nothing_behind(self, cache, monkeypatch):
        def fails(self, train):
            raise UserError("too little data")

        with monkeypatch.context() as patch:
            patch.setattr(MeanColour, "fit", fails)
            with pytest.raises(UserError, match="too little"):
                load_judge("mean_colour", pairs_of(), DATA)
        assert load_judge("mean_colour", pairs_of(), DATA).figures["images"] == 70

    def test_loading_leaves_the_callers_random_numbers_alone(self, cache):
        torch.manual_seed(1)
        expected = torch.rand(3)
        torch.manual_seed(1)
        load_judge("mean_colour", pairs_of(), DATA)
        load_judge("lite0", pairs_of(), DATA)
        assert torch.equal(torch.rand(3), expected)

    def test_a_judge_that_is_not_trained_is_the_same_for_all_data(self, cache):
        first, other = (
            load_judge("lite0", pairs_of(2, seed), DataKey(f"{seed}")) for seed in (0, 1)
        )
        assert isinstance(first.judge, Lite0)
        assert not first.judge.training
        assert first.fingerprint == other.fingerprint
        assert not list(cache.glob("judges/*"))

    def test_a_wrong_name_gets_the_nearest_right_one(self, cache):
        with pytest.raises(UserError, match="did you mean lite0"):
            load_judge("lite00", pairs_of(), DATA)


class TestLooking:
    def test_a_set_of_images_is_looked_at_once(self, cache):
        loaded = load_judge("mean_colour", pairs_of(), DATA)
        images = pairs_of(BATCH + 5, seed=2).images
        lines: list[str] = []
        first = embed_images(loaded, images, lines.append)
        assert lines[-1] == f"judge mean_colour: {BATCH + 5} of {BATCH + 5} images"
        lines.clear()
        again = embed_images(loaded, images.copy(), lines.append)
        assert lines == []
        assert len(list(cache.glob("looks/*.npz"))) == 1
        for name in ("logits", "mean"):
            np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_allclose(first["mean"], images.mean(axis=(1, 2)), rtol=1e-5)

    def test_equal_images_have_equal_outputs_wherever_they_stand(self, cache):
        loaded = load_judge("lite0", pairs_of(), DATA)
        few = pairs_of(3).images
        position = np.random.default_rng(0).integers(0, 3, BATCH * 2 + 7)
        lines: list[str] = []
        features = embed_images(loaded, few[position], lines.append)["features"]
        assert lines == ["judge lite0: 3 of 3 images"]
        assert len(np.unique(features, axis=0)) == 3
        alone = embed_images(loaded, few)["features"]
        np.testing.assert_allclose(features, alone[position], atol=1e-4)

    def test_the_order_of_the_images_is_the_order_of_the_outputs(self, cache):
        loaded = load_judge("mean_colour", pairs_of(), DATA)
        images = pairs_of(50, seed=3).images
        order = np.random.default_rng(0).permutation(50)
        moved = embed_images(loaded, images[order])["mean"]
        np.testing.assert_array_equal(moved, embed_images(loaded, images)["mean"][order])

    def test_another_judge_or_shape_has_looks_of_its_own(self, cache):
        images = np.zeros((2, 16, 16, 3), dtype=np.uint8)
        first = load_judge("mean_colour", pairs_of(), DATA)
        second = load_judge("mean_colour", pairs_of(seed=1), OTHER)
        assert not np.array_equal(
            embed_images(first, images)["logits"], embed_images(second, images)["logits"]
        )
        embed_images(first, np.zeros((2, 8, 32, 3), dtype=np.uint8))
        assert len(list(cache.glob("looks/*.npz"))) == 3

    def test_outputs_that_are_not_finite_name_the_judge_and_are_not_kept(self, cache):
        loaded = load_judge("mean_colour", pairs_of(), DATA)
        loaded.judge.center.fill_(np.nan)
        with pytest.raises(ValueError, match="judge mean_colour, output 'logits': NaN"):
            embed_images(loaded, pairs_of().images)
        assert not list(cache.glob("looks/*.npz"))

    def test_outputs_of_a_wrong_type_name_the_judge(self, cache, monkeypatch):
        loaded = load_judge("mean_colour", pairs_of(), DATA)
        monkeypatch.setattr(MeanColour, "embed", lambda self, images: {"x": np.zeros((1, 2))})
        with pytest.raises(TypeError, match=r"mean_colour, output 'x': expected float32 \[32, k\]"):
            embed_images(loaded, pairs_of().images)

    def test_a_judge_that_reads_another_does_not_look_again(self, cache):
        loaded = load_judge("brightness", pairs_of(), DATA)
        images = pairs_of(BATCH + 5, seed=2).images
        read = embed_images(loaded, images)["features"]
        np.testing.assert_allclose(read[:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-5)
        other = load_judge("brightness", pairs_of(seed=1), OTHER)
        assert other.fingerprint != loaded.fingerprint

    def test_a_judge_reads_what_it_would_see_itself_to_the_last_bit(self, cache):
        loaded = load_judge("i2a_lite0", pairs_of(), DATA)
        images = pairs_of(BATCH, seed=2).images
        own = loaded.judge.embed(images)["acoustic"]
        rows = np.argsort([hash_of(image) for image in images])
        np.testing.assert_array_equal(
            embed_images(loaded, images)["acoustic"][rows],
            loaded.judge.embed(images[rows])["acoustic"],
        )
        np.testing.assert_allclose(
            own, embed_images(loaded, images)["acoustic"], rtol=1e-4, atol=1e-5
        )

    def test_what_a_kept_judge_reads_is_kept_too(self, cache):
        pairs = pairs_of()
        spec = Spec(image_size=32, acoustic_dim=4, classes=pairs.classes)
        assert load_kept("brightness", spec, DATA) is None
        fingerprint = load_judge("brightness", pairs, DATA).fingerprint
        kept = load_kept("brightness", spec, DATA)
        assert kept is not None
        assert kept.fingerprint == fingerprint


def test_a_change_of_the_training_images_alone_needs_another_data_key(cache):
    """The key, not the images, is what a kept judge is found by: the caller hashes the content."""
    first = load_judge("mean_colour", pairs_of(), DATA)
    changed = dataclasses.replace(pairs_of(), images=np.zeros((70, 32, 32, 3), dtype=np.uint8))
    assert load_judge("mean_colour", changed, DATA).fingerprint == first.fingerprint
    assert load_judge("mean_colour", changed, DataKey("new")).fingerprint != first.fingerprint


CHANGES = {
    "emptied": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-2] + bytes([content[-2] ^ 8]) + content[-1:],
    "flipped in the header": lambda content: content[:12] + bytes([content[12] ^ 1]) + content[13:],
    "text": lambda content: b"no weights",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
class TestDamagedCache:
    def test_weights_are_trained_again_with_what_was_reported(self, cache, caplog, change):
        first = load_judge("mean_colour", pairs_of(), DATA)
        (path,) = cache.glob("judges/*.safetensors")
        path.write_bytes(change(path.read_bytes()))
        spec = Spec(image_size=32, acoustic_dim=4, classes=("a", "b"))
        assert load_kept("mean_colour", spec, DATA) is None
        lines: list[str] = []
        again = load_judge("mean_colour", pairs_of(), DATA, lines.append)
        assert lines == ["judge mean_colour: training on 70 real images"]
        (said,) = caplog.messages
        assert said.startswith(f"cache: {path} is damaged (")
        assert torch.equal(again.judge.center, first.judge.center)
        assert again.figures["images"] == 70
        assert load_judge("mean_colour", pairs_of(), DATA, lines.append).figures == again.figures
        assert len(lines) == 1

    def test_looks_are_looked_again(self, cache, caplog, change):
        loaded = load_judge("mean_colour", pairs_of(), DATA)
        images = pairs_of(5, seed=3).images
        first = embed_images(loaded, images)
        (path,) = cache.glob("looks/*.npz")
        path.write_bytes(change(path.read_bytes()))
        lines: list[str] = []
        again = embed_images(loaded, images, lines.append)
        assert lines == ["judge mean_colour: 5 of 5 images"]
        assert [f"{path} is damaged" in message for message in caplog.messages] == [True]
        for name, output in first.items():
            np.testing.assert_array_equal(again[name], output)
