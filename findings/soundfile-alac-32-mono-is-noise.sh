#!/usr/bin/env bash
# CAF with Apple Lossless of 32 bit: soundfile 0.14.0 (libsndfile 1.2.2) reads mono files as noise.
#
# Mono at 32 bit is written rightly, as PyAV 18.1.0 shows, which decodes the file to the samples that
# went in. soundfile itself reads other samples, at full level, from what it has just
# written, and raises nothing. Stereo at 32 bit, and mono at 16, 20 and 24 bit, come back as they were.
#
# Seen: noise with peaks of 0.8 comes back with errors of more than 1; by PyAV they are below 1e-9.
# Right: keep lossless sound of 32 bit in FLAC or WAV, and read back what was written.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 soundfile==0.14.0 numpy==2.4.6
env/bin/python - <<'EOF'
import av
import numpy as np
import soundfile

RATE, LENGTH = 16_000, 32_000

noise = 0.2 * np.random.default_rng(0).standard_normal((LENGTH, 2)).clip(-4, 4)
print("libsndfile", soundfile.__libsndfile_version__)
for subtype, channels in (
    ("ALAC_16", 1), ("ALAC_20", 1), ("ALAC_24", 1), ("ALAC_32", 1), ("ALAC_32", 2)
):  # fmt: skip
    sound = noise[:, :channels]
    soundfile.write("a.caf", sound, RATE, format="CAF", subtype=subtype)
    again, _ = soundfile.read("a.caf", always_2d=True)
    with av.open("a.caf") as container:
        decoded = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], 1)
    by_av = decoded.T / 2.0 ** (8 * decoded.itemsize - 1)
    # PyAV leaves out the last 768 samples, whatever the width.
    errors = [float(np.abs(found - sound[: len(found)]).max()) for found in (again, by_av)]
    print(f"{subtype}, channels {channels}: largest error {errors[0]:.1g}, by PyAV {errors[1]:.1g}")
    assert errors[1] < 1e-4
    assert errors[0] > 1 if (subtype, channels) == ("ALAC_32", 1) else errors[0] < 1e-4
EOF
