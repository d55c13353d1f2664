"""Made-up features of generated, real and training images."""

import numpy as np

from a2ibench.contracts.metric import JudgeOutputs


def features(n: int, d: int, seed: int, shift: float = 0.0, width: float = 1.0) -> np.ndarray:
    """Normal numbers in sixteenths: exact in float32, and the same on every machine."""
    rng = np.random.default_rng(seed)
    return np.round(16 * rng.normal(shift, width, (n, d))).astype(np.float32) / 16


def outputs_of(generated, real, train=None, train_source=None, **rest) -> JudgeOutputs:
    """The outputs of a judge whose only output is ``features``; clips of four segments."""
    n = len(real)
    train = np.zeros((0, real.shape[1]), np.float32) if train is None else train
    source = [f"train {i}" for i in range(len(train))] if train_source is None else train_source
    return JudgeOutputs(
        generated={"features": np.asarray(generated, np.float32)},
        real={"features": np.asarray(real, np.float32)},
        acoustic=np.zeros((n, 1), np.float32),
        label=np.zeros(n, np.int64),
        classes=("a",),
        train={"features": np.asarray(train, np.float32)},
        train_label=np.zeros(len(train), np.int64),
        source=np.array([f"clip {i // 4}" for i in range(n)]),
        train_source=np.array(source),
        **rest,
    )


def leave_out(metric, outputs: JudgeOutputs, block: np.ndarray) -> list[float]:
    """The score of the segments outside of each block, one by one."""
    rows = [np.flatnonzero(block != b) for b in range(block.max() + 1)]
    return [metric.compute(outputs.take(part)).value for part in rows]
