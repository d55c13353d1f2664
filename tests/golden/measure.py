"""Measure what the same jobs compute: the bench's parts, plug-ins, a tiny trial of each method."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden import Golden, Goldens, Value, digest, shape_of

from a2ibench import config, registry
from a2ibench.code_hash import source_hash
from a2ibench.conformance import judge_outputs
from a2ibench.conformance.sample import make_pairs, make_sounds
from a2ibench.contracts.dataset import Dataset
from a2ibench.data.batches import Batches
from a2ibench.data.features import Standardiser, encode_store
from a2ibench.data.files.splits import assign
from a2ibench.data.holdout import hold_out_rows, reserve_for_judges
from a2ibench.data.prepare import prepare
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.media.audio import fit_length, resample, to_mono
from a2ibench.results.job_state import JobState
from a2ibench.runs.prepare import prepare_study
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request
from a2ibench.training.draw import draw, draw_noise
from a2ibench.training.ema import MovingAverage
from a2ibench.types import FloatArray, Pair, Pairs, Sampling, Spec


@dataclasses.dataclass(frozen=True)
class Group:
    """Entries that are measured together.

    Attributes:
        measure: computes them; needs an empty cache.
        near: tolerance of its floating-point numbers; see :func:`golden.differences`.
    """

    measure: Callable[[Path], Goldens]
    near: float


@contextmanager
def alike(cache: Path) -> Iterator[None]:
    """Take away what differs between machines and can be taken away: threads, bfloat16, caches."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2IBENCH_CACHE", str(cache))
        patch.setattr("a2ibench.training.device.training_dtype", lambda device: torch.float32)
        patch.setattr(judge_outputs, "_seen", made_up)
        yield
    torch.set_num_threads(threads)


# The bench: all that is exact, or nearly


class Whole(Dataset):
    """Pairs of whole numbers, equal on every machine: 2 classes × 6 sources × 2 pairs."""

    name = "whole"
    Config = registry.datasets.get("synthetic").Config
    sample_rate = 8_000

    def __len__(self) -> int:
        return 24

    def pairs(self) -> Iterator[Pair]:
        for i in range(len(self)):
            rng = np.random.default_rng(i)
            yield Pair(
                image=rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
                audio=(rng.integers(-(2**14), 2**14, 8_000) / 2**15).astype(np.float32),
                label="ab"[i % 2],
                source=f"{'ab'[i % 2]}{i // 4}",
                split="test" if i >= 16 else "train",
                start=float(i),
            )


def numbered(n: int) -> Pairs:
    """Return pairs whose picture and sound both say which row they are."""
    images = np.zeros((n, 8, 8, 3), dtype=np.uint8)
    images[..., 0] = np.arange(n)[:, None, None]
    images[:, :, 0, 1] = 255  # the left edge
    acoustic = np.arange(n, dtype=np.float32)[:, np.newaxis]
    source = np.array([f"clip{i // 3}" for i in range(n)])
    return Pairs(images, acoustic, np.arange(n) % 4, ("a", "b", "c", "d"), source)


def measure_bench(folder: Path) -> Goldens:
    """Store, splits, batches, noise, evaluation set, sounds and features."""
    store = prepare(Whole(Whole.Config(image_size=16)), folder / "whole")
    clips = [(f"clip{i}", "abc"[i % 3]) for i in range(40)]
    sides = assign(clips, fold=0, folds=4, seed=7)
    source = np.array([name for name, _ in clips for _ in range(3)])
    label = np.repeat(np.array([i % 3 for i in range(40)], dtype=np.int64), 3)
    kept, held = hold_out_rows(label, source, ("a", "b", "c"), 0.25, seed=3)
    many = make_pairs(120)
    train, judging = reserve_for_judges(many)
    eval_set = make_eval_set(train, judging)
    saw = np.arange(900) % 50 / 64 - 0.25
    sound = fit_length(to_mono(np.stack([saw, saw / 2], axis=1)), 1_000)
    features = np.random.default_rng(5).normal(3, 2, (50, 6)).astype(np.float32)
    standard = Standardiser.fit(features)
    logmel = registry.encoders.get("logmel")
    bench = {
        "store": {
            "content": store.content_hash,
            "train": digest(store.rows("train")),
            "classes": list(store.classes),
        },
        "split of files": {"test": sorted(one for one, side in sides.items() if side == "test")},
        "clips that are held out": {"kept": digest(kept), "held": digest(held)},
        "clips of the judges": {
            "label": digest(judging.label),
            "source": [str(one) for one in judging.source],
        },
        "evaluation set": {
            "train": [str(one) for one in eval_set.train.source],
            "grid rows": digest(eval_set.grid_rows),
            "block": digest(eval_set.block),
            "apart": digest(eval_set.disjoint),
        },
        "average of weights": {"after three steps": _averaged(0.9)},
        "average of weights, decay reached": {"after three steps": _averaged(0.2)},
        "drawing": {"pixels": _drawn()},
        "noise": {"first": draw_noise(3, 4, seed=2).flatten().tolist()},
        "sounds": {
            "resampled": shape_of(resample(sound, 8_000, 11_025)),
            "samples": len(resample(sound, 8_000, 11_025)),
            "tiled": digest((sound * 2**15).round().astype(np.int64)),
        },
        "features": {
            "standardised": standard(features)[:2].flatten().tolist(),
            "of a store": shape_of(encode_store(store, logmel(logmel.Config()))),
        },
        **{f"batches, {name}": values for name, values in _batches()},
    }
    return {name: Golden("", values) for name, values in bench.items()}


