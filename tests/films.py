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
    """How a film is made; ``name`` ends with the suffix of its container.

    Attributes:
        clock: seconds that its time stamps begin with.
        times: when its frames are shown, in seconds, where they follow no rate.
        group: frames from one key frame to the next.
    """

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
    picture_offset: float = 0.0
    clock: float = 0.0
    times: tuple[float, ...] | None = None
    group: int = 0
    video_options: tuple[tuple[str, str], ...] = ()
    seed: int = 0


def frame_times(film: Film) -> np.ndarray:
    """When each frame is shown first, in seconds; with a variable rate, at irregular moments."""
    if film.times is not None:
        return np.array(film.times) + film.picture_offset
    count = round(film.seconds * film.frame_rate)
    numbers = np.arange(count)
    if film.variable:
        rng = np.random.default_rng(film.seed)
        numbers = np.flatnonzero((rng.random(count) < 0.6) | (numbers < 2))
    return numbers / film.frame_rate + film.picture_offset


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


def read_progress(image: np.ndarray) -> int:
    """The number on a picture ``[S, S, 3]``."""
    step = len(image) / SIDE
    middles = ((np.arange(SIDE) + 0.5) * step).astype(int)
    bits = image[np.ix_(middles, middles)].mean(axis=2).reshape(-1) > 127
    return int(sum(1 << i for i, bit in enumerate(bits) if bit))


def _frame(picture: np.ndarray, pixels: str) -> av.VideoFrame:
    if pixels == "pal8":  # nothing converts to it
        palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        levels = np.ascontiguousarray(picture[..., 0])
        return av.VideoFrame.from_ndarray((levels, palette), format=pixels)
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)


def make(film: Film, folder: Path) -> Path:
    """Writes a film and returns its path."""
    path = folder / film.name
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"strict": "experimental"}
    with av.open(str(path), "w") as out:
        if film.video:
            video = out.add_stream(
                film.video, rate=film.frame_rate, options=options | dict(film.video_options)
            )
            if film.group:
                video.codec_context.gop_size = film.group
            video.width, video.height = film.size
            video.pix_fmt = film.pixels
            video.codec_context.time_base = Fraction(1, film.frame_rate)
            if film.rotation:
                video.set_display_rotation(film.rotation)
        if film.sound:
            audio = out.add_stream(
                film.sound, rate=film.sample_rate, layout=film.layout, options=dict(options)
            )
            audio.bit_rate = 128_000
        if film.video:
            for number, time in enumerate(frame_times(film)):
                frame = _frame(board(number, *film.size), film.pixels)
                frame.pts = round((film.clock + time) * film.frame_rate)
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
            whole.pts = round((film.clock + film.sound_offset) * film.sample_rate)
            whole.time_base = Fraction(1, film.sample_rate)
            for part in [*resampler.resample(whole), *resampler.resample(None)]:
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))
    return path


def heard_at(film: Film, audio: np.ndarray, rate: int) -> float:
    """When the film's own clock says that a piece of sound begins, from what is heard alone."""
    silence = np.zeros(rate // 2)
    whole = np.concatenate([silence, sound_at(film, rate), silence])
    power = np.concatenate([[0.0], np.cumsum(whole**2)])
    match = scipy.signal.fftconvolve(whole, audio[::-1], mode="valid")
    match /= np.sqrt(power[len(audio) :] - power[: -len(audio)]) + 1e-9
    return float(match.argmax() / rate - 0.5 + film.sound_offset)


def assert_one_moment(
    film: Film, image: np.ndarray, audio: np.ndarray, rate: int, slack: float = 0.002
) -> float:
    """The picture is the one on the screen when half of the sound is heard.

    Returns:
        When the sound begins, in seconds on the film's own clock.
    """
    times = frame_times(film)
    begin = heard_at(film, audio, rate)
    moment = begin + len(audio) / rate / 2
    number = read_progress(np.rot90(image, -film.rotation // 90))
    assert number < len(times), f"no frame {number}"
    shown_until = times[number + 1] if number + 1 < len(times) else np.inf
    assert times[number] - slack <= moment <= shown_until + slack
    return begin
