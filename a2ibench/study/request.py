"""The request of one command, and its outline before any pairs are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from a2ibench import config, registry
from a2ibench.data.prepare import check_dataset
from a2ibench.evaluation.feasibility import EVERY, find_metric
from a2ibench.study.arm import Arm, expand_arms
from a2ibench.study.scale import get_scale


@dataclass(frozen=True)
class Request:
    """The user's request.

    Attributes:
        models: registered names.
        ablate: what to change, one at a time; see :mod:`a2ibench.study.ablation`.
        dataset: a registered name, or a folder that holds a pair store.
        encoder: a registered name.
        seeds: number of training seeds: 0, 1, …
        scale: ``"small"`` or ``"paper"``.
        images: training images a trial; None for the scale's.
        settings: configuration values by the name of a model, dataset, encoder or executor.
        metrics: registered names; empty for the headline metrics, ``"all"`` among them for every
            metric, as far as data and judges allow.
        folder: of the study; None for ``studies/<dataset>``.
        plugins: the user's files, loaded already.
        retries: number of times to try a trial again that crashed.
        executor: registered name of what spreads the trainings.
        workers: processes, on a GPU each if there are any, that train one model together; the
            executor says how many.
        earlier: what becomes of results of earlier code; None to be asked.
    """

    models: tuple[str, ...]
    ablate: tuple[str, ...] = ()
    dataset: str = "arcade"
    encoder: str = "soundnet8"
    seeds: int = 1
    scale: str = "small"
    images: int | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    folder: Path | None = None
    plugins: tuple[Path, ...] = ()
    retries: int = 1
    executor: str = "ray"
    workers: int = 1
    earlier: Literal["keep", "recompute"] | None = None

    @property
    def data_name(self) -> str:
        """The dataset's name, or that of its folder."""
        return Path(self.dataset).name

    @property
    def used(self) -> set[str]:
        """Names of all whose options may be set."""
        return {*self.models, self.dataset, self.encoder, self.executor}


@dataclass(frozen=True)
class Outline:
    """The meaning of a request before any pairs are made: everything that a wrong word can break.

    Attributes:
        arms: full models, each followed by its ablations.
        references: names of the reference rows.
        metrics: those that were asked for, as in the request.
        images: training images a trial.
        dataset_options: of a dataset that is prepared by name.
        folder: of the study.
    """

    arms: tuple[Arm, ...]
    references: tuple[str, ...]
    metrics: tuple[str, ...]
    images: int
    dataset_options: Mapping[str, Any]
    folder: Path


def outline(request: Request) -> Outline:
    """Check every name and value of a request; prepare and read no pairs.

    Raises:
        UserError: an unknown name or option, a folder that is no pair store, a value out of range,
            settings of something that this study does not use.
    """
    scale = get_scale(request.scale)
    config.check_owners(request.settings, request.used)
    arms = expand_arms(request.models, request.ablate, request.scale, request.settings)
    encoder = registry.encoders.get(request.encoder)
    config.build(encoder.Config, request.settings.get(request.encoder, {}), request.encoder)
    options: dict[str, Any] = dict(request.settings.get(request.dataset, {}))
    if request.dataset in registry.datasets.names():
        options = {"image_size": scale.image_size, **options}
    check_dataset(request.dataset, options)
    metrics = [name if name == EVERY else find_metric(name).name for name in request.metrics]
    return Outline(
        arms=tuple(arms),
        references=tuple(
            sorted(
                registry.references.names(),
                key=lambda name: (registry.references.get(name).row, name),
            )
        ),
        metrics=tuple(dict.fromkeys(metrics)),
        images=request.images or scale.images,
        dataset_options=options,
        # Absolute: workers have a working directory of their own.
        folder=(request.folder or Path("studies") / request.data_name).resolve(),
    )
