"""Features of a store: encoded once, in the order of the pairs, standardised on training pairs."""

from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from a2ibench import registry
from a2ibench.data.encoding import encode_sounds
from a2ibench.data.features import Standardiser, encode_store, split_pairs
from a2ibench.data.sounds import stored_sounds, too_short
from a2ibench.data.store_writer import StoreWriter
from a2ibench.errors import UserError
from a2ibench.parallel import Processes, spread_over
from a2ibench.types import Pair, Part
from a2ibench_plugins.encoders.logmel import LogMel, LogMelConfig

LENGTHS = (16_000, 12_000, 16_000, 300, 12_000, 16_000, 200, 16_000)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_store(root, *, rate=16_000, seed=0):
    """Eight pairs of four sources; sounds of four lengths, two of them shorter than a window."""
    rng = np.random.default_rng(seed)

    def pairs():
        for i, length in enumerate(LENGTHS):
            yield Pair(
                image=np.full((8, 8, 3), i, np.uint8),
                audio=(0.1 * (i + 1) * rng.standard_normal(length)).clip(-1, 1).astype(np.float32),
                label="pong" if i // 2 % 2 else "golf",
                source=f"clip{i // 2}",
                split="test" if i >= 4 else "train",
            )

    identity = {"dataset": "noise", "version": 1, "config": {}, "sample_rate": rate}
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs()))
        return writer.finish()


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store")


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_each_row_is_the_feature_of_its_own_sound(tmp_path, rate):
    store = make_store(tmp_path / "rated", rate=rate)
    encoder = LogMel(LogMelConfig())
    features = encode_store(store, encoder)
    assert features.shape == (8, 128)
    assert features.dtype == np.float32
    for row in range(8):
        np.testing.assert_array_equal(features[row], encoder(store.waveform(row), rate))


class Counting(LogMel):
    """Counts the waveforms that it hears."""

    heard = 0

    def encode(self, waveforms):
        type(self).heard += len(waveforms)
        return super().encode(waveforms)


def test_a_sound_that_pairs_share_is_encoded_once(tmp_path):
    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-1, 1, 4_000).astype(np.float32) for _ in range(2)]
    pairs = [
        Pair(np.full((8, 8, 3), i, np.uint8), sounds[i // 3], "ab"[i // 3], "ab"[i // 3], side)
        for i, side in enumerate(["train"] * 3 + ["test"] * 3)
    ]
    identity = {"dataset": "shared", "version": 1, "config": {}, "sample_rate": 22_050}
    with StoreWriter(tmp_path / "shared", identity) as writer:
        writer.add(Part(pairs))
        store = writer.finish()
    encoder = Counting(LogMelConfig())
    features = encode_store(store, encoder)
    assert Counting.heard == 2
    for row in range(6):
        np.testing.assert_array_equal(features[row], encoder(store.waveform(row), 22_050))


def test_a_store_is_encoded_once(store, empty_cache):
    said = []
    first = encode_store(store, LogMel(LogMelConfig()), lambda *done: said.append(done))
    assert said[-1] == (8, 8)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    said.clear()
    second = encode_store(store, LogMel(LogMelConfig()), lambda *done: said.append(done))
    assert said == []
    np.testing.assert_array_equal(first, second)
    assert len(list(empty_cache.glob("features/logmel-*.npy"))) == 1


def test_another_encoder_another_store_or_another_rate_is_another_file(
    store, tmp_path, empty_cache
):
    encode_store(store, LogMel(LogMelConfig()))
    encode_store(store, LogMel(LogMelConfig(hop=256)))
    encode_store(make_store(tmp_path / "other", seed=1), LogMel(LogMelConfig()))
    encode_store(make_store(tmp_path / "rate", rate=22_050), LogMel(LogMelConfig()))
    assert len(list(empty_cache.glob("features/logmel-*.npy"))) == 4


def test_features_are_a_read_only_memory_map(store):
    features = encode_store(store, LogMel(LogMelConfig()))
    assert isinstance(features, np.memmap)
    assert not features.flags.writeable


def test_tiled_sounds_are_counted(store):
    sounds = stored_sounds(store, np.arange(len(store)))
    assert too_short(sounds, 22_050, 1_024) == 2
    assert too_short(sounds, 22_050, 400) == 1
    assert too_short(sounds, 22_050, 16_384) == 2


class Broken(LogMel):
    """Divides by the spread of silence."""

    name: ClassVar[str] = "broken"

    def encode(self, waveforms):
        return np.full((len(waveforms), self.dim), np.nan, np.float32)


class Narrow(LogMel):
    """Forgets half of the feature."""

    name: ClassVar[str] = "narrow"

    def encode(self, waveforms):
        return super().encode(waveforms)[:, :64]


@pytest.mark.parametrize(
    ("encoder", "reason"), [(Broken, "NaN or infinite"), (Narrow, "expected features")]
)
def test_an_encoder_that_breaks_the_contract_leaves_nothing(store, empty_cache, encoder, reason):
    with pytest.raises(ValueError, match=reason):
        encode_store(store, encoder(LogMelConfig()))
    assert not list(empty_cache.rglob("*.npy"))


def test_standardised_training_features_have_mean_0_and_std_1():
    raw = np.random.default_rng(0).normal(5, 3, (1_000, 6)).astype(np.float32)
    standard = Standardiser.fit(raw)(raw)
    assert standard.dtype == np.float32
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -123.456])
def test_a_constant_dimension_is_centred_and_not_scaled(value):
    raw = np.full((1_000, 1), value, np.float32)
    standardiser = Standardiser.fit(raw)
    assert standardiser.std == 1
    np.testing.assert_allclose(standardiser(raw), 0, atol=1e-6)
    np.testing.assert_allclose(standardiser(raw + 2), 2, rtol=1e-4)


