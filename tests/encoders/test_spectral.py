"""Spectrogram, filter bank and MFCC against computations written here in NumPy, in float64."""

import numpy as np
import pytest

import a2ibench
from a2ibench.errors import UserError

RATE = 22_050
NAMES = ("spectrogram", "filterbank", "mfcc")


def sound(seconds=1.0, seed=0):
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * 440 * t) + 0.05 * t * noise).astype(np.float32)


# Independent: windows by indexing, the Fourier and cosine transforms as matrices, triangles point
# by point.


def power(x, n_fft, hop, window):
    n = np.arange(n_fft)
    bins = np.arange(n_fft // 2 + 1)
    frames = np.stack([x[i : i + n_fft] for i in range(0, len(x) - n_fft + 1, hop)]) * window
    angle = 2 * np.pi / n_fft * ((bins[:, None] * n) % n_fft)
    return (frames @ np.cos(angle).T) ** 2 + (frames @ np.sin(angle).T) ** 2


def cosine_window(n, a):
    """Hann (a = 0.5) or Hamming (a = 0.54), periodic."""
    return a - (1 - a) * np.cos(2 * np.pi * np.arange(n) / n)


def log_energies(x, n_mels, n_fft, hop):
    x = x.astype(np.float64)
    emphasised = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])
    spectrum = power(emphasised, n_fft, hop, cosine_window(n_fft, 0.54))
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.arange(n_mels + 2) * top / (n_mels + 1) / 2595) - 1)
    bands = np.zeros((n_mels, n_fft // 2 + 1))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for k in range(n_fft // 2 + 1):
            f = k * RATE / n_fft
            if low < f <= centre:
                bands[band, k] = (f - low) / (centre - low)
            elif centre < f < high:
                bands[band, k] = (high - f) / (high - centre)
    return np.log(np.maximum(spectrum @ bands.T, 1e-10))


def cepstrum(log_energy, n):
    bands = log_energy.shape[1]
    k, m = np.arange(n)[:, None], np.arange(bands)
    basis = np.sqrt(2 / bands) * np.cos(np.pi * k * (2 * m + 1) / (2 * bands))
    basis[0] /= np.sqrt(2)
    return log_energy @ basis.T


def statistics(frames):
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def expected_feature(name, x, n_mels=26, n_mfcc=13, n_fft=512, hop=256):
    if name == "spectrogram":
        spectrum = power(x.astype(np.float64), n_fft, hop, cosine_window(n_fft, 0.5))
        return statistics(10 * np.log10(np.maximum(spectrum, 1e-10)))
    energies = log_energies(x, n_mels, n_fft, hop)
    return statistics(energies if name == "filterbank" else cepstrum(energies, n_mfcc))


@pytest.mark.parametrize(
    ("name", "options", "dim"),
    [
        ("spectrogram", {}, 514),
        ("spectrogram", {"n_fft": 256, "hop": 100}, 258),
        ("filterbank", {}, 52),
        ("filterbank", {"n_mels": 40, "n_fft": 1024, "hop": 300}, 80),
        ("mfcc", {}, 26),
        ("mfcc", {"n_mfcc": 20, "n_mels": 40, "n_fft": 1024}, 40),
    ],
)
def test_it_agrees_with_an_independent_computation(name, options, dim):
    feature = a2ibench.load_encoder(name, **options)(sound(), RATE)
    expected = expected_feature(name, sound(), **options)
    assert feature.shape == (dim,)
    assert feature.dtype == np.float32
    assert np.abs(feature - expected).max() <= 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(feature, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "floor"), [("spectrogram", -100.0), ("filterbank", np.log(1e-10))]
)
def test_silence_is_the_floor_without_spread(name, floor):
    feature = a2ibench.load_encoder(name)(np.zeros(RATE, np.float32), RATE)
    half = len(feature) // 2
    np.testing.assert_allclose(feature[:half], floor, rtol=1e-6)
    np.testing.assert_allclose(feature[half:], 0, atol=1e-6)


def test_the_volume_is_heard_in_the_zeroth_coefficient_alone():
    encoder = a2ibench.load_encoder("mfcc")
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32)
    difference = encoder(2 * noise, RATE) - encoder(noise, RATE)
    assert difference[0] == pytest.approx(np.sqrt(26) * np.log(4), rel=1e-5)
    np.testing.assert_allclose(difference[1:], 0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_one_window_is_the_shortest_sound_and_a_shorter_one_is_tiled(name):
    encoder = a2ibench.load_encoder(name)
    assert encoder.min_samples == 512
    short = sound()[:300]
    tiled = np.concatenate([short, short])[:512]
    np.testing.assert_array_equal(encoder(short, RATE), encoder(tiled, RATE))
    with pytest.raises(ValueError, match="expected"):
        encoder.encode(np.zeros((1, 511), np.float32))


def test_options_and_the_name_are_part_of_the_fingerprint():
    prints = {
        a2ibench.load_encoder(name, **options).fingerprint()
        for name in NAMES
        for options in ({}, {"hop": 128}, {"n_fft": 1024})
    }
    assert len(prints) == 9


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("filterbank", {"n_mels": 128}, "n_mels=128.*hold no frequency"),
        ("mfcc", {"n_mels": 128}, r"mfcc\.n_mels=128.*hold no frequency"),
        ("mfcc", {"n_mfcc": 27}, "n_mfcc=27: expected at most n_mels=26"),
        ("spectrogram", {"n_fft": 511}, "n_fft=511: expected an even number"),
    ],
)
def test_options_that_make_no_sense_are_refused(name, options, reason):
    with pytest.raises(UserError, match=reason):
        a2ibench.load_encoder(name, **options)
