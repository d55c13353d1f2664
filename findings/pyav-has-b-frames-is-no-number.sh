#!/usr/bin/env bash
# CodecContext.has_b_frames of PyAV 18.1.0 is True or False. FFmpeg's field of that name, which ffprobe
# prints, is the number of frames by which a decoder reorders: a stream may have 1 or 2.
#
# So whoever sizes a buffer by it, as FFmpeg's own code does, computes with True as 1: for a stream
# that is reordered by two frames, the buffer is too short and frames get the times of others.
#
# Seen: True for two streams of H.264 whose frames are output after one and after two more packets;
# the number itself is in reorder_depth.
# Right: take reorder_depth, or allow for 16 frames, the most that H.264 may reorder.
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


def film(pyramid: str) -> tuple[object, int, int]:
    """has_b_frames, reorder_depth, and the number of packets that a decoder takes before its first frame."""
    name = f"{pyramid}.mkv"
    with av.open(name, "w") as container:
        options = {"x264-params": f"bframes=3:b-adapt=0:b-pyramid={pyramid}:scenecut=0"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(40):
            picture = np.full((64, 64, 3), 5 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(name) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        said = stream.codec_context.has_b_frames
        packets = (packet for packet in container.demux(stream) if packet.size)
        before = next(i for i, packet in enumerate(packets) if stream.codec_context.decode(packet))
    return said, stream.codec_context.reorder_depth, before


one, two = film("none"), film("normal")
print("has_b_frames, reorder_depth, packets before the first frame:", one, two)
assert one[0] is True and two[0] is True
assert (one[1:], two[1:]) == ((1, 1), (2, 2))
EOF
