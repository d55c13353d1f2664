#!/usr/bin/env bash
# AVI of raw palette pictures: after any seek PyAV 18.1.0 (libavformat 62) decodes black pictures.
#
# Screen recordings and old scientific cameras write 8-bit pictures with a palette. libavformat hands
# the palette to the decoder with the first packet only; a seek, also one to 0, passes over it, and
# every picture behind it is drawn with an empty palette: black, with the right time and no error.
#
# Seen: grey level 20 at 0 s without a seek, 0 with one; 120 expected at 5 s, 0 seen.
# Right: decode from the start, or draw the palette from the first frame of an unsought container.
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

RATE = 5
palette = np.array([(255, i, i, i) for i in range(256)], np.uint8)
with av.open("film.avi", "w") as container:
    stream = container.add_stream("rawvideo", rate=RATE)
    stream.width = stream.height = 64
    stream.pix_fmt = "pal8"
    for i in range(50):
        picture = np.full((64, 64), 20 + 4 * i, np.uint8)
        frame = av.VideoFrame.from_ndarray((picture, palette), format="pal8")
        frame.pts, frame.time_base = i, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def first(second: int | None) -> tuple[float, float]:
    """Time and mean grey level of the first frame, after a seek if one is given."""
    with av.open("film.avi") as container:
        if second is not None:
            container.seek(second * av.time_base)
        frame = next(container.decode(video=0))
        return frame.time, float(frame.to_ndarray(format="rgb24").mean())


for second, expected in ((None, 20), (0, 20), (5, 120)):
    print("seek to", second, "→ time, grey:", first(second), "expected grey:", expected)
assert first(None) == (0.0, 20.0)
assert first(0) == (0.0, 0.0)
assert first(5) == (5.0, 0.0)
EOF
