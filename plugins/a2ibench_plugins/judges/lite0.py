"""EfficientNet-lite0, ImageNet weights: the ImageNet judge that needs no download."""

from collections.abc import Mapping
from functools import cache

from a2ibench.contracts.judge import Judge
from a2ibench.nn import lite0
from a2ibench.types import FloatArray, ImageArray


class Lite0(Judge):
    """EfficientNet-lite0 at 128 px.

    Outputs: ``"logits"`` ``[n, 1000]`` (ImageNet), ``"features"`` ``[n, 1280]``. Scores from it are
    named after it: they are on another scale than published inception scores.

    Raises:
        UserError: the weight file is missing or not the known one.
    """

    name = "lite0"
    outputs = ("features", "logits")

    def __init__(self) -> None:
        super().__init__()
        self.network = _network()

    def weights_hash(self) -> str:
        """Return the sha256 of the weight file."""
        return lite0.WEIGHTS_SHA256

    def embed(self, images: ImageArray) -> Mapping[str, FloatArray]:
        """See the class."""
        features, logits = self.network.look(images)
        return {"features": features.cpu().numpy(), "logits": logits.cpu().numpy()}


@cache
def _network() -> lite0.Lite0:
    """Load the network once per process: it is frozen, and each job of a study asks for a judge."""
    return lite0.Lite0()
