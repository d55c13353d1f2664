"""What one command asks for, and the jobs that it expands to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.encoder import Encoder
from a2ibench.curation.last_check import LastCheck, last_check
from a2ibench.data.class_counts import refuse_too_few_clips
from a2ibench.data.features import too_short
from a2ibench.data.prepare import check_dataset, open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import PLUGIN_FAILURES, UserError, command, told
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.evaluation.feasibility import EVERY, Feasibility, feasibility
from a2ibench.results.job import Job, Task
from a2ibench.results.records import Kept
from a2ibench.results.scores import Entry
from a2ibench.results.stored import outside_entries
from a2ibench.source import source_hash
from a2ibench.storage import content_key
from a2ibench.study.arm import Arm, expand_arms
from a2ibench.study.earlier_code import Choice, kept_notes, refuse_other_judges, settle
from a2ibench.study.opened import Data, open_data
from a2ibench.study.resources import refuse_misfits
from a2ibench.study.scale import get_scale

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
    workers: int = 1
    earlier: Choice | None = None

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
class Draft:
    """A study whose pairs are there, before any of them is encoded and any judge is trained.

    Attributes:
        outline: what was asked for.
        encoder: what listens.
        store: the pairs.
        found: what they can answer, the metrics among it.
        check: what their last check found.
        entries: reference rows, outside systems that the study holds already, then arms; their
            tasks name no judges yet.
        kept: results of earlier code that stand in the place of jobs, by their keys.
    """

    outline: Outline
    encoder: Encoder
    store: PairStore
    found: Feasibility
    check: LastCheck
    entries: tuple[Entry, ...]
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def models(self) -> list[Task]:
        """The tasks that train a model, each once, in order."""
        tasks = [task for entry in self.entries for task in entry.tasks]
        return list({task.job.key: task for task in tasks if task.job.kind == "model"}.values())


@dataclass(frozen=True)
class Plan:
    """Entries with their tasks, and the test segments they are judged on.

    Attributes:
        outline: what was asked for.
        entries: reference rows, outside systems that the study holds already, then arms.
        found: what the pairs can answer.
        check: what their last check found.
        store: the pairs.
        data: its parts with features.
        tiled: how many sounds are shorter than the encoder needs.
        kept: as in the draft.
    """

    outline: Outline
    entries: tuple[Entry, ...]
    found: Feasibility
    check: LastCheck
    store: PairStore
    data: Data
    tiled: int
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, in the order of the columns."""
        return self.found.metrics

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


def open_pairs(
    request: Request, chosen: Outline, counter: Counter, make: bool = True
) -> tuple[Encoder, PairStore]:
    """The encoder, and the pairs.

    Args:
        request: what the user asks for.
        chosen: its outline.
        counter: shows progress.
        make: whether a named dataset is prepared where it is not in the cache.

    Raises:
        UserError: data that cannot be prepared or are not there, weights that cannot be had.
    """
    show = counter(f"preparing {request.dataset}")
    if not make:  # of pairs that are not there nothing more is asked: no weights are fetched
        open_dataset(request.dataset, chosen.dataset_options, make=False)
    # First: weights that cannot be had are better known before minutes of preparation.
    encoder = _build_encoder(request)
    return encoder, open_dataset(request.dataset, chosen.dataset_options, show)


def open_parts(
    request: Request, chosen: Outline, counter: Counter
) -> tuple[Encoder, PairStore, Data]:
    """The encoder, the pairs, and their parts with features.

    Raises:
        UserError: as :func:`open_pairs`; or a class has too few training clips to part.
    """
    encoder, store = open_pairs(request, chosen, counter)
    refuse_too_few_clips(store, judges=1)
    return encoder, store, open_data(store, encoder, counter(f"encoding with {request.encoder}"))


def _build_encoder(request: Request) -> Encoder:
    plugin = registry.encoders.get(request.encoder)
    options = _encoder_config(request)
    try:
        return plugin(options)
    except UserError:
        raise
    except PLUGIN_FAILURES as error:  # of somebody else's code
        advice = command("check", "encoder", request.encoder)
        raise UserError(
            f"encoder {request.encoder!r} cannot be built: {told(error)}; `{advice}` says more"
        ) from error


def draft(
    request: Request,
    chosen: Outline,
    encoder: Encoder,
    store: PairStore,
    say: Callable[[str], None],
) -> Draft:
    """Expands a request to tasks, and refuses whatever its pairs cannot be used for.

    Raises:
        UserError: too few clips of a class, a metric that was asked for and cannot be computed,
            pairs of a size that a model does not take, or a study in the folder that is damaged.
    """
    found = feasibility(store, chosen.metrics)
    if found.refused is not None:
        raise UserError(f"{request.dataset}: {found.refused}")
    options = config.to_dict(encoder.config)

    def task(kind: Any, method: str, values: Mapping[str, Any], source: str, seed: int) -> Task:
        job = Job(
            kind=kind,
            method=method,
            config=values,
            source=source,
            store=store.content_hash,
            encoder=encoder.identity(),
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
            metrics=found.metrics,
            judges={},
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
    made = Draft(chosen, encoder, store, found, last_check(store), tuple(entries))
    refuse_misfits(made.models)
    settled, kept = settle(chosen.folder, made.entries, request.earlier)
    jobs = {entry.label: [task.job.key for task in entry.tasks] for entry in settled}
    for note in kept_notes(jobs, kept):
        say(note)
    return replace(made, entries=settled, kept=kept)


def make_plan(
    request: Request,
    counter: Counter,
    say: Callable[[str], None],
    made: Draft | None = None,
) -> Plan:
    """Prepares the data and the judges, and expands the request to tasks.

    Args:
        request: what the user asks for.
        counter: shows progress.
        say: prints a line.
        made: the draft of this request, where one was made already.

    Raises:
        UserError: as :func:`outline` and :func:`draft`; data that cannot be prepared.
    """
    if made is None:
        chosen = outline(request)
        made = draft(request, chosen, *open_pairs(request, chosen, counter), say)
    encoder, store = made.encoder, made.store
    data = open_data(store, encoder, counter(f"encoding with {request.encoder}"))
    data_key = content_key([store.content_hash, encoder.identity()])
    # Before parallel trials would each want them.
    needed = [registry.metrics.get(name)() for name in made.found.metrics]
    new = {task.job.key for entry in made.entries for task in entry.tasks} - made.kept.keys()
    loaded = load_judges(needed if new else [], data.judging, data_key, say)
    judges = {name: judge.fingerprint for name, judge in loaded.items()}
    entries = tuple(
        replace(
            entry,
            tasks=tuple(
                replace(task, judges=judges) if task.job.key in new else task
                for task in entry.tasks
            ),
        )
        for entry in made.entries
    )
    refuse_other_judges(entries, made.kept)
    return Plan(
        outline=made.outline,
        entries=entries,
        found=made.found,
        check=made.check,
        store=store,
        data=data,
        tiled=too_short(store, encoder),
        kept=made.kept,
    )


def _encoder_config(request: Request) -> Any:
    plugin = registry.encoders.get(request.encoder)
    return config.build(plugin.Config, request.settings.get(request.encoder, {}), request.encoder)
