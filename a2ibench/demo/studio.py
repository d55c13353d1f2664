"""Draw for the page: one sound at a time, by the chosen models."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from a2ibench.child_process import Child
from a2ibench.demo.choice import Choice
from a2ibench.demo.sound import curve, decode, spectrogram
from a2ibench.demo.uploads import Uploads
from a2ibench.errors import UserError
from a2ibench.generator.generate import silence, too_long
from a2ibench.generator.generator import Generator
from a2ibench.media.data_uris import picture_uri
from a2ibench.media.isolated_decoding import load_decoders
from a2ibench.results.rows import name_of_row
from a2ibench.types import FloatArray

FAILED = "something failed on the server; see its terminal"
LOG = logging.getLogger(__name__)


class Model(NamedTuple):
    """A model that the page offers: its method, after a number of training images where there are
    several to choose from."""

    method: str
    budget: int | None
    generator: Generator

    @property
    def name(self) -> str:
        """The name in messages and under pictures."""
        return name_of_row(self.method, self.budget)


class Studio:
    """The models, and the one thread in which they draw: requests wait for each other.

    Sounds are decoded in a separate process, which may crash.

    Attributes:
        turn: held by the request whose pictures are drawn.
        uploads: the folder of a sound while it is decoded; from :meth:`open` to :meth:`close`.
    """

    uploads: Uploads

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = models
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")
        self.turn = asyncio.Lock()
        self.decoder = Child()

    def open(self) -> None:
        """Make the folder and start the process, so that the first sound does not have to wait."""
        self.uploads = Uploads()
        self.worker.submit(self.decoder, load_decoders)

    def close(self) -> None:
        """End the process and the thread, and remove uploads."""
        self.decoder.close()
        self.worker.shutdown(cancel_futures=True)
        self.uploads.close()

    async def draw(self, content: bytes, choice: Choice) -> dict[str, Any]:
        """Return the page's data for a sound: the sound, and per model its pictures or an error.

        Raises:
            UserError: the sound cannot be used, or no chosen model accepts it.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.worker, self._draw, content, choice)

    def _draw(self, content: bytes, choice: Choice) -> dict[str, Any]:
        with self.uploads.keep(content) as path:
            samples, rate = decode(path, self.decoder)
        waveform = samples * np.float32(choice.volume)
        drawn = [self._draw_one(self.models[i], waveform, rate, choice) for i in choice.models]
        if all("error" in one for one in drawn):
            raise UserError(drawn[0]["error"])
        shown = {
            "seconds": len(waveform) / rate,
            "rate": rate,
            "curve": curve(waveform),
            "spectrogram": picture_uri(spectrogram(waveform, rate)),
        }
        return {"sound": shown, "models": drawn}

    def _draw_one(
        self, model: Model, waveform: FloatArray, rate: int, choice: Choice
    ) -> dict[str, Any]:
        name, generator = model.name, model.generator
        about = {"name": name, "method": model.method, "budget": model.budget}
        try:
            images = generator.generate(waveform, rate, choice.count, choice.seed)
        except UserError as error:
            return {**about, "error": str(error)}
        except (Exception, SystemExit) as error:  # the method's own failure
            if len(choice.models) == 1:
                raise RuntimeError(f"{name} cannot draw") from error
            LOG.exception("%s cannot draw", name)
            return {**about, "error": FAILED}
        seconds = len(waveform) / rate
        notes = silence("the sound", waveform)
        notes += [*too_long("the sound", seconds, generator.segment_seconds), *generator.notes]
        if choice.count > 1 and (images == images[0]).all():
            notes.append("it uses no noise: all pictures are the same")
        return {**about, "pictures": [picture_uri(i) for i in images], "notes": notes}
