"""Draw for the page: one sound at a time, by the chosen models."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
from a2ibench.types import FloatArray

FAILED = "something failed on the server; see its terminal"
LOG = logging.getLogger(__name__)


class Studio:
    """The models, and the one thread in which they draw: requests wait for each other.

    Sounds are decoded in a separate process, which may crash.

    Attributes:
        turn: held by the request whose pictures are drawn.
        uploads: the folder of a sound while it is decoded; from :meth:`open` to :meth:`close`.
    """

    uploads: Uploads

    def __init__(self, models: Mapping[str, Generator]) -> None:
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
        names = list(self.models)
        drawn = [self._draw_one(names[i], waveform, rate, choice) for i in choice.models]
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
        self, name: str, waveform: FloatArray, rate: int, choice: Choice
    ) -> dict[str, Any]:
        try:
            images = self.models[name].generate(waveform, rate, choice.count, choice.seed)
        except UserError as error:
            return {"name": name, "error": str(error)}
        except (Exception, SystemExit) as error:  # the method's own failure
            if len(choice.models) == 1:
                raise RuntimeError(f"{name} cannot draw") from error
            LOG.exception("%s cannot draw", name)
            return {"name": name, "error": FAILED}
        model, seconds = self.models[name], len(waveform) / rate
        notes = silence("the sound", waveform)
        notes += [*too_long("the sound", seconds, model.segment_seconds), *model.notes]
        if choice.count > 1 and (images == images[0]).all():
            notes.append("it uses no noise: all pictures are the same")
        return {"name": name, "pictures": [picture_uri(i) for i in images], "notes": notes}
