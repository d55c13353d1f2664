"""A trial: a pure function of its job, whichever executor runs it."""

import dataclasses
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from a2ibench import __version__, config, registry
from a2ibench.contracts.metric import OWN
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.evaluation.evaluate import GeneratedImages, MetricResult, evaluate
from a2ibench.protocol import PROTOCOL
from a2ibench.results.job import Job, Task
from a2ibench.results.job_state import CHECKPOINT, PLUGINS, JobState, missing
from a2ibench.results.records import Result
from a2ibench.results.result_file import (
    FORMAT,
    SCORES,
    next_score_path,
    score_path,
    write_result,
)
from a2ibench.results.samples import read_outside, save_samples
from a2ibench.runs.monitor import monitored
from a2ibench.runs.sample_pictures import save_job_grid, step_drawer
from a2ibench.source import source_hashes
from a2ibench.storage import file_sha256, whole_file
from a2ibench.study.opened import Data, load_judges_as_planned, open_as_planned
from a2ibench.training.data_parallel import ALONE, Team
from a2ibench.training.fit import Progress
from a2ibench.types import FloatArray, ImageArray, Spec

if TYPE_CHECKING:
    from a2ibench.contracts.model import Model
    from a2ibench.training.checkpoint import TrainingState

OWN_BATCH = 64


