"""a2ibench: a pluggable benchmark for audio-to-image generation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a2ibench.contracts.encoder import Encoder

__version__ = "0.1.0"


def load_encoder(name: str, **options: Any) -> "Encoder":
    """An encoder by its registered name, ready to use.

    Args:
        name: ``"soundnet8"``, ``"logmel"``, or a plug-in's.
        options: fields of its configuration (``layer="conv7"``).

    Returns:
        A callable ``encoder(waveform, sample_rate) -> float32 [d]``.

    Raises:
        UserError: an unknown name or option, or weights that cannot be had.
    """
    from a2ibench.config import build
    from a2ibench.registry import encoders

    encoder = encoders.get(name)
    return encoder(build(encoder.Config, options, name))
