"""What one command asks for, and the jobs that it expands to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.features import too_short
from a2ibench.data.prepare import check_dataset, open_dataset
from a2ibench.data.store import PairStore
from a2ibench.data.types import Pairs
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import check_metric, default_metrics, load_judges
from a2ibench.registry import source_hash
from a2ibench.storage import content_key
from a2ibench.study.arm import Arm, expand_arms
from a2ibench.study.job import Job, Task
from a2ibench.study.opened import Data, open_data
from a2ibench.study.results import Entry
from a2ibench.study.scale import get_scale
from a2ibench.study.stored import outside_entries

EVERY = "all"
"""In the place of a metric's name: every metric that the data and judges allow."""

Counter = Callable[[str], Callable[[int, int], None]]
"""Makes a progress function ``(done, total)`` for something with a name."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        models: registered names.
        ablate: what to change, one at a time; see :mod:`a2ibench.study.ablation`.
        dataset: a registered name, or a folder that holds a pair store.
        encoder: a registered name.
        seeds: how many; seeds are 0, 1, …
        scale: ``"small"`` or ``"paper"``.
        images: training images a trial; None for the scale's.
        settings: configuration values by the name of a model, dataset or encoder.
        metrics: registered names; empty for the headline metrics, ``"all"`` among them for every
            metric, as far as data and judges allow.
        folder: of the study; None for ``studies/<dataset>``.
        plugins: the user's files, loaded already.
        retries: how often a trial that crashed is tried again.
        workers: processes, on a GPU each if there are any, that train one model together.
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
    workers: int = 1

    @property
    def data_name(self) -> str:
        """The dataset's name, or that of its folder."""
        return Path(self.dataset).name


