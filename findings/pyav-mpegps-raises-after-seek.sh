#!/usr/bin/env bash
# MPEG program stream: in PyAV 18.1.0 (libavcodec 62) the sound cannot be decoded after a seek.
#
# A seek in an MPEG-PS file (.mpg, .vob) lands inside an audio frame. The ffmpeg program passes over
# the cut packet with a message; PyAV raises InvalidDataError from `decode`, as it does for damage.
# The picture of the same file decodes after the same seek, and the sound decodes from the start.
#
# Seen: InvalidDataError ("Header missing") for the sound after a seek to 3 s.
# Right: packets that are refused right behind a seek are no damage; go on with the next one, or decode
# from the start.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 numpy==2.4.6
env/bin/python - <<'EOF'
from fractions import Fraction

import av
import numpy as np

av.logging.set_level(av.logging.PANIC)
RATE, SAMPLES, SECONDS = 25, 48_000, 12

with av.open("film.mpg", "w") as container:
    video = container.add_stream("mpeg1video", rate=RATE)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    audio = container.add_stream("mp2", rate=SAMPLES)
    audio.layout = "mono"
    each = SAMPLES // RATE
    for i in range(SECONDS * RATE):
        picture = np.full((64, 64, 3), 20 + 7 * (i // RATE), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, RATE)
        container.mux(video.encode(frame))
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(each) / SAMPLES)
        sound = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        sound.sample_rate, sound.pts, sound.time_base = SAMPLES, i * each, Fraction(1, SAMPLES)
        container.mux(audio.encode(sound))
    for stream in (video, audio):
        container.mux(stream.encode(None))

with av.open("film.mpg") as container:
    whole = sum(frame.samples for frame in container.decode(audio=0))
print("from the start:", whole / SAMPLES, "s of sound")
assert abs(whole / SAMPLES - SECONDS) < 0.05

with av.open("film.mpg") as container:
    container.seek(3 * av.time_base)
    print("picture after a seek to 3 s:", round(next(container.decode(video=0)).time, 2), "s")
with av.open("film.mpg") as container:
    container.seek(3 * av.time_base)
    try:
        next(container.decode(audio=0))
    except av.InvalidDataError as error:
        print("sound after the same seek:", type(error).__name__, error.log)
    else:
        raise AssertionError("the sound decodes now")
    refused = 1
    while True:
        try:
            frame = next(container.decode(audio=0))
            break
        except av.InvalidDataError:
            refused += 1
    print(refused, "packets are refused; then the sound goes on at", round(frame.time, 2), "s")
EOF