def compute(task: Task, report: Callable[[Progress], None], team: Team = ALONE) -> None:
    """Computes the result of a task.

    Args:
        task: what to do.
        report: called while the model trains.
        team: the workers that train its model together: each calls this function. The first one
            does all the rest.

    Raises:
        UserError: the data or a judge are not those of the study.
        DivergedError: a loss became NaN or infinite.
    """
    for path in task.plugins:
        registry.load_plugin_file(path)
    job, folder = task.job, task.folder
    store, encoder, data = open_as_planned(task.store, job.store, task.encoder, task.encoder_config)
    if job.kind == "model":
        # Before the training: the user may go on writing meanwhile.
        sources = source_hashes(registry.models.get(job.method))
        model, state = _train(task, data, report, team)
        if not team.leads:
            return
        drawn, training = _draw_trained(job, data, model, state)
        training["sources"] = sources
    elif job.kind == "reference":
        drawn, training = _draw_reference(job, data), {}
    else:
        drawn, training = read_outside(task)
    if job.kind != "outside":
        save_samples(folder, drawn)
    save_job_grid(folder, drawn, data.test)
    started = time.monotonic()
    stored = JobState(folder).result
    absent = missing(stored, task.metrics, task.judges)
    metrics = [registry.metrics.get(name) for name in absent]
    judges = load_judges_as_planned(metrics, data, job.data_key, task.judges)
    marked = evaluate(drawn, data.exam, metrics, judges)
    scores = _save_scores(folder, marked, stored)
    new: dict[str, Any] = {}
    for metric in metrics:
        judge = judges.get(metric.judge)
        new[metric.name] = {
            # A metric that does not apply to the method has no value; it is not missing.
            "value": None,
            "n": 0,
            "spread": None,
            "version": metric.version,
            "judge": metric.judge,
            "judge_fingerprint": OWN if judge is None else judge.fingerprint,
            "judge_figures": {} if judge is None else dict(judge.figures),
        }
        if metric.name in marked:
            score = marked[metric.name].score
            new[metric.name] |= {"value": score.value, "n": score.n, "spread": score.spread}
            new[metric.name] |= {"clips": marked[metric.name].clips, "chance": score.chance}
            if score.parts:
                new[metric.name]["parts"] = dict(score.parts)
    result = {
        "format": FORMAT,
        "protocol": PROTOCOL,
        "key": job.key,
        "job": dataclasses.asdict(job),
        "encoder": {
            "name": task.encoder,
            "config": dict(task.encoder_config),
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
        **training,
        "evaluation_seconds": round(time.monotonic() - started, 3),
        "metrics": {**({} if stored is None else stored.plain["metrics"]), **new},
        "files": {path.name: file_sha256(path) for path in scores},
    }
    write_result(folder, result)


def _train(
    task: Task, data: Data, report: Callable[[Progress], None], team: Team
) -> tuple["Model", "TrainingState"]:
    """The model of a task, trained, with its averaged weights."""
    import torch

    from a2ibench.training.device import choose_device, make_deterministic
    from a2ibench.training.fit import fit

    job = task.job
    device = choose_device()
    make_deterministic(job.seed, device)
    model_class = registry.models.get(job.method)
    size = data.train.images[:1].shape[1]
    spec = Spec(size, data.train.acoustic.shape[1], data.train.classes)
    model = model_class(config.build(model_class.Config, job.config, job.method), spec)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    checkpoint = task.folder / CHECKPOINT
    with ExitStack() as stack:
        look = None
        if team.leads:
            data.standardiser.save(task.folder / "standardiser.safetensors")
            for i, path in enumerate(task.plugins):
                # What was trained can be drawn with when the user's file is gone.
                with whole_file(task.folder / PLUGINS / f"{i}_{path.name}") as temporary:
                    shutil.copyfile(path, temporary)
            report = stack.enter_context(monitored(task.folder, report))
            look = step_drawer(model, data.test, job.seed, task.folder)
        state = fit(
            model,
            data.train,
            steps=max(1, job.images // model.sampling.batch_size),
            seed=job.seed,
            checkpoint=checkpoint,
            report=report,
            team=team,
            look=look,
        )
    return model, state


def _draw_trained(
    job: Job, data: Data, model: "Model", state: "TrainingState"
) -> tuple[GeneratedImages, dict[str, Any]]:
    """What the exam asks for, and the provenance of the weights that drew it."""
    from a2ibench.training.checkpoint import weights_sha256
    from a2ibench.training.device import choose_device, describe
    from a2ibench.training.draw import draw, draw_grid, draw_noise

    acoustic = data.test.acoustic
    images = draw(model, acoustic, draw_noise(len(acoustic), model.noise_dim, job.seed))
    grid = draw_grid(model, acoustic[data.exam.grid_rows], GRID_NOISES, job.seed)
    own = None if model.image_to_audio(images[:1]) is None else partial(_own, model)
    return GeneratedImages(images, grid, own), {
        "weights": weights_sha256(model),
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": state.step,
        "preparation_seconds": round(state.preparation_seconds, 3),
        "training_seconds": round(state.seconds, 3),
        "images_per_second": round(state.step * model.sampling.batch_size / state.seconds, 3),
        "hardware": describe(choose_device()),
        "notes": state.notes,
        "curve": state.curve,
    }


def _own(model: "Model", images: ImageArray) -> FloatArray:
    """The method's own image-to-audio network, in batches."""
    parts = [images[start : start + OWN_BATCH] for start in range(0, len(images), OWN_BATCH)]
    answers = [model.image_to_audio(part) for part in parts]
    return np.concatenate([answer for answer in answers if answer is not None])


def _draw_reference(job: Job, data: Data) -> GeneratedImages:
    """The same for a reference row; another seed stands for another noise."""
    reference = registry.references.get(job.method)()
    rngs = np.random.default_rng(job.seed).spawn(GRID_NOISES if reference.random else 1)
    drawn = [
        reference.draw(data.train, data.test, rng)
        for rng in (np.random.default_rng(job.seed), *rngs)
    ]
    grid = np.stack([images[data.exam.grid_rows] for images in drawn[1:]], axis=1)
    return GeneratedImages(drawn[0], np.repeat(grid, GRID_NOISES // grid.shape[1], axis=1))


def _save_scores(
    folder: Path, marked: Mapping[str, MetricResult], stored: Result | None
) -> list[Path]:
    """Writes one column per metric, beside those of the stored result: a row for each test segment,
    and for each block. Returns the files, which count as soon as a result names them."""
    import pandas as pd

    segments: dict[str, Any] = {name: one.score.per_segment for name, one in marked.items()}
    blocks: dict[str, Any] = {name: one.pseudo for name, one in marked.items()}
    paths: list[Path] = []
    for file, new in zip(SCORES, (segments, blocks), strict=True):
        now = score_path(folder, stored, file)
        # Without a result to go with it, a file is what an earlier attempt left.
        kept = stored is not None and stored.metrics and now.is_file()
        table = pd.read_parquet(now) if kept else pd.DataFrame()
        for name, column in new.items():
            if column is not None:
                table[name] = column
        paths.append(next_score_path(folder, stored, file))
        with whole_file(paths[-1]) as temporary:
            table.to_parquet(temporary)
    return paths
