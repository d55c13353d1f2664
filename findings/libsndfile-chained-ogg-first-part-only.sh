#!/usr/bin/env bash
# Chained Ogg: soundfile 0.14.0 (libsndfile 1.2.2) reads the first of several joined streams.
#
# Ogg files may be joined byte by byte: players and libavformat go on with the next stream, and internet
# radio is recorded that way. libsndfile opens the first one and says nothing about what follows it.
#
# Seen: two sounds of 4 s, joined: 4.0 s from soundfile, 8.0 s from PyAV 18.1.0.
# Right: decide a length by decoding with a library that follows the chain.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 imageio-ffmpeg==0.8.1 soundfile==0.14.0 numpy==2.4.6
env/bin/python - <<'EOF'
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import soundfile

ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
for serial, pitch in ((1, 440), (2, 880)):
    tone = ["-f", "lavfi", "-i", f"sine={pitch}:r=44100:d=4", "-c:a", "libvorbis"]
    options = ["-serial_offset", str(serial), f"{serial}.ogg"]
    subprocess.run([ffmpeg, "-loglevel", "error", *tone, *options], check=True)
Path("chain.ogg").write_bytes(Path("1.ogg").read_bytes() + Path("2.ogg").read_bytes())

declared = soundfile.info("chain.ogg").duration
read = len(soundfile.read("chain.ogg")[0]) / 44_100
with av.open("chain.ogg") as container:
    decoded = sum(frame.samples for frame in container.decode(audio=0)) / 44_100
print(f"soundfile declares {declared:.1f} s and reads {read:.1f} s; PyAV decodes {decoded:.1f} s")
assert round(declared, 1) == 4.0
assert round(read, 1) == 4.0
assert round(decoded, 1) == 8.0
EOF
