"""Judge outputs for any number of segments, mixed from a few real ones of the small world."""

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from a2ibench import registry
from a2ibench.conformance.sample import make_pairs
from a2ibench.contracts.judge import Kind
from a2ibench.contracts.metric import GRID_SEGMENTS, OWN, JudgeOutputs
from a2ibench.errors import UserError
from a2ibench.evaluation.clip_blocks import make_blocks
from a2ibench.evaluation.hearing import embed_sounds, embed_texts
from a2ibench.evaluation.judging import load_judge
from a2ibench.types import DataKey, FloatArray, IntArray, Pairs

SEEN = 24
"""Images that the judge really embeds; the others are mixtures of their outputs."""
TRAINING_PAIRS = 40
GRID_NOISES = 4
SEGMENTS_A_SOURCE = 2
OWN_WEIGHT = 0.7
"""Share of a generated image's mixture that belongs to its sound."""


@functools.cache
def _seen(judge: str) -> tuple[Pairs, dict[Kind, Mapping[str, FloatArray]]]:
    """Return pairs and a judge's outputs for them; refuse a judge that lacks something."""
    pairs = make_pairs(SEEN, seed=1)
    if judge == OWN:
        return pairs, {"images": {"acoustic": pairs.acoustic}}
    if (lack := registry.judges.get(judge).missing()) is not None:
        raise UserError(f"judge {judge}: {lack}")
    loaded = load_judge(judge, make_pairs(TRAINING_PAIRS), DataKey("conformance"))
    outputs: dict[Kind, Mapping[str, FloatArray]] = {}
    if "images" in loaded.judge.embeds:
        outputs["images"] = loaded.judge.embed(pairs.images[:])
    if "sounds" in loaded.judge.embeds:
        assert pairs.sounds is not None
        outputs["sounds"] = embed_sounds(loaded, pairs.sounds)
    if "texts" in loaded.judge.embeds:
        outputs["texts"] = embed_texts(loaded, pairs.classes)
    return pairs, outputs


def make_outputs(judge: str, count: int) -> JudgeOutputs:
    """Make the outputs of a judge for ``count`` test segments, and as many training images.

    Each segment is a mixture of a few pairs of its class: their features, factors and the judge's
    outputs with the same weights. A generated picture is half-way to another one of the class.
    """
    pairs, outputs = _seen(judge)
    rng = np.random.default_rng(count)
    label = (np.arange(count) % len(pairs.classes)).astype(np.int64)
    real, train = _mixtures(pairs, label, rng), _mixtures(pairs, label, rng)
    other = _mixtures(pairs, label, rng)
    generated = OWN_WEIGHT * real + (1 - OWN_WEIGHT) * other
    grid_rows = np.arange(min(GRID_SEGMENTS, count), dtype=np.int64)
    draws = np.stack(
        [
            OWN_WEIGHT * real[grid_rows]
            + (1 - OWN_WEIGHT) * _mixtures(pairs, label[grid_rows], rng)
            for _ in range(GRID_NOISES)
        ],
        axis=1,
    )

    def mixed(weights: npt.NDArray[np.float64], kind: Kind = "images") -> dict[str, FloatArray]:
        seen = outputs.get(kind, {})
        return {name: (weights @ output).astype(np.float32) for name, output in seen.items()}

    def source(side: str) -> npt.NDArray[np.str_]:
        per_source = len(pairs.classes) * SEGMENTS_A_SOURCE
        return np.array(
            [f"{side}-{pairs.classes[k]}-{i // per_source}" for i, k in enumerate(label)]
        )

    acoustic = outputs.get("sounds", {}).get("acoustic", pairs.acoustic)
    test_source = source("test")
    return JudgeOutputs(
        generated=mixed(generated),
        real=mixed(real),
        acoustic=(real @ acoustic).astype(np.float32),
        label=label,
        classes=pairs.classes,
        train=mixed(train),
        train_label=label,
        source=test_source,
        train_source=source("train"),
        train_acoustic=(train @ acoustic).astype(np.float32),
        sounds=mixed(real, "sounds"),
        train_sounds=mixed(train, "sounds"),
        texts=outputs.get("texts", {}),
        grid=mixed(draws),
        grid_rows=grid_rows,
        factors={k: (real @ v).astype(np.float32) for k, v in pairs.factors.items()},
        train_factors={k: (train @ v).astype(np.float32) for k, v in pairs.factors.items()},
        block=make_blocks(test_source, label)[0],
    )


def _mixtures(pairs: Pairs, label: IntArray, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return weights ``[n, SEEN]`` that sum to 1, on a few pairs of the class each."""
    weights = rng.gamma(0.3, size=(len(label), len(pairs)))
    weights *= label[:, np.newaxis] == pairs.label
    total: npt.NDArray[np.float64] = weights.sum(axis=1, keepdims=True)
    return weights / total
