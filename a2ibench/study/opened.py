"""What a trial works with: pairs with features, and judges, as they were planned."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.contracts.metric import Metric
from a2ibench.data.features import Standardiser, encode_store, split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.evaluation.judging import LoadedJudge
from a2ibench.types import Pairs


@dataclass(frozen=True)
class Data:
    """A dataset with features.

    Attributes:
        train: what models are trained on.
        judging: what judges are trained on; no source of it is in ``train``.
        exam: what everything is judged on, the test pairs among it.
        standardiser: of the features.
    """

    train: Pairs
    judging: Pairs
    exam: EvalSet
    standardiser: Standardiser

    @property
    def test(self) -> Pairs:
        """The test pairs."""
        return self.exam.test


def open_data(
    store: PairStore, encoder: Encoder, progress: Callable[[int, int], None] = lambda *_: None
) -> Data:
    """The three parts of a store with cached features."""
    train, test, standardiser = split_pairs(store, encode_store(store, encoder, progress))
    train, judging = reserve_for_judges(train)
    return Data(train, judging, make_eval_set(train, test), standardiser)


def open_as_planned(
    root: Path, content: str, encoder: str, encoder_config: Mapping[str, Any]
) -> tuple[PairStore, Encoder, Data]:
    """On a worker: the pairs, the encoder, and the parts of the pairs with features.

    Args:
        root: folder of the pair store.
        content: its content hash when the command was planned.
        encoder: registered name.
        encoder_config: its configuration.

    Raises:
        UserError: the pairs are others now.
    """
    plugin = registry.encoders.get(encoder)
    store = PairStore(root)
    if store.content_hash != content:
        raise UserError(
            f"{root}: its pairs or labels are no longer those of the study; start it again"
        )
    built = plugin(config.build(plugin.Config, encoder_config, encoder))
    return store, built, open_data(store, built)


def load_judges_as_planned(
    metrics: Sequence[Metric], data: Data, data_key: str, planned: Mapping[str, str]
) -> dict[str, LoadedJudge]:
    """On a worker: the judges of some metrics, by name.

    Args:
        metrics: what will be computed.
        data: with the pairs that judges are trained on.
        data_key: see :func:`~a2ibench.evaluation.judging.load_judge`.
        planned: judge → fingerprint when the command was planned.

    Raises:
        UserError: a judge is another one here.
    """
    judges = load_judges(metrics, data.judging, data_key)
    for name, loaded in judges.items():
        if loaded.fingerprint != planned[name]:
            raise UserError(
                f"judge {name} differs on this machine from the one of the study: the cache"
                " (A2IBENCH_CACHE) must be shared by all workers"
            )
    return judges
