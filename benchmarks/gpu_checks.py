"""The checks of ``gpu_check.py``: each one returns what it found, and whether that holds."""

import importlib.metadata
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import torch

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.data.batches import Batches
from a2ibench.data.features import split_pairs
from a2ibench.data.store import PairStore
from a2ibench.reporting.image_grids import choose_segments, save_grid
from a2ibench.training.checkpoint import TrainingState, weights_sha256
from a2ibench.training.device import (
    choose_device,
    describe,
    make_deterministic,
    place,
    training_dtype,
)
from a2ibench.training.draw import draw, draw_noise
from a2ibench.training.fit import fit
from a2ibench.types import Pairs, Spec

Options = Mapping[str, Any]
Found = dict[str, Any]

LIBRARIES = ("torch", "torchvision", "torchmetrics", "numpy", "scikit-learn", "pandas", "pyarrow")
ARMS: Mapping[str, Options] = {"ours": {}, "ours − consistency": {"lambda_con": 0.0}}
STRETCH = 5
"""Steps between two looks at the clock."""
PATIENCE = 120.0
"""Seconds that one process waits for another."""
COLUMNS = 8
"""Sounds in the picture."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the checks.

    Attributes:
        small: options of `ours` that differ from those of the small scale.
        paper: the same of the paper scale.
        steps: steps of a training whose bits are compared.
        seconds: duration of one measurement of speed.
        halve: whether the small scale has images of half the size.
    """

    small: Options
    paper: Options
    steps: int
    seconds: float
    halve: bool


# Of two minutes at paper scale, the usual 5,000 steps of I2A would take too many.
GPU = Sizes({"i2a_steps": 100}, {"i2a_steps": 1_000}, steps=40, seconds=2.0, halve=True)
TINY = {
    "g_channels": 4, "g_residual": 1, "d_channels": 4, "phi_dim": 8, "i2a_width": 4, "i2a_steps": 2,
    "batch_size": 8,
}  # fmt: skip
CPU = Sizes(TINY, {**TINY, "batch_size": 4}, steps=2, seconds=0.1, halve=False)


@dataclass(frozen=True)
class Bench:
    """The pairs of each scale, the test pairs at the size of the paper scale, and the sizes;
    checkpoints are written into ``folder``."""

    small: Pairs
    paper: Pairs
    test: Pairs
    sizes: Sizes
    folder: Path

    def build(self, scale: str, **changed: Any) -> Model:
        """Build `ours` at a scale on the device, seeded."""
        make_deterministic(0, choose_device())
        ours, pairs = registry.models.get("ours"), self.pairs(scale)
        values = {**ours.scales.get(scale, {}), **getattr(self.sizes, scale), **changed}
        spec = Spec(pairs.images[:1].shape[1], pairs.acoustic.shape[1], pairs.classes)
        return place(ours(config.build(ours.Config, values, "ours"), spec))

    def pairs(self, scale: str) -> Pairs:
        """Return the training pairs of a scale."""
        return self.small if scale == "small" else self.paper

    def train(
        self, scale: str, steps: int, name: str, **changed: Any
    ) -> tuple[Model, TrainingState]:
        """Train `ours` at a scale, going on from the checkpoint of that name if there is one."""
        model = self.build(scale, **changed)
        path = self.folder / f"{name}.safetensors"
        return model, fit(model, self.pairs(scale), steps=steps, seed=0, checkpoint=path)


