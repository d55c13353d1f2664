"""A large store against one of 1,000 pairs: how fast it opens, how fast it feeds training, and the
memory of what reads all of it.

    python benchmarks/large_store.py 200000 --size 128 --folder /somewhere/with/20/GB

Rates are taken in turns, on one thread. Memory is the peak of a process of its own: `data show`,
`data clean` with the encoder `logmel` (its judge takes 20 ms of a processor per pair), and the
training of the judge `simclr` and its pass over all pictures that it learns from.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.data.batches import Batches
from a2ibench.data.features import split_pairs
from a2ibench.data.store import PairStore
from a2ibench.data.store_writer import StoreWriter
from a2ibench.training.device import autocast, make_deterministic
from a2ibench.types import Pair, Part, Spec

SECONDS, RATE, DIM = 0.25, 22_050, 256
SMALL = 1_000
STEPS, ROUNDS = 10, 9
CPU = torch.device("cpu")
PEAK = """
import resource, sys
from pathlib import Path
sys.argv = sys.argv[1:]
{work}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""A program that prints its peak memory in KiB last; its argument is a store."""
WORK = {
    "data show": """
from a2ibench.cli import main
main(["data", "show", sys.argv[0]], standalone_mode=False)
""",
    "data clean": """
from a2ibench.cli import main
main(["data", "clean", sys.argv[0], "--encoder", "logmel"], standalone_mode=False)
""",
    "judge simclr": """
from a2ibench.data.features import bare_pairs
from a2ibench.data.store import PairStore
from a2ibench import registry
from a2ibench.types import Spec
train = bare_pairs(PairStore(Path(sys.argv[0])), "train")
judge = registry.judges.get("simclr")()
judge.build(Spec(train.images[:1].shape[1], 0, train.classes))
judge.fit(train)
""",
}


def pairs(n: int, size: int) -> Iterator[Pair]:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-1, 1, 2 * round(SECONDS * RATE)).astype(np.float32)
    picture = rng.integers(0, 256, (2 * size, size, 3), dtype=np.uint8)
    for i in range(n):
        yield Pair(
            image=picture[i % size : i % size + size],
            audio=sound[i % 1000 : i % 1000 + round(SECONDS * RATE)],
            label=f"class {i % 20}",
            source=f"film {i // 20:06d}/{i % 20}",
            split="test" if i // 20 % 5 == 0 else "train",
        )


def make(root: Path, n: int, size: int) -> PairStore:
    identity = {"dataset": "made", "version": 1, "config": {}, "sample_rate": RATE}
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs(n, size)))
        return writer.finish()


def make_model(name: str, size: int) -> Model:
    make_deterministic(0, CPU)
    plugin = registry.models.get(name)
    values = plugin.scales.get("small", {})
    spec = Spec(size, DIM, tuple(f"class {i}" for i in range(20)))
    return plugin(config.build(plugin.Config, values, name), spec)


def peak(work: str, store: Path) -> float:
    """Return the peak memory of some work on a store, in GB, in a process of its own."""
    command = [sys.executable, "-c", PEAK.format(work=WORK[work]), str(store)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e9


def measure(folder: Path, large: int, size: int) -> None:
    """Print rates, times and memory of a store of ``large`` pairs against those of a small one."""
    stores = {n: make(folder / str(n), n, size) for n in (SMALL, large)}
    opening = []
    for _ in range(5):
        start = time.perf_counter()
        PairStore(folder / str(large))
        opening.append(time.perf_counter() - start)
    print(f"opening {large:,} pairs of {size} px: {statistics.median(opening):.2f} s, median of 5")
    for work in WORK:
        few, many = (peak(work, folder / str(n)) for n in (SMALL, large))
        print(f"{work}: {many:.2f} GB, {few:.2f} GB for {SMALL:,} pairs")
    batches = {}
    for n, store in stores.items():
        features = np.random.default_rng(0).normal(size=(n, DIM)).astype(np.float32)
        train, _, _ = split_pairs(store, features)
        batches[n] = train
    for name in ("vae", "ours"):
        model = make_model(name, size)
        feeds = {n: Batches(train, model.sampling, 0, CPU) for n, train in batches.items()}
        taken: dict[int, list[float]] = {n: [] for n in feeds}
        for turn in range(ROUNDS + 1):
            for n, feed in feeds.items():
                start = time.perf_counter()
                for step in range(turn * STEPS, (turn + 1) * STEPS):
                    with autocast(CPU):
                        model.training_step(feed.batch(step))
                if turn:  # the first is for warming up
                    taken[n].append(time.perf_counter() - start)
        ratio = statistics.median(
            few / many for few, many in zip(taken[SMALL], taken[large], strict=True)
        )
        rate = STEPS * model.sampling.batch_size / statistics.median(taken[large])
        print(f"{name}: {rate:.0f} images/s from {large:,} pairs, {ratio:.3f} × from {SMALL:,}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    asked.add_argument("pairs", nargs="?", type=int, default=100_000)
    asked.add_argument("--size", type=int, default=64, help="side of the pictures in pixels")
    asked.add_argument("--folder", type=Path, help="where the stores are made, and removed again")
    given = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measure(Path(folder), given.pairs, given.size)


if __name__ == "__main__":
    main()
