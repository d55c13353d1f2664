#!/usr/bin/env bash
# Big-endian WAV (RIFX): PyAV 18.1.0 (libavformat 62) decodes its samples in the wrong order of bytes.
#
# RIFX is RIFF with the largest byte of each number first; workstations wrote such files, and soundfile
# still does on request. libavformat reads the header in the right order: rate, channels and length are
# right, and nothing is raised. But it hands samples of all widths to the little-endian decoders: a
# tone becomes noise at full level. Compressed RIFX files are refused.
#
# Seen: a tone of 440 Hz with peaks of 0.5, of 16, 24 and 32 bit: peaks of 0.99 or more by pcm_s…le;
#       soundfile 0.14.0 reads back what was written.
# Right: look at the first four bytes, and read RIFX with libsndfile.
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

RATE = 16_000

tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
for subtype in ("PCM_16", "PCM_24", "PCM_32"):
    for endian in ("LITTLE", "BIG"):
        soundfile.write("a.wav", tone, RATE, subtype=subtype, endian=endian)
        with open("a.wav", "rb") as file:
            begin = file.read(4).decode()
        again, _ = soundfile.read("a.wav")
        with av.open("a.wav") as container:
            stream = container.streams.audio[0]
            codec, rate = stream.codec_context.name, stream.rate
            samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
        decoded = samples / 2.0 ** (8 * samples.itemsize - 1)
        found = round(float(np.abs(decoded).max()), 2)
        print(f"{begin} {subtype}: {codec}, {rate} Hz, {len(decoded)} samples, peak {found}")
        assert (rate, len(decoded)) == (RATE, len(tone))
        assert np.abs(again - tone).max() < 1e-4
        assert codec.endswith("le")
        assert found > 0.98 if begin == "RIFX" else found == 0.5
EOF
