"""Degenerate generated images: every metric has a score for them, or says why there is none."""

from dataclasses import replace

import numpy as np
import pytest

from a2ibench.contracts.judge_outputs import JudgeOutputs
from a2ibench.errors import UndefinedScoreError
from a2ibench.evaluation.evaluate import measure
from a2ibench.registry import metrics

N, GRID, NOISES = 400, 4, 2
WIDTHS = {"features": 12, "logits": 2, "acoustic": 6, "luma": 64 * 64, "packets": 256 * 3}
LISTED = map(metrics.get, metrics.names())
NAMES = sorted({(type(one), one.reads, one.group): one.name for one in LISTED}.values())
"""One of those that differ in numbers."""


def looks(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {name: rng.random((*shape, k)).astype(np.float32) for name, k in WIDTHS.items()}


@pytest.fixture(scope="module")
def whole() -> JudgeOutputs:
    rng = np.random.default_rng(0)
    label, size = np.arange(N) % 2, rng.random(N).astype(np.float32)
    clip = np.array([f"{one}-{i // 40}" for i, one in enumerate(label)])
    block = (np.arange(N) // 40 * 2 + label).astype(np.int64)
    heard = rng.normal(size=(N, 6)).astype(np.float32)
    train = looks(rng, N)
    train["features"][:, 0] = heard[:, 0] = size  # a factor that is seen and heard
    return JudgeOutputs(
        generated=looks(rng, N),
        real=looks(rng, N),
        acoustic=heard,
        label=label,
        classes=("a", "b"),
        train=train,
        train_label=label,
        source=clip,
        train_source=np.array([f"train-{one}" for one in clip]),
        train_acoustic=heard,
        sounds=looks(rng, N),
        train_sounds=looks(rng, N),
        texts={name: one[:2] for name, one in looks(rng, N).items()},
        grid=looks(rng, GRID, NOISES),
        grid_rows=np.arange(GRID),
        factors={"size": size},
        train_factors={"size": size},
        block=block,
    )


@pytest.mark.parametrize("name", NAMES)
def test_pictures_that_look_like_nothing_have_a_score_or_a_reason_why_not(
    whole: JudgeOutputs, name: str
) -> None:
    blank = {
        side: {key: np.zeros_like(one) for key, one in getattr(whole, side).items()}
        for side in ("generated", "grid")
    }
    score, reason = 0.0, ""
    try:
        score = measure(metrics.get(name), replace(whole, **blank), np.arange(20) % 2).score.value
    except UndefinedScoreError as error:
        score, reason = np.nan, str(error)
    assert np.isfinite(score) != bool(reason)


@pytest.mark.parametrize("name", ["audio_sensitivity_lite0", "audio_sensitivity_inclass_lite0"])
def test_sensitivity_is_undefined_where_real_images_are_all_alike(
    whole: JudgeOutputs, name: str
) -> None:
    real = {key: np.ones_like(one) for key, one in whole.real.items()}
    with pytest.raises(UndefinedScoreError, match="the real images are all alike"):
        measure(metrics.get(name), replace(whole, real=real), np.arange(20) % 2)
