"""DINOv2 (Oquab et al. 2023) from a folder of yours."""

from collections.abc import Mapping

import numpy as np
import torch

from a2ibench.pretrained import transformers_folder as folder
from a2ibench.pretrained.judge import PretrainedJudge
from a2ibench.pretrained.named_files import NamedFiles
from a2ibench.types import FloatArray, ImageArray


class DinoV2(PretrainedJudge):
    """Any DINOv2 without registers: the folder that ``A2IBENCH_DINOV2_WEIGHTS`` names says which.

    It holds a DINOv2 as ``transformers`` saves it. Images are resized, cropped and normalised as
    its ``preprocessor_config.json`` says (the public ones: bicubic, antialiased, shortest side
    256 px, the middle 224), by the library's own processor.

    Outputs: ``"features"`` ``[n, k]``, the class token after the last layer norm.
    """

    name = "dinov2"
    outputs = ("features",)
    sources = (
        NamedFiles(
            "A2IBENCH_DINOV2_WEIGHTS",
            "a DINOv2",
            "`hf download facebook/dinov2-large --local-dir FOLDER` gets a public one (Apache-2.0)",
            (folder.CONFIG, folder.PREPROCESSOR),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        from transformers import BitImageProcessor, Dinov2Model

        paths = self.sources[0].find()
        self.network = folder.load_network(Dinov2Model, paths)
        self._processor = folder.load_preprocessor(BitImageProcessor, paths[folder.PREPROCESSOR])
        with folder.try_out(paths):
            self.embed(np.zeros((1, 8, 8, 3), dtype=np.uint8))

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        pixels = folder.prepare_images(self._processor, images).to(self.network.device)
        with torch.inference_mode():
            seen = self.network(pixel_values=pixels).pooler_output
        return {"features": seen.float().cpu().numpy()}
