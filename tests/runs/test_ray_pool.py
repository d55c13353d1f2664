"""Workers of a Ray cluster prepare, check, encode and embed the bytes of one process; a node is
lost."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import misbehaving
import numpy as np
import pytest
import ray_nodes
import warnings_of_others
from films import Film, make
from planted import compressed, good_pairs, noise, write

from a2ibench import config, registry
from a2ibench.child_process import Crashed
from a2ibench.curation.check import check_store
from a2ibench.data.encoding import encode_sounds
from a2ibench.data.prepare import prepare
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.embed_batches import embed_batches
from a2ibench.evaluation.judging import load_judge
from a2ibench.one_thread import one_thread
from a2ibench.parallel import Pool, spread_over
from a2ibench.reporting.data_page import write_page
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.ray_tune import Config, RayTune
from a2ibench.types import DataKey
from a2ibench_plugins.datasets.folder import Folder

# Ray warns about its own dependencies.
pytestmark = [
    pytest.mark.integration,
    warnings_of_others.ignored,
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two real nodes of one processor each on this machine."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # functions of tests are called there
        made = Cluster(initialize_head=True, head_node_args=ray_nodes.options(num_cpus=1))
        made.add_node(**ray_nodes.options(num_cpus=1))
        made.wait_for_nodes()
        yield made
        ray.shutdown()
        made.shutdown()


SAID: list[str] = []


@pytest.fixture(scope="module")
def pool(cluster: Any) -> Iterator[Pool]:
    """Their workers, with a gibibyte of memory each."""
    with RayTune(Config(address=cluster.address), SAID.append).pool(2**30) as workers:
        yield workers


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films")
    for i in range(8):
        film = Film(f"{i}.avi", 2.2, 10, (32, 32), "yuvj420p", "mjpeg", "pcm_s16le", 22_050, seed=i)
        make(film, root / "ab"[i % 2])
    return root


def layout(films: Path) -> Folder:
    options = {"seconds": 1, "hop": 0.5, "image_size": 16, "folds": 2}
    return Folder(config.build(Folder.Config, options, "folder"), films)


def contents(store: PairStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.root.iterdir()}


def test_a_crash_or_too_much_memory_costs_one_answer(pool: Pool) -> None:
    assert SAID == ["2 workers on 2 nodes, with 1 GiB of memory each"]
    crashed = list(pool.in_order(misbehaving.exit_if_odd, ((i,) for i in range(4))))
    assert crashed[::2] == [0, 2]
    assert [str(one) for one in crashed[1::2]] == [
        f"ended its process with exit code {i}" for i in (1, 3)
    ]
    large, small = pool.in_order(misbehaving.allocate, [(2**31,), (2**20,)])
    assert str(large) == "needed more than 1 GiB of memory"
    assert small == 2**20
    with pytest.raises(ZeroDivisionError):
        list(pool.in_order(divmod, [(1, 0)]))


def test_a_call_with_which_workers_are_lost_again_and_again_is_given_up(pool: Pool) -> None:
    lost, answered = pool.in_order(misbehaving.kill_parent_if_odd, [(1,), (2,)])
    assert isinstance(lost, Crashed)
    assert str(lost) == "was lost 4 times in a row, together with its worker"
    assert answered == 2
    assert SAID[1:] == ["a worker of the Ray cluster was lost; what it did is done again by others"]


def test_a_node_that_does_not_see_a_file_is_named(pool: Pool, tmp_path: Path) -> None:
    shared = tmp_path / "film.mp4"
    shared.write_bytes(b"film")
    with shared.open() as opened:
        pool.check_sees([shared])
        own = os.dup2(opened.fileno(), 987)  # a path that means a file in this process alone
        try:
            expected = r"node [\d.]+ of the Ray cluster: /proc/self/fd/987 is not there; every node"
            with pytest.raises(UserError, match=expected):
                pool.check_sees([shared, Path(f"/proc/self/fd/{own}")])
        finally:
            os.close(own)


def test_a_cluster_without_room_for_a_worker_is_refused(pool: Pool, cluster: Any) -> None:
    expected = (
        r"no node of the Ray cluster has room for a worker, which needs 1 CPU and 1024.5 GiB of"
        r" memory: .*; `ray start --memory` gives a node more, `a2ibench data prepare"
        r" --worker-memory` asks for less"
    )
    with (
        pytest.raises(UserError, match=expected),
        RayTune(Config(address=cluster.address)).pool(2**40),
    ):
        pass


def test_pairs_prepared_on_nodes_of_which_one_dies_are_those_of_one_process(
    pool: Pool, cluster: Any, films: Path, tmp_path: Path
) -> None:
    nodes = [cluster.add_node(**ray_nodes.options(num_cpus=1))]
    cluster.wait_for_nodes()

    def watch(done: int, total: int) -> None:
        if done == 1:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    with spread_over(pool):
        there = prepare(layout(films), tmp_path / "there", watch)
    assert not nodes, "no node was lost"
    with Inline().pool() as one, spread_over(one):
        here = prepare(layout(films), tmp_path / "here")
    assert contents(here) == contents(there)


def test_a_check_on_nodes_reports_what_one_in_this_process_does(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, small in (("MIN_CALLS", 1), ("BLOCK", 8)):
        monkeypatch.setattr(f"a2ibench.curation.blocks.{name}", small)
    monkeypatch.setattr("a2ibench.curation.picture_copies.BLOCK", 8)
    pairs = good_pairs()
    pairs[-1]["image"] = compressed(pairs[0]["image"], "JPEG", 80)
    pairs[-2]["audio"] = 0.5 * pairs[2]["audio"]
    pairs[4]["audio"] = 0 * noise(0)
    root = write(pairs, tmp_path / "store").root

    def check(workers: Pool, name: str) -> dict[str, bytes]:
        monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / name / "cache"))
        with spread_over(workers):
            checked = check_store(root, lambda name: lambda done, total: None)
        assert {one.kind for one in checked.findings} == {"picture_leak", "sound_leak", "silent"}
        write_page(checked, tmp_path / name / "check.html")
        made = [*(tmp_path / name).glob("*.html"), *(tmp_path / name).rglob("*.npy")]
        return {path.name: path.read_bytes() for path in made}

    with Inline().pool() as one:
        here = check(one, "here")
    assert len(here) == 3  # the page, pictures, sounds
    assert check(pool, "there") == here


@pytest.mark.parametrize("name", ["pixels", "lite0"])
def test_features_and_outputs_of_nodes_are_those_of_one_thread_here(
    name: str, pool: Pool, small_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("data.encoding", "evaluation.embed_batches"):
        monkeypatch.setattr(f"a2ibench.{module}.FEWEST", 1)
    store = PairStore(small_store)
    encoder = registry.encoders.build("logmel", {})
    judge = load_judge(name, store_pairs(store), DataKey(store.content_hash))
    batches = [store.images[:5], store.images[5:7]]

    def compute() -> tuple[Any, list[Any]]:
        encode_sounds(store, encoder, tmp_path / "heard.npy", lambda done, total: None)
        heard = np.load(tmp_path / "heard.npy")
        return heard, list(embed_batches(judge, "images", batches, 2))

    with one_thread():
        heard, seen = compute()
    with spread_over(pool):
        heard_there, seen_there = compute()
    np.testing.assert_array_equal(heard_there, heard)
    for one, other in zip(seen, seen_there, strict=True):
        assert one.keys() == other.keys()
        for output in one:
            np.testing.assert_array_equal(one[output], other[output])


def store_pairs(store: PairStore) -> Any:
    from a2ibench.data.features import bare_pairs

    return bare_pairs(store, "train")
