#!/usr/bin/env bash
# soxr 1.1.0: resampled int16 silence is not silent.
#
# For int16 output libsoxr adds dither, also where the input is digital zero. A test for silent clips of
# the kind "all samples are 0" holds before resampling and fails after it; the same sound as float32
# stays exactly 0. The dither starts anew in each call, so the result is the same every time.
#
# Seen: of one second of zeros at 48 kHz, resampled to 22,050 Hz, thousands of samples are ±1 as int16
#       and none differs from 0 as float32.
# Right: look for silence before resampling, by a level (1 of 32,768 is −90 dB), or resample float32.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet soxr==1.1.0 numpy==2.4.6
env/bin/python - <<'EOF'
import numpy as np
import soxr

for kind in (np.int16, np.float32):
    out = soxr.resample(np.zeros(48_000, kind), 48_000, 22_050)
    print(out.dtype, len(out), "samples, not 0:", np.count_nonzero(out), "largest:", np.abs(out).max())
    again = soxr.resample(np.zeros(48_000, kind), 48_000, 22_050)
    assert (out == again).all()
    if kind is np.int16:
        assert np.count_nonzero(out) > 100
        assert np.abs(out).max() == 1
    else:
        assert not out.any()
EOF
