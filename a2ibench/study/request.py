"""The request of one command, and its outline before any pairs are read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from a2ibench import config, registry
from a2ibench.config import MAX_IMAGES, SEEDS
from a2ibench.data.prepare import check_dataset
from a2ibench.errors import UserError
from a2ibench.evaluation.feasibility import EVERY, HEADLINE, SEVERAL, find_metric
from a2ibench.results.rows import label_of_reference
from a2ibench.results.study import find_study
from a2ibench.study.arm import Arm, expand_arms
from a2ibench.study.planned_rows import outside_labels
from a2ibench.study.primary import Primary, check_contrasts, check_metrics, declared_in
from a2ibench.study.scale import get_scale


@dataclass(frozen=True)
class Request:
    """A request of the user.

    Attributes:
        ablate: the ablations; see :mod:`a2ibench.study.ablation`.
        dataset: a registered name, or a folder that holds a pair store.
        seeds: number of training seeds: 0, 1, …
        images: budgets, the training images of each trial; empty for the scale's one.
        settings: configuration values by the name of a model, dataset, encoder or executor; see
            :func:`a2ibench.study.combinations.expand_axes` for those with one encoder alone.
        metrics: registered names; empty for the headline metrics, ``"all"`` among them for every
            metric, as far as data and judges allow.
        primary: the primary questions that the user declares; see :mod:`a2ibench.study.primary`.
        folder: of the study; None for ``studies/<dataset>``.
        plugins: the user's files, loaded already.
        retries: number of times to try a trial again that crashed.
        workers: number of processes, on a GPU each if there are any, that train one model together,
            as the executor has it.
        earlier: whether results of earlier code are kept or computed again; None to be asked.
    """

    models: tuple[str, ...]
    ablate: tuple[str, ...] = ()
    dataset: str = "arcade"
    encoder: str = "soundnet8"
    seeds: int = SEEDS
    scale: str = "small"
    images: tuple[int, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    primary: Primary = field(default_factory=Primary)
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
    """A request with every name and value checked, before any pairs are made.

    Attributes:
        arms: full models, each followed by its ablations.
        budgets: training images of each trial, in ascending order.
        dataset_options: options of a dataset that is prepared by name.
    """

    arms: tuple[Arm, ...]
    references: tuple[str, ...]
    metrics: tuple[str, ...]
    budgets: tuple[int, ...]
    dataset_options: Mapping[str, Any]
    folder: Path


def check_budgets(budgets: Sequence[int]) -> tuple[int, ...]:
    """Return some budgets; raise a UserError where one is out of range, or they do not increase."""
    said = f"--images {','.join(map(str, budgets))}"
    for images in budgets:
        if not 1 <= images <= MAX_IMAGES:
            raise UserError(f"{said}: expected numbers from 1 to {MAX_IMAGES:,}, got {images}")
    for less, more in pairwise(budgets):
        if more <= less:
            raise UserError(f"{said}: expected increasing numbers; {more} comes after {less}")
    return tuple(budgets)


def outline(request: Request) -> Outline:
    """Check every name and value of a request; prepare and read no pairs.

    Raises:
        UserError: an unknown name or option, a folder that is no pair store, a value out of range,
            budgets that do not increase, settings of something that this study does not use,
            primary questions that it does not answer.
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
    metrics = [name if name in SEVERAL else find_metric(name).name for name in request.metrics]
    references = sorted(
        registry.references.names(), key=lambda name: (registry.references.get(name).row, name)
    )
    # Absolute: workers have a working directory of their own.
    folder = (request.folder or Path("studies") / request.data_name).resolve()
    earlier = find_study(folder)
    _check_labels([*(arm.label for arm in arms), *map(label_of_reference, references)])
    outside = outside_labels(earlier)
    if taken := sorted({arm.label for arm in arms} & set(outside)):
        raise UserError(
            f"{folder}: has an outside system of the name {taken[0]!r}; --out FOLDER makes another"
            " study"
        )
    declared = request.primary if request.primary.declared else declared_in(earlier)
    names = [n for n in declared.metrics if request.primary.declared or n in registry.metrics]
    primary = [registry.metrics.get(name).name for name in names]
    # Which of them the pairs allow is known when they are there.
    check_metrics(primary, primary)
    listed = [registry.metrics.get(name) for name in registry.metrics.names()]
    usual = {metric.name for metric in listed if metric.headline}
    if not metrics and not usual.issuperset(primary):
        metrics = [HEADLINE]
    if metrics and EVERY not in metrics:
        metrics += primary
    if request.primary.contrasts:
        methods = [*outside, *(arm.label for arm in arms)]
        check_contrasts(request.primary.contrasts, methods, [*map(label_of_reference, references)])
    return Outline(
        arms=tuple(arms),
        references=tuple(references),
        metrics=tuple(dict.fromkeys(metrics)),
        budgets=check_budgets(request.images or (scale.images,)),
        dataset_options=options,
        folder=folder,
    )


def _check_labels(labels: Sequence[str]) -> None:
    """Refuse two rows of one label: one would take the place of the other."""
    for label, count in Counter(labels).items():
        if count > 1:
            raise UserError(
                f"two rows of the name {label!r}, of models or reference rows; rename the plug-in"
                " of one"
            )
