"""A collection of VGGSound's size on three Ray nodes, of which one is killed, and in one process.

The list has the shape of VGGSound's: 199,176 rows of 309 classes, names with commas and
parentheses, ids that begin with ``-`` or hold ``_``, ids with several start times. Some rows have
a tiny film; the others are missing. All is made here, from a seed. It ends with status 1 unless the
two stores, and the features of their sounds, are equal to the byte.
"""

import argparse
import csv
import io
import os
import resource
import shutil
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from a2ibench import config, registry
from a2ibench.contracts.executor import Executor
from a2ibench.curation.check import check_store
from a2ibench.data.features import encode_store
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.parallel import spread_over
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.ray_tune import Config, RayTune

ROWS, TEST, CLASSES = 199_176, 15_446, 309
COMMAS, DASHED, UNDERSCORED, REPEATED = 23, 299, 2_221, 595
"""Class names with a comma (one more has parentheses); ids of the test list."""
LETTERS = string.ascii_letters + string.digits
NODES, SIDE, FRAME_RATE, RATE, SECONDS = 3, 32, 10, 22_050, 1.2


def make_list(rows: int, rng: np.random.Generator) -> list[tuple[str, int, str, str]]:
    """Rows of ``vggsound.csv``: id, start, label, side."""
    labels = [f"sound {i:03d}" for i in range(CLASSES)]
    for i in range(COMMAS):
        labels[i] = f"sound {i:03d}, and its like"
    labels[COMMAS] = f"sound {COMMAS:03d} (of its like)"
    test = round(rows * TEST / ROWS)
    ids = ["".join(rng.choice(list(LETTERS), 11)) for _ in range(min(rows, 1 << 14))]
    ids = [f"{ids[i % len(ids)][:7]}{np.base_repr(i, 36):0>4}" for i in range(rows)]
    share = test / TEST
    ids[: round(DASHED * share)] = [f"-{one[1:]}" for one in ids[: round(DASHED * share)]]
    for i in range(round(DASHED * share), round((DASHED + UNDERSCORED) * share)):
        ids[i] = f"{ids[i][:2]}_{ids[i][3:]}"
    repeated = round(REPEATED * share)
    ids[test - repeated : test] = ids[:repeated]
    starts = 10 * rng.integers(0, 30, rows)
    starts[test - repeated : test] = starts[:repeated] + 10
    return [
        (one, int(start), labels[i % CLASSES], "test" if i < test else "train")
        for i, (one, start) in enumerate(zip(ids, starts, strict=True))
    ]


def make_film(seed: int) -> bytes:
    """Noise, seen and heard: a film of its own for each seed."""
    rng = np.random.default_rng(seed)
    written = io.BytesIO()
    with av.open(written, "w", format="matroska") as out:
        video: Any = out.add_stream("mjpeg", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = SIDE, SIDE, "yuvj420p"
        video.codec_context.time_base = Fraction(1, FRAME_RATE)
        sound: Any = out.add_stream("pcm_s16le", rate=RATE, layout="mono")
        board = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        for number in range(round(SECONDS * FRAME_RATE)):
            shown = np.roll(board, number, axis=1).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
            frame.pts = number
            out.mux(video.encode(frame.reformat(format="yuvj420p")))
        out.mux(video.encode(None))
        samples = rng.integers(-8_000, 8_000, (1, round(SECONDS * RATE)), dtype=np.int16)
        heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        heard.sample_rate, heard.pts = RATE, 0
        out.mux(sound.encode(heard))
        out.mux(sound.encode(None))
    return written.getvalue()


def make_collection(folder: Path, rows: int, films: int) -> None:
    rng = np.random.default_rng(2020)
    lines = make_list(rows, rng)
    with (folder / "vggsound.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(lines)
    held = rng.permutation(rows)
    test = round(rows * TEST / ROWS)
    # As many of the test as of the training clips: each class needs both.
    chosen = [*held[held < test][: films // 3], *held[held >= test][: films - films // 3]]
    (folder / "video").mkdir()
    for seed, row in enumerate(chosen):
        one, start, *_ = lines[row]
        (folder / "video" / f"{one}_{start:06d}.mkv").write_bytes(make_film(seed))


def open_layout(folder: Path) -> Any:
    layout: Any = registry.datasets.get("vggsound")
    options = {"seconds": 1, "hop": 1, "image_size": SIDE}
    return layout(config.build(layout.Config, options, "vggsound"), folder)


def timed(what: str, do: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    made = do()
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def by(
    executor: Executor[Any], films: Path, out: Path, encoder: str, lose: Callable[[], None]
) -> None:
    """Prepare and encode with a cache of its own; ``lose`` is called after a third of the films."""
    os.environ["A2IBENCH_CACHE"] = str(out / "cache")
    (out / "cache").mkdir(parents=True)
    dataset = timed("  list read, files found", lambda: open_layout(films))

    def watch(done: int, total: int) -> None:
        if done == total // 3:
            lose()

    with executor.pool() as pool, spread_over(pool):
        store = timed("  prepared", lambda: prepare(dataset, out / "store", watch))
        features = registry.encoders.build(encoder, {})
        timed(f"  encoded with {encoder}", lambda: encode_store(store, features))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--films", type=int, default=2_000)
    parser.add_argument("--encoder", default="logmel")
    parser.add_argument("--collection", type=Path, help="kept there, and made once")
    given = parser.parse_args()
    from ray.cluster_utils import Cluster

    folder = Path(tempfile.mkdtemp())
    films = given.collection or folder / "films"
    if not films.exists():
        films.mkdir()
        timed(
            f"{given.rows:,} rows and {given.films:,} films made",
            lambda: make_collection(films, given.rows, given.films),
        )
    os.environ["A2IBENCH_CACHE"] = str(folder / "nodes" / "cache")  # that of the nodes
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(NODES)]
    cluster.wait_for_nodes()

    def lose() -> None:
        if len(nodes) == NODES:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            print("  a node is killed", flush=True)

    print(f"{NODES} Ray nodes with one processor each")
    executor = RayTune(Config(address=cluster.address), lambda line: print(f"  {line}"))
    by(executor, films, folder / "nodes", given.encoder, lose)
    cluster.shutdown()  # type: ignore[no-untyped-call]
    print("one process")
    by(Inline(), films, folder / "one", given.encoder, lambda: None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest memory of this process, which lists and writes: {peak:.2f} GiB")
    same = {
        what: files(folder / "nodes" / what) == files(folder / "one" / what)
        for what in ("store", "cache/features")
    }
    store = PairStore(folder / "one" / "store")
    print(f"{len(store):,} pairs of {len(store.classes)} classes; equal to the byte: {same}")
    found = timed("checked", lambda: check_store(store.root, lambda name: lambda done, total: None))
    print(f"findings: {dict(Counter(finding.kind for finding in found.findings))}")
    shutil.rmtree(folder)
    if len(nodes) == NODES or not all(same.values()):
        sys.exit("a node was not lost, or the bytes differ")


if __name__ == "__main__":
    main()
