"""Export of a trained generator for other programs, once compared with the original."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from a2ibench import __version__, config, registry
from a2ibench.errors import UserError
from a2ibench.generator.export_formats import FILES, READERS, WRITERS, Arrays, Drawing
from a2ibench.generator.generate import Run, copy_run, open_run
from a2ibench.storage import file_sha256, write_json
from a2ibench.training.draw import draw, draw_noise
from a2ibench.types import FloatArray, ImageArray

FORMAT = 1
ABOUT = "generator.json"
BATCHES = (1, 2, 17)
"""Sizes of the batches on which an exported file is compared."""
TOLERANCE = 1
"""Levels of 255: runtimes sum in another order, which moves a value at the edge of rounding."""


class ExportError(Exception):
    """A generator that cannot be written in a format, or whose file draws something else."""


def export_run(folder: Path, out: Path, formats: Sequence[str], licence: str) -> dict[str, Any]:
    """Write a finished job's generator, and compare what was written with the original.

    The folder holds the generator in each format, ``generator.json``, and what
    :func:`a2ibench.load` reads: the weights and the standardiser as safetensors, the job's result.
    It appears whole, after the comparison, or not at all.

    Args:
        folder: folder of the job.
        out: folder to write; it must not exist, or be empty.
        formats: keys of :data:`~a2ibench.generator.export_formats.FILES`.
        licence: licence of the weights, in the user's words; may be empty.

    Returns:
        The content of ``generator.json``.

    Raises:
        UserError: the job has no model, or the folder is taken.
        ExportError: a format cannot be written, or its file draws something else.
    """
    out = out.resolve()
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out}: is there already; give a new folder, or remove it")
    run = open_run(folder)
    run.model.cpu().eval()
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    temporary.mkdir(parents=True)
    try:
        copy_run(folder, temporary)
        drawing = Drawing(run.model, run.standardiser).eval()
        parity = {}
        for name in formats:
            path = temporary / FILES[name]
            try:
                WRITERS[name](drawing, _inputs(run, 2), path)
                drawn = READERS[name](path)
                parity[name] = _compare(run, drawn)
            except ExportError as error:
                raise ExportError(f"{run.model.name} as {name}: {error}") from None
            except OSError:
                raise
            except Exception as error:
                # torch and its exporters raise errors of many kinds for code they cannot follow.
                said = str(error).strip().splitlines() or [type(error).__name__]
                reason = f"{run.model.name} cannot be written as {name}: {said[0]}"
                raise ExportError(reason) from error
        about = _describe(run, formats, parity, licence)
        about["files"] = {
            path.relative_to(temporary).as_posix(): file_sha256(path)
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        write_json(temporary / ABOUT, about)
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return about


def _inputs(run: Run, rows: int) -> dict[str, FloatArray]:
    """Return random features distributed like the training's, and noises."""
    mean, std = run.standardiser.mean, run.standardiser.std
    rng = np.random.default_rng(rows)
    inputs = {"feature": (mean + std * rng.standard_normal((rows, len(mean)))).astype(np.float32)}
    if run.model.noise_dim:
        inputs["noise"] = draw_noise(rows, run.model.noise_dim, seed=rows).numpy()
    return inputs


def _compare(run: Run, drawn: Callable[[Arrays], ImageArray]) -> dict[str, Any]:
    """Compare an exported file's pictures with the original's.

    Raises:
        ExportError: one is above :data:`TOLERANCE`, or the shapes differ.
    """
    largest, equal, pixels = 0, 0, 0
    for rows in BATCHES:
        inputs = _inputs(run, rows)
        noise = torch.from_numpy(inputs.get("noise", np.empty((rows, 0), np.float32)))
        expected = draw(run.model, run.standardiser(inputs["feature"]), noise)
        found = drawn(inputs)
        if found.shape != expected.shape or found.dtype != expected.dtype:
            raise ExportError(
                f"expected {expected.dtype} {expected.shape} of {rows} rows,"
                f" the file draws {found.dtype} {found.shape}"
            )
        difference = np.abs(found.astype(np.int16) - expected)
        largest = max(largest, int(difference.max()))
        equal += int(np.count_nonzero(difference == 0))
        pixels += difference.size
        if largest > TOLERANCE:
            raise ExportError(
                f"the file draws other pictures than the original: values differ by up to {largest}"
                f" of 255 ({rows} rows; at most {TOLERANCE} is allowed). A method must compute the"
                " same for every input: no branch on its values, no random numbers of its own"
            )
    return {"largest_difference": largest, "equal_values": equal / pixels}


def _describe(
    run: Run, formats: Sequence[str], parity: Mapping[str, Any], licence: str
) -> dict[str, Any]:
    result, model, encoder = run.result, run.model, run.encoder
    size, dim = model.spec.image_size, model.spec.acoustic_dim
    dataset = result.dataset
    known = dataset in registry.datasets.names()
    inputs = {"feature": {"type": "float32", "shape": ["n", dim], "what": "of the encoder, raw"}}
    if model.noise_dim:
        noise = {"type": "float32", "shape": ["n", model.noise_dim], "what": "standard normal"}
        inputs["noise"] = noise
    return {
        "format": FORMAT,
        "a2ibench": __version__,
        "model": model.name,
        "options": config.to_dict(model.config),
        "classes": list(model.spec.classes),
        "image_size": size,
        "noise_size": model.noise_dim,
        "generator": {name: FILES[name] for name in formats},
        "inputs": inputs,
        "outputs": {"images": {"type": "uint8", "shape": ["n", size, size, 3], "what": "RGB"}},
        "encoder": {
            "name": encoder.name,
            "options": result.encoder.config,
            "fingerprint": encoder.fingerprint(),
            "sample_rate": encoder.sample_rate,
            "shortest_sound": encoder.min_samples,
            "feature_size": encoder.dim,
        },
        "standardisation": {
            "what": "(feature − mean) / std in float64; the generator does it itself",
            "mean": run.standardiser.mean.tolist(),
            "std": run.standardiser.std.tolist(),
        },
        "parity": {"rows": list(BATCHES), "tolerance_of_255": TOLERANCE, **parity},
        "provenance": {
            "job": result.key,
            "method_source": result.job.source,
            "pairs": result.job.store,
            "dataset": dataset,
            "seed": result.job.seed,
            "steps": result.steps,
            "weights": result.weights,
            "trained_with": result.version,
        },
        "licence": {
            "weights": licence or "not stated",
            "training_pairs": (registry.datasets.get(dataset).licence if known else "")
            or "not stated",
            "encoder_weights": encoder.licence or "not stated",
        },
    }
