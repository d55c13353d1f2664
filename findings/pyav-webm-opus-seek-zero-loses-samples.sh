#!/usr/bin/env bash
# WebM with Opus: in PyAV 18.1.0 (libavcodec 62) `container.seek(0)` before decoding loses 960 samples.
#
# A seek to 0 looks like a harmless way to begin at the beginning. In WebM with Opus the first packet
# carries the decoder's pre-skip; after any seek, also one to 0, the decoder drops one more packet
# (20 ms at 48 kHz): the same file is 960 samples shorter and its first sample is stamped 21 ms.
#
# Seen: 576,000 samples from 0.000 s without the seek, 575,040 samples from 0.021 s with it.
# Right: no seek for moment 0.
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

RATE, SECONDS = 48_000, 12

with av.open("sound.webm", "w") as container:
    stream = container.add_stream("libopus", rate=RATE)
    stream.layout = "mono"
    for second in range(SECONDS):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
        frame = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, second * RATE, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def decode(seek: bool) -> tuple[float, int]:
    """The time of the first frame, and all samples."""
    with av.open("sound.webm") as container:
        if seek:
            container.seek(0)
        frames = list(container.decode(audio=0))
        return round(frames[0].time, 3), sum(frame.samples for frame in frames)


print("without a seek:", decode(False))
print("after seek(0): ", decode(True))
assert decode(False) == (0.0, SECONDS * RATE)
assert decode(True) == (0.021, SECONDS * RATE - 960)
EOF
