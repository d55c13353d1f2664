"""Check in five minutes what holds on a GPU, under a Python in which a2ibench is not installed.

Where it is installed, pack what has to be carried, 64 MiB at most: the bench, this script, and
prepared pairs with their features. Copy the folder to the machine with the GPU, whose Python has
torch and the usual libraries (no Ray, MLflow, PyAV, soundfile or librosa), and run it there::

    python benchmarks/gpu_check.py --pack build/gpu_check
    python build/gpu_check/gpu_check.py --out results

It writes ``gpu_check.json`` and ``gpu_check.png``, and ends with status 1 where something does not
hold. ``--device cpu --seconds 5`` does the same on a processor at small sizes, which shows that the
script works, and nothing about a GPU.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGES = "packages"
"""The folder of what is carried in the place of an installation."""
sys.path.insert(0, str(HERE / PACKAGES))

LARGEST = 64 * 2**20
"""Bytes that may be carried."""
LIMIT = 300.0
"""Seconds for everything: the trainings at paper scale get what the rest leaves."""
PAIRS = {"classes": 4, "train": 90, "test": 10, "seconds": 1.0}
"""Options of `synthetic`: 400 pairs."""


def pack(folder: Path, image_size: int) -> None:
    """Write into a new folder what a machine without a2ibench needs."""
    import numpy as np

    from a2ibench import config, registry
    from a2ibench.data.features import encode_store
    from a2ibench.data.prepare import prepare

    if folder.exists():
        sys.exit(f"{folder}: is there already; give a new folder")
    for name in ("a2ibench", "a2ibench_baselines", "a2ibench_plugins"):
        source = Path(str(import_module(name).__file__)).parent
        bare = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / PACKAGES / name, ignore=bare)
    # Plug-ins are found by the entry points in the metadata of an installation.
    about = importlib.metadata.distribution("a2ibench")
    metadata = folder / PACKAGES / f"a2ibench-{about.version}.dist-info"
    metadata.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(about.read_text(name) or "", encoding="utf-8")
    for name in ("gpu_check.py", "gpu_checks.py"):
        shutil.copyfile(HERE / name, folder / name)
    options = {**PAIRS, "image_size": image_size}
    synthetic = registry.datasets.get("synthetic")
    dataset = synthetic(config.build(synthetic.Config, options, "synthetic"))
    store = prepare(dataset, folder / "store")
    np.save(folder / "features.npy", encode_store(store, registry.encoders.build("logmel", {})))
    size = sum(path.stat().st_size for path in folder.rglob("*"))
    print(f"{folder}: {size / 2**20:.1f} MiB")
    if size > LARGEST:
        sys.exit(f"{folder}: more than {LARGEST / 2**20:.0f} MiB; give a smaller --image-size")


def run(out: Path, seconds: float, gpu: bool) -> bool:
    """Run every check, write the report, and return whether everything holds."""
    import gpu_checks as checks

    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"gpu": gpu}
    if not gpu:
        report["note"] = "no GPU was used: this ran on the processor, at small sizes"
        print(report["note"])
    with tempfile.TemporaryDirectory() as temporary:
        bench = checks.open_bench(HERE, Path(temporary))
        first = {
            "machine": checks.check_machine,
            "determinism": checks.check_determinism,
            "resume": checks.check_resume,
            "precision": checks.check_precision,
            "two halves": checks.check_halves,
        }
        for name, check in first.items():
            report[name] = attempt(name, partial(check, bench))
        left = LIMIT - 10 - (time.monotonic() - started)
        each = min(seconds, left / len(checks.ARMS))
        paper = partial(checks.check_paper, bench, each, out / "gpu_check.png")
        report["paper scale"] = attempt("paper scale", paper)
    report["seconds"] = round(time.monotonic() - started, 1)
    report["holds"] = all(one["holds"] for one in report.values() if isinstance(one, dict))
    path = out / "gpu_check.json"
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path}: {'everything holds' if report['holds'] else 'not everything holds'}")
    return bool(report["holds"])


def attempt(name: str, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run one check; an error is a finding, and the others run all the same."""
    started = time.monotonic()
    try:
        found = check()
    except Exception:
        found = {"holds": False, "error": traceback.format_exc()}
    found["seconds"] = round(time.monotonic() - started, 1)
    print(f"{name}: {'holds' if found['holds'] else 'fails'}, {found['seconds']} s", flush=True)
    return found


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = asked.add_mutually_exclusive_group(required=True)
    what.add_argument("--pack", type=Path, metavar="FOLDER", help="write what is to be carried")
    what.add_argument("--out", type=Path, metavar="FOLDER", help="check, and write the results")
    asked.add_argument("--image-size", type=int, default=128, help="with --pack: side in pixels")
    asked.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    asked.add_argument("--seconds", type=float, default=120.0, help="of each arm at paper scale")
    given = asked.parse_args()
    if given.pack:
        pack(given.pack, given.image_size)
        return
    if not (HERE / "store").is_dir():
        sys.exit(f"{HERE}: no pairs are packed here; run the script of the folder that --pack made")
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    gpu = torch.cuda.is_available()
    if given.device == "cuda" and not gpu:
        sys.exit("torch finds no GPU; --device cpu does the same on the processor at small sizes")
    sys.exit(0 if run(given.out, given.seconds, gpu) else 1)


if __name__ == "__main__":
    main()
