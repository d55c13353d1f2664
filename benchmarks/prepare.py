"""Preparing a folder of films against decoding the same files with ffmpeg on the same cores."""

import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import joblib
import numpy as np

from a2ibench import config, registry
from a2ibench.data.prepare import prepare

FILMS, SECONDS, SIZE, FRAME_RATE = 8, 120, (640, 360), 25


def make(path: Path, seed: int) -> None:
    """Moving noise over moving bars, h264 and aac: as costly to decode as a real film."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    width, height = SIZE
    grain = rng.integers(-12, 12, (8, height, width, 3))
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=44_100, layout="stereo")
        bars = np.arange(width)[None, :, None] + 3 * np.arange(height)[:, None, None]
        waves = 127 + 100 * np.sin(bars * np.array([1.0, 1.7, 2.3]) / 60)
        pictures = [(waves + grain[i]).clip(0, 255).astype(np.uint8) for i in range(8)]
        for number in range(SECONDS * FRAME_RATE):
            picture = np.roll(pictures[number % 8], 3 * number, axis=1)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            out.mux(video.encode(frame.reformat(format="yuv420p")))
        out.mux(video.encode(None))
        samples = rng.normal(0, 0.1, (2, SECONDS * 44_100)).astype(np.float32)
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=44_100, frame_size=1024)
        sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        sound.sample_rate = 44_100
        for part in [*resampler.resample(sound), *resampler.resample(None)]:
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))


def main() -> None:
    ffmpeg = shutil.which("ffmpeg") or (sys.argv[1] if len(sys.argv) > 1 else None)
    if ffmpeg is None:
        sys.exit("no ffmpeg on this machine; give the path of one")
    folder = Path(tempfile.mkdtemp())
    paths = [folder / "films" / "ab"[i % 2] / f"{i}.mp4" for i in range(FILMS)]
    joblib.Parallel(n_jobs=-1)(joblib.delayed(make)(path, i) for i, path in enumerate(paths))
    workers = joblib.cpu_count()

    def decode(path: Path) -> None:
        command = [ffmpeg, "-v", "error", "-threads", "1", "-i", str(path), "-f", "null", "-"]
        subprocess.run(command, check=True)

    def by_ffmpeg() -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(decode, paths))
        return time.perf_counter() - start

    def by_us(name: str) -> float:
        layout = registry.datasets.get("folder")
        made: Any = config.build(layout.Config, {"image_size": 64, "hop": 2}, "folder")
        start = time.perf_counter()
        prepare(layout(made, folder / "films"), folder / name)  # type: ignore[call-arg]
        return time.perf_counter() - start

    rounds = [(by_ffmpeg(), by_us(str(i))) for i in range(3)]
    shutil.rmtree(folder)
    theirs, ours = (sorted(times)[1] for times in zip(*rounds, strict=True))
    print(
        f"{FILMS} films of {SECONDS} s, {SIZE[0]} × {SIZE[1]}, {workers} processes, median of 3:"
        f" ffmpeg {theirs:.1f} s, prepared {ours:.1f} s, ratio {ours / theirs:.2f}"
    )


if __name__ == "__main__":
    main()
