"""What MLflow runs when it loads a generator. It is copied into the model; import it nowhere."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from a2ibench import registry
from a2ibench.generator.generate import draw_for, open_run
from a2ibench.results.job_state import PLUGINS
from a2ibench.types import ImageArray


class Generator(PythonModel):
    """Draws as ``a2ibench generate`` does."""

    def load_context(self, context: Any) -> None:
        """Loads the job that lies among the model's artifacts."""
        folder = Path(context.artifacts["job"])
        for path in sorted((folder / PLUGINS).glob("*.py")):
            registry.load_plugin_file(path)
        self.run = open_run(folder)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> ImageArray:
        """Draws ``params["n"]`` pictures for each sound.

        Args:
            context: not used.
            model_input: one column, paths of sound files.
            params: ``n``, how many pictures a sound; ``seed``, of their noise.

        Returns:
            uint8 ``[sounds, n, S, S, 3]``.
        """
        chosen = {"n": 8, "seed": 0, **(params or {})}
        sounds = [Path(str(sound)) for sound in model_input.iloc[:, 0]]
        drawn = [draw_for(self.run, sound, chosen["n"], chosen["seed"])[0] for sound in sounds]
        return np.stack(drawn)


mlflow.models.set_model(Generator())
