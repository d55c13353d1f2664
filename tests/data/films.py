"""Films whose picture and sound both tell the time, for the tests of cutting."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import scipy.signal

SIDE = 4
"""A picture is a board of SIDE × SIDE fields; the bits of the frame's number, black and white."""


@dataclass(frozen=True)
class Film:
    """How a film is made; ``name`` ends with the suffix of its container."""

    name: str = "film.mp4"
    seconds: float = 6.0
    frame_rate: int = 25
    size: tuple[int, int] = (128, 128)
    pixels: str = "yuv420p"
    video: str | None = "libx264"
    sound: str | None = "aac"
    sample_rate: int = 44_100
    layout: str = "mono"
    variable: bool = False
    rotation: int = 0
    sound_offset: float = 0.0
    seed: int = 0


def frame_times(film: Film) -> np.ndarray:
    """When each frame is shown first, in seconds; with a variable rate, at irregular moments."""
    count = round(film.seconds * film.frame_rate)
    numbers = np.arange(count)
    if film.variable:
        rng = np.random.default_rng(film.seed)
        numbers = np.flatnonzero((rng.random(count) < 0.6) | (numbers < 2))
    return numbers / film.frame_rate


def sound_at(film: Film, rate: int, seconds: float | None = None) -> np.ndarray:
    """The film's sound as it was meant, ``[T]`` at any rate: noise that nowhere repeats."""
    length = film.seconds if seconds is None else seconds
    rng = np.random.default_rng(film.seed)
    coarse = rng.standard_normal(round(length * 4_000) + 1)
    smooth = scipy.signal.resample_poly(coarse, 11, 2)  # 22,000 Hz, nothing above 2 kHz
    times = np.arange(round(length * rate)) / rate
    samples = np.interp(times, np.arange(len(smooth)) / 22_000, smooth)
    return (0.2 * samples).clip(-0.9, 0.9)


def board(number: int, width: int, height: int) -> np.ndarray:
    """uint8 ``[height, width, 3]``; the board fills the middle square."""
    bits = np.array([number >> i & 1 for i in range(SIDE * SIDE)], np.uint8).reshape(SIDE, SIDE)
    side = min(width, height)
    fields = np.arange(side) * SIDE // side
    picture = np.full((height, width, 3), 128, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = 255 * bits[np.ix_(fields, fields)][..., None]
    return picture


def read_board(image: np.ndarray) -> int:
    """The number on a picture ``[S, S, 3]``."""
    step = len(image) / SIDE
    middles = ((np.arange(SIDE) + 0.5) * step).astype(int)
    bits = image[np.ix_(middles, middles)].mean(axis=2).reshape(-1) > 127
    return int(sum(1 << i for i, bit in enumerate(bits) if bit))


def make(film: Film, folder: Path) -> Path:
    """Writes a film and returns its path."""
    path = folder / film.name
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"strict": "experimental"}
    with av.open(str(path), "w") as out:
        if film.video:
            video = out.add_stream(film.video, rate=film.frame_rate, options=dict(options))
            video.width, video.height = film.size
            video.pix_fmt = film.pixels
            video.codec_context.time_base = Fraction(1, film.frame_rate)
            if film.rotation:
                video.set_display_rotation(film.rotation)
        if film.sound:
            audio = out.add_stream(film.sound, rate=film.sample_rate, layout=film.layout)
        if film.video:
            for number, time in enumerate(frame_times(film)):
                frame = av.VideoFrame.from_ndarray(board(number, *film.size), format="rgb24")
                frame = frame.reformat(format=film.pixels)
                frame.pts = round(time * film.frame_rate)
                frame.time_base = Fraction(1, film.frame_rate)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        if film.sound:
            mono = sound_at(film, film.sample_rate).astype(np.float32)
            channels = len(av.AudioLayout(film.layout).channels)
            samples = np.repeat(mono[None], channels, axis=0)
            resampler = av.AudioResampler(
                format=audio.codec_context.format or "fltp",
                layout=film.layout,
                rate=film.sample_rate,
                frame_size=audio.codec_context.frame_size or 1024,
            )
            whole = av.AudioFrame.from_ndarray(samples, format="fltp", layout=film.layout)
            whole.sample_rate = film.sample_rate
            whole.pts = round(film.sound_offset * film.sample_rate)
            whole.time_base = Fraction(1, film.sample_rate)
            for part in [*resampler.resample(whole), *resampler.resample(None)]:
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))
    return path
