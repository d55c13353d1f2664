"""Codecs: snippets of sound and film are encoded, and decoded again as the bench does it."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from a2ibench.doctor.line import Line, examined
from a2ibench.errors import told
from a2ibench.media.sound_file import read_sound

RATE = 22_050
SECONDS = 0.5
PITCH = 441.0
SIDE = 64
GREY = 160
FRAMES = 8


def look() -> Iterator[Line]:
    """Yield the lines on codecs."""
    try:
        import av
        import soundfile
    except Exception as error:
        advice = "install the package again: pip install -e ."
        yield Line("codecs", "broken", told(error), advice)
        return
    libav = ".".join(map(str, av.library_versions["libavcodec"]))
    found = f"PyAV {av.__version__} (libavcodec {libav}), soundfile {soundfile.__version__}"
    yield Line("codec libraries", "fine", found)
    with tempfile.TemporaryDirectory() as folder:
        yield _codec("mp3", lambda: _sound(Path(folder, "a.mp3"), "mp3"))
        yield _codec("aac", lambda: _sound(Path(folder, "a.m4a"), "aac"))
        yield _codec("h264", lambda: _film(Path(folder, "a.mp4")))


def _codec(codec: str, run: Callable[[], str]) -> Line:
    advice = "films and sounds of this kind cannot be read: pip install -U av soundfile"
    line = examined(f"codec {codec}", "lacking", advice, run)
    if line.state != "fine" and _has(codec, "r") and not _has(codec, "w"):
        return Line(line.title, "lacking", "can be decoded; nothing here encodes one to try it on")
    return line


def _has(codec: str, mode: str) -> bool:
    import av

    try:
        av.Codec(codec, mode)  # type: ignore[arg-type]
    except Exception:
        return False
    return True


def _sound(path: Path, codec: str) -> str:
    """Encode a tone and decode it again."""
    import av

    time = np.arange(round(SECONDS * RATE)) / RATE
    tone = (0.5 * np.sin(2 * np.pi * PITCH * time)).astype(np.float32)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(
            format=stream.codec_context.format or "fltp",
            layout="mono",
            rate=RATE,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        whole = av.AudioFrame.from_ndarray(tone[np.newaxis], format="fltp", layout="mono")
        whole.sample_rate = RATE
        for part in [*resampler.resample(whole), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    decoded, rate = read_sound(path)
    spectrum = np.abs(np.fft.rfft(decoded))
    pitch = float(np.fft.rfftfreq(len(decoded), 1 / rate)[int(spectrum.argmax())])
    if abs(pitch - PITCH) > 10:
        raise ValueError(f"a tone of {PITCH:g} Hz was decoded as {pitch:g} Hz")
    return f"a tone of {PITCH:g} Hz was decoded as one of {pitch:.0f} Hz"


def _film(path: Path) -> str:
    """Encode some grey frames and decode them again."""
    import av

    picture = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=FRAMES)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for _ in range(FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    with av.open(str(path)) as film:
        seen = [frame.to_ndarray(format="rgb24").mean() for frame in film.decode(video=0)]
    if len(seen) != FRAMES or abs(float(np.mean(seen)) - GREY) > 8:
        raise ValueError(f"{FRAMES} frames of grey {GREY} were decoded as {len(seen)} others")
    return f"{len(seen)} frames were decoded"
