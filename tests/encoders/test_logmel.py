"""Log-mel statistics against SciPy's Fourier transform and a mel filter bank written here."""

import numpy as np
import pytest
import scipy.signal

import a2ibench
from a2ibench.errors import UserError

RATE = 22_050


def sound(seconds=1.0, seed=0):
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * 440 * t) + 0.05 * t * noise).astype(np.float32)


def slaney_hertz(mel):
    """Slaney's scale: 66.7 Hz a mel up to 1 kHz, then 27 mels for each factor of 6.4."""
    linear = 200 / 3 * mel
    return np.where(mel < 15, linear, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def expected_feature(waveform, n_mels, n_fft, hop):
    highest = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    edges = slaney_hertz(np.linspace(0, highest, n_mels + 2))
    bins = np.arange(n_fft // 2 + 1) * RATE / n_fft
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)
    bands = triangles * 2 / (high - low)
    windows = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), n_fft)[::hop]
    spectrum = scipy.fft.rfft(windows * scipy.signal.get_window("hann", n_fft), axis=1)
    decibels = 10 * np.log10(np.maximum(np.abs(spectrum) ** 2 @ bands.T, 1e-10))
    return np.concatenate([decibels.mean(axis=0), decibels.std(axis=0)])


@pytest.mark.parametrize(
    "options", [{}, {"n_mels": 20, "n_fft": 512, "hop": 100}, {"n_mels": 128, "n_fft": 4096}]
)
def test_it_agrees_with_an_independent_computation(options):
    sizes = {"n_mels": 64, "n_fft": 1024, "hop": 512} | options
    feature = a2ibench.load_encoder("logmel", **options)(sound(), RATE)
    assert feature.shape == (2 * sizes["n_mels"],)
    assert feature.dtype == np.float32
    np.testing.assert_allclose(feature, expected_feature(sound(), **sizes), atol=2e-3)


def test_silence_is_the_floor_without_spread():
    feature = a2ibench.load_encoder("logmel")(np.zeros(RATE, np.float32), RATE)
    # Which way a logarithm and a mean are rounded depends on the processor.
    np.testing.assert_allclose(feature[:64], -100, atol=1e-4)
    np.testing.assert_allclose(feature[64:], 0, atol=1e-4)


def test_twice_the_amplitude_is_six_decibels_more():
    encoder = a2ibench.load_encoder("logmel")
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    difference = encoder(2 * noise, RATE) - encoder(noise, RATE)
    np.testing.assert_allclose(difference[:64], 20 * np.log10(2), atol=1e-3)
    np.testing.assert_allclose(difference[64:], 0, atol=1e-3)


def test_one_window_is_the_shortest_sound_and_a_shorter_one_is_tiled():
    encoder = a2ibench.load_encoder("logmel")
    assert encoder.min_samples == 1024
    short = sound()[:600]
    tiled = np.concatenate([short, short])[:1024]
    np.testing.assert_array_equal(encoder(short, RATE), encoder(tiled, RATE))
    with pytest.raises(ValueError, match="expected"):
        encoder.encode(np.zeros((1, 1023), np.float32))


def test_options_are_part_of_the_fingerprint():
    prints = {
        a2ibench.load_encoder("logmel", **options).fingerprint()
        for options in ({}, {"n_mels": 32}, {"hop": 256}, {"n_fft": 2048})
    }
    assert len(prints) == 4


def test_bands_that_the_window_cannot_resolve_are_refused():
    with pytest.raises(UserError, match=r"n_mels=256.*hold no frequency"):
        a2ibench.load_encoder("logmel", n_mels=256, n_fft=512)
