"""A store of 100,000 pairs against one of 1,000: how fast it opens, how fast it feeds training."""

import shutil
import statistics
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

SIZE, SECONDS, RATE, DIM = 64, 0.25, 22_050, 256
SMALL, LARGE = 1_000, 100_000
STEPS, ROUNDS = 10, 9
CPU = torch.device("cpu")


def pairs(n: int) -> Iterator[Pair]:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-1, 1, 2 * round(SECONDS * RATE)).astype(np.float32)
    picture = rng.integers(0, 256, (2 * SIZE, SIZE, 3), dtype=np.uint8)
    for i in range(n):
        yield Pair(
            image=picture[i % SIZE : i % SIZE + SIZE],
            audio=sound[i % 1000 : i % 1000 + round(SECONDS * RATE)],
            label=f"class {i % 20}",
            source=f"film {i // 20:06d}/{i % 20}",
            split="test" if i // 20 % 5 == 0 else "train",
        )


def make(root: Path, n: int) -> PairStore:
    identity = {"dataset": "made", "version": 1, "config": {}, "sample_rate": RATE}
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs(n)))
        return writer.finish()


def make_model(name: str) -> Model:
    make_deterministic(0, CPU)
    plugin = registry.models.get(name)
    values = plugin.scales.get("small", {})
    spec = Spec(SIZE, DIM, tuple(f"class {i}" for i in range(20)))
    return plugin(config.build(plugin.Config, values, name), spec)


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    stores = {n: make(folder / str(n), n) for n in (SMALL, LARGE)}
    opening = []
    for _ in range(5):
        start = time.perf_counter()
        PairStore(folder / str(LARGE))
        opening.append(time.perf_counter() - start)
    batches = {}
    for n, store in stores.items():
        features = np.random.default_rng(0).normal(size=(n, DIM)).astype(np.float32)
        train, _, _ = split_pairs(store, features)
        batches[n] = train
    for name in ("vae", "ours"):
        model = make_model(name)
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
            small / large for small, large in zip(taken[SMALL], taken[LARGE], strict=True)
        )
        rate = STEPS * model.sampling.batch_size / statistics.median(taken[LARGE])
        print(f"{name}: {rate:.0f} images/s from {LARGE:,} pairs, {ratio:.3f} × from {SMALL:,}")
    print(f"opening {LARGE:,} pairs: {statistics.median(opening):.2f} s, median of 5")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
