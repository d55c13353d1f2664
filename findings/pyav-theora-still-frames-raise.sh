#!/usr/bin/env bash
# Theora: PyAV 18.1.0 raises on the empty packets of a still scene, which ffmpeg passes over.
#
# In Theora a packet of zero bytes means "the last picture again"; libtheora writes one for every frame
# in which nothing moves. The ffmpeg program decodes such films. PyAV hands the empty packet to
# libavcodec, which takes it for the end of the stream, and raises ArgumentError: the film looks
# damaged at its second frame.
#
# Seen: 91 of 100 packets of a still film of 4 s are empty; `decode` raises after 1 frame.
# Right: demux, and treat an empty packet that has a time as a repetition of the picture before it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
env/bin/python - <<'EOF'
import subprocess

import av
import imageio_ffmpeg

ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
still = ["-f", "lavfi", "-i", "color=c=gray:s=64x64:r=25:d=4", "-c:v", "libtheora", "-q:v", "7"]
subprocess.run([ffmpeg, "-loglevel", "error", *still, "film.ogv"], check=True)
subprocess.run([ffmpeg, "-xerror", "-loglevel", "error", "-i", "film.ogv", "-f", "null", "-"], check=True)
print("ffmpeg decodes it without an error")

with av.open("film.ogv") as container:
    packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
empty = sum(packet.size == 0 for packet in packets)
print(len(packets), "packets with a time, empty:", empty)
assert empty > len(packets) / 2

count = 0
with av.open("film.ogv") as container:
    try:
        for _ in container.decode(video=0):
            count += 1
    except av.ArgumentError as error:
        print("PyAV, after", count, "frame:", type(error).__name__, error.strerror)
    else:
        raise AssertionError("PyAV decodes it now")
assert count == 1
EOF
