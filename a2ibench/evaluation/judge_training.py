"""Train several judges at once, each in a process of its own."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

from a2ibench.evaluation.judging import Progress, load_judge, training_line
from a2ibench.parallel import Crashed, Processes
from a2ibench.registry import is_found_elsewhere, judges, load_plugin_file, plugin_files
from a2ibench.training.device import choose_device
from a2ibench.types import DataKey, Pairs

FEWEST_PAIRS = 500
"""Training pairs below which starting a process takes longer than it saves."""
MEMORY = 4 * 2**30
"""Bytes that the training of a judge may take."""


def train_together(
    names: Sequence[str], train: Pairs, data_key: DataKey, progress: Progress = lambda line: None
) -> None:
    """Train judges that are not in the cache, and leave them there.

    Weights are those of :func:`~a2ibench.evaluation.judging.load_judge`, which trains a judge alone
    whose process died here. Nothing is trained where a single process would do it: a GPU, one
    processor, one judge, few pairs, pairs or a judge that cannot be sent to a process.

    Raises:
        UserError: as :func:`~a2ibench.evaluation.judging.load_judge`.
    """
    pool = Processes(memory=MEMORY).sized(MEMORY)
    names = [name for name in names if is_found_elsewhere(judges, name)]
    if len(names) < 2 or len(train) < FEWEST_PAIRS or pool.single or choose_device().type != "cpu":
        return
    try:
        pickle.dumps(train.sounds)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    files = {name: _files(name) for name in names}
    for name in names:
        progress(training_line(name, train))
    calls = ((name, train, data_key, files[name]) for name in names)
    for name, answer in zip(names, pool.in_order(_train, calls), strict=True):
        if isinstance(answer, Crashed):
            progress(f"judge {name}: its process {answer}; it is trained again")


def _files(name: str) -> tuple[Path, ...]:
    plugin = judges.get(name)
    return plugin_files(plugin, *([judges.get(plugin.base)] if plugin.base else []))


def _train(
    name: str, train: Pairs, data_key: DataKey, plugins: tuple[Path, ...]
) -> Mapping[str, float]:
    """Train one on a worker."""
    for path in plugins:
        load_plugin_file(path)
    return load_judge(name, train, data_key).figures
