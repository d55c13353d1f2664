"""Training as the bench does it against another build and against a plain loop, on one thread.

    python benchmarks/training_step.py                             # ours against the plain loop
    python benchmarks/training_step.py --against 8c77fa6 -m ours -m flow
    python benchmarks/training_step.py --against ../other -m vae   # a folder with another build

Each opponent is a process that trains by ``a2ibench.training.fit``, averages and checks included.
They take turns in short rounds, never two at once, and what counts is the processor time of a
round, so that a busy machine hurts them alike. The ratio is the median over rounds; its interval,
from the order statistics, covers the true median with at least 95 %.

The plain way, for ``ours`` alone, is the paper's equations as they stand, in float32: an
up-sampling and then a convolution; a discriminator pass for each of the three pairs; a second
generator pass for the generator's step; gradients of all weights in it; contiguous images; Adam
as a loop over weights.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MethodType
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[1]
STEPS, WARM_UP = 5, 2
"""Steps per round, and rounds that are not counted."""
TYPES = "a2ibench.types"


@click.command()
@click.option("--against", help="a commit, or the folder of a build; without it, the plain loop")
@click.option("--model", "-m", "models", multiple=True, default=["ours"], show_default=True)
@click.option("--batch", default=16, show_default=True)
@click.option("--size", default=64, show_default=True, help="side of the images in pixels")
@click.option("--rounds", default=25, show_default=True, type=click.IntRange(min=8))
@click.option("--float32", is_flag=True, help="where the processor multiplies bfloat16, too")
def main(
    against: str | None, models: Sequence[str], batch: int, size: int, rounds: int, float32: bool
) -> None:
    """Compare the speed of this build with another build or with a plain loop."""
    from a2ibench import registry

    with build(against) as folder:
        for model in models:
            # To both builds, whose own defaults may differ.
            values = {**registry.models.get(model).scales["small"], "batch_size": batch}
            options = [model, json.dumps(values), str(size), "float32" if float32 else "native"]
            here = Opponent(ROOT, ["bench", *options])
            other = Opponent(folder, ["bench" if against else "plain", *options])
            both = [(other.round(), here.round()) for _ in range(WARM_UP + rounds)][WARM_UP:]
            ratio, low, high = median_interval([theirs / ours for theirs, ours in both])
            theirs, ours = (statistics.median(times) / STEPS for times in zip(*both, strict=True))
            print(
                f"{model}, {size} px, batch {batch}, {here.precision}:"
                f" {against or 'plain'} {batch / theirs:.0f} images/s, {other.end()} MB;"
                f" here {batch / ours:.0f} images/s, {here.end()} MB;"
                f" ratio {ratio:.2f} ({low:.2f} to {high:.2f})",
                flush=True,
            )


class Opponent:
    """A process that trains :data:`STEPS` steps when it is told to."""

    def __init__(self, folder: Path, options: list[str]) -> None:
        # Its packages come before those that are installed.
        places = [str(folder / part) for part in (".", "baselines", "plugins")]
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"},
        )
        self.precision = self._answer()

    def round(self) -> float:
        """Train a round; return its processor time in seconds."""
        return float(self._ask("go"))

    def end(self) -> int:
        """End the process; return its peak memory in MB."""
        peak = int(self._ask("stop"))
        self._process.wait()
        return peak

    def _ask(self, question: str) -> str:
        assert self._process.stdin
        print(question, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException("an opponent ended before its time; see above")
        return line.strip()


@contextmanager
def build(against: str | None) -> Iterator[Path]:
    """Give the folder of the other build, of a commit for as long as it is needed."""
    if against is None or Path(against).is_dir():
        yield Path(against).resolve() if against else ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", against], check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", folder], check=True, input=archive.stdout)
        yield Path(folder)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, and the two order statistics between which the true one lies with 95 %."""
    n, ordered = len(values), sorted(values)
    below = 0.0
    rank = -1
    while below + math.comb(n, rank + 1) / 2**n <= 0.025:
        rank += 1
        below += math.comb(n, rank) / 2**n
    return statistics.median(values), ordered[rank], ordered[n - 1 - rank]


# What follows runs in the opponents' processes, one of them with the packages of another build.


