#!/usr/bin/env bash
# MP4: the sound that PyAV 18.1.0 (libavcodec 62) decodes behind a seek is wrong at first, and of some
# codecs never again what it is without the seek.
#
# Every packet of compressed sound is marked as a key frame, so decoding may seem to start anywhere.
# The decoders look back, though: at the packet before (AAC), at bits stored earlier (MP3), at a
# filter that takes long to settle (Opus: three times the 80 ms that RFC 7845 asks for). And AC-3, and
# AAC at low bit rates, fill what was not coded with noise, whose generator goes on from packet to
# packet, so that it is another noise behind a seek. FLAC and ALAC need nothing from before.
#
# Seen: 20 s, decoded from 10 s on. AAC of 128 kbit/s is wrong for 21 ms, MP3 for 56 ms, Opus for
#       254 ms, by up to 0.4 of a signal between -0.51 and 0.51; AAC of 64 kbit/s in parts until
#       0.96 s later (by up to 0.07 behind the first packet), AC-3 to the end.
# Right: decode from half a second before what is wanted, and promise equal samples only of files that
#        are decoded from their beginning.
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

RATE, SECONDS, SEEK = 48_000, 20, 10

time = np.arange(RATE * SECONDS) / RATE
noise = np.random.default_rng(0).standard_normal(len(time))
sound = (0.3 * np.sin(2 * np.pi * (200 + 50 * time) * time) + 0.05 * noise).astype(np.float32)


def write(path: str, codec: str, bit_rate: int) -> None:
    with av.open(path, "w", options={"strict": "experimental"}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.layout = "mono"
        if bit_rate:
            stream.bit_rate = bit_rate
        context = stream.codec_context
        context.open()
        frame = av.AudioFrame.from_ndarray(sound[None].copy(), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        resampler = av.AudioResampler(context.format, "mono", RATE, context.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def decode(path: str, seek: bool) -> tuple[int, np.ndarray]:
    """The number of the first sample, and all samples."""
    with av.open(path) as container:
        if seek:
            container.seek(SEEK * 1_000_000)
        frames = list(container.decode(audio=0))
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    scale = [np.iinfo(part.dtype).max if part.dtype.kind == "i" else 1.0 for part in parts]
    samples = np.concatenate([part / by for part, by in zip(parts, scale, strict=True)])
    return round(frames[0].pts * frames[0].time_base * RATE), samples


seen = {}
for codec, kbits in (
    ("aac", 128), ("libmp3lame", 128), ("libopus", 64), ("aac", 64), ("ac3", 64), ("flac", 0), ("alac", 0)
):  # fmt: skip
    path = f"{codec}-{kbits}.mp4"
    write(path, codec, 1_000 * kbits)
    first, whole = decode(path, seek=False)
    begin, part = decode(path, seek=True)
    off = np.abs(part - whole[begin - first :])
    wrong = np.flatnonzero(off > 1e-4)
    last = wrong[-1] + 1 if len(wrong) else 0
    seen[codec, kbits] = round(1_000 * last / RATE)
    by = f"{off.max():.2f}, {off[RATE // 2 :].max():.2f} from half a second on"
    print(f"{path}: from {begin / RATE:.3f} s, wrong until {seen[codec, kbits]} ms later, by up to {by}")
assert seen["aac", 128] == 21
assert seen["libmp3lame", 128] == 56
assert 200 < seen["libopus", 64] < 400
assert seen["aac", 64] > 500
assert seen["ac3", 64] > 1_000 * (SECONDS - SEEK) - 50
assert seen["flac", 0] == seen["alac", 0] == 0
EOF
