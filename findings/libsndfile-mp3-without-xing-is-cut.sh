#!/usr/bin/env bash
# MP3 of variable bit rate without a Xing header: soundfile 0.14.0 (libsndfile 1.2.2) reads a part of it.
#
# Such files come from streams that were recorded, and from encoders told to write no header. libsndfile
# estimates the number of samples from the bit rate of the first frames, says so in `info`, and `read`
# stops there without an error. libavcodec (PyAV 18.1.0) decodes what is there.
#
# Seen: 60 s that begin with 2 s of noise and go on in silence: 10.0 s from soundfile, 60.0 s from PyAV;
#       with a Xing header both give 60.0 s.
# Right: decide a length by decoding, not by what a header or an estimate says.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 soundfile==0.14.0 numpy==2.4.6
env/bin/python - <<'EOF'
from fractions import Fraction

import av
import numpy as np
import soundfile

RATE, SECONDS, LOUD = 44_100, 60, 2


def write(path: str, xing: bool) -> None:
    rng = np.random.default_rng(0)
    with av.open(path, "w", options={"write_xing": str(int(xing))}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.layout = "mono"
        stream.codec_context.qscale = True
        stream.codec_context.global_quality = 9 * 118  # FF_QP2LAMBDA: `-q:a 9`
        for second in range(SECONDS):
            noise = rng.normal(scale=0.3 * (second < LOUD), size=(1, RATE)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, second * RATE, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def seconds(path: str) -> tuple[float, float]:
    """By soundfile, by PyAV."""
    with av.open(path) as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    return round(len(soundfile.read(path)[0]) / RATE, 1), round(decoded / RATE, 1)


write("with.mp3", True)
write("without.mp3", False)
print("with a Xing header (soundfile, PyAV):   ", seconds("with.mp3"))
print("without a Xing header (soundfile, PyAV):", seconds("without.mp3"))
assert seconds("with.mp3") == (60.0, 60.0)
assert seconds("without.mp3") == (10.0, 60.0)
EOF
