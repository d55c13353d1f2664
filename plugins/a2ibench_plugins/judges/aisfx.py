"""aiSFX: a judge that hears, from which others start."""

from collections.abc import Mapping

from a2ibench.contracts.judge import Judge
from a2ibench.nn import aisfx
from a2ibench.types import FloatArray


class AISFX(Judge):
    """The aiSFX embedding of sounds (Ma and Lerch 2022), as the encoder of this name gives it.

    It sees no images: a judge in its space, such as ``i2a_aisfx``, names it as its base.

    Outputs for sounds: ``"features"`` ``[n, 512]``.

    Raises:
        UserError: the weights cannot be had, or the file is not the published one.
    """

    name = "aisfx"
    embeds = frozenset({"sounds"})
    sound_outputs = ("features",)
    sample_rate = aisfx.SAMPLE_RATE
    min_samples = aisfx.MIN_SAMPLES

    @classmethod
    def missing(cls) -> str | None:
        """Return how the weights are had, while they are neither named nor cached."""
        return aisfx.missing()

    def __init__(self) -> None:
        super().__init__()
        self.network = aisfx.load()

    def weights_hash(self) -> str:
        """Return the sha256 of the published file."""
        return aisfx.WEIGHTS.sha256

    def embed_sounds(self, waveforms: FloatArray) -> Mapping[str, FloatArray]:
        """See the class."""
        return {"features": self.network.hear(waveforms)}
