"""`a2ibench data check` of a large made store: seconds, processor time and memory.

    python benchmarks/data_check.py 100000                        # different scenes
    python benchmarks/data_check.py 100000 --static               # frames of one static scene
    python benchmarks/data_check.py 10000 --against cb1376a       # and side by side with a commit

Pictures of 64 px and sounds of 2 s at 22,050 Hz, ten pairs per source. In 50 sources at the end a
picture and a sound of a source at the beginning are planted: the one after JPEG, the other softer
and shifted by a quarter. The builds take turns; each has an empty cache, and both have all cores.
Memory is the largest sum over the process and its children, sampled, the libraries included; pages
of files that are mapped count, and so do shared ones, once for each process. Seconds leave the
imports of the main process out.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import psutil
from PIL import Image
from training_step import ROOT, build

SIZE, SECONDS, RATE, FILM, PLANTED = 64, 2, 22_050, 10, 50
SAMPLES = SECONDS * RATE


@click.command()
@click.argument("n", type=click.IntRange(min=1_000), default=100_000)
@click.option("--static", is_flag=True, help="frames of one scene, and sounds of 0.1 s")
@click.option("--store", type=click.Path(path_type=Path), help="keep the pairs here, or find them")
@click.option("--against", help="a commit, or the folder of a build")
def main(n: int, static: bool, store: Path | None, against: str | None) -> None:
    """Check a made store of N pairs."""
    with tempfile.TemporaryDirectory() as temporary, build(against) as folder:
        root = store or Path(temporary) / "pairs"
        if not root.exists():
            make(root, n, static)
        for one in (folder, ROOT) if against else (ROOT,):
            print(json.dumps(measure(one, root)), flush=True)


def make(root: Path, n: int, static: bool) -> None:
    """Write a store."""
    from a2ibench.data.store_writer import StoreWriter
    from a2ibench.types import Pair, Part

    rng = np.random.default_rng(0)
    scene = picture(rng)
    kept = []

    def pairs() -> Iterator[Pair]:
        for i in range(n):
            film, place = divmod(i, FILM)
            image = with_sprites(rng, scene) if static else picture(rng)
            audio = sound(rng, SAMPLES if not static else RATE // 10)
            if film < PLANTED and place == 5:
                kept.append((image, audio))
            elif film >= n // FILM - PLANTED and place == 3:
                image, audio = kept[film % PLANTED]
                stream = io.BytesIO()
                Image.fromarray(image).save(stream, "JPEG", quality=70)
                image = np.asarray(Image.open(stream).convert("RGB"))
                audio = np.roll(0.5 * audio, SAMPLES // 4)
            yield Pair(
                image=image,
                audio=audio,
                label=f"class {film % 20}",
                source=f"film {film:06d}",
                split="test" if film % 5 == 4 else "train",
                start=float(place * SECONDS),
            )

    identity = {"dataset": "made", "version": 1, "config": {}, "sample_rate": RATE}
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs()))
        writer.finish()


def picture(rng: np.random.Generator) -> np.ndarray:
    coarse = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
    smooth = np.array(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    x, y, w, h = rng.integers(0, SIZE - 8, 4)
    smooth[y : y + 8 + h // 4, x : x + 8 + w // 4] = rng.integers(0, 256, 3)
    return smooth


def with_sprites(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    frame = scene.copy()
    for x, y in rng.integers(0, SIZE - 6, (3, 2)):
        frame[y : y + 6, x : x + 6] = rng.integers(0, 256, 3)
    return frame


def sound(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Noise whose colour changes."""
    width = int(rng.integers(2, 12))
    white = rng.standard_normal(samples + width, dtype=np.float32)
    total = np.cumsum(white)
    dull = (total[width:] - total[:-width]) / np.float32(np.sqrt(width))
    mix = np.interp(np.arange(samples) / samples, np.linspace(0, 1, 9), rng.uniform(0, 1, 9))
    mixed = mix * white[:samples] + (1 - mix) * 2 * dull
    return (0.3 * mixed / np.abs(mixed).max()).astype(np.float32)


def measure(folder: Path, root: Path) -> dict[str, object]:
    """Check the store with a build in a process of its own."""
    places = [str(folder / part) for part in (".", "baselines", "plugins")]
    cache = tempfile.mkdtemp()
    done = subprocess.run(
        [sys.executable, __file__, "--worker", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "A2IBENCH_CACHE": cache},
    )
    shutil.rmtree(cache)
    found: dict[str, object] = json.loads(done.stdout)
    return {"build": str(folder), **found}


def worker(root: Path) -> None:
    import a2ibench.curation.check as check

    steps: dict[str, float] = {}
    last = start = time.perf_counter()

    def counter(name: str):  # type: ignore[no-untyped-def]
        def show(done: int, total: int) -> None:
            nonlocal last
            now = time.perf_counter()
            steps[name] = round(steps.get(name, 0) + now - last, 2)
            last = now

        return show

    peak = [0.0]
    threading.Thread(target=watch, args=[peak], daemon=True).start()
    used = processor_seconds()
    found = check.check_store(root, counter)
    result = {
        "pairs": found.counts["pairs"],
        "seconds": round(time.perf_counter() - start, 1),
        "CPU seconds": round(processor_seconds() - used, 1),
        "GB": round(peak[0] / 1e9, 2),
        "findings": dict(Counter(one.kind for one in found.findings)),
        "steps": steps,
    }
    print(json.dumps(result))


def processor_seconds() -> float:
    """Return the processor time of this process, and of its children that have ended."""
    return sum(os.times()[:4])


def watch(peak: list[float]) -> None:
    """Keep the largest number of bytes in memory."""
    me = psutil.Process()
    while True:
        total = 0
        for process in (me, *me.children()):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        peak[0] = max(peak[0], total)
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(Path(sys.argv[2]))
    else:
        main()
