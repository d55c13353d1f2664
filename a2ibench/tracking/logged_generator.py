"""A trained generator as an MLflow model: code and safetensors, no pickled object."""

import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench import __version__
from a2ibench.generator.generate import copy_run
from a2ibench.tracking.params_and_metrics import JOB, WEIGHTS, Ended

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

CODE = Path(__file__).with_name("pyfunc.py")


def log_generator(client: "MlflowClient", run: "Run", job: Ended) -> str:
    """Log a finished job's model with its run, unless it is there already.

    Returns:
        The model's id: ``models:/<id>`` is its address.

    Raises:
        UserError: the job has no whole checkpoint.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    key = job.state.key
    weights = "" if job.state.result is None else job.state.result.weights or ""
    there = client.search_logged_models(
        [run.info.experiment_id], f"tags.`{JOB}` = '{key}' AND source_run_id = '{run.info.run_id}'"
    )
    # Trained again without its checkpoint, a job may have other weights.
    found = [one for one in there if one.tags.get(WEIGHTS) in (None, weights)]
    if found and found[0].status == LoggedModelStatus.READY:
        return str(found[0].model_id)
    with tempfile.TemporaryDirectory() as scratch:
        path = save_model(job, Path(scratch))
        if found:
            model = found[0]
        else:
            name = re.sub(r"[^\w-]+", "-", job.name.replace("−", "without"))
            params = {"arm": job.row.label, "seed": str(job.state.number), "job": key}
            model = client.create_logged_model(
                run.info.experiment_id,
                name,
                run.info.run_id,
                {JOB: key, WEIGHTS: weights},
                params,
                "audio-to-image",
            )
        model_id = str(model.model_id)
        client.log_model_artifacts(model_id, str(path))
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, 0)])
        client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    return model_id


def save_model(job: Ended, scratch: Path) -> Path:
    """Write the folder of an MLflow model, with the job's files that are needed to draw."""
    import mlflow.pyfunc
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    inner = scratch / "job"
    inner.mkdir()
    copy_run(job.state.folder, inner)
    assert job.state.result is not None
    assert job.state.result.spec is not None
    size = job.state.result.spec.image_size
    signature = ModelSignature(
        inputs=Schema([ColSpec("string")]),
        outputs=Schema([TensorSpec(np.dtype("uint8"), (-1, -1, size, size, 3))]),
        params=ParamSchema([ParamSpec("n", "long", 8), ParamSpec("seed", "long", 0)]),
    )
    path = scratch / "model"
    with warnings.catch_warnings():
        # MLflow asks for an example input, only to run the model on it once more.
        warnings.simplefilter("ignore", UserWarning)
        mlflow.pyfunc.save_model(
            str(path),
            python_model=str(CODE),
            artifacts={"job": str(inner)},
            signature=signature,
            pip_requirements=[f"a2ibench=={__version__}"],
            metadata={"arm": job.row.label, "seed": job.state.number},
        )
    return path