def work(kind: str, name: str, values: dict[str, Any], size: int, precision: str) -> None:
    """Train on noise: a round for each line that comes in."""
    from a2ibench import config, registry
    from a2ibench.training import device, fit

    cpu = torch.device("cpu")
    if precision == "float32" or kind == "plain":
        device.training_dtype = lambda device: torch.float32
    pairs, spec = make_pairs(size)
    device.make_deterministic(0, cpu)
    method = registry.models.get(name)
    if "i2a_steps" in values:
        values["i2a_steps"] = 1
    model = method(config.build(method.Config, values, name), spec)
    if kind == "plain":
        make_plain(model)
    else:
        model = model.to(memory_format=torch.channels_last)
    print(str(device.training_dtype(cpu)).removeprefix("torch."), flush=True)
    fit.CHECK_EVERY = STEPS
    for constant in ("MIN_SAVE_INTERVAL", "SAVE_LEAST"):  # the second: in the builds of before
        setattr(fit, constant, math.inf)
    last = math.nan

    def wait(progress: Any = None) -> None:
        nonlocal last
        if progress is not None:
            print(time.process_time() - last, flush=True)
        if sys.stdin.readline().strip() != "go":
            print(peak_memory(), flush=True)
            raise SystemExit  # in the middle of a training, by intent
        last = time.process_time()

    wait()
    with tempfile.TemporaryDirectory() as folder:
        fit.fit(model, pairs, steps=10**9, seed=0, checkpoint=Path(folder) / "state", report=wait)


def peak_memory() -> int:
    """Return the process's largest resident memory so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def make_pairs(size: int, d: int = 256, n: int = 256, classes: int = 6) -> tuple[Any, Any]:
    """Make pairs of noise and what a model is told of them."""
    types = import_module(TYPES if find_spec(TYPES) else "a2ibench.data.types")  # of before
    rng = np.random.default_rng(0)
    names = tuple(f"class{i}" for i in range(classes))
    pairs = types.Pairs(
        images=rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8),
        acoustic=rng.normal(size=(n, d)).astype(np.float32),
        label=np.arange(n, dtype=np.int64) % classes,
        classes=names,
        source=np.array([f"clip{i}" for i in range(n)]),
    )
    return pairs, types.Spec(size, d, names)


def make_plain(model: Any) -> None:
    """Let ``ours`` train by :func:`plain_step`; nearest ×2 and convolution as two steps, NCHW."""
    from a2ibench.nn.layers import UpConv, UpStack

    for module in model.modules():
        if isinstance(module, UpConv):
            setattr(module, "forward", MethodType(up_then_convolve, module))  # noqa: B010
        elif isinstance(module, UpStack):
            plain = MethodType(lambda self, v: self.blocks(self.start(v)), module)
            setattr(module, "forward", plain)  # noqa: B010
    for name, other in model.optimizers.items():
        group = other.param_groups[0]
        adam = torch.optim.Adam(group["params"], lr=group["lr"], betas=group["betas"])
        model.optimizers[name] = adam
    model.training_step = MethodType(plain_step, model)


def up_then_convolve(self: Any, x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), self.weight, padding=1)


def plain_step(model: Any, batch: Any) -> dict[str, torch.Tensor]:
    from a2ibench.nn.losses import adversarial, auxiliary, consistency, hinge_false, hinge_true

    a, image = batch.acoustic, batch.image.contiguous()
    images = [F.avg_pool2d(image, image.shape[2] // size) for size in model.sizes]
    fakes = model.G(a, torch.randn(len(a), model.noise_dim))
    loss = torch.zeros(())
    for D, image, fake in zip(model.D, images, fakes, strict=True):
        phi = D.features(image)
        loss = loss + hinge_true(D.K(phi, a)) + auxiliary(D.P(phi), batch.label)
        loss = loss + 0.5 * hinge_false(D.K(D.features(fake.detach()), a))
        loss = loss + 0.5 * hinge_false(D.K(D.features(image), batch.mismatched))
    descend(model, "D", loss)
    d_loss = loss
    fakes = model.G(a, torch.randn(len(a), model.noise_dim))
    loss = consistency(a, model.I2A(fakes[-1]))
    for D, fake in zip(model.D, fakes, strict=True):
        phi = D.features(fake)
        loss = loss + adversarial(D.K(phi, a)) + auxiliary(D.P(phi), batch.label)
    descend(model, "G", loss)
    return {"D": d_loss, "G": loss}


def descend(model: Any, name: str, loss: torch.Tensor) -> None:
    model.optimizers[name].zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    model.optimizers[name].step()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        kind, name, values, size, precision = sys.argv[2:]
        work(kind, name, json.loads(values), int(size), precision)
    else:
        main()