class _Ramp(torch.nn.Linear):
    """In the place of a model: its picture rises from below black to above white."""

    name, spec = "ramp", Spec(4, 1, ("a",))

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return torch.linspace(-1.1, 1.1, 48).reshape(1, 3, 4, 4)


def _drawn() -> list[int]:
    """The bytes of a picture whose values are known."""
    images = draw(_Ramp(1, 1), np.zeros((1, 1), np.float32), torch.zeros(1, 1))
    return [int(value) for value in images.flatten()]


def _averaged(decay: float) -> list[float]:
    """Weights of 1, 2 and 3 in turn, averaged as the training loop does."""
    layer = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(layer, decay)
    for weight in (1.0, 2.0, 3.0):
        torch.nn.init.constant_(layer.weight, weight)
        average.update_parameters(layer)
    average.copy_to(layer)
    return [float(layer.weight.item())]


def _batches() -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The rows that batches take, their mismatched rows, and which pictures are mirrored."""
    pairs = numbered(30)
    for balanced in (False, True):
        for mismatch in ("none", "class", "clip"):
            sampling = Sampling(batch_size=8, balanced=balanced, mismatch=mismatch, flip=0.5)
            batches = Batches(pairs, sampling, seed=11, device=torch.device("cpu"))
            taken = [batches.batch(step) for step in (0, 5)]
            yield (
                f"{'balanced' if balanced else 'in order'}, mismatch {mismatch}",
                {
                    "rows": [int(a) for one in taken for a in one.acoustic[:, 0]],
                    "pictures": [
                        round((float(image[0, 0, 4]) + 1) * 127.5)
                        for one in taken
                        for image in one.image
                    ],
                    "mirrored": [int(image[1, 0, 0] < 0) for one in taken for image in one.image],
                    "mismatched": [int(a) for one in taken for a in one.mismatched[:, 0]],
                },
            )


# Encoders, judges and metrics, each by itself

ENCODERS = ("logmel", "filterbank", "mfcc", "spectrogram")
WITH_WEIGHTS = {"aisfx", "soundnet5", "soundnet8"}
"""The other encoders, which tests/encoders compares with published ones."""

WITHOUT_WEIGHTS = {
    "aisfx", "clap", "clip", "clip_b32", "clip_l14", "dinov2", "i2a_aisfx", "inceptionv3",
    "inceptionv3_clean", "wav2clip", "wav2clip_44k",
}  # fmt: skip
"""Judges whose weights are not part of any package that is installed."""
FROM_ELSEWHERE = {"adapter"}
"""Methods that need a pretrained network of the user's."""


def measure_plugins(folder: Path) -> Goldens:
    """Encoders and judges on fixed sounds and pictures, and every metric on made-up outputs."""
    found: Goldens = {}
    for name in ENCODERS:
        encoder = registry.encoders.get(name)
        built = encoder(config.build(encoder.Config, {}, name))
        sounds = make_sounds(built.min_samples + 4_000, built.sample_rate)
        said = {one: shape_of(built.encode(wave[np.newaxis])) for one, wave in sounds.items()}
        identity = f"version {encoder.version}, code {source_hash(encoder)}"
        found[f"encoder {name}"] = Golden(identity, said)
    pairs = make_pairs(8)
    for name in registry.judges.names():
        if name in WITHOUT_WEIGHTS:
            continue
        judge = registry.judges.get(name)()
        judge.build(Spec(pairs.images[:1].shape[1], pairs.acoustic.shape[1], pairs.classes))
        rng = np.random.default_rng(8)
        for tensor in judge.state_dict().values():
            if tensor.is_floating_point() and not tensor.any():  # what its training fills in
                tensor.copy_(torch.from_numpy(rng.normal(size=tensor.shape)))
        outputs = judge.eval().embed(pairs.images[:])
        said = {output: shape_of(values) for output, values in outputs.items()}
        found[f"judge {name}"] = Golden(f"version {judge.version}", said)
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)
        score = metric.score(judge_outputs.make_outputs(metric.judge, max(200, metric.fewest)))
        each = score.per_segment
        found[f"metric {name}"] = Golden(
            f"version {metric.version}",
            {
                "value": score.value,
                "n": score.n,
                "spread": score.spread,
                "chance": score.chance,
                "per segment": None if each is None else shape_of(np.nan_to_num(each)),
                **score.parts,
            },
        )
    return found


