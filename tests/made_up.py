"""Studies as a run leaves them, with scores that are made up."""

from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.registry import metrics
from a2ibench.storage import write_json

METRICS = {"is1_lite0": 2.0, "kid_lite0": 0.1, "rprec1_i2a_lite0": 0.2}
VERSIONS = {"rprec1_i2a_lite0": 1}
"""Earlier versions than those of today."""


def result(folder: Path, method: str, seed: int, better: float, **changed: str) -> str:
    """A job's folder as a trial leaves it, with scores made up."""
    key = f"{method}-{seed}".replace(" ", "")
    job = {"kind": "model", "method": method, "store": "pairs1", "encoder": "heard1"}
    job |= {"seed": seed, "images": 96, "config": {}, "source": ""}
    job |= {name: value for name, value in changed.items() if name in job}
    scored, blocks = {}, {}
    for i, (name, level) in enumerate(METRICS.items()):
        clips = np.random.default_rng(i).normal(0, 0.01, 8)
        state = [i, seed, len(method), round(1000 * better)]
        noise = np.random.default_rng(state).normal(0, 0.001, 8)
        blocks[name] = level + better * (-1 if name == "kid_lite0" else 1) + clips + noise
        scored[name] = {
            "value": float(blocks[name].mean()), "n": 40, "spread": None,
            "version": VERSIONS.get(name, metrics.get(name).version),
            "judge": "lite0", "judge_fingerprint": changed.get("judge", "seen1"),
        }  # fmt: skip
    path = folder / "jobs" / key
    write_json(
        path / "result.json",
        {
            "format": 2, "protocol": 1, "key": key, "job": job, "version": "0.1.0",
            "encoder": {"name": "logmel", "config": {}}, "dataset": "made", "metrics": scored,
        } | {name: value for name, value in changed.items() if name == "version"},
    )  # fmt: skip
    pd.DataFrame(blocks).to_parquet(path / "blocks.parquet")
    return key


def study(folder: Path, arms: dict[str, float], seeds: int = 3, **changed: str) -> Path:
    jobs = {
        label: [result(folder, label, seed, better, **changed) for seed in range(seeds)]
        for label, better in arms.items()
    }
    models = [label for label in arms if label.isidentifier()]
    about = {"models": models, "metrics": list(METRICS), "jobs": jobs, "encoder": "logmel"}
    about |= {"dataset": "made", "content_hash": changed.get("store", "pairs1")}
    write_json(folder / "study.json", {**about, "scale": "small", "images": 96, "seeds": seeds})
    return folder


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output
