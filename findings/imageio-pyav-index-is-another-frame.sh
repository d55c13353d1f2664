#!/usr/bin/env bash
# imageio 2.38.1 with PyAV 18.1.0: frame `index=…` is in some containers another one than the frame
# that comes at this place when the film is read through.
#
# The plug-in turns an index into a time by the frame rate, as if the first frame were shown at 0 and
# stamps told the order. The picture of a film may begin later, MPEG program streams begin at half a second or
# so, transport streams later, and AVI has no stamps for the delay of B-frames. `imread` then gives
# another frame without a word. MP4, and Matroska from 0 on, are right.
#
# Seen: 100 frames at 25 a second; for index 40, frame 40 in MP4 and Matroska, 28 in Matroska whose
#       picture begins at 0.48 s, 39 in AVI of H.264, 29 in MPEG-PS, 64 in MPEG-TS.
# Right: read the film through by `imiter` and count.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet imageio==2.38.1 av==18.1.0 numpy==2.4.6 pillow==12.3.0
env/bin/python - <<'EOF'
from fractions import Fraction

import av
import imageio.v3 as iio
import numpy as np

FRAMES, RATE, INDEX = 100, 25, 40


def make(path: str, codec: str, first: int) -> None:
    """Write frames with their number in black and white; the first is shown at ``first / RATE`` s."""
    with av.open(path, "w") as film:
        stream = film.add_stream(codec, rate=RATE, options={"bf": "2" if first == 0 else "0"})
        stream.width = stream.height = 128
        stream.bit_rate = 4_000_000
        for number in range(FRAMES):
            bits = [255 * (number >> i & 1) for i in range(8)]
            pixels = np.repeat(np.tile(np.repeat(bits, 16)[:, None, None], (1, 128, 1)), 3, 2)
            frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = first + number, Fraction(1, RATE)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def number(picture: np.ndarray) -> int:
    return sum(int(picture[16 * i + 8, 64].mean() > 127) << i for i in range(8))


for path, codec, first, expected in (
    ("a.mp4", "libx264", 0, INDEX),
    ("a.mkv", "libx264", 0, INDEX),
    ("late.mkv", "libx264", 12, INDEX - 12),
    ("a.avi", "libx264", 0, INDEX - 1),
    ("a.mpg", "mpeg2video", 0, 29),
    ("a.ts", "libx264", 0, 64),
):
    make(path, codec, first)
    through = [number(picture) for picture in iio.imiter(path, plugin="pyav")]
    assert through == list(range(FRAMES)), path
    found = number(iio.imread(path, index=INDEX, plugin="pyav"))
    print(f"{path}: index {INDEX} gives {found}; read through, {through[INDEX]}")
    assert found == expected
EOF
