#!/usr/bin/env bash
# aisfx 0.1.2: its librosa variant hands the network a spectrogram with time and frequency swapped.
#
# `spectrogram_essentia` returns [frames, 96], `spectrogram_librosa` [96, frames], and both go through the
# same `blocking`, which cuts along the first axis. With librosa the 96 bands are taken for 96 frames, padded
# to 100, and the frames for bands: always one block, whatever the length of the sound. No error is raised,
# since the network averages over the last axis. The variant also divides by the peak, so loudness is gone.
#
# Seen: a sound of 10 s gives one block of [100, 431] instead of seven of [100, 96].
# Right: compute the spectrogram as Essentia does (symmetric Hann window, triangles in mel, no normalisation);
#        or transpose what librosa gives.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet librosa==0.11.0 numpy==2.4.6 soundfile
env/bin/pip download --quiet --no-deps --only-binary :all: aisfx==0.1.2
python3 -m zipfile -e aisfx-0.1.2-py2.py3-none-any.whl .
env/bin/python - <<'EOF'
import runpy

import numpy as np
import soundfile

soundfile.write("sound.wav", 0.1 * np.random.default_rng(0).standard_normal(441_000), 44_100)
compute = runpy.run_path("aisfx/spectrogram/spectrogram_librosa.py")["compute_spectrogram"]
blocking = runpy.run_path("aisfx/preprocessing.py")["blocking"]
spectrum = compute("sound.wav", 44_100, 2_048, 1_024, 96, 0.0, 22_050.0)
blocks, right = blocking(spectrum, 100, 50, True), blocking(spectrum.T, 100, 50, True)
print("spectrogram", spectrum.shape, "blocks", blocks.shape, "instead of", right.shape)
assert blocks.shape == (1, 100, 431)
assert right.shape == (7, 100, 96)
EOF
