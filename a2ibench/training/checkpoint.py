"""A training's whole state in one safetensors file: nothing in it can be executed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from a2ibench.errors import UserError
from a2ibench.storage import atomic_write
from a2ibench.training.ema import MovingAverage

FORMAT = 2
HISTORY = ("step", "seconds", "preparation_seconds", "preparation_images", "curve", "notes")
"""Fields of a state that are plain values."""


class DamagedError(UserError):
    """The content of a checkpoint file has changed since it was written."""


@dataclass
class TrainingState:
    """The state of a training, from which it resumes as if it had never stopped.

    Attributes:
        model: the method with all its networks.
        average: the moving average of its generator, if it keeps one.
        optimizers: by name.
        step: steps done.
        seconds: training time spent so far.
        preparation_seconds: time of the method's own pretraining before that.
        preparation_images: training images that it read, repeated ones counted; None in a state
            whose version did not count them.
        curve: one row per logging interval: ``{"step": …, loss name: mean}``.
        notes: remarks on its history for a reader of the result.
    """

    model: nn.Module
    average: MovingAverage | None
    optimizers: Mapping[str, torch.optim.Optimizer]
    step: int = 0
    seconds: float = 0.0
    preparation_seconds: float = 0.0
    preparation_images: int | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write everything, with the states of torch's random generators, atomically."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.average is not None:
            state = self.average.state_dict()
            tensors |= {f"average.{name}": value for name, value in state.items()}
        groups: dict[str, Any] = {}
        for name, optimizer in self.optimizers.items():
            state_dict = optimizer.state_dict()
            groups[name] = state_dict["param_groups"]
            for index, state in state_dict["state"].items():
                for key, value in state.items():
                    tensors[f"optimizer.{name}.{index}.{key}"] = torch.as_tensor(value)
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        # Shared and channels-last tensors are written as plain copies: the values are what counts.
        flat = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        about = {
            "format": FORMAT,
            "sha256": _digest(flat),
            **{name: getattr(self, name) for name in HISTORY},
            "groups": groups,
        }
        with atomic_write(path) as temporary:
            safetensors.torch.save_file(flat, temporary, {"a2ibench": json.dumps(about)})

    def load(self, path: Path) -> None:
        """Restore everything from a file that :meth:`save` wrote.

        Raises:
            DamagedError: its content has changed; nothing was restored.
            UserError: it belongs to another model or format.
        """
        about, tensors = read_checkpoint(path)
        try:
            self.model.load_state_dict(_below(tensors, "model."))
            if self.average is not None:
                self.average.load_state_dict(_below(tensors, "average."))
            for name, optimizer in self.optimizers.items():
                state: dict[int, dict[str, torch.Tensor]] = {}
                for key, value in _below(tensors, f"optimizer.{name}.").items():
                    index, _, field = key.partition(".")
                    state.setdefault(int(index), {})[field] = value
                optimizer.load_state_dict({"state": state, "param_groups": about["groups"][name]})
            torch.set_rng_state(tensors["random.cpu"])
            if "random.cuda" in tensors and torch.cuda.is_available():
                torch.cuda.set_rng_state(tensors["random.cuda"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(f"{path}: not a checkpoint of this model ({error})") from error
        for name in HISTORY:
            setattr(self, name, about.get(name) if name == "preparation_images" else about[name])


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read the metadata and tensors of a checkpoint file, on the processor.

    Raises:
        DamagedError: it is not what was written.
        UserError: it is of another format, or the system cannot read it.
    """
    try:
        with path.open("rb"):  # the library names no reason of the system's
            about = _read_metadata(path)
        tensors = safetensors.torch.load_file(path)
        if about["format"] != FORMAT:
            raise UserError(
                f"{path}: a checkpoint of format {about['format']}, expected {FORMAT};"
                " remove its folder, and re-run the study's command"
            )
        if about["sha256"] != _digest(tensors):
            raise ValueError("its numbers have changed since it was written")
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        raise DamagedError(
            f"{path}: damaged ({error}); remove its folder, and re-run the study's command"
        ) from error
    return about, tensors


def _read_metadata(path: Path) -> dict[str, Any]:
    with safetensors.safe_open(path, "pt") as stream:
        about: dict[str, Any] = json.loads((stream.metadata() or {})["a2ibench"])
    return about


def steps_in(path: Path) -> int:
    """Return the number of steps of a checkpoint, without its tensors; 0 where there is none, or
    none that can be read."""
    try:
        return int(_read_metadata(path)["step"])
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError):
        return 0


def load_for_drawing(model: nn.Module, generator: nn.Module, path: Path) -> None:
    """Load a checkpoint's weights into a model, the averaged ones, if any, into its generator."""
    _, tensors = read_checkpoint(path)
    try:
        model.load_state_dict(_below(tensors, "model."))
        averaged = _below(tensors, "average.module.")
        if averaged:
            generator.load_state_dict(averaged)
    except RuntimeError as error:
        raise UserError(f"{path}: not a checkpoint of this model ({error})") from error


def save_for_drawing(checkpoint: Path, path: Path) -> None:
    """Copy only what :func:`load_for_drawing` reads: no optimisers, random states or curve."""
    about, tensors = read_checkpoint(checkpoint)
    needed = {
        name: value
        for name, value in tensors.items()
        if name.startswith(("model.", "average.module."))
    }
    kept = {"format": about["format"], "sha256": _digest(needed)}
    with atomic_write(path) as temporary:
        safetensors.torch.save_file(needed, temporary, {"a2ibench": json.dumps(kept)})


def weights_sha256(module: nn.Module) -> str:
    """Hash the names, shapes and values of a module's parameters and buffers."""
    return _digest(module.state_dict())


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
