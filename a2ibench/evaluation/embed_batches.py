"""Embed batches of images or sounds with a judge: in this process, or on workers."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt
import torch

from a2ibench.contracts.judge import METHODS, Judge, Kind
from a2ibench.errors import UserError
from a2ibench.parallel import Crashed, current_pool
from a2ibench.registry import is_found_elsewhere, judges, load_plugin_file, plugin_files
from a2ibench.training.device import choose_device
from a2ibench.types import FloatArray

FEWEST = 8
"""Batches below which nothing is gained by sending them to workers."""


class Loaded(Protocol):
    """A judge as :class:`~a2ibench.evaluation.judging.LoadedJudge` holds it."""

    @property
    def judge(self) -> Judge:
        """The judge, frozen."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that its outputs depend on."""

    @property
    def again(self) -> "Callable[[], Loaded | None] | None":
        """Loads the same judge in another process."""


def embed_batches(
    loaded: Loaded, kind: Kind, batches: Iterable[npt.NDArray[Any]], count: int
) -> Iterator[Mapping[str, FloatArray]]:
    """Yield a judge's outputs for each batch, as :meth:`Judge.embed` gives them.

    Batches go to other machines where the current workers are there, except that a GPU of this
    machine is quicker than their processors, and a few batches are not worth the way. Sounds, which
    take much longer than images, go to processes of this machine as well.

    Args:
        loaded: the judge.
        kind: of the inputs.
        batches: the inputs; taken as they are needed.
        count: number of batches.

    Raises:
        UserError: a machine has another judge, or lacks memory.
    """
    pool = current_pool()
    here = count < FEWEST or loaded.again is None or choose_device().type != "cpu"
    at_hand = is_found_elsewhere(judges, loaded.judge.name)
    if here or not (pool.elsewhere or (kind == "sounds" and at_hand and not pool.single)):
        yield from map(getattr(loaded.judge, METHODS[kind]), batches)
        return
    files = files_of_judge(type(loaded.judge))
    recipe = loaded.again, loaded.judge.name, loaded.fingerprint, files, METHODS[kind]
    for answer in pool.in_order(_embed_there, ((*recipe, batch) for batch in batches)):
        if isinstance(answer, Crashed):
            raise UserError(f"judge {loaded.judge.name}: a worker {answer}; embed here instead")
        yield answer


def files_of_judge(judge: type[Judge]) -> tuple[Path, ...]:
    """Return the files of the user's that define a judge and its base, for another process."""
    return plugin_files(judge, *([judges.get(judge.base)] if judge.base else []))


_OPEN: dict[str, Judge] = {}
"""The judges of this worker, by their fingerprints."""


def _embed_there(
    load: Callable[[], Loaded | None],
    name: str,
    fingerprint: str,
    plugins: tuple[Path, ...],
    method: str,
    batch: npt.NDArray[Any],
) -> dict[str, FloatArray]:
    """Embed on a worker."""
    if fingerprint not in _OPEN:
        torch.set_num_threads(1)  # there is a worker for each processor
        for path in plugins:
            load_plugin_file(path)
        loaded = load()
        if loaded is None or loaded.fingerprint != fingerprint:
            raise UserError(
                f"judge {name} on {socket.gethostname()}: not the same as where the command was"
                " given; the cache (A2IBENCH_CACHE) must be shared by all nodes"
            )
        _OPEN[fingerprint] = loaded.judge
    return dict(getattr(_OPEN[fingerprint], method)(batch))
