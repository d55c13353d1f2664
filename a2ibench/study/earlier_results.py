"""Results of earlier code in the place of a study's jobs: kept or computed again, as the user says.

A job is known by the code that computes it, so the jobs of changed code are new ones. Where a study
holds a result of the same job by earlier code, the user chooses; nothing is mixed in silence.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from a2ibench import registry
from a2ibench.code_hash import code_changes, has_earlier_rule
from a2ibench.errors import UserError
from a2ibench.results.job import Job, Task
from a2ibench.results.job_state import JobState
from a2ibench.results.records import Kept, Result
from a2ibench.results.result_file import JOBS, RESULT
from a2ibench.results.study import Study
from a2ibench.storage import content_key
from a2ibench.study.planned_rows import Entry

EARLIER_RULE = (
    "of an earlier version of a2ibench, which knew a job by all code of the bench: whether that of"
    " the training has changed since is not known"
)


@dataclass(frozen=True)
class _Earlier:
    """A task of the present command, and the result of the same by earlier code."""

    label: str
    task: Task
    result: Result
    why: str

    @property
    def kept(self) -> Task:
        """The task that the earlier result is the result of, with the scores that it has."""
        environment, stored, job = self.task.environment, self.result.metrics, self.result.job
        names = [
            name
            for name in environment.metrics
            if name in stored and stored[name].version == registry.metrics.get(name).version
        ]
        judges = {stored[name].judge: stored[name].judge_fingerprint for name in names}
        return Task(
            replace(self.task.job, source=job.source, encoder=job.encoder, protocol=job.protocol),
            self.task.folder.parent / self.result.key,
            replace(environment, metrics=tuple(names), judges=judges),
        )


def settle(
    study: Study | None, entries: Sequence[Entry], choice: Literal["keep", "recompute"] | None
) -> tuple[tuple[Entry, ...], dict[str, Kept]]:
    """Put kept results of earlier code in the place of the jobs of a study.

    Reference rows take seconds: they are computed again without a question, unless models are kept.

    Args:
        study: what is there; None for no study yet, or a damaged one, which is made again.
        entries: its rows, as the present code would compute them.

    Returns:
        The rows, and the kept results by their keys.

    Raises:
        UserError: there are results of earlier code and the user has not chosen; or kept results
            would stand beside others that they cannot be compared with.
    """
    if study is None:
        return tuple(entries), {}
    found = list(_find(study, entries))
    if choice == "keep":
        found = _with_recomputed(study, entries, found)
    decided = {key: one.place for key, one in study.about.kept.items()}
    models = [one for one in found if one.task.job.kind == "model"]
    if choice is None and all(decided.get(m.result.key) == m.task.job.key for m in models):
        choice = "keep"
    if not models or choice == "recompute":
        return tuple(entries), {}
    if choice is None:
        raise UserError(
            f"{study.folder}: holds results of earlier code: {'; '.join(_told(models))}. Say"
            " --recompute to compute these jobs again (the earlier results stay in the folder), or"
            " --keep to keep the results, marked in every table (in Python: earlier='recompute' or"
            " 'keep')"
        )
    kept = {one.task.job.key: one.kept for one in found}
    settled = tuple(entry.map(lambda task: kept.get(task.job.key, task)) for entry in entries)
    _refuse_mixed(settled, found)
    return settled, {one.result.key: Kept(place=one.task.job.key, why=one.why) for one in found}


def kept_notes(jobs: Iterable[tuple[str, Sequence[str]]], kept: Mapping[str, Kept]) -> list[str]:
    """Return the notes on kept results that go with every table, one line per reason.

    ``jobs`` are the names of rows, each with the keys of its jobs.
    """
    rows: dict[str, dict[str, None]] = {}
    for label, keys in jobs:
        for key in (key for key in keys if key in kept):
            rows.setdefault(kept[key].why, {})[label] = None
    return [f"{', '.join(labels)}: kept, {why}." for why, labels in rows.items()]


def refuse_other_judges(
    tasks: Sequence[Task], kept: Mapping[str, Kept], judges: Mapping[str, str]
) -> None:
    """Refuse kept scores by other judges than those of the present command.

    Args:
        judges: judge → fingerprint; none where nothing is computed.

    Raises:
        UserError: two judges of one name in one table.
    """
    for task in (task for task in tasks if task.folder.name in kept):
        for name, there in task.judges.items():
            if (here := judges.get(name, there)) != there:
                raise UserError(
                    f"--keep: the earlier results were scored by another judge {name} ({there})"
                    f" than new ones would be ({here}): they never stand in one table."
                    " `a2ibench report` shows the study as it is; --recompute computes it again"
                )


def _with_recomputed(
    study: Study, entries: Sequence[Entry], found: Sequence[_Earlier]
) -> list[_Earlier]:
    """Add what a --recompute that was cut off has taken out of the study's rows, not of its folder.

    A method is kept whole: if one of its results is, so are those that were computed again.
    """
    every = list(_find(study, entries, everywhere=True))
    found = found or [one for one in every if study.job(one.task.folder).result is None]
    tasks = {one.task.job.key for one in found}
    methods = {one.task.job.method for one in found if one.task.job.kind == "model"}
    return [
        *found,
        *(o for o in every if o.task.job.method in methods and o.task.job.key not in tasks),
    ]


def _find(study: Study, entries: Sequence[Entry], everywhere: bool = False) -> Iterator[_Earlier]:
    """Yield the tasks that earlier code has done: those without a result that are in the study's
    rows, or any that are among all jobs of its folder, the newest last."""
    results: dict[str, list[Result | None]] = {}
    for row in study.all_rows:
        results.setdefault(row.label, []).extend(state.result for state in row.results)
    if everywhere:
        folders = [state.parent for state in (study.folder / JOBS).glob(f"*/{RESULT}")]
        folders.sort(key=lambda folder: (folder / RESULT).stat().st_mtime_ns)
        every = [JobState(one).result for one in folders]
        results = {entry.label: every for entry in entries}
    for entry in (entry for entry in entries if entry.label in results and not entry.outside):
        for task in entry.tasks:
            if not everywhere and study.job(task.folder).result is not None:
                continue
            for result in results[entry.label]:
                if result is None or result.key == task.job.key:
                    continue
                if _asked(task, result):
                    yield _Earlier(entry.name, task, result, _why(task, result))


def _asked(task: Task, result: Result) -> bool:
    """Return whether a result is that of the same job, but for code and protocol."""
    other = dict.fromkeys(("source", "encoder", "protocol"))
    heard = [task.environment.encoder, dict(task.environment.encoder_config)]
    job = Job.from_record(result.job)
    before = [{**asdict(job), **other}, [result.encoder.name, result.encoder.config]]
    return content_key([{**asdict(task.job), **other}, heard]) == content_key(before)


def _why(task: Task, result: Result) -> str:
    job, before = task.job, result.job
    if result.protocol != job.protocol:
        return f"of protocol {result.protocol}, where {job.protocol} is the present one"
    if job.kind == "reference":
        return "of earlier code"
    reasons = []
    if has_earlier_rule(result.sources):
        reasons.append(EARLIER_RULE)
    elif before.encoder != job.encoder:
        reasons.append(f"with an earlier version of encoder {task.environment.encoder}")
    if before.source != job.source:
        changed = code_changes(registry.models.get(job.method), result.sources)
        if changed:
            reasons.append(f"trained with an earlier version of {job.method} ({changed})")
    return "; ".join(reasons) or "of earlier code"


def _told(found: Sequence[_Earlier]) -> Iterator[str]:
    rows: dict[tuple[str, str], list[int]] = {}
    for one in found:
        rows.setdefault((one.label, one.why), []).append(one.task.job.seed)
    for (label, why), seeds in rows.items():
        yield f"{label}, seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}: {why}"


def _refuse_mixed(entries: Sequence[Entry], found: Sequence[_Earlier]) -> None:
    """Refuse a method by two codes, and results in one table that are not comparable."""
    kept = {one.result.key for one in found}
    methods = {one.task.job.method for one in found if one.task.job.kind == "model"}
    others = [
        (entry, task) for entry in entries for task in entry.tasks if task.folder.name not in kept
    ]
    for entry, task in others:
        if task.job.method in methods:
            raise UserError(
                f"--keep: {entry.name}, seed {task.job.seed} has no earlier result: it would be"
                f" by other code than the results of {task.job.method} that are kept;"
                " leave it out, or say --recompute"
            )
        for one in found:
            there = one.result
            if (there.protocol, there.job.encoder) != (task.job.protocol, task.job.encoder):
                raise UserError(
                    f"--keep: {one.label} is {one.why}; it never stands in one table with"
                    f" {entry.name}, seed {task.job.seed}, which has no earlier result."
                    " `a2ibench report` shows the study as it is; --recompute computes it again"
                )