def open_bench(packed: Path, folder: Path) -> Bench:
    """Open what was packed."""
    sizes = GPU if choose_device().type == "cuda" else CPU
    store = PairStore(packed / "store")
    train, test, _ = split_pairs(store, np.load(packed / "features.npy"))
    images = train.images[:]
    if sizes.halve:
        n, size = images.shape[:2]
        blocks = images.reshape(n, size // 2, 2, size // 2, 2, 3)
        images = blocks.mean(axis=(2, 4)).round().astype(np.uint8)
    return Bench(replace(train, images=images), train, test, sizes, folder)


def check_machine(bench: Bench) -> Found:
    """The device and the libraries: always holds."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    found: Found = {**describe(choose_device()), "versions": versions, "holds": True}
    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        found |= {
            "memory_gb": round(about.total_memory / 1e9, 1),
            "compute_capability": f"{about.major}.{about.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return found


def check_determinism(bench: Bench) -> Found:
    """The same training twice has equal weights, at both scales, to the last bit."""
    found: Found = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for scale in ("small", "paper"):
            one, other = (
                weights_sha256(bench.train(scale, bench.sizes.steps, f"{scale}{i}", i2a_steps=2)[0])
                for i in range(2)
            )
            found[scale] = one == other
    lines = sorted({str(one.message).splitlines()[0] for one in warned})
    return {**found, "warnings": lines, "holds": all(found.values())}


def check_resume(bench: Bench) -> Found:
    """A training that is resumed ends with the weights of one that is not."""
    steps = bench.sizes.steps
    straight, _ = bench.train("small", steps, "straight")
    bench.train("small", steps // 2, "parts")
    resumed, state = bench.train("small", steps, "parts")
    same = weights_sha256(straight) == weights_sha256(resumed)
    return {"holds": same and state.step == steps}


def check_precision(bench: Bench) -> Found:
    """A model is in channels-last memory, and trains in bfloat16 on a GPU; each way has a speed."""
    speeds = {
        f"{scale}, {str(dtype)[6:]}, {str(layout)[6:]}": _speed(bench, scale, dtype, layout)
        for scale in ("small", "paper")
        for dtype in (torch.float32, torch.bfloat16)
        for layout in (torch.contiguous_format, torch.channels_last)
    }
    weights = [one for one in bench.build("small").parameters() if one.ndim == 4]
    channels_last = all(one.is_contiguous(memory_format=torch.channels_last) for one in weights)
    device = choose_device()
    bfloat16 = training_dtype(device) == torch.bfloat16
    return {
        "channels_last": channels_last,
        "bfloat16": bfloat16,
        "images_per_second": speeds,
        "holds": channels_last and (bfloat16 or device.type == "cpu"),
    }


def _speed(bench: Bench, scale: str, dtype: torch.dtype, layout: torch.memory_format) -> float:
    """Return the images per second of training steps in a precision and a memory layout."""
    device = choose_device()
    model = bench.build(scale).to(memory_format=layout).train()
    batches = Batches(bench.pairs(scale), model.sampling, 0, device)

    def stretch(first: int) -> None:
        with torch.autocast(device.type, dtype, dtype != torch.float32, cache_enabled=False):
            for step in range(first, first + STRETCH):
                losses = model.training_step(batches.batch(step))
        for name, loss in losses.items():  # which waits for the GPU
            if not loss.isfinite():
                raise ArithmeticError(f"{scale}, {dtype}, {layout}: loss {name} is {loss}")

    stretch(0)
    steps, started = 0, time.monotonic()
    while (seconds := time.monotonic() - started) < bench.sizes.seconds:
        steps += STRETCH
        stretch(steps)
    return round(steps * model.sampling.batch_size / seconds, 1)


def check_halves(bench: Bench) -> Found:
    """Two trials that share the device have the weights of one that has it alone."""
    context = get_context("spawn")
    alone = _trial(bench, "alone")
    ready = context.Barrier(2)
    with ProcessPoolExecutor(2, context, _take_half, (ready,)) as pool:
        halves = list(pool.map(_trial, [bench] * 2, ["left", "right"]))
    return {
        "images_per_second_alone": alone[1],
        "images_per_second_together": round(sum(rate for _, rate in halves), 1),
        "holds": all(weights == alone[0] for weights, _ in halves),
    }


def _take_half(ready: Barrier) -> None:
    """Take half of the device's memory, and wait until the other process has."""
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(0.5)
    ready.wait(PATIENCE)


def _trial(bench: Bench, name: str) -> tuple[str, float]:
    """Return the hash of a training's weights, and its images per second."""
    steps = 5 * bench.sizes.steps
    model, state = bench.train("small", steps, name)
    return weights_sha256(model), round(steps * model.sampling.batch_size / state.seconds, 1)


def check_paper(bench: Bench, seconds: float, picture: Path) -> Found:
    """`ours` with and without consistency trains at paper scale, ``seconds`` each, and draws."""
    columns = choose_segments(bench.test.label, COLUMNS)
    pictures = {"real": bench.test.images[columns]}
    found: Found = {}
    for number, (arm, options) in enumerate(ARMS.items()):
        model, state = _train_for(bench, seconds, f"arm{number}", options)
        noise = draw_noise(len(columns), model.noise_dim, 0)
        pictures[arm] = draw(model, bench.test.acoustic[columns], noise)
        images = state.step * model.sampling.batch_size
        found[arm] = {
            "images": images,
            "images_per_second": round(images / state.seconds, 1),
            "training_seconds": round(state.seconds, 1),
            "preparation_seconds": round(state.preparation_seconds, 1),
            "losses": state.curve[-1],
        }
    save_grid(pictures, [bench.test.classes[i] for i in bench.test.label[columns]], picture)
    # A network that has stopped to tell sounds apart draws one picture for all of them; one that a
    # processor trains for a moment has not begun to.
    varied = all(len(np.unique(images, axis=0)) > 1 for images in pictures.values())
    return {**found, "varied": varied, "holds": varied or choose_device().type == "cpu"}


def _train_for(
    bench: Bench, seconds: float, name: str, options: Options
) -> tuple[Model, TrainingState]:
    """Train at paper scale: a few steps, which tell the speed, then as many as time allows."""
    started = time.monotonic()
    _, warm = bench.train("paper", STRETCH, name, **options)
    _, state = bench.train("paper", STRETCH + bench.sizes.steps, name, **options)
    rate = (state.step - warm.step) / (state.seconds - warm.seconds)
    left = seconds - (time.monotonic() - started)
    return bench.train("paper", state.step + max(0, int(0.9 * left * rate)), name, **options)
