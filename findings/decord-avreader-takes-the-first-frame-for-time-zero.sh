#!/usr/bin/env bash
# decord 0.6.0: where a film's picture begins later than its sound, AVReader pairs each frame with
# sound from too early.
#
# `AVReader` gives each frame with the sound that belongs to it. It counts the frames' times from the
# first frame, and samples from the first sample. Films often begin with sound alone, such as cuts
# that were copied without encoding: their picture begins with the next key frame. There every
# pair is off by that delay, which the time stamps in the file tell. Where the sound begins later than
# the picture, decord is right: it fills the start with silence.
#
# Seen: 8 s of sound, a picture from 2 s on. Frame 50 is shown at 4.00 s; `AVReader` gives the sound of
#       2.00 s with it, and `get_frame_timestamp` says 2.00 s. Where both begin at 0, or the sound
#       begins at 2 s, frame and sound are of one moment.
# Right: pair by time stamps; PyAV 18.1.0 gives 4.00 s for this frame.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet decord==0.6.0 av==18.1.0 numpy==2.4.6
env/bin/python - <<'EOF'
from fractions import Fraction

import av
import decord
import numpy as np

RATE, FRAMES, SECONDS, FRAME = 8_000, 25, 8, 50


def make(path: str, picture: int, sound: int) -> None:
    """Write a film whose samples rise with the time, and whose frames get lighter one by one."""
    with av.open(path, "w") as film:
        shown = film.add_stream("libx264", rate=FRAMES, options={"bf": "0", "crf": "1"})
        shown.width = shown.height = 64
        heard = film.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(picture * FRAMES, SECONDS * FRAMES):
            pixels = np.full((64, 64, 3), 20 + number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES)
            film.mux(shown.encode(frame))
        film.mux(shown.encode(None))
        samples = np.arange(sound * RATE, SECONDS * RATE) * 30_000 // (SECONDS * RATE)
        part = av.AudioFrame.from_ndarray(samples[None].astype(np.int16), "s16", "mono")
        part.sample_rate, part.pts, part.time_base = RATE, sound * RATE, Fraction(1, RATE)
        film.mux(heard.encode(part))
        film.mux(heard.encode(None))


def moments(path: str) -> dict[str, float]:
    """When a frame is shown by its lightness, and by whom its time is said to be what."""
    sound, picture = decord.AVReader(path, sample_rate=RATE, mono=True)[FRAME]
    with av.open(path) as film:
        frame = [frame for frame in film.decode(video=0)][FRAME]
    return {
        "frame": round((float(picture.asnumpy().mean()) - 20) / FRAMES, 1),
        "sound with it": round(float(sound.asnumpy().mean()) * 32_768 / 30_000 * SECONDS, 1),
        "decord's time": round(float(decord.VideoReader(path).get_frame_timestamp(FRAME)[0]), 1),
        "PyAV's time": round(frame.time, 1),
    }


for name, picture, sound, expected in (
    ("both.mkv", 0, 0, (2.0, 2.0, 2.0, 2.0)),
    ("sound-late.mkv", 0, 2, (2.0, 2.0, 2.0, 2.0)),
    ("picture-late.mkv", 2, 0, (4.0, 2.0, 2.0, 4.0)),
):
    make(name, picture, sound)
    found = moments(name)
    print(name, found)
    assert tuple(found.values()) == expected
EOF
