"""SoundNet-5: the smaller network of the SoundNet paper, with the user's own weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from a2ibench.config import option
from a2ibench.errors import UserError
from a2ibench.soundnet.encoder import WEIGHTS_DOC, SoundNetEncoder, whole_path
from a2ibench.soundnet.network import SOUNDNET5


@dataclass(frozen=True)
class SoundNet5Config:
    """Options of ``soundnet5``."""

    layer: Literal["conv4", "pool3", "objects", "scenes"] = option(
        "conv4",
        "the layer averaged over time: conv4, the last of the trunk (d = 256), pool3 (128), or the"
        " posteriors of the heads, objects (ImageNet, 1000) and scenes (Places, 401)",
    )
    weights: str = option("", f"{WEIGHTS_DOC}; there are no public ones on the package index")

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", whole_path(self.weights))


class SoundNet5(SoundNetEncoder):
    """SoundNet-5 (Aytar et al. 2016): d = 256, 128, 1000 or 401.

    The shortest sound is 0.16 s (3,550 samples) for pool3 and conv4 and 2.6 s for the
    heads.

    Raises:
        UserError: no weights are given, or the file is not SoundNet-5's.
    """

    name = "soundnet5"
    Config = SoundNet5Config
    ARCHITECTURE = SOUNDNET5
    LAST: ClassVar[Mapping[str, str]] = {
        "conv4": "conv4",
        "pool3": "conv3",
        "objects": SOUNDNET5.objects.name,
        "scenes": SOUNDNET5.scenes.name,
    }

    @classmethod
    def missing(cls) -> str | None:
        """Return how to get weights: there are no public ones."""
        return (
            "no public weights are on the package index; give a file with --set"
            " soundnet5.weights=FILE (soundnet5_final.t7, or the same as .npy or .pth), or train"
            " your own: a2ibench encoders train soundnet --layers 5 --data STORE --out"
            " FILE.safetensors"
        )

    def public_weights(self) -> tuple[str, Path]:
        """Raise an error: there are none."""
        raise UserError(f"soundnet5: {self.missing()}")
