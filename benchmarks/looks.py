"""looks.py [N]: all headline metrics of an image set against showing it to the judges, twice.

Both times the real images are known. Judges look at other images of the same size for the pass. The
second time all looks come from the cache: what is left are the metrics and their intervals.
"""

import os
import sys
import tempfile
import time

import numpy as np

from a2ibench import config, registry
from a2ibench.data.features import encode_store, split_pairs
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.evaluate import Drawn, default_metrics, evaluate, load_judges
from a2ibench.evaluation.exam import make_exam
from a2ibench.evaluation.judging import look_at
from a2ibench.storage import content_key


def main() -> None:
    os.environ["A2IBENCH_CACHE"] = tempfile.mkdtemp()
    half = int(sys.argv[1]) // 2 if len(sys.argv) > 1 else 200
    store = open_dataset("synthetic", {"image_size": 64, "test": half})
    logmel = registry.encoders.get("logmel")
    encoder = logmel(config.build(logmel.Config, {}, "logmel"))
    train, test, _ = split_pairs(store, encode_store(store, encoder))
    names = default_metrics(test).names
    metrics = [registry.metrics.get(name)() for name in names]
    judges = load_judges(metrics, train, content_key([store.content_hash]))
    rng = np.random.default_rng(0)
    generated, others = rng.integers(0, 256, (2, len(test), 64, 64, 3), dtype=np.uint8)
    real = test.images[:]
    exam = make_exam(train, test)
    evaluate(Drawn(real), exam, metrics, judges)  # the real images are in the cache from now on
    start = time.perf_counter()
    for loaded in judges.values():
        look_at(loaded, others)
    one_pass = time.perf_counter() - start
    start = time.perf_counter()
    evaluate(Drawn(generated), exam, metrics, judges)
    suite = time.perf_counter() - start
    start = time.perf_counter()
    evaluate(Drawn(generated), exam, metrics, judges)
    again = time.perf_counter() - start
    print(
        f"{len(test)} images, {len(metrics)} headline metrics, {len(judges)} judges: one pass"
        f" {one_pass:.1f} s; all metrics {suite:.1f} s, ratio {suite / one_pass:.2f}; from the"
        f" cache {again:.2f} s"
    )


if __name__ == "__main__":
    main()
