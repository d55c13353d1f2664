#!/usr/bin/env bash
# AVI of H.264 with B-frames: the frames that PyAV 18.1.0 (libavformat 62) decodes have times that run
# backwards, although the pictures come in the right order.
#
# AVI has no time of presentation: a chunk's time is its place in the file, which is the order of
# decoding. libavformat makes the time of presentation one frame later for every packet, also for
# those that are shown before an earlier one, and the decoder passes these times on. So whoever looks
# for the last frame up to a moment finds one that is up to two or three frames wrong. Of MPEG-4 in
# the same container the times are reordered, and right.
#
# Seen: pictures 0, 1, 2, 3, 4, … with the times 1, 4, 3, 5, 2, … frames; MPEG-4: 1, 2, 3, 4, 5, …
# Right: give the next frame that comes out of the decoder the smallest time that is left.
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

RATE, COUNT = 25, 20


def film(codec: str) -> list[tuple[int, int]]:
    """Number and time, in frames, of each picture of a film; its grey level is its number × 10."""
    with av.open(f"{codec}.avi", "w") as container:
        stream = container.add_stream(codec, rate=RATE, options={"bf": "3"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(COUNT):
            picture = np.full((64, 64, 3), 10 * i + 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(f"{codec}.avi") as container:
        return [
            (
                round((float(frame.to_ndarray(format="rgb24").mean()) - 20) / 10),
                round(frame.time * RATE),
            )
            for frame in container.decode(video=0)
        ]


for codec in ("libx264", "mpeg4"):
    found = film(codec)
    numbers, times = zip(*found)
    print(codec, "pictures:", numbers, "times:", times)
    assert list(numbers) == sorted(numbers)
    assert (list(times) == sorted(times)) == (codec == "mpeg4")
EOF
