"""All default metrics, with their jackknives, of a large test set of made-up features.

    python benchmarks/large_test_set.py 500 8000 50000            # seconds and peak memory
    python benchmarks/large_test_set.py 8000 --against b0e0f39    # and side by side with a commit

No image is drawn or embedded: features, logits and acoustic features are clusters of normal
numbers, one for each of 20 classes, in the sizes of the built-in judges, one clip per five
segments. Each size of each build is a process of its own on one thread; the builds take turns, and
what counts is processor time, the imports and the making of the features left out. Peak memory is
that of the whole process: it includes libraries and the features themselves.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from training_step import ROOT, build

if TYPE_CHECKING:
    from a2ibench.contracts.metric import Metric

CLASSES, CLIP, GRID, NOISES = 20, 5, 48, 4
WIDTHS = {"features": 1280, "logits": 1000, "acoustic": 256}
ABSENT = {"own", "inceptionv3"}
"""Judges of which there is none without a method, or without a download."""


@click.command()
@click.argument("sizes", nargs=-1, type=click.IntRange(min=200), default=[8000])
@click.option("--against", help="a commit, or the folder of a build")
@click.option("--metric", "-m", "names", multiple=True, help="by default all default metrics")
def main(sizes: Sequence[int], against: str | None, names: Sequence[str]) -> None:
    """Measure the metrics of test sets of some SIZES, in segments."""
    with build(against) as folder:
        for n in sizes:
            here = measure(ROOT, n, names)
            there = measure(folder, n, names) if against else {}
            for name in here:
                said = f"{n:,} segments, {name}: {here[name]:.1f} here"
                if name in there:
                    ratio = f"; ratio {here[name] / there[name]:.2f}" if there[name] else ""
                    said += f", {there[name]:.1f} there{ratio}"
                print(said, flush=True)


def measure(folder: Path, n: int, names: Sequence[str]) -> dict[str, float]:
    """Return CPU seconds by metric, their total, and GB of memory, of a build."""
    places = [str(folder / part) for part in (".", "baselines", "plugins")]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, __file__, "--worker", str(n), *names],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), **threads},
    )
    if done.returncode:
        print(f"{n:,} segments: the build in {folder} ended with status {done.returncode}")
        return {}
    found: dict[str, float] = json.loads(done.stdout)
    return found


def find_metrics(names: Sequence[str]) -> "Iterator[Metric]":
    """Yield metrics by their names; without any, all that this build has."""
    from a2ibench import registry
    from a2ibench.errors import UserError

    for name in names or registry.metrics.names():
        try:
            yield registry.metrics.get(name)
        except UserError:
            if names:
                raise
            # The installation names a plug-in that another build lacks.


def worker(n: int, names: Sequence[str]) -> None:
    from a2ibench.contracts.metric import JudgeOutputs
    from a2ibench.evaluation.clip_blocks import jackknife, make_blocks

    chosen = [
        metric
        for metric in find_metrics(names)
        if metric.judge not in ABSENT
        and "factors" not in metric.needs
        and {*metric.reads} <= {*WIDTHS}
        and (names or metric.headline)
    ]
    rng = np.random.default_rng(0)
    clip = np.arange(n) // CLIP
    label = clip % CLASSES
    names_of_clips = np.char.add("clip ", clip.astype(np.str_))
    block, stratum = make_blocks(names_of_clips, label)
    classes = tuple(f"class {i}" for i in range(CLASSES))
    acoustic = rng.normal(size=(n, WIDTHS["acoustic"])).astype(np.float32)

    def made(reads: Sequence[str], judge: str, label: np.ndarray) -> dict[str, np.ndarray]:
        outputs = {}
        for name in reads:
            width = CLASSES if (name, judge) == ("logits", "resnet18") else WIDTHS[name]
            middles = rng.normal(size=(CLASSES, width)).astype(np.float32)
            outputs[name] = rng.standard_normal((len(label), width), dtype=np.float32)
            outputs[name] += middles[label]
        return outputs

    seconds = {}
    for judge, reads in sorted({(metric.judge, metric.reads) for metric in chosen}):
        alike = [metric for metric in chosen if (metric.judge, metric.reads) == (judge, reads)]
        needs = frozenset[str]().union(*(metric.needs for metric in alike))
        grid = made(reads, judge, np.repeat(label[:GRID], NOISES))
        outputs = JudgeOutputs(
            generated=made(reads, judge, label),
            real=made(reads, judge, label),
            acoustic=acoustic,
            label=label,
            classes=classes,
            train=made(reads, judge, label) if "train" in needs else {},
            train_label=label,
            source=names_of_clips,
            train_source=np.char.add("train ", names_of_clips),
            grid={name: output.reshape(GRID, NOISES, -1) for name, output in grid.items()},
            grid_rows=np.arange(GRID),
            block=block,
            disjoint=np.ones(n, dtype=np.bool_),
        )
        for metric in alike:
            start = time.process_time()
            score = metric.score(outputs)
            jackknife(metric, outputs, score, block, stratum)
            seconds[metric.name] = time.process_time() - start
        del outputs
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({**seconds, "all, CPU s": sum(seconds.values()), "peak, GB": peak}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(int(sys.argv[2]), sys.argv[3:])
    else:
        main()
