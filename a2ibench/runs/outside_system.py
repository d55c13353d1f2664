"""Score an outside system's images under the protocol of a study, in the same table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import GeneratedImages
from a2ibench.evaluation.outside_images import Submission, hash_images, read_submission
from a2ibench.evaluation.outside_inputs import write_list, write_sounds
from a2ibench.protocol import PROTOCOL
from a2ibench.results.job import Job, Task
from a2ibench.results.job_images import save_samples
from a2ibench.results.job_state import ORIGIN, JobState, is_done
from a2ibench.results.overwrite_guard import check_own
from a2ibench.results.repair import repair
from a2ibench.results.result_file import JOBS
from a2ibench.results.study import Study, find_study, open_study
from a2ibench.results.study_id import write_about
from a2ibench.results.study_pairs import options_of_dataset
from a2ibench.runs.prepare import Prepared, prepare_study
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import announce, describe, draw_untrained, show_results
from a2ibench.runs.study_lock import at_work, refuse_changed
from a2ibench.runs.trial import Trial
from a2ibench.runs.trial_data import open_parts
from a2ibench.storage import write_json
from a2ibench.study.planned_rows import Entry, entries_of, jobs_of, with_planned
from a2ibench.study.primary import declared_in, settle_primary
from a2ibench.study.request import Request, outline

LONGEST_NAME = 60


@dataclass(frozen=True)
class Outside:
    """An outside system.

    Attributes:
        folders: folders of its images, one per training seed.
        mapping: a csv file with the columns image and row; None if the file names hold the row.
        resize: whether images of another size are resized instead of refused.
        replace: whether it may replace a row of the same name.
    """

    name: str
    folders: tuple[Path, ...]
    mapping: Path | None
    resize: bool
    replace: bool


def evaluate_outside(request: Request, outside: Outside, display: Display) -> None:
    """Score images of an outside system, and write the tables of their study.

    An existing study keeps its rows, and must have the same protocol. Otherwise a new study is
    made, with the reference rows and this system.

    Args:
        request: data, encoder, metrics and folder; no models.

    Raises:
        UserError: the images cannot be used, the name is taken, the study has another protocol, or
            another command is at work there. Nothing is written to the study in these cases.
    """
    _check_name(outside.name)
    assert request.folder is not None
    check_own(request.folder)
    with display.running():
        submissions = _read(request, outside, display)
        plan = prepare_study(request, display.counter, display.say)
        announce(plan, display)
        folder, environment = plan.outline.folder, plan.entries[0].tasks[0].environment
        stored = plan.earlier
        if stored is not None:
            _check_protocol(plan, stored)
        rows = plan.entries
        if stored is not None:
            rows = with_planned(entries_of(stored, environment), plan.entries)
        tasks = tuple(
            Task(job := _job(outside.name, seed, one, plan), folder / JOBS / job.key, environment)
            for seed, one in enumerate(submissions)
        )
        entry = Entry(outside.name, outside.name, None, False, tasks)
        _check_free(outside, entry, rows)
    with at_work(folder):
        refuse_changed(folder, stored)
        with display.running():
            named = {name: task for row in rows for name, task in row.named.items()}
            done = repair(folder, named, display.say)
            _compute(rows, entry, submissions, outside, display)
        entries = _placed(rows, entry)
        about = describe(plan) if stored is None else stored.about.plain
        metrics = plan.metrics if stored is None else stored.metrics
        primary = settle_primary(declared_in(stored), metrics, entries)
        write_about(folder, {**about, **jobs_of(entries), "primary": primary.plain})
        show_results(replace(plan, entries=entries), done, None, display)


def export(request: Request, listed: Path | None, sounds: Path | None, display: Display) -> None:
    """Write the list of test segments, and their sounds, for an outside system."""
    with display.running():
        _, store, data = open_parts(request, outline(request), display.counter)
    if sounds is not None:
        display.say(f"{sounds}: {write_sounds(store, sounds)} sounds, <row>.wav")
    if listed is not None:
        display.say(f"{listed}: {write_list(store, data.eval_set.grid_rows, listed)} test segments")


def join(folder: Path, request: Request, own_encoder: bool) -> Request:
    """Return the request that computes the same scores for new images as a study has for its own.

    Args:
        request: what it sets of the dataset and the encoder comes before what the study has.
        own_encoder: whether the encoder is the study's instead of the request's.

    Raises:
        UserError: the folder holds no study, or a damaged one.
    """
    study = open_study(folder)
    about = study.about
    encoder = about.encoder if own_encoder else request.encoder
    known: dict[str, Mapping[str, Any]] = {
        about.dataset: options_of_dataset(study),
        **{one.encoder.name: one.encoder.config for one in study.results},
    }
    settings = dict(request.settings)
    for name in {request.dataset, encoder} & {*known}:
        settings[name] = {**known[name], **settings.get(name, {})}
    return replace(
        request,
        encoder=encoder,
        settings=settings,
        seeds=about.seeds,
        scale=about.scale,
        images=(about.images,),
        metrics=tuple(about.metrics),
        folder=folder,
    )


def _check_name(name: str) -> None:
    right = name.strip() and name.isprintable() and len(name) <= LONGEST_NAME
    if not right or "−" in name or " - " in name or "=" in name or name.startswith("-"):
        raise UserError(
            f"--name {name!r}: expected one or a few words, at most {LONGEST_NAME} printable"
            " characters, without −, ' - ' and = (which mark an ablation), and not beginning with -"
            " (which marks an option)"
        )


def _read(request: Request, outside: Outside, display: Display) -> list[Submission]:
    """Read the images before any judge is trained, so that a wrong one is reported at once."""
    resolved = [folder.resolve() for folder in outside.folders]
    if len(set(resolved)) < len(resolved):
        raise UserError("--images: the same folder twice; each folder is one training seed")
    chosen = outline(request)
    _, store, data = open_parts(request, chosen, display.counter)
    stored = find_study(chosen.folder)
    if stored is not None and stored.about.content_hash != store.content_hash:
        there = stored.about.content_hash
        difference = f"content hash of the pairs: {there} there, {store.content_hash} here"
        raise _other_protocol(chosen.folder, [difference])
    submissions: dict[str, Submission] = {}
    for folder in outside.folders:
        one = read_submission(
            folder,
            outside.mapping,
            store.rows("test"),
            data.eval_set.grid_rows,
            store.image_size,
            outside.resize,
            display.counter(f"reading {folder}"),
        )
        key = hash_images(one.images, one.grid)
        if key in submissions:
            raise UserError(
                f"{folder} holds the same images as {submissions[key].folder}: they are not two"
                " training seeds"
            )
        submissions[key] = one
    return list(submissions.values())


def _job(name: str, seed: int, submission: Submission, plan: Prepared) -> Job:
    return Job(
        kind="outside",
        method=name,
        config={},
        source=hash_images(submission.images, submission.grid),
        store=plan.store.content_hash,
        encoder=plan.encoder.identity(),
        seed=seed,
        images=0,
    )


def _check_free(outside: Outside, entry: Entry, rows: Sequence[Entry]) -> None:
    """Refuse to replace the images of a row silently."""
    for row in rows:
        if row.label.casefold() != outside.name.casefold():
            continue
        same = [t.job.key for t in row.tasks] == [t.job.key for t in entry.tasks]
        if not (row.outside and row.label == outside.name and (same or outside.replace)):
            hint = "; --replace replaces its images" if row.outside else ""
            raise UserError(
                f"the study already has a row {row.label!r}: choose another --name{hint}"
            )


def _check_protocol(plan: Prepared, stored: Study) -> None:
    """Refuse a study whose scores were measured differently from these."""
    folder = plan.outline.folder
    pairs, encoder = plan.store.content_hash, plan.encoder.identity()
    judges = plan.entries[0].tasks[0].judges
    found = stored.results
    differences = []
    for what, mine, theirs in (
        ("number of the protocol", str(PROTOCOL), {str(r.protocol) for r in found}),
        ("content hash of the pairs", pairs, {r.job.store for r in found}),
        ("fingerprint of the encoder", encoder, {r.job.encoder for r in found}),
    ):
        if other := sorted(theirs - {mine}):
            differences.append(f"{what}: {other[0][:20]} there, {mine[:20]} here")
    for name in plan.metrics:
        metric = registry.metrics.get(name)
        for score in (r.metrics[name] for r in found if name in r.metrics):
            if score.version != metric.version:
                differences.append(f"{name}: version {score.version} there, {metric.version}")
            judge = judges.get(metric.judge, score.judge_fingerprint)
            if score.judge_fingerprint != judge:
                differences.append(
                    f"judge {metric.judge}: fingerprint {score.judge_fingerprint} there,"
                    f" {judge} here"
                )
    if differences:
        raise _other_protocol(folder, differences)


def _other_protocol(folder: Path, differences: Sequence[str]) -> UserError:
    return UserError(
        f"{folder}: its protocol differs from this one: {'; '.join(dict.fromkeys(differences))}"
    )


def _compute(
    rows: Sequence[Entry],
    entry: Entry,
    submissions: Sequence[Submission],
    outside: Outside,
    display: Display,
) -> None:
    """Compute the reference rows that are missing, then the outside system."""
    for task, one in zip(entry.tasks, submissions, strict=True):
        save_samples(task.folder, GeneratedImages(one.images, one.grid))
        origin = {
            "job": asdict(task.job),
            "folder": str(one.folder),
            "mapping": None if outside.mapping is None else str(outside.mapping),
            "notes": list(one.notes),
        }
        write_json(task.folder / ORIGIN, origin)
    tasks = [task for e in (*rows, entry) for task in e.tasks]
    missing = [Trial.of(task) for task in tasks if not is_done(task)]
    draw_untrained(missing, None, display, "evaluating")
    for task in missing:
        if task.job.kind != "model" and (reason := JobState(task.folder).failure) is not None:
            raise UserError(f"{task.job.method}, seed {task.job.seed}: {reason}")


def _placed(rows: Sequence[Entry], entry: Entry) -> tuple[Entry, ...]:
    """Place a row after the reference rows and older outside systems.

    The last row, with which the others are compared, stays one of the study's own.
    """
    kept = [row for row in rows if row.label != entry.label]
    first = [row for row in kept if row.reference or row.outside]
    return (*first, entry, *(row for row in kept if row not in first))
