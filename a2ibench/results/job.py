"""A job: the frozen description of one trial. Its hash is its identity."""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from a2ibench.protocol import PROTOCOL
from a2ibench.results.records import JobRecord
from a2ibench.storage import content_key
from a2ibench.types import DataKey


@dataclass(frozen=True)
class Job:
    """One (dataset, encoder, arm, seed, budget).

    Attributes:
        kind: a trained model, a reference row, or images that a system outside drew.
        method: the registered name of the model or reference; of an outside system, its name.
        config: the resolved configuration of the model; empty for the others.
        source: hash of the code of the method (:func:`~a2ibench.code_hash.source_hash`): a changed
            method is another job. Of an outside system, of its images.
        store: content hash of the pair store.
        encoder: identity of the encoder: its weights, configuration, version and code.
        seed: of the weights, the batches and the noise; of an outside system, which of its runs.
        images: training images, the budget; 0 for the others.
        workers: processes that train it together: each draws its own noise.
        protocol: see :mod:`a2ibench.protocol`.
    """

    kind: Literal["model", "reference", "outside"]
    method: str
    config: Mapping[str, Any]
    source: str
    store: str
    encoder: str
    seed: int
    images: int
    workers: int = 1
    protocol: int = PROTOCOL

    @classmethod
    def from_record(cls, record: JobRecord, protocol: int = 1) -> "Job":
        """Return a job as a file holds it, without keys that this version does not know.

        ``protocol`` is that of a record that names none.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{"protocol": protocol, **record.model_dump(include=names, exclude_unset=True)})

    @functools.cached_property
    def key(self) -> str:
        """20 hexadecimal digits; the name of the job's folder."""
        about = dataclasses.asdict(self)
        if self.workers == 1:
            del about["workers"]  # as it was before there were several
        return content_key(about)

    @functools.cached_property
    def training(self) -> str:
        """Identity of its training: the same for all budgets."""
        return dataclasses.replace(self, images=0).key

    @property
    def data_key(self) -> DataKey:
        """Identity of the pairs that a judge is trained on."""
        return DataKey(self.store, self.encoder)


@dataclass(frozen=True)
class Environment:
    """The circumstances in which the jobs of a study are done; no part of their identity.

    ``store`` is the folder of the pair store, ``judges`` maps those that the metrics need to their
    fingerprints, ``plugins`` are the user's files, and ``retries`` is the number of times to try
    again after a crash, from the last checkpoint.
    """

    store: Path
    encoder: str
    encoder_config: Mapping[str, Any]
    metrics: tuple[str, ...]
    judges: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    retries: int = 0


@dataclass(frozen=True)
class Task:
    """A job to do, in its folder.

    Attributes:
        earlier: folders of the jobs of the same training with smaller budgets, whose states it may
            begin with, the largest first.
        goal: the largest budget that its training goes on to in the present command; 0 where that
            is its own.
    """

    job: Job
    folder: Path
    environment: Environment
    earlier: tuple[Path, ...] = ()
    goal: int = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that its result must have."""
        return self.environment.metrics

    @property
    def judges(self) -> Mapping[str, str]:
        """Judge → fingerprint, of the judges that must have seen its images."""
        return self.environment.judges
