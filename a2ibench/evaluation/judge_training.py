"""Train several judges at once, each in a process of its own."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

from a2ibench.evaluation.embed_batches import files_of_judge
from a2ibench.evaluation.judging import Progress, load_judge, training_line
from a2ibench.parallel import MEMORY, Crashed, Processes
from a2ibench.registry import is_found_elsewhere, judges, load_plugin_file
from a2ibench.training.device import choose_device
from a2ibench.types import DataKey, Pairs

FEWEST_PAIRS = 500
"""Training pairs below which starting a process takes longer than it saves."""


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
    names = [name for name in names if is_found_elsewhere(judges, name)]
    if len(names) < 2 or len(train) < FEWEST_PAIRS or choose_device().type != "cpu":
        return
    pool = Processes().sized(MEMORY)
    if pool.single:
        return
    try:
        pickle.dumps(train.sounds)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    for name in names:
        progress(training_line(name, train))
    calls = ((name, train, data_key, files_of_judge(judges.get(name))) for name in names)
    for name, answer in zip(names, pool.in_order(_train, calls), strict=True):
        if isinstance(answer, Crashed):
            progress(f"judge {name}: its process {answer}; it is trained again")


def _train(
    name: str, train: Pairs, data_key: DataKey, plugins: tuple[Path, ...]
) -> Mapping[str, float]:
    """Train one on a worker."""
    for path in plugins:
        load_plugin_file(path)
    return load_judge(name, train, data_key).figures