def test_a_standardiser_refuses_another_length():
    standardiser = Standardiser.fit(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="expected d = 3"):
        standardiser(np.zeros((4, 5), np.float32))
    with pytest.raises(ValueError, match="n ≥ 1"):
        Standardiser.fit(np.zeros((0, 3), np.float32))


def test_a_standardiser_is_saved_and_loaded_to_the_last_bit(tmp_path):
    before = Standardiser.fit(np.random.default_rng(0).normal(5, 3, (9, 4)).astype(np.float32))
    before.save(tmp_path / "standardiser.safetensors")
    after = Standardiser.load(tmp_path / "standardiser.safetensors")
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.std, before.std)


def test_what_is_no_standardiser_is_named(tmp_path):
    with pytest.raises(UserError, match=r"missing\.safetensors: damaged or missing"):
        Standardiser.load(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("no arrays")
    with pytest.raises(UserError, match=r"text\.safetensors: damaged or missing"):
        Standardiser.load(tmp_path / "text.safetensors")


def test_the_split_is_standardised_on_its_training_side_alone(store):
    raw = encode_store(store, LogMel(LogMelConfig()))
    train, test, standardiser = split_pairs(store, raw)
    np.testing.assert_allclose(train.acoustic.mean(axis=0), 0, atol=1e-4)
    assert np.abs(test.acoustic.mean(axis=0)).max() > 0.1
    np.testing.assert_array_equal(test.acoustic, standardiser(raw[4:]))
    np.testing.assert_array_equal(standardiser.mean, raw[:4].mean(axis=0, dtype=np.float64))


def test_the_sides_of_the_split_hold_their_own_pairs(store):
    raw = encode_store(store, LogMel(LogMelConfig()))
    train, test, _ = split_pairs(store, raw)
    assert (len(train), len(test)) == (4, 4)
    assert train.classes == ("golf", "pong")
    np.testing.assert_array_equal(train.label, [0, 0, 1, 1])
    assert train.source.tolist() == ["clip0", "clip0", "clip1", "clip1"]
    assert test.source.tolist() == ["clip2", "clip2", "clip3", "clip3"]
    np.testing.assert_array_equal(test.images[np.array([0, 3])][:, 0, 0, 0], [4, 7])


def test_a_standardiser_fitted_before_is_used_as_it_is(store):
    raw = encode_store(store, LogMel(LogMelConfig()))
    before = Standardiser.fit(raw + 1)
    train, _, used = split_pairs(store, raw, before)
    assert used is before
    np.testing.assert_array_equal(train.acoustic, before(raw[:4]))


def test_features_of_another_store_are_refused(store):
    with pytest.raises(ValueError, match="expected features of 8 pairs, got 7"):
        split_pairs(store, np.zeros((7, 128), np.float32))


def test_a_damaged_file_is_made_again_and_that_is_said(store, empty_cache, caplog):
    expected = np.array(encode_store(store, LogMel(LogMelConfig())))
    (path,) = empty_cache.glob("features/logmel-*.npy")
    flipped = bytearray(path.read_bytes())
    flipped[-1] ^= 1
    other = np.lib.format.magic(1, 0) + b"no header"
    for content in (b"", b"no array", bytes(flipped), path.read_bytes()[:-4], other):
        path.write_bytes(content)
        caplog.clear()
        np.testing.assert_array_equal(encode_store(store, LogMel(LogMelConfig())), expected)
        (said,) = caplog.messages
        assert said.startswith(f"cache: {path} is damaged (")


ENCODER = """
from dataclasses import dataclass
import numpy as np
from a2ibench.contracts.encoder import Encoder
from a2ibench.registry import encoders

@dataclass(frozen=True)
class Config:
    pass

@encoders.register
class Loudness(Encoder):
    name = "loudness"
    Config = Config
    dim = 1
    min_samples = 1

    def fingerprint(self):
        return "loudness"

    def encode(self, waveforms):
        return {factor} * np.abs(waveforms).mean(axis=1, keepdims=True).astype(np.float32)
"""


def test_two_encoders_of_one_name_and_fingerprint_have_features_of_their_own(store, tmp_path):
    made = []
    for factor in (1, 2):
        folder = tmp_path / f"project{factor}"
        folder.mkdir()
        (folder / "loudness.py").write_text(ENCODER.format(factor=factor))
        registry.load_plugin_file(folder / "loudness.py")
        plugin = registry.encoders._registered.pop("loudness")
        made.append(plugin(plugin.Config()))
    assert made[0].fingerprint() == made[1].fingerprint()
    assert made[0].identity() != made[1].identity()
    first, second = (encode_store(store, encoder) for encoder in made)
    np.testing.assert_array_equal(second, 2 * first)


@pytest.mark.integration
def test_features_are_the_same_for_any_number_of_threads_and_processes(tmp_path, monkeypatch):
    store, encoder = make_store(tmp_path / "store"), registry.encoders.build("logmel", {})
    written = [tmp_path / f"{i}.npy" for i in range(3)]
    for threads, path in zip((1, 2), written, strict=False):
        with threadpool_limits(threads):
            encode_sounds(store, encoder, path, lambda done, total: None)
    monkeypatch.setattr("a2ibench.data.encoding.MANY", 1)
    with spread_over(Processes(2)):
        encode_sounds(store, encoder, written[2], lambda done, total: None)
    assert len({path.read_bytes() for path in written}) == 1
