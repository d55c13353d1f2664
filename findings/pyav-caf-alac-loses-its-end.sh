#!/usr/bin/env bash
# CAF with Apple Lossless: PyAV 18.1.0 (libavformat 62) drops up to 4,095 samples at the end.
#
# The last packet of ALAC may hold less than the usual 4,096 samples and says so itself. The packet
# table of CAF says as well how many of the last 4,096 are no sound. libav applies both: it decodes
# a short packet and cuts the rest of a full one off it. The packet's and the stream's own durations are right.
#
# Seen: 32,000 samples in 7 packets of 4,096 and one of 3,328: the last frame has 2,560 samples, 768 too
#       few. soundfile 0.14.0 reads 32,000, and so does PyAV from CAF with 16-bit PCM.
# Right: read CAF with ALAC of 16 to 24 bit with libsndfile, or compare decoded samples with the duration.
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

noise = 0.2 * np.random.default_rng(0).standard_normal(LENGTH).clip(-4, 4)
for subtype, last in (("PCM_16", None), ("ALAC_16", 3_328), ("ALAC_24", 3_328)):
    soundfile.write("a.caf", noise, RATE, format="CAF", subtype=subtype)
    again, _ = soundfile.read("a.caf")
    with av.open("a.caf") as container:
        packets = [packet.duration for packet in container.demux(audio=0) if packet.size]
    with av.open("a.caf") as container:
        stream = container.streams.audio[0]
        frames = [frame.samples for frame in container.decode(stream)]
        declared = round(stream.duration * stream.time_base * RATE)
    print(f"{subtype}: soundfile {len(again)}, PyAV {sum(frames)} of {declared} declared;", end=" ")
    print(f"last packet {packets[-1]}, last frame {frames[-1]}")
    assert len(again) == declared == LENGTH
    assert np.abs(again - noise).max() < 1e-4
    if last is None:
        assert sum(frames) == LENGTH
    else:
        assert packets[-1] == last
        assert frames[-1] == last - (4_096 - last)
        assert sum(frames) == LENGTH - (4_096 - last)
EOF
