"""Effects on a waveform: what each does to pitch, length, loudness and decay."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import fftconvolve

from a2ibench.generator.sound_effects import (
    add_noise,
    change_tempo,
    reverberate,
    rms,
    shift_pitch,
)
from a2ibench.types import FloatArray

RATE = 22_050
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def loudest(waveform: FloatArray) -> float:
    """The loudest frequency in hertz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.fft.rfftfreq(len(waveform), 1 / RATE)[spectrum.argmax()])


def test_noise_has_the_power_asked_for_and_is_the_same_at_every_level() -> None:
    sound = np.sin(np.arange(5_000) / 7).astype(np.float32)
    weak, strong = (add_noise(sound, snr, seed=3) - sound for snr in (20.0, 0.0))
    assert 10 * np.log10(np.mean(sound**2) / np.mean(weak**2)) == pytest.approx(20, abs=1e-3)
    assert strong == pytest.approx(10 * weak, abs=1e-5)
    assert not np.allclose(add_noise(sound, 0, seed=4) - sound, strong)


@pytest.mark.parametrize("semitones", [-24, -12, -3.5, 1, 7, 24])
def test_pitch_moves_the_frequency_and_neither_length_nor_loudness(semitones: float) -> None:
    changed = shift_pitch(TONE, semitones)
    assert loudest(changed) == pytest.approx(440 * 2 ** (semitones / 12), rel=2e-3)
    assert (len(changed), changed.dtype) == (len(TONE), np.float32)
    assert rms(changed) == pytest.approx(rms(TONE), rel=0.02)


def test_what_is_raised_above_half_the_sample_rate_is_lost() -> None:
    high = np.sin(2 * np.pi * 8000 * np.arange(RATE) / RATE).astype(np.float32)
    assert rms(shift_pitch(high, 12)) < 0.01 * rms(high)


@pytest.mark.parametrize("factor", [0.25, 0.8, 1.5, 4])
def test_tempo_changes_the_length_and_neither_frequency_nor_loudness(factor: float) -> None:
    changed = change_tempo(TONE, factor)
    assert len(changed) == round(len(TONE) / factor)
    assert loudest(changed) == pytest.approx(440, abs=3)
    assert rms(changed) == pytest.approx(rms(TONE), rel=1e-4)


def test_beats_come_as_many_times_as_fast() -> None:
    beats = np.zeros(2 * RATE, np.float32)
    beats[:: RATE // 4] = 1
    beats = fftconvolve(beats, np.hanning(400))[: 2 * RATE].astype(np.float32)
    envelope = np.abs(change_tempo(beats, 2.0))
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    seconds = len(envelope) / RATE
    assert spectrum[: round(20 * seconds)].argmax() / seconds == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("rt60", [0.1, 0.5, 2.0])
def test_reverberation_decays_by_60_db_in_the_time_stated(rt60: float) -> None:
    impulse = np.zeros(4 * RATE, np.float32)
    impulse[0] = 1
    tail = reverberate(impulse, RATE, rt60, seed=0)[1:].astype(np.float64)
    # Schroeder (1965): the energy to come, whose slope is fitted between −5 and −35 dB.
    decay = np.cumsum(tail[::-1] ** 2)[::-1]
    level = 10 * np.log10(decay / decay[0] + 1e-30)
    fitted = np.flatnonzero((level < -5) & (level > -35))
    slope = np.polyfit(fitted / RATE, level[fitted], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.05)
    direct = float(reverberate(impulse, RATE, rt60, seed=0)[0]) ** 2
    assert float(np.sum(tail**2)) / direct == pytest.approx(rt60, rel=0.1)


def test_a_room_keeps_length_and_loudness_and_grows_from_none() -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    changed = [reverberate(sound, RATE, rt60, seed=1) for rt60 in (0.001, 0.1, 0.5, 2.0)]
    assert all(one.shape == sound.shape and one.dtype == np.float32 for one in changed)
    assert [rms(one) for one in changed] == pytest.approx([rms(sound)] * 4, rel=1e-5)
    alike = [np.corrcoef(sound, one)[0, 1] for one in changed]
    assert alike == sorted(alike, reverse=True)
    assert alike[0] > 0.99
    assert (reverberate(sound, RATE, 0.5, seed=1) == changed[2]).all()
    assert not np.allclose(reverberate(sound, RATE, 0.5, seed=2), changed[2])


@pytest.mark.parametrize(
    "effect",
    [
        lambda sound: shift_pitch(sound, 0),
        lambda sound: change_tempo(sound, 1),
        lambda sound: reverberate(sound, RATE, 0, seed=0),
    ],
)
def test_the_neutral_level_is_the_sound_to_the_last_bit(
    effect: Callable[[FloatArray], FloatArray],
) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    assert effect(sound).tobytes() == sound.tobytes()
