"""A training step of `ours` against the same networks trained the plain way, on one thread.

The plain way is the paper's equations as they stand, in float32: an up-sampling and then a
convolution; a discriminator pass for each of the three pairs; a second generator pass for the
generator's step; gradients of all weights in it; contiguous images. The bench's way is what a study
runs: precision and memory layout as the processor likes them. Both start from the same weights and
take turns, so that a noisy machine hurts them alike.
"""

import statistics
import sys
import time
from collections.abc import Callable
from types import MethodType

import numpy as np
import torch
import torch.nn.functional as F

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.data.batches import Batches
from a2ibench.nn.layers import UpConv, UpStack
from a2ibench.nn.losses import adversarial, auxiliary, consistency, hinge_false, hinge_true
from a2ibench.training.device import autocast, make_deterministic
from a2ibench.types import Batch, Pairs, Spec

REPEATS, WARM_UP = 15, 3
CPU = torch.device("cpu")


def make_pairs(size: int, d: int = 256, n: int = 256, classes: int = 6) -> Pairs:
    rng = np.random.default_rng(0)
    return Pairs(
        images=rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8),
        acoustic=rng.normal(size=(n, d)).astype(np.float32),
        label=np.arange(n, dtype=np.int64) % classes,
        classes=tuple(f"class{i}" for i in range(classes)),
        source=np.array([f"clip{i}" for i in range(n)]),
    )


def make_model(pairs: Pairs, batch_size: int) -> Model:
    make_deterministic(0, CPU)
    ours = registry.models.get("ours")
    values = {**ours.scales["small"], "batch_size": batch_size}
    spec = Spec(pairs.images[:1].shape[1], pairs.acoustic.shape[1], pairs.classes)
    return ours(config.build(ours.Config, values, "ours"), spec)


def make_plain(model: Model) -> None:
    """Nearest ×2 and convolution as two steps, NCHW throughout."""
    for module in model.modules():
        if isinstance(module, UpConv):
            module.forward = MethodType(up_then_convolve, module)
        elif isinstance(module, UpStack):
            module.forward = MethodType(lambda self, v: self.blocks(self.start(v)), module)


def up_then_convolve(self: UpConv, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), self.weight, padding=1)


def plain_step(model: Model, batch: Batch) -> None:
    a = batch.acoustic
    images = [F.avg_pool2d(batch.image, batch.image.shape[2] // size) for size in model.sizes]
    fakes = model.G(a, torch.randn(len(a), model.noise_dim))
    loss = torch.zeros(())
    for D, image, fake in zip(model.D, images, fakes, strict=True):
        phi = D.features(image)
        loss = loss + hinge_true(D.K(phi, a)) + auxiliary(D.P(phi), batch.label)
        loss = loss + 0.5 * hinge_false(D.K(D.features(fake.detach()), a))
        loss = loss + 0.5 * hinge_false(D.K(D.features(image), batch.mismatched))
    descend(model, "D", loss)
    fakes = model.G(a, torch.randn(len(a), model.noise_dim))
    loss = consistency(a, model.I2A(fakes[-1]))
    for D, fake in zip(model.D, fakes, strict=True):
        phi = D.features(fake)
        loss = loss + adversarial(D.K(phi, a)) + auxiliary(D.P(phi), batch.label)
    descend(model, "G", loss)


def descend(model: Model, name: str, loss: torch.Tensor) -> None:
    model.optimizers[name].zero_grad()
    loss.backward()
    model.optimizers[name].step()


def seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def compare(size: int, batch_size: int) -> None:
    pairs = make_pairs(size)
    quick, plain = make_model(pairs, batch_size), make_model(pairs, batch_size)
    quick = quick.to(memory_format=torch.channels_last)
    make_plain(plain)
    batches = Batches(pairs, quick.sampling, 0, CPU)

    def quick_step(step: int) -> None:
        with autocast(CPU):
            quick.training_step(batches.batch(step))

    def contiguous_step(step: int) -> None:
        batch = batches.batch(step)
        image = batch.image.contiguous()
        plain_step(plain, Batch(image, batch.acoustic, batch.label, batch.mismatched))

    a, b = [], []
    for step in range(REPEATS):
        a.append(seconds(lambda step=step: quick_step(step)))
        b.append(seconds(lambda step=step: contiguous_step(step)))
    ours, other = statistics.median(a[WARM_UP:]), statistics.median(b[WARM_UP:])
    print(
        f"{size} px, batch {batch_size}: plain {batch_size / other:.0f} images/s,"
        f" bench {batch_size / ours:.0f} images/s; ratio {other / ours:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    for batch_size in map(int, sys.argv[1:] or (16, 32)):
        compare(64, batch_size)
