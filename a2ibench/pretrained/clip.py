"""CLIP as a judge."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from a2ibench.errors import UserError
from a2ibench.pretrained import transformers_folder as folder
from a2ibench.pretrained.judge import PretrainedJudge
from a2ibench.pretrained.named_files import NamedFiles
from a2ibench.types import FloatArray, ImageArray

FILES = (folder.CONFIG, folder.PREPROCESSOR, folder.TOKENIZER)
TEMPLATE = "a photo of a {}."
"""The prompt of Radford et al. 2021, section 3.1.4."""


class ClipJudge(PretrainedJudge):
    """CLIP's projected embeddings, not scaled to unit length.

    The folder is :attr:`sources`\\ ``[0]``.
    """

    embeds = frozenset({"images", "texts"})
    outputs = ("features",)
    text_outputs = ("features",)

    def __init__(self) -> None:
        super().__init__()
        from transformers import CLIPImageProcessor, CLIPModel

        paths = self.sources[0].find()
        self.network = folder.load_network(CLIPModel, paths)
        self._processor = folder.load_preprocessor(CLIPImageProcessor, paths[folder.PREPROCESSOR])
        texts = self.network.config.text_config
        self._tokenizer = folder.Tokenizer(
            paths[folder.TOKENIZER], texts.vocab_size, texts.max_position_embeddings
        )
        with folder.try_out(paths):
            self.embed(np.zeros((1, 8, 8, 3), dtype=np.uint8))
            self.embed_texts(["dog"])

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        pixels = folder.prepare_images(self._processor, images).to(self.network.device)
        with torch.inference_mode():
            seen = self.network.get_image_features(pixel_values=pixels).pooler_output
        return {"features": seen.float().cpu().numpy()}

    def embed_texts(self, texts: Sequence[str]) -> Mapping[str, FloatArray]:
        """Embed each text in :data:`TEMPLATE`."""
        said = [TEMPLATE.format(text) for text in texts]
        return {"features": folder.embed_texts(self.network, self._tokenizer, said)}


class PinnedClipJudge(ClipJudge):
    """A CLIP of one known size, so that its name says what was measured."""

    patch: int
    width: int

    def __init__(self) -> None:
        super().__init__()
        config = self.network.config
        got = (config.vision_config.patch_size, config.projection_dim)
        if got != (self.patch, self.width):
            raise UserError(
                f"judge {self.name}: expected a CLIP with patches of {self.patch} px and"
                f" {self.width} features, got {got[0]} px and {got[1]}; the judge `clip` takes any"
            )


def clip_source(judge: str, model: str) -> NamedFiles:
    """Return the files of a CLIP judge, whose public weights are those of ``model``."""
    return NamedFiles(
        f"A2IBENCH_{judge.upper()}_WEIGHTS",
        "a CLIP",
        f"`hf download {model} --local-dir FOLDER` gets a public one (code MIT; its page names no"
        " licence of the weights)",
        FILES,
    )
