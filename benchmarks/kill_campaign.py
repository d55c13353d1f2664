"""Kills a study at random points, again and again: are its results those of an undisturbed one?

Each round starts the same command, waits a random time and sends SIGKILL to its driver, to a worker
or to a part of Ray; then to whatever is left, sooner or later. When the command ends by itself, all
that must not depend on time is compared, to the last bit, with a study that nobody disturbed, and
the next round begins in a new folder. After each kill every file is read: it must be whole.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from a2ibench.training.checkpoint import read_checkpoint

TIMES = {
    "preparation_seconds", "training_seconds", "images_per_second", "evaluation_seconds",
    "hardware", "notes",
}  # fmt: skip
STUDY = """--model vae --model ours --seeds 2 --images 1280 --dataset synthetic --encoder logmel
    --set synthetic.train=12 --set synthetic.test=12 --set synthetic.image_size=32
    --set synthetic.seconds=1.0 --set ours.i2a_steps=20 --metric is1_lite0 --metric kid_lite0
    --tracking-uri none --retries 1000"""
LINGER = 6.0
"""Seconds after which what is left of a killed command is killed too."""


def command(folder: Path, executor: str) -> list[str]:
    run = [str(Path(sys.executable).with_name("a2ibench")), "run", *STUDY.split()]
    return [*run, "--executor", executor, "--out", str(folder)]


def read_all(folder: Path) -> dict[str, Any]:
    """Job → what must not depend on time; every file is read on the way."""
    found = {}
    for job in sorted(folder.glob("jobs/*")):
        checkpoint = job / "checkpoint.safetensors"
        tensors = read_checkpoint(checkpoint)[1] if checkpoint.exists() else {}
        tables = {path.name: pd.read_parquet(path) for path in job.glob("*.parquet")}
        images = {path.name: np.load(path) for path in job.glob("samples/*.npy")}
        if not (job / "result.json").exists():
            continue
        result = json.loads((job / "result.json").read_text())
        found[job.name] = {
            "result": {name: value for name, value in result.items() if name not in TIMES},
            "weights": {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
            "tables": {name: table.to_csv() for name, table in tables.items()},
            "images": {name: image.tobytes() for name, image in images.items()},
        }
    return found


def victims(driver: psutil.Process) -> dict[str, list[psutil.Process]]:
    """What can be killed now, by kind."""
    kinds = collections.defaultdict(list, driver=[driver])
    for child in driver.children(recursive=True):
        try:
            line = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if "forkserver" in line:
            # The first imports for the trials, which are its copies.
            kinds["preparer" if child.ppid() == driver.pid else "worker"].append(child)
        elif "ray::" in line:
            kinds["worker"].append(child)
        elif "raylet" in line or "gcs_server" in line:
            kinds["ray"].append(child)
    return kinds


def disturb(folder: Path, executor: str, wait: float, dice: random.Random) -> str | None:
    """One start of the command and one kill; None where it ended before, with success."""
    driver = subprocess.Popen(
        command(folder, executor), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        _, said = driver.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        pass
    else:
        if driver.returncode == 0:
            return None
        raise SystemExit(f"ended with {driver.returncode} by itself: {said.decode()[-2000:]}")
    process = psutil.Process(driver.pid)
    family = [process, *process.children(recursive=True)]
    kinds = victims(process)
    kind = dice.choice(sorted(kinds))
    dice.choice(kinds[kind]).kill()
    if kind != "driver":
        time.sleep(dice.uniform(0, LINGER))
    else:
        time.sleep(dice.choice([0, 0, 1]))  # orphans may meet the next command
        family = [process] if dice.random() < 0.5 else family
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    driver.wait()
    return kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--executor", default="ray")
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    counts: collections.Counter[str] = collections.Counter()
    finished = 0
    with tempfile.TemporaryDirectory() as root:
        os.environ["A2IBENCH_CACHE"] = str(Path(root) / "cache")
        calm = Path(root) / "calm"
        subprocess.run(command(calm, "inline"), check=True, stdout=subprocess.DEVNULL)
        expected = read_all(calm)
        begun = time.monotonic()
        whole = Path(root) / "whole"
        subprocess.run(command(whole, asked.executor), check=True, stdout=subprocess.DEVNULL)
        usual = time.monotonic() - begun
        assert read_all(whole) == expected
        folder = Path(root) / f"study{finished}"
        while counts.total() < asked.kills or finished == 0:
            late = counts.total() >= asked.kills
            wait = 3600.0 if late else dice.uniform(0.2, 1.0) * usual
            kind = disturb(folder, asked.executor, wait, dice)
            found = read_all(folder)
            for job, content in found.items():
                assert content == expected[job], f"{job} differs after {dict(counts)}"
            if kind is not None:
                counts[kind] += 1
                print(f"kill {counts.total()} ({kind}): {len(found)} jobs done", flush=True)
                continue
            assert found.keys() == expected.keys()
            finished += 1
            folder = Path(root) / f"study{finished}"
    print(
        f"{counts.total()} kills ({', '.join(f'{n} {kind}' for kind, n in counts.items())}) by"
        f" {asked.executor}: {finished} studies finished, each equal to the undisturbed one"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
