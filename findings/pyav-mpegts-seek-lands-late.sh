#!/usr/bin/env bash
# MPEG-TS: `container.seek(t, backward=True)` in PyAV 18.1.0 (libavformat 62) lands behind t.
#
# A film of 30 s with a key frame every 5 s. "backward" asks for the last key frame that is not later
# than t; in MP4 that is what comes. MPEG-TS keeps no index, so libavformat lands on a byte near t,
# and the decoder waits there for the next key frame: the first frame is up to one interval of key
# frames, and then one more, too late, without an error. Whoever takes "the first frame after a seek"
# for the picture of t pairs a sound with a picture of seconds later.
#
# Seen: asked for 6 s, MP4 gives the frame of 5.0 s and MPEG-TS that of 10.0 s.
# Right: compare the time of the first frame with t; if it is later, seek earlier or decode from the start.
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

RATE, KEY_EVERY, SECONDS = 10, 50, 30


def write(path: str) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = KEY_EVERY
        for i in range(SECONDS * RATE):
            grey = np.full((64, 64, 3), 20 + 7 * (i // RATE), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def lands(path: str, second: float) -> float:
    """The time of the first frame that is decoded after a seek, from the start of the film."""
    with av.open(path) as container:
        begin = container.start_time / av.time_base
        container.seek(int((begin + second) * av.time_base), backward=True)
        return next(container.decode(video=0)).time - begin


seconds = (6, 9, 12, 17)
landed = {}
for path in ("film.mp4", "film.ts"):
    write(path)
    landed[path] = [round(lands(path, second), 1) for second in seconds]
    print(path, "asked for", seconds, "first frames at", landed[path])
assert landed["film.mp4"] == [5.0, 5.0, 10.0, 15.0]
assert landed["film.ts"] == [10.0, 10.0, 15.0, 20.0]
EOF
