"""From a request and its pairs to jobs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Literal

from a2ibench import config, registry
from a2ibench.code_hash import source_hash
from a2ibench.contracts.encoder import Encoder
from a2ibench.curation.last_check import LastCheck, last_check
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.feasibility import Feasibility, feasibility
from a2ibench.results.job import Environment, Job, Task
from a2ibench.results.job_state import JobState
from a2ibench.results.records import Kept
from a2ibench.results.result_file import JOBS
from a2ibench.results.rows import label_of_reference
from a2ibench.results.study import Study, find_study
from a2ibench.study.earlier_results import kept_notes, settle
from a2ibench.study.planned_rows import Entry, outside_entries
from a2ibench.study.primary import Primary, declared_in, settle_primary
from a2ibench.study.request import Outline, Request


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, before any pair is encoded and any judge is trained.

    Attributes:
        found: the questions that they can answer, with the metrics.
        check: findings of their last check.
        entries: reference rows, outside systems that the study holds already, then arms; their
            tasks name no judges yet.
        kept: results of earlier code that stand in the place of jobs, by their keys.
        earlier: the study that the folder held; None for none, or one whose ``study.json`` is
            damaged.
        primary: the primary questions.
    """

    request: Request
    outline: Outline
    encoder: Encoder
    store: PairStore
    found: Feasibility
    check: LastCheck
    entries: tuple[Entry, ...]
    kept: Mapping[str, Kept]
    earlier: Study | None
    primary: Primary

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, in the order of the columns."""
        return self.found.metrics

    @property
    def tasks(self) -> list[Task]:
        """Every task once, seed by seed: what an interrupted study has can be compared."""
        tasks = [task for entry in self.entries for task in entry.tasks]
        once = {task.job.key: task for task in tasks}
        return sorted(once.values(), key=lambda task: task.job.seed)

    @property
    def trainings(self) -> list[Task]:
        """The tasks that train a model and lacked a metric when the plan was made; by which judges
        they are to be seen is not known yet."""
        models = [task for task in self.tasks if task.job.kind == "model"]
        return [task for task in models if not self._state(task).has_all(task.metrics)]

    def _state(self, task: Task) -> JobState:
        return self.earlier.job(task.folder) if self.earlier else JobState(task.folder)

    @property
    def named(self) -> dict[str, Task]:
        """The tasks of every row by their names for people."""
        return {name: task for entry in self.entries for name, task in entry.named.items()}

    def label(self, task: Task) -> str:
        """Return the arm or reference of a task; the first, where two arms are the same."""
        key = task.job.key
        return next(e.label for e in self.entries if key in {t.job.key for t in e.tasks})

    def name(self, task: Task) -> str:
        """Return the name of a task for people."""
        key = task.job.key
        return next(name for name, one in self.named.items() if one.job.key == key)


def expand(
    request: Request,
    chosen: Outline,
    encoder: Encoder,
    store: PairStore,
    say: Callable[[str], None],
) -> Plan:
    """Expand a request to jobs, and refuse what its pairs cannot answer.

    Raises:
        UserError: too few clips of a class, a metric that was asked for and cannot be computed, a
            primary question that is none, or a study in the folder that is damaged, or that holds
            results of earlier code.
    """
    found = feasibility(store, chosen.metrics)
    if found.refused is not None:
        raise UserError(f"{request.dataset}: {found.refused}")
    environment = Environment(
        store=store.root,
        encoder=request.encoder,
        encoder_config=config.to_dict(encoder.config),
        metrics=found.metrics,
        plugins=request.plugins,
        retries=request.retries,
    )
    identity = encoder.identity()

    def tasks(
        kind: Literal["model", "reference"],
        method: str,
        plugin: type,
        seeds: int,
        values: Mapping[str, Any],
        **budget: int,
    ) -> tuple[Task, ...]:
        source = source_hash(plugin)
        jobs = [
            Job(kind, method, values, source, store.content_hash, identity, seed, **budget)
            for seed in range(seeds)
        ]
        return tuple(Task(job, chosen.folder / JOBS / job.key, environment) for job in jobs)

    earlier = find_study(chosen.folder)
    entries = []
    for name in chosen.references:
        reference = registry.references.get(name)
        seeds = request.seeds if reference.random else 1
        made = tasks("reference", name, reference, seeds, {}, images=0)
        entries.append(Entry(label_of_reference(name), name, None, True, made))
    seen = (store.content_hash, identity)
    entries += outside_entries(chosen.folder, earlier, environment, seen, say)
    # Of the command before, too: its trainings may be those of a smaller budget.
    budgets = sorted({*chosen.budgets, *(earlier.budgets if earlier else ())}, reverse=True)
    for arm, images in product(chosen.arms, chosen.budgets):
        model = registry.models.get(arm.model)
        budget = {"images": images, "workers": request.workers}
        made = tasks("model", arm.model, model, request.seeds, arm.config, **budget)
        full = arm.model if arm.change else None
        shown = images if len(chosen.budgets) > 1 else None
        entry = Entry(arm.label, arm.model, full, False, made, shown)
        entries.append(entry.map(partial(_with_earlier, budgets=budgets)))
    settled, kept = settle(earlier, entries, request.earlier)
    for note in kept_notes(((entry.name, entry.keys) for entry in settled), kept):
        say(note)
    check = last_check(store)
    primary = _primary(request, earlier, found, settled)
    return Plan(request, chosen, encoder, store, found, check, settled, kept, earlier, primary)


def _with_earlier(task: Task, budgets: Sequence[int]) -> Task:
    """Tell a task the folders of its training's jobs with smaller budgets."""
    smaller = (images for images in budgets if images < task.job.images)
    jobs = (replace(task.job, images=images) for images in smaller)
    return replace(task, earlier=tuple(task.folder.parent / job.key for job in jobs))


def _primary(
    request: Request, earlier: Study | None, found: Feasibility, entries: Sequence[Entry]
) -> Primary:
    """Return the questions that the request declares; else those that its study was declared for;
    else the usual ones.

    Raises:
        UserError: the study does not answer what was declared.
    """
    if request.primary.declared:
        return settle_primary(request.primary, found.metrics, entries, found.left_out)
    before = declared_in(earlier)
    try:
        return settle_primary(before, found.metrics, entries, found.left_out)
    except UserError as error:
        if not before.declared or earlier is None:
            raise
        raise UserError(
            f"{earlier.folder}: declared for questions that this command does not answer ({error});"
            " repeat the command with what they need, declare others (--primary-metric,"
            " --contrast), or use another folder"
        ) from None
