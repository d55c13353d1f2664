"""Compute the result of a job: a pure function of the job, whichever executor runs it."""

import dataclasses
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench import __version__, registry
from a2ibench.code_hash import source_hashes
from a2ibench.contracts.executor import Report
from a2ibench.contracts.model import FrozenPart
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.evaluation.evaluate import GeneratedImages, MetricResult, evaluate
from a2ibench.protocol import PROTOCOL
from a2ibench.results.job import Job, Task
from a2ibench.results.job_images import (
    copy_step_pictures,
    read_outside,
    read_samples,
    save_samples,
)
from a2ibench.results.job_state import CHECKPOINT, PLUGINS, JobState, missing
from a2ibench.results.records import Result
from a2ibench.results.result_file import (
    FORMAT,
    SCORES,
    STRATUM,
    next_score_path,
    score_path,
    write_result,
)
from a2ibench.results.score_values import score_values
from a2ibench.runs.model import build, draw_eval_set, steps_of, train
from a2ibench.runs.sample_pictures import save_job_grid, step_drawer
from a2ibench.runs.system_monitor import monitored
from a2ibench.runs.trial_data import Data, load_judges_as_planned, open_as_planned
from a2ibench.storage import atomic_write, file_sha256
from a2ibench.training.data_parallel import ALONE, Team
from a2ibench.types import IntArray

NUMBERED = re.compile(r"^\d+_")
"""Beginning of the name of a kept copy of a plug-in."""
TRAINED_AGAIN = (
    "trained again, since its checkpoint was not there, with other weights than before; all scores"
    " are of the new ones"
)


def compute(task: Task, report: Report, team: Team = ALONE) -> None:
    """Compute the result of a task.

    Args:
        team: the workers that train the model together. Each calls this function, and the first
            one does everything else.

    Raises:
        UserError: the data or a judge differ from those of the study.
        DivergedError: a loss became NaN or infinite.
    """
    for path in task.environment.plugins:
        registry.load_plugin_file(path)
    job, folder = task.job, task.folder
    store, encoder, data = open_as_planned(task)
    if job.kind == "model":
        trained = _train(task, data, report, team)
        if trained is None:
            return
        drawn, about = trained
    elif job.kind == "reference":
        drawn, about = _draw_reference(job, data), {}
    else:
        drawn, about = read_outside(task)
    if job.kind != "outside":
        save_samples(folder, drawn)
        # Mapped from the file, not in memory.
        drawn = dataclasses.replace(read_samples(folder), own=drawn.own)
    save_job_grid(folder, drawn, data.test)
    started = time.monotonic()
    stored = JobState(folder).result
    if stored is not None and stored.weights not in (None, about.get("weights")):
        # Without its checkpoint the model was trained again, and may be another one elsewhere.
        stored = None
        about = {**about, "notes": [*about.get("notes", ()), TRAINED_AGAIN]}
    earlier = 0.0
    if stored is not None:
        earlier = stored.evaluation_seconds or 0.0
        notes = dict.fromkeys([*stored.notes, *about.get("notes", ())])
        about = {**about, **({"notes": [*notes]} if notes else {})}
    scores, files = _judge(task, drawn, data, stored)
    where = task.environment
    result = {
        "format": FORMAT,
        "protocol": PROTOCOL,
        "key": job.key,
        "job": dataclasses.asdict(job),
        "encoder": {
            "name": where.encoder,
            "config": dict(where.encoder_config),
            "fingerprint": encoder.fingerprint(),
        },
        "dataset": store.name,
        "version": __version__,
        "spec": {
            "image_size": int(drawn.images.shape[1]),
            "acoustic_dim": data.train.acoustic.shape[1],
            "classes": list(data.train.classes),
        },
        "segment_seconds": round(
            float(store.index["audio_length"].median()) / store.sample_rate, 3
        ),
        **about,
        "evaluation_seconds": round(earlier + time.monotonic() - started, 3),
        "metrics": {**({} if stored is None else stored.plain["metrics"]), **scores},
        "files": {path.name: file_sha256(path) for path in files},
    }
    write_result(folder, result)