def made_up(judge: str) -> tuple[Pairs, dict[str, dict[str, FloatArray]]]:
    """Return pairs, and outputs for them that no network made: metrics alone are measured."""
    pairs = make_pairs(24, seed=1)
    rng = np.random.default_rng(9)
    classes = 2 if judge == "resnet18" else 20
    linear = {
        name: (pairs.acoustic @ rng.normal(size=(pairs.acoustic.shape[1], k))).astype(np.float32)
        for name, k in (("logits", classes), ("features", 16))
    }
    noise = rng.normal(size=pairs.acoustic.shape).astype(np.float32)
    luma = pairs.images[:].mean(axis=3, dtype=np.float32).reshape(len(pairs), -1) / 255
    images = {**linear, "acoustic": pairs.acoustic + noise, "luma": luma}
    sounds = {"features": linear["features"] + rng.normal(size=(len(pairs), 16))}
    texts = {"features": rng.normal(size=(len(pairs.classes), 16))}
    images["packets"] = rng.normal(size=(len(pairs), 256 * 3)).astype(np.float32)
    return pairs, {
        "images": images,
        "sounds": {name: output.astype(np.float32) for name, output in sounds.items()},
        "texts": {name: output.astype(np.float32) for name, output in texts.items()},
    }


# Trials: from pairs to scores

SMALL: dict[str, dict[str, Any]] = {
    "ours": {"g_channels": 4, "g_residual": 1, "d_channels": 4, "phi_dim": 8, "i2a_width": 4,
             "noise_dim": 8, "i2a_steps": 2},
    "wan2019": {"channels": 4, "phi_dim": 8},
    "wan2019_code": {"channels": 4, "phi_dim": 8, "noise_dim": 8},
    "vae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8},
    "cvae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8, "encoder_channels": 4},
    "flow": {"patch": 4, "channels": 8, "levels": 2, "blocks": 1, "embedding": 16, "steps": 2},
    "adapted_flow": {"prior_images": 48, "patch": 4, "channels": 8, "levels": 2, "blocks": 1,
                     "embedding": 16, "steps": 2},
}  # fmt: skip
METRICS = ("is1_lite0", "msssim_diversity")
"""By judges that are not trained: steps at a high rate drift apart between processors."""


def measure_trials(folder: Path) -> Goldens:
    """A trial of six steps of each method, and every reference row."""
    pairs = {"train": 12, "test": 5, "pairs_per_source": 1, "image_size": 32, "seconds": 1.0}
    request = Request(
        models=tuple(SMALL),
        dataset="synthetic",
        encoder="logmel",
        seeds=1,
        images=(96,),
        metrics=METRICS,
        settings={**SMALL, "synthetic": pairs},
        folder=folder / "study",
    )
    plan = prepare_study(request, lambda name: lambda done, total: None, lambda line: None)
    found: Goldens = {}
    for entry in plan.entries:
        (task,) = entry.tasks
        Trial.of(task)()
        result = JobState(task.folder).result
        assert result is not None, task.folder
        images, grid = (np.load(task.folder / "samples" / f"{s}.npy") for s in ("test", "grid"))
        values: dict[str, Value] = {
            "images": list(images.shape),
            "grid": list(grid.shape),
            "pixels of the images": shape_of(images / 255),
            "pixels of the grid": shape_of(grid / 255),
            **{name: score.value for name, score in result.metrics.items()},
        }
        if task.job.kind == "model":
            values["steps"] = result.steps
            values |= {f"loss {k}": v for k, v in result.curve[-1].items() if k != "step"}
            values |= {f"weights of {k}": v for k, v in _weights(task.folder)}
        found[f"trial {entry.label}"] = Golden(f"code {task.job.source}", values)
    return found


def _weights(folder: Path) -> Iterator[tuple[str, Value]]:
    """The weights of a checkpoint, by the network that they belong to."""
    from safetensors.numpy import load_file

    networks: dict[str, list[Any]] = {}
    for name, tensor in sorted(load_file(folder / "checkpoint.safetensors").items()):
        kind, network, *_ = name.split(".")
        if kind in ("model", "average") and tensor.dtype.kind == "f":
            networks.setdefault(f"{kind}.{network}", []).append(tensor)
    yield from ((name, shape_of(*tensors)) for name, tensors in networks.items())


GROUPS = {
    # Sums and roots of the same numbers: only their order differs between libraries.
    "bench": Group(measure_bench, near=1e-4),
    # Networks that are frozen, or as they are before their training.
    "plugins": Group(measure_plugins, near=1e-3),
    # Six steps of training: between instruction sets the weights drift apart by 2e-3 at most. A
    # batch in another order, another noise or a step more is ten times that.
    "trials": Group(measure_trials, near=5e-3),
}
