"""looks.py [N]: all headline metrics of an image set against showing it to the judges, twice.

Both times the real images are known. Judges look at other images of the same size for the pass. The
second time all looks come from the cache: what is left are the metrics and their intervals. torch
computes on one thread, as it does in a trial, and seconds are of the processor: others may use the
machine meanwhile.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch

from a2ibench import config, registry
from a2ibench.contracts.metric import OWN
from a2ibench.data.features import encode_store, split_pairs
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import GeneratedImages, default_metrics, evaluate, load_judges
from a2ibench.evaluation.judging import embed_images
from a2ibench.training.device import make_deterministic
from a2ibench.types import DataKey, ImageArray


def main() -> None:
    os.environ["A2IBENCH_CACHE"] = tempfile.mkdtemp()
    make_deterministic(0, torch.device("cpu"))
    half = int(sys.argv[1]) // 2 if len(sys.argv) > 1 else 200
    store = open_dataset("synthetic", {"image_size": 64, "test": half})
    logmel = registry.encoders.get("logmel")
    encoder = logmel(config.build(logmel.Config, {}, "logmel"))
    train, test, _ = split_pairs(store, encode_store(store, encoder))
    names = default_metrics(test).names
    metrics = [m for name in names if (m := registry.metrics.get(name)).judge != OWN]
    judges = load_judges(metrics, train, DataKey(store.content_hash))
    rng = np.random.default_rng(0)
    before, generated, after = rng.integers(0, 256, (3, len(test), 64, 64, 3), dtype=np.uint8)
    real = test.images[:]
    exam = make_eval_set(train, test)
    evaluate(
        GeneratedImages(real), exam, metrics, judges
    )  # the real images are in the cache from now on

    def seconds(work: Callable[[], object]) -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    def show(images: ImageArray) -> None:
        for loaded in judges.values():
            embed_images(loaded, images)

    # A pass on either side: the speed of a machine that others use drifts.
    passes = [seconds(lambda: show(before))]
    suite, again = (
        seconds(lambda: evaluate(GeneratedImages(generated), exam, metrics, judges))
        for _ in range(2)
    )
    passes.append(seconds(lambda: show(after)))
    one_pass = sum(passes) / 2
    print(
        f"{len(test)} images, {len(metrics)} headline metrics, {len(judges)} judges: one pass"
        f" {one_pass:.1f} s; all metrics {suite:.1f} s, ratio {suite / one_pass:.2f}; from the"
        f" cache {again:.2f} s"
    )


if __name__ == "__main__":
    main()
