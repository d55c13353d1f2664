"""aiSFX: spectra, blocks and embeddings as the published code and weights give them.

Golden values are those of the package aisfx 0.1.2 with Essentia 2.1b6 on the same sounds.
"""

import io
import os
import zipfile

import numpy as np
import pytest
import scipy.signal
import torch

import a2ibench
from a2ibench import packaged_file
from a2ibench.errors import UserError
from a2ibench.nn import aisfx

pytestmark = pytest.mark.integration

RATE = 44_100


def sound(kind, seconds):
    """A chirp, a noise that fades, or both."""
    t = np.arange(round(seconds * RATE)) / RATE
    chirp = 0.5 * scipy.signal.chirp(t, 100, seconds, 8_000, method="logarithmic")
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, len(t))
    made = {
        "chirp": chirp,
        "noise": noise * np.exp(-2 * t),
        "both": 0.5 * chirp * np.sin(2 * np.pi * 3 * t) ** 2 + 0.3 * noise,
    }
    return made[kind].astype(np.float32)


class TestSpectrum:
    GOLDEN = (
        ("chirp", 4.0, 174, 2, [0.884841, 0.000009, 0.0, 0.0]),
        ("noise", 1.0, 45, 1, [0.531846, 0.495600, 0.454821, 0.492310]),
        ("both", 3.1, 135, 1, [0.777424, 0.428174, 0.387080, 0.424293]),
    )

    @pytest.mark.parametrize(("kind", "seconds", "frames", "blocks", "golden"), GOLDEN)
    def test_it_is_essentias(self, kind, seconds, frames, blocks, golden):
        spectrum = aisfx.log_mel(sound(kind, seconds))
        assert spectrum.shape == (frames, 96)
        np.testing.assert_allclose(spectrum[10, [3, 20, 50, 80]], golden, atol=2e-5)
        cut = aisfx.blocks_of(spectrum)
        assert cut.shape == (blocks, 100, 96)
        np.testing.assert_array_equal(cut[0, : min(frames, 100)], spectrum[:100])
        assert not cut[0, frames:].any()

    def test_loudness_is_kept_and_silence_is_nothing(self):
        loud, quiet = sound("noise", 1.0), 0.1 * sound("noise", 1.0)
        assert aisfx.log_mel(loud).mean() > 1.5 * aisfx.log_mel(quiet).mean()
        assert not aisfx.log_mel(np.zeros(RATE, np.float32)).any()

    def test_each_filter_sums_to_one(self):
        np.testing.assert_allclose(aisfx.BANK.sum(axis=0), 1, rtol=1e-5)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    aisfx.load.cache_clear()
    yield tmp_path / "cache"
    aisfx.load.cache_clear()


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.delenv(aisfx.WEIGHTS.variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


class TestWeights:
    @pytest.mark.parametrize(
        ("kind", "seconds", "golden", "norm"),
        [
            (
                "chirp",
                4.0,
                [2.38448, 1.76619, 1.35219, 2.13041, 2.28366, 1.31714, 2.15655, 2.62738],
                38.14471,
            ),
            (
                "noise",
                1.0,
                [1.31550, 2.19028, 1.23898, 1.26815, 0.62250, 0.82682, 0.69604, 1.87108],
                35.50869,
            ),
            (
                "both",
                3.1,
                [1.51443, 1.00234, 1.64564, 1.05122, 1.47632, 1.43917, 1.48719, 0.87299],
                32.92997,
            ),
        ],
    )
    def test_the_embedding_is_the_published_one(self, kind, seconds, golden, norm):
        feature = a2ibench.load_encoder("aisfx")(sound(kind, seconds), RATE)
        np.testing.assert_allclose(feature[::64], golden, rtol=1e-4, atol=1e-4)
        assert np.linalg.norm(feature) == pytest.approx(norm, rel=1e-5)

    def test_without_a_network_the_error_says_what_to_do(self, empty_cache, no_network):
        with pytest.raises(UserError) as caught:
            a2ibench.load_encoder("aisfx")
        message = str(caught.value)
        assert "the aisfx weights cannot be fetched with pip" in message
        assert "set A2IBENCH_AISFX_WEIGHTS to its path" in message
        assert aisfx.WEIGHTS.sha256 in message
        assert "\n" not in message
        assert "pip fetches them (23 MB) when they are first needed" in (aisfx.missing() or "")

    def test_a_slow_download_is_given_up(self, monkeypatch):
        monkeypatch.setattr(packaged_file, "FETCH_SECONDS", 0.2)
        assert packaged_file._run(["sleep", "5"]) == "it was not done within 0.2 s"

    def test_another_file_is_refused_by_its_hash(self, empty_cache, tmp_path, monkeypatch):
        other = tmp_path / "other.pth"
        torch.save({"embedding_net": torch.zeros(3)}, other)
        monkeypatch.setenv(aisfx.WEIGHTS.variable, str(other))
        with pytest.raises(
            UserError, match=r"other\.pth: not the aisfx weights: expected .*499ea7"
        ):
            a2ibench.load_encoder("aisfx")
        monkeypatch.setenv(aisfx.WEIGHTS.variable, str(tmp_path / "nowhere.pth"))
        with pytest.raises(UserError, match=r"nowhere\.pth: cannot be read \(No such file"):
            a2ibench.load_encoder("aisfx")
        assert not list(empty_cache.rglob("*.safetensors"))

    def test_a_forged_wheel_is_refused(self, empty_cache, no_network, tmp_path, monkeypatch):
        forged = tmp_path / "links" / aisfx.WEIGHTS.wheel
        forged.parent.mkdir()
        with zipfile.ZipFile(forged, "w") as archive:
            archive.writestr("aisfx-0.1.2.dist-info/METADATA", "Name: aisfx\nVersion: 0.1.2\n")
            archive.writestr(aisfx.WEIGHTS.member, b"other")
        monkeypatch.setenv("PIP_FIND_LINKS", str(forged.parent))
        with pytest.raises(UserError, match="HASH"):
            a2ibench.load_encoder("aisfx")

    def test_nothing_but_tensors_and_numbers_is_unpickled(self):
        made = io.BytesIO()
        torch.save((os.path.join, {}), made)
        with pytest.raises(Exception, match="Unsupported global"):
            aisfx.convert(made.getvalue())
