"""A Ray cluster of several nodes: one is lost in the middle of a study."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_nodes
import warnings_of_others

from a2ibench.errors import UserError
from a2ibench.runs.executors import Update
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.executors.ray_tune import Config, RayTune
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request

Tiny = Callable[..., Request]

# Ray warns about its own dependencies.
pytestmark = [
    pytest.mark.integration,
    warnings_of_others.ignored,
]


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """Real nodes on this machine: a head that computes nothing."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args=ray_nodes.options(num_cpus=0))
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """The same, to which a test adds nodes of its own."""
    yield head
    for node in list(head.worker_nodes):
        head.remove_node(node)


def weights(folder: Path) -> dict[str, str]:
    results = [json.loads(path.read_text()) for path in folder.glob("jobs/*/result.json")]
    return {result["key"]: result["weights"] for result in results if "weights" in result}


def test_the_trials_of_a_node_that_dies_go_on_elsewhere_and_end_as_if_it_had_not(
    tmp_path: Path, display: Display, tiny: Tiny, cluster: Any
) -> None:
    nodes = [cluster.add_node(**ray_nodes.options(num_cpus=1)) for _ in range(2)]
    cluster.wait_for_nodes()
    here, there = tmp_path / "inline", tmp_path / "nodes"
    run_study(tiny(here, seeds=2, images=(60 * 64,)), Inline(), None, display)
    begun: set[str] = set()

    class LosingANode(RayTune):
        def __call__(self, tasks: Any, tell: Callable[[Update], None]) -> None:
            def watch(update: Update) -> None:
                tell(update)
                if update.step:
                    begun.add(update.trial.job.key)
                checkpoints = list(there.glob("jobs/*/checkpoint.safetensors"))
                if len(begun) == 2 and len(checkpoints) == 2 and len(nodes) == 2:
                    cluster.remove_node(nodes.pop(), allow_graceful=False)

            super().__call__(tasks, watch)

    request = tiny(there, seeds=2, images=(60 * 64,), retries=1)
    said: list[str] = []
    losing = LosingANode(Config(address=cluster.address), said.append)
    assert run_study(request, losing, None, display) == []
    assert len(nodes) == 1, "the node was not lost while both were training"
    assert weights(here) == weights(there)
    assert [line.partition(": ")[2] for line in said] == [
        "its worker was lost; it goes on with another"
    ]


def test_a_node_with_another_version_is_named_before_the_start(
    tmp_path: Path, display: Display, tiny: Tiny, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_node(**ray_nodes.options(num_cpus=1))
    cluster.wait_for_nodes()
    monkeypatch.setattr("a2ibench.runs.executors.ray_cluster.__version__", "9.9")
    with pytest.raises(UserError, match=r"node [\d.]+ of the Ray cluster: a2ibench is version"):
        run_study(tiny(tmp_path / "study"), RayTune(Config(address=cluster.address)), None, display)


def test_a_cluster_that_answers_is_left_as_it_was(cluster: Any) -> None:
    import ray

    RayTune(Config(address=cluster.address)).check()
    assert not ray.is_initialized()


def test_an_address_where_nothing_answers_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
        RayTune(Config(address=address)).check()
    with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
        RayTune(Config(address=address))([], lambda update: None)
