"""The code that MLflow runs for a generator: copied into each model, imported nowhere."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from a2ibench import registry
from a2ibench.generator.generate import draw_rows, open_run
from a2ibench.results.job_state import PLUGINS
from a2ibench.types import ImageArray


class Generator(PythonModel):
    """A generator that draws as ``a2ibench generate`` does."""

    def load_context(self, context: Any) -> None:
        """Load the job among the model's artifacts."""
        folder = Path(context.artifacts["job"])
        for path in sorted((folder / PLUGINS).glob("*.py")):
            registry.load_plugin_file(path)
        self.run = open_run(folder)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> ImageArray:
        """Draw pictures for sounds.

        Args:
            context: not used.
            model_input: one column, paths of sound files.
            params: ``n``, pictures per sound; ``seed``, the seed of their noise.

        Returns:
            uint8 ``[sounds, n, S, S, 3]``.
        """
        chosen = {"n": 8, "seed": 0, **(params or {})}
        sounds = [Path(str(sound)) for sound in model_input.iloc[:, 0]]
        drawn = [draw_rows(self.run, sound, chosen["n"], chosen["seed"])[0] for sound in sounds]
        return np.stack([row.images for (row,) in drawn])


mlflow.models.set_model(Generator())