def _train(
    task: Task, data: Data, report: Report, team: Team
) -> tuple[GeneratedImages, dict[str, Any]] | None:
    """Return the images of the trained model and the provenance of its weights.

    Returns None on all workers but the first.
    """
    from a2ibench.training.checkpoint import weights_sha256
    from a2ibench.training.device import choose_device, describe
    from a2ibench.training.fit import CHECK_EVERY
    from a2ibench.training.preview import preview_steps

    job, folder = task.job, task.folder
    # Before the training, during which the user may edit the file.
    sources = source_hashes(registry.models.get(job.method))
    model = build(job, data.train)
    with ExitStack() as stack:
        steps = steps_of(max(job.images, task.goal), model)
        preview, tell = None, lambda progress: report(progress.step, steps)
        if team.leads:
            data.standardiser.save(folder / "standardiser.safetensors")
            _keep_plugins(task.environment.plugins, folder / PLUGINS)
            tell = stack.enter_context(monitored(folder, tell))
            preview = step_drawer(model, data.test, job.seed, folder)
        state = train(
            model,
            job,
            data.train,
            folder / CHECKPOINT,
            report=tell,
            team=team,
            preview=preview,
            earlier=[one / CHECKPOINT for one in task.earlier],
        )
    if not team.leads:
        return None
    parts = model.frozen_parts
    copy_step_pictures(folder, task.earlier, preview_steps(state.step, CHECK_EVERY))
    return draw_eval_set(model, data.eval_set, job.seed), {
        "weights": weights_sha256(model),
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": state.step,
        "preparation_seconds": round(state.preparation_seconds, 3),
        "preparation_images": state.preparation_images,
        "frozen": [seen_by(part, state.step * model.sampling.batch_size) for part in parts],
        "training_seconds": round(state.seconds, 3),
        "images_per_second": round(state.step * model.sampling.batch_size / state.seconds, 3),
        "hardware": describe(choose_device()),
        "notes": state.notes,
        "curve": state.curve,
        "sources": sources,
    }


def _keep_plugins(plugins: Sequence[Path], folder: Path) -> None:
    """Copy the user's files: the trained model can still draw when they are gone.

    Those of an earlier command are removed, as two files that register one name cannot be loaded.
    """
    kept = {}
    for i, path in enumerate(plugins):
        # What was kept, with this job or with another one, may be given itself.
        name = NUMBERED.sub("", path.name) if path.parent.name == PLUGINS else path.name
        own = path.parent.resolve() == folder.resolve()
        kept[path.name if own else f"{i}_{name}"] = path
    for name, path in kept.items():
        with atomic_write(folder / name) as temporary:
            shutil.copyfile(path, temporary)
    for path in folder.glob("*.py"):
        if path.name not in kept:
            path.unlink()


def seen_by(part: FrozenPart, trained: int) -> dict[str, Any]:
    """Return a frozen part as plain values; of a budget it has seen no more than was trained."""
    images = part.images
    if part.of_budget and images is not None:
        images = min(images, trained)
    return {**dataclasses.asdict(part), "images": images}


def _draw_reference(job: Job, data: Data) -> GeneratedImages:
    """Return the images of a reference row; the seed determines its noise."""
    reference = registry.references.get(job.method)()
    rngs = np.random.default_rng(job.seed).spawn(GRID_NOISES if reference.random else 1)
    rows = data.eval_set.grid_rows
    grid = np.stack([reference.draw(data.train, data.test, rng)[rows] for rng in rngs], axis=1)
    images = reference.draw(data.train, data.test, np.random.default_rng(job.seed))
    return GeneratedImages(images, np.repeat(grid, GRID_NOISES // grid.shape[1], axis=1))


def _judge(
    task: Task, drawn: GeneratedImages, data: Data, stored: Result | None
) -> tuple[dict[str, Any], list[Path]]:
    """Return the scores that the stored result lacks, and the files that hold all scores."""
    absent = missing(stored, task.metrics, task.judges)
    metrics = [registry.metrics.get(name) for name in absent]
    judges = load_judges_as_planned(metrics, data, task)
    marked = evaluate(drawn, data.eval_set, metrics, judges)
    scores = score_values(metrics, judges, marked)
    return scores, _save_scores(task.folder, marked, stored, data.eval_set.stratum)


def _save_scores(
    folder: Path, marked: Mapping[str, MetricResult], stored: Result | None, stratum: IntArray
) -> list[Path]:
    """Write one column per metric, beside those of the stored result.

    One table has a row per test segment, the other one a row per block, with its stratum. Return
    the files; they count once a result names them.
    """
    import pandas as pd

    segments: dict[str, Any] = {name: one.score.per_segment for name, one in marked.items()}
    blocks: dict[str, Any] = {STRATUM: stratum}
    blocks |= {name: one.pseudo for name, one in marked.items()}
    paths: list[Path] = []
    for file, new in zip(SCORES, (segments, blocks), strict=True):
        now = score_path(folder, stored, file)
        # A file without a result is left over from an earlier attempt.
        kept = stored is not None and stored.metrics and now.is_file()
        table = pd.read_parquet(now) if kept else pd.DataFrame()
        for name, column in new.items():
            if column is not None:
                table[name] = column
        paths.append(next_score_path(folder, stored, file))
        with atomic_write(paths[-1]) as temporary:
            table.to_parquet(temporary)
    return paths
