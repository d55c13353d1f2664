"""The sounds of scenes: one function per class, made of bursts, strings, membranes, engines."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from a2ibench.types import FloatArray, IntArray

from .scene import Scene


@dataclass(frozen=True)
class Stage:
    """The setting of a class: its scene, its clock and its random numbers.

    Attributes:
        scene: the latent state.
        n: length of the sound in samples.
        rate: sample rate in hertz.
        rng: random numbers of this pair.
        onsets: int64, the sample at which each event begins.
    """

    scene: Scene
    n: int
    rate: int
    rng: np.random.Generator
    onsets: IntArray

    def clock(self, seconds: float) -> FloatArray:
        """Times from 0 to ``seconds``."""
        return np.arange(round(seconds * self.rate), dtype=np.float32) / np.float32(self.rate)

    def noise(self, n: int) -> FloatArray:
        """White noise of unit variance."""
        return self.rng.standard_normal(n, dtype=np.float32)

    def band(self, x: FloatArray, low: float, high: float) -> FloatArray:
        """Pass the band between two frequencies in hertz (Butterworth, first order per side)."""
        b, a = scipy.signal.butter(1, [low, min(high, 0.49 * self.rate)], "bandpass", fs=self.rate)
        return scipy.signal.lfilter(b, a, x).astype(np.float32)

    def resonate(self, x: FloatArray, frequency: float, q: float) -> FloatArray:
        """A two-pole resonance of unit peak gain."""
        b, a = scipy.signal.iirpeak(frequency, q, fs=self.rate)
        return scipy.signal.lfilter(b, a, x).astype(np.float32)

    def at_events(self, sound: FloatArray) -> FloatArray:
        """One sound placed at every event, each a little louder or softer; tails overlap."""
        out = np.zeros(self.n + len(sound), dtype=np.float32)
        for onset, strength in zip(
            self.onsets, self.rng.uniform(0.8, 1.0, len(self.onsets)), strict=True
        ):
            out[onset : onset + len(sound)] += np.float32(strength) * sound
        return out[: self.n]

    def pulse(self, width: float) -> FloatArray:
        """A slow envelope in [0, 1]: it rises and falls over ``width`` seconds at every event."""
        hump = np.hanning(round(width * self.rate)).astype(np.float32)
        return np.minimum(self.at_events(hump), 1)

    def saw(self, frequency: float) -> FloatArray:
        """A sawtooth with harmonics up to the Nyquist frequency, over the whole sound."""
        phase = np.arange(self.n, dtype=np.float64) * (frequency / self.rate)
        return (2 * np.mod(phase, 1) - 1).astype(np.float32)

    def crowd(self) -> FloatArray:
        """Many voices: noise of the band of speech that swells slowly."""
        swell = 1 + 0.4 * np.sin(
            2 * np.pi * (self.clock(self.n / self.rate) * 0.4 + self.rng.random())
        )
        return normalize(self.band(self.noise(self.n), 300, 1200) * swell)


def normalize(x: FloatArray) -> FloatArray:
    """Scale to a peak of 1."""
    return x / np.maximum(np.abs(x).max(), np.float32(1e-9))


def baseball(s: Stage) -> FloatArray:
    """Bat cracks, a click and two damped modes of the bat, before a crowd."""
    t = s.clock(0.15)
    f = s.scene.tone(600, 2400)
    ring = np.sin(2 * np.pi * f * t) + 0.6 * np.sin(2 * np.pi * 2.41 * f * t)
    crack = ring * np.exp(-t / 0.02) + 0.8 * s.noise(len(t)) * np.exp(-t / 0.004)
    return s.at_events(normalize(crack)) + 0.10 * s.crowd()


def soccer(s: Stage) -> FloatArray:
    """Kicks, a tone that falls with a leather slap, a pea whistle, a crowd that sings."""
    t = s.clock(0.18)
    f = s.scene.tone(70, 280)
    phase = 2 * np.pi * f * (t + 0.03 * (1 - np.exp(-t / 0.03)))
    kick = np.sin(phase) * np.exp(-t / 0.05) + 0.25 * s.noise(len(t)) * np.exp(-t / 0.006)
    out = s.at_events(normalize(kick)) + 0.16 * s.crowd()
    t = s.clock(min(0.45, s.n / s.rate))
    trill = 1 + 0.5 * np.sin(2 * np.pi * 35 * t)
    whistle = 0.2 * trill * np.sin(2 * np.pi * s.scene.tone(2000, 3600) * t) * np.hanning(len(t))
    start = int(s.rng.integers(s.n - len(t) + 1))
    out[start : start + len(t)] += whistle
    return out


def dam(s: Stage) -> FloatArray:
    """Falling water: a rumble and a hiss that is the brighter the higher it falls, in surges."""
    water = s.noise(s.n)
    hiss = normalize(s.resonate(water, s.scene.tone(400, 4000), 0.7))
    rumble = normalize(s.band(water, 40, 160))
    return (hiss + 0.5 * rumble) * (0.35 + 0.65 * s.pulse(0.22))


def dog(s: Stage) -> FloatArray:
    """Barks: a rough voice whose pitch rises and falls, through two formants."""
    t = s.clock(0.2)
    f = s.scene.tone(150, 600) * (0.8 + 0.4 * np.sin(np.pi * t / 0.2))
    phase = np.cumsum(f) / s.rate
    voice = (2 * np.mod(phase, 1) - 1) + 0.25 * s.noise(len(t))
    throat = s.scene.tone(500, 1000)
    bark = s.resonate(voice, throat, 3) + 0.7 * s.resonate(voice, 2.3 * throat, 4)
    return s.at_events(normalize(bark * np.sin(np.pi * t / 0.2) ** 0.7))


def drum(s: Stage) -> FloatArray:
    """Drum strokes: the first modes of a round membrane, and the stick."""
    t = s.clock(0.4)
    f = s.scene.tone(70, 350)
    modes = ((1.0, 1.0, 0.12), (1.594, 0.6, 0.08), (2.136, 0.4, 0.06), (2.653, 0.25, 0.04))
    stroke = sum(a * np.sin(2 * np.pi * f * m * t) * np.exp(-t / d) for m, a, d in modes)
    return s.at_events(normalize(stroke + 0.5 * s.noise(len(t)) * np.exp(-t / 0.005)))


def guitar(s: Stage) -> FloatArray:
    """Plucked strings, a root and its fifth (Karplus and Strong 1983)."""
    f = s.scene.tone(98, 392)
    return sum((pluck(s, f * interval) for interval in (1.0, 1.5)), np.zeros(s.n, np.float32))


def pluck(s: Stage, frequency: float) -> FloatArray:
    """One string over the whole sound, filled with noise at every event.

    y[t] = x[t] + g (y[t − N] + y[t − N − 1]) / 2, a period of N samples at a time; the mean of two
    neighbours delays by another half a sample.
    """
    period = round(s.rate / frequency - 0.5)
    damping = np.float32(0.5 * 0.05 ** (period / (s.rate * 0.9)))  # 26 dB in 0.9 s
    y = np.zeros(period + 1 + s.n + period, dtype=np.float32)
    y[period + 1 : period + 1 + s.n] = s.at_events(s.rng.uniform(-1, 1, period).astype(np.float32))
    for start in range(period + 1, period + 1 + s.n, period):
        last = y[start - period - 1 : start]
        y[start : start + period] += damping * (last[1:] + last[:-1])
    return y[period + 1 : period + 1 + s.n]


def piano(s: Stage) -> FloatArray:
    """Struck strings: partials stretched by stiffness, the higher the shorter, and a hammer."""
    t = s.clock(0.7)
    f = s.scene.tone(110, 880)
    note = np.zeros(len(t), dtype=np.float32)
    for k in range(1, 9):
        partial = k * f * np.sqrt(1 + 4e-4 * k * k)
        if partial < 0.45 * s.rate:
            note += k**-1.2 * np.sin(2 * np.pi * partial * t) * np.exp(-t * (3 + 1.5 * k))
    note[: s.rate // 50] += 0.2 * s.noise(s.rate // 50) * np.hanning(s.rate // 50)
    return s.at_events(normalize(note * np.minimum(1, (0.7 - t) / 0.05)))


def plane(s: Stage) -> FloatArray:
    """Propellers: a drone with many harmonics and rushing air, both throbbing."""
    drone = s.band(s.saw(s.scene.tone(60, 240)), 80, 1500)
    air = s.band(s.noise(s.n), 300, 2500)
    return (normalize(drone) + 0.5 * normalize(air)) * (0.3 + 0.7 * s.pulse(0.24))


def speedboat(s: Stage) -> FloatArray:
    """An outboard engine, rough and bright, and waves that slap against the hull."""
    f = s.scene.tone(80, 320)
    engine = np.tanh(3 * (s.saw(f) + 0.5 * s.saw(1.01 * f / 2)))
    t = s.clock(0.2)
    slap = s.band(s.noise(len(t)), 200, 5000) * np.exp(-t / 0.05)
    return 0.45 * normalize(s.band(engine, 300, 3000)) + s.at_events(normalize(slap))


SOUNDS: dict[str, Callable[[Stage], FloatArray]] = {
    sound.__name__: sound
    for sound in (baseball, soccer, dam, dog, drum, guitar, piano, plane, speedboat)
}


def synthesize(
    label: str, scene: Scene, seconds: float, rate: int, rng: np.random.Generator
) -> FloatArray:
    """The sound of a scene.

    Events are evenly spaced but for a twentieth of their distance; the first comes at a random
    time. The class's sound peaks at −18 to 0 dB under 0.9, as ``level`` says; brown noise lies
    under it.

    Args:
        label: a class.
        scene: the latent state.
        seconds: length of the sound.
        rate: sample rate in hertz.
        rng: random numbers of this pair.

    Returns:
        float32 ``[seconds · rate]`` in [−1, 1].
    """
    n = round(seconds * rate)
    gap = rate / scene.events_per_second
    beats = np.arange(rng.random() * gap, n, gap)
    beats = np.abs(beats + rng.uniform(-0.05, 0.05, len(beats)) * gap)
    onsets = np.clip(beats, 0, n - 1).astype(np.int64)
    stage = Stage(scene, n, rate, rng, onsets)
    sound = 0.9 * 10 ** (-18 * (1 - scene.level) / 20) * normalize(SOUNDS[label](stage))
    hum = scipy.signal.lfilter([1], [1, -0.95], stage.noise(n))
    hum *= 10 ** ((-60 + 24 * scene.noise) / 20) / hum.std()
    return np.clip(sound + hum, -1, 1).astype(np.float32)
