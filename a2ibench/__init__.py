"""a2ibench: a pluggable benchmark for audio-to-image generation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from a2ibench.api import open_study as open_study
    from a2ibench.api import run as run
    from a2ibench.contracts.encoder import Encoder
    from a2ibench.errors import UserError as UserError
    from a2ibench.folders.evaluate import evaluate as evaluate
    from a2ibench.generator.generator import Generator

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what reads many modules only where it is used."""
    if name in ("UserError", "open_study", "run"):
        from a2ibench import api

        return getattr(api, name)
    if name == "evaluate":
        from a2ibench.folders.evaluate import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_encoder(name: str, **options: Any) -> "Encoder":
    """Return an encoder by its registered name: ``encoder(waveform, rate) -> float32 [d]``.

    ``options`` are fields of its configuration (``layer="conv7"``).

    Raises:
        UserError: an unknown name or option, or weights that cannot be had.
    """
    from a2ibench.registry import encoders

    return encoders.build(name, options)


def load(
    run: "str | PathLike[str]",
    arm: str | None = None,
    seed: int | None = None,
    budget: int | None = None,
) -> "Generator":
    """Return a trained generator, ready to draw.

    A method, encoder or judge of your own is known once its file has been imported.

    Args:
        run: a study's folder, that of one of its jobs, or one that ``a2ibench export`` wrote.
        arm: of a study, which arm (``"ours - consistency"``); None for its first model.
        seed: of a study, which training seed; None for its first.
        budget: of a study, which number of training images; None for the largest.

    Returns:
        An object with ``generate(waveform, rate, n=8, seed=0) -> uint8 [n, S, S, 3]``.

    Raises:
        UserError: no such folder, arm, seed or budget, another seed than a job's, a job without a
            result or a model (as a reference row), an unknown plug-in, or a damaged checkpoint.
    """
    from pathlib import Path

    from a2ibench.generator.generator import load

    return load(Path(run), arm, seed, budget)
