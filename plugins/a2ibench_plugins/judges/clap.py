"""CLAP (Wu et al. 2023), sounds and texts in one space, from a folder of yours."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from a2ibench.errors import UserError
from a2ibench.pretrained import transformers_folder as folder
from a2ibench.pretrained.judge import PretrainedJudge
from a2ibench.pretrained.named_files import NamedFiles
from a2ibench.types import FloatArray

TEMPLATE = "This is a sound of {}."
"""The prompt of LAION's zero-shot classification."""
BATCH = 8
"""Sounds per pass; fixed, since rounding may depend on it."""


class Clap(PretrainedJudge):
    """An unfused CLAP: the folder that ``A2IBENCH_CLAP_WEIGHTS`` names says which.

    It holds a CLAP as ``transformers`` saves it; the library's own feature extractor makes log-mel
    spectrograms as ``preprocessor_config.json`` says (the public ones: 48 kHz, 10 s, shorter sounds
    repeated). A longer sound, of which the library takes a part at random, is cut into as few
    windows of that length as cover it, evenly spaced, and their embeddings are averaged. A class
    name is read as "This is a sound of {name}.".

    Outputs: ``"features"`` ``[n, k]`` of sounds and texts, of unit length but for such averages.

    Raises:
        UserError: the CLAP is a fused one, which looks at parts of a sound at random.
    """

    name = "clap"
    embeds = frozenset({"sounds", "texts"})
    sound_outputs = ("features",)
    text_outputs = ("features",)
    sources = (
        NamedFiles(
            "A2IBENCH_CLAP_WEIGHTS",
            "an unfused CLAP",
            "`hf download laion/clap-htsat-unfused --local-dir FOLDER` gets a public one"
            " (Apache-2.0)",
            (folder.CONFIG, folder.PREPROCESSOR, folder.TOKENIZER),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        from transformers import ClapFeatureExtractor, ClapModel

        paths = self.sources[0].find()
        self.network = folder.load_network(ClapModel, paths)
        self._extractor = folder.load_preprocessor(ClapFeatureExtractor, paths[folder.PREPROCESSOR])
        if self.network.config.audio_config.enable_fusion or self._extractor.truncation == "fusion":
            raise UserError(
                f"{paths[folder.CONFIG]}: a fused CLAP looks at parts of a sound at random; take an"
                " unfused one, such as laion/clap-htsat-unfused"
            )
        self.sample_rate = self._extractor.sampling_rate
        texts = self.network.config.text_config
        # Positions of RoBERTa begin after that of the padding.
        length = texts.max_position_embeddings - texts.pad_token_id - 1
        self._tokenizer = folder.Tokenizer(paths[folder.TOKENIZER], texts.vocab_size, length)
        with folder.try_out(paths):
            self.embed_sounds(np.zeros((1, self.sample_rate), dtype=np.float32))
            self.embed_texts(["dog"])

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """See the class."""
        heard = [self._hear(waveforms[i : i + BATCH]) for i in range(0, len(waveforms), BATCH)]
        return {"features": np.concatenate(heard)}

    def _hear(self, waveforms: FloatArray) -> FloatArray:
        whole, length = waveforms.shape[1], self._extractor.nb_max_samples
        windows = max(1, -(-whole // length))
        starts = np.linspace(0, max(0, whole - length), windows).round().astype(int)
        embedded = []
        for start in starts:
            window = list(waveforms[:, start : start + length])
            made = self._extractor(window, sampling_rate=self.sample_rate, return_tensors="pt")
            mel = made["input_features"].float().to(self.network.device)
            with torch.inference_mode():
                heard = self.network.get_audio_features(input_features=mel).pooler_output
            embedded.append(heard.float().cpu().numpy())
        return np.mean(embedded, axis=0, dtype=np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Mapping[str, FloatArray]:
        """Embed each text in :data:`TEMPLATE`."""
        said = [TEMPLATE.format(text) for text in texts]
        return {"features": folder.embed_texts(self.network, self._tokenizer, said)}