@dataclass(frozen=True)
class Outline:
    """What can be said before any pairs are made: everything that a wrong word can break.

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


@dataclass(frozen=True)
class Plan:
    """Entries with their tasks, and the test segments they are judged on.

    Attributes:
        outline: what was asked for.
        entries: reference rows, outside systems that the study holds already, then arms.
        metrics: names, in the order of the columns.
        left_out: metric → why it is not computed, of those that were not asked for by name.
        store: the pairs.
        data: its parts with features.
        tiled: how many sounds are shorter than the encoder needs.
    """

    outline: Outline
    entries: tuple[Entry, ...]
    metrics: tuple[str, ...]
    left_out: Mapping[str, str]
    store: PairStore
    data: Data
    tiled: int

    @property
    def tasks(self) -> list[Task]:
        """Every task once, in order."""
        unique = {task.job.key: task for entry in self.entries for task in entry.tasks}
        return list(unique.values())

    def label(self, task: Task) -> str:
        """The arm or reference that a task belongs to; the first, where two arms are the same."""
        return next(entry.label for entry in self.entries if task in entry.tasks)


def outline(request: Request) -> Outline:
    """Checks every name and value of a request; prepares and reads no pairs.

    Raises:
        UserError: an unknown name or option, a folder that is no pair store, a value out of range,
            settings of something that this study does not use.
    """
    scale = get_scale(request.scale)
    used = {*request.models, request.dataset, request.encoder}
    config.check_owners(request.settings, used)
    arms = expand_arms(request.models, request.ablate, request.scale, request.settings)
    _encoder_config(request)
    options: dict[str, Any] = dict(request.settings.get(request.dataset, {}))
    if request.dataset in registry.datasets.names():
        options = {"image_size": scale.image_size, **options}
    check_dataset(request.dataset, options)
    for name in request.metrics:
        if name != EVERY:
            registry.metrics.get(name)
    return Outline(
        arms=tuple(arms),
        references=tuple(
            sorted(
                registry.references.names(),
                key=lambda name: (registry.references.get(name).row, name),
            )
        ),
        metrics=tuple(dict.fromkeys(request.metrics)),
        images=request.images or scale.images,
        dataset_options=options,
        # Absolute: workers have a working directory of their own.
        folder=(request.folder or Path("studies") / request.data_name).resolve(),
    )


def open_parts(
    request: Request, chosen: Outline, counter: Counter
) -> tuple[Encoder, PairStore, Data]:
    """The encoder, the pairs, and their parts with features.

    Raises:
        UserError: data that cannot be prepared, weights that cannot be had.
    """
    # First: weights that cannot be had are better known before minutes of preparation.
    encoder = registry.encoders.get(request.encoder)(_encoder_config(request))
    store = open_dataset(
        request.dataset, chosen.dataset_options, counter(f"preparing {request.dataset}")
    )
    return encoder, store, open_data(store, encoder, counter(f"encoding with {request.encoder}"))


def make_plan(request: Request, counter: Counter, say: Callable[[str], None]) -> Plan:
    """Prepares the data and the judges, and expands the request to tasks.

    Raises:
        UserError: as :func:`outline`; data that cannot be prepared; a test split that is too small
            for a metric.
    """
    chosen = outline(request)
    encoder, store, data = open_parts(request, chosen, counter)
    metrics, left_out = _choose_metrics(chosen, data.test)
    data_key = content_key([store.content_hash, encoder.fingerprint()])
    # Before parallel trials would each want them.
    needed = [registry.metrics.get(name)() for name in metrics]
    loaded = load_judges(needed, data.judging, data_key, say)
    judges = {name: judge.fingerprint for name, judge in loaded.items()}
    options = config.to_dict(encoder.config)

    def task(kind: Any, method: str, values: Mapping[str, Any], source: str, seed: int) -> Task:
        job = Job(
            kind=kind,
            method=method,
            config=values,
            source=source,
            store=store.content_hash,
            encoder=encoder.fingerprint(),
            seed=seed,
            images=chosen.images if kind == "model" else 0,
            workers=request.workers if kind == "model" else 1,
        )
        return Task(
            job=job,
            folder=chosen.folder / "jobs" / job.key,
            store=store.root,
            encoder=request.encoder,
            encoder_config=options,
            metrics=metrics,
            judges=judges,
            plugins=request.plugins,
            retries=request.retries,
        )

    entries = []
    for name in chosen.references:
        reference = registry.references.get(name)
        seeds = range(request.seeds if reference.random else 1)
        source = source_hash(reference)
        tasks = tuple(task("reference", name, {}, source, seed) for seed in seeds)
        entries.append(Entry(name.replace("_", " "), name, None, True, tasks))
    entries += outside_entries(chosen.folder, task("reference", "", {}, "", 0), say)
    for arm in chosen.arms:
        source = source_hash(registry.models.get(arm.model))
        tasks = tuple(
            task("model", arm.model, arm.config, source, seed) for seed in range(request.seeds)
        )
        full = arm.model if arm.change else None
        entries.append(Entry(arm.label, arm.model, full, False, tasks))
    return Plan(
        outline=chosen,
        entries=tuple(entries),
        metrics=metrics,
        left_out=left_out,
        store=store,
        data=data,
        tiled=too_short(store, encoder),
    )


def _encoder_config(request: Request) -> Any:
    plugin = registry.encoders.get(request.encoder)
    return config.build(plugin.Config, request.settings.get(request.encoder, {}), request.encoder)


def _choose_metrics(chosen: Outline, test: Pairs) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The metrics to compute, and why others are left out.

    Raises:
        UserError: one that was asked for by name cannot be computed on these data.
    """

    def column(name: str) -> tuple[int, str]:
        return registry.metrics.get(name).column, name

    if not chosen.metrics or EVERY in chosen.metrics:
        default = default_metrics(test, every=EVERY in chosen.metrics)
        return tuple(sorted(default.names, key=column)), default.left_out
    for name in chosen.metrics:
        try:
            check_metric(registry.metrics.get(name)(), test)
        except UserError as error:
            raise UserError(f"metric {error}; or choose other metrics") from None
    return tuple(sorted(chosen.metrics, key=column)), {}
