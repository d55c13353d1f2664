"""The weights of a SoundNet: read from a file of any known format, checked, converted once."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from a2ibench.cache import cached
from a2ibench.errors import UserError
from a2ibench.soundnet.network import ARCHITECTURES, Architecture, Layer, SoundNet
from a2ibench.soundnet.weight_formats import CONVOLUTION, NORM, READERS, Arrays
from a2ibench.storage import cache_dir

MAX_BYTES = 1 << 30
"""Largest weight file; the known ones have 14 to 120 MB."""
MAX_CHANNELS = 4096
"""More than any layer has."""


def from_file(path: Path, network: Architecture) -> tuple[str, Path]:
    """Convert a file of the user's, once for its content.

    Returns:
        Its sha256, and the converted file for :func:`load`.

    Raises:
        UserError: it cannot be read, or does not hold the weights of this network.
    """
    if path.suffix not in READERS:
        raise UserError(f"{path}: expected weights as {', '.join(READERS)}, got {path.suffix!r}")
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UserError(f"{path}: {size} bytes are more than any SoundNet has ({MAX_BYTES})")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); expected a file of {network.title} weights"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    return sha256, convert_once(sha256, network, lambda: (content, str(path)))


def convert_once(
    sha256: str, network: Architecture, obtain: Callable[[], tuple[bytes, str]]
) -> Path:
    """Return the converted file of a weight file; make it if the cache lacks it.

    ``obtain`` returns the bytes and the name of the weight file, whose hash is ``sha256``.
    """

    def make(path: Path) -> None:
        state = convert(*obtain(), network)
        safetensors.torch.save_file(state, path, {"sha256 of source": sha256})

    path = cache_dir("weights") / f"{network.name}-{sha256[:16]}.safetensors"
    return cached(path, make, lambda path: path)


def load(path: Path, network: Architecture, last: str, source: str) -> SoundNet:
    """Make a network up to a layer with the weights of a converted file, in evaluation mode.

    ``last`` is a trunk layer or a head, ``source`` the original file, for the message.

    Raises:
        UserError: the converted file is damaged, or the weights lack the head.
    """
    made = SoundNet(network, last)
    try:
        with safe_open(path, framework="pt") as stored:
            if f"{last}.0.weight" not in stored.keys():  # noqa: SIM118  # not a mapping
                raise UserError(f"{source}: it has no {last}: it was made without this head")
            made.load_state_dict({key: stored.get_tensor(key) for key in made.state_dict()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it to have it made again") from error
    return made.eval().requires_grad_(False)


def convert(content: bytes, name: str, network: Architecture) -> dict[str, torch.Tensor]:
    """Read the weights in a file as a state dict of the network, with the heads that are there.

    The suffix of ``name``, the file's path, names the format.

    Raises:
        UserError: it cannot be read, lacks something, has other shapes, is another network's, or
            its batch norms were never converted.
    """
    try:
        found = READERS[Path(name).suffix](content, network)
        _refuse_unconverted_norms(found)
        return _checked(found, network)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error


def _refuse_unconverted_norms(arrays: Arrays) -> None:
    """Refuse batch norms with initial values, which a widely linked port of the weights has."""
    for key, mean in arrays.items():
        variance = arrays.get(key.removesuffix("running_mean") + "running_var")
        if not key.endswith("running_mean") or variance is None:
            continue
        if 0 < max(mean.size, variance.size) <= MAX_CHANNELS and (
            (mean == 0).all() and (variance == 1).all()
        ):
            raise UserError(
                f"{key} is all 0 and its running_var all 1: the batch norms were never converted,"
                " as in a widely linked port, and the network would compute something else; take"
                " the file that it was converted from"
            )


def _checked(found: Arrays, network: Architecture) -> dict[str, torch.Tensor]:
    """Return tensors under the network's own names and in its shapes, float32; refuse others."""
    first = found.get("conv1.0.weight")
    width = first.shape[0] if first is not None and first.ndim else network.trunk[0].after
    for other in ARCHITECTURES.values():
        if width == other.trunk[0].after != network.trunk[0].after:
            raise UserError(f"the weights of {other.title}; expected those of {network.title}")
    state: dict[str, torch.Tensor] = {}
    for layer in network.layers:
        keys = [f"{layer.name}.0.{field}" for field in CONVOLUTION]
        if not layer.head:
            keys += [f"{layer.name}.1.{field}" for field in NORM]
            state[f"{layer.name}.1.num_batches_tracked"] = torch.tensor(0)
        elif not any(key in found for key in keys):
            continue
        for key in keys:
            if key not in found:
                has = ", ".join(sorted(found)[:4]) or "nothing"
                raise UserError(f"no {key} of {network.title} in it; it has {has}, …")
            state[key] = _shaped(key, found[key], layer)
    return state


def _shaped(key: str, array: "np.ndarray[Any, np.dtype[Any]]", layer: Layer) -> torch.Tensor:
    expected: tuple[int, ...] = (layer.after,)
    if key.endswith("0.weight"):
        expected = (layer.after, layer.before, layer.kernel)
        flat = (layer.after, layer.before * layer.kernel)  # how SpatialConvolutionMM keeps it
        without_ones = [n for n in array.shape if n != 1]
        if array.shape == flat or without_ones == [n for n in expected if n != 1]:
            array = array.reshape(expected)
    if array.shape != expected:
        raise UserError(f"{key}: expected shape {expected}, got {array.shape}")
    if array.dtype.kind != "f":
        raise UserError(f"{key}: expected floating-point numbers, got {array.dtype}")
    values = np.array(array, dtype=np.float32, order="C")
    if not np.isfinite(values).all():
        raise UserError(f"{key}: NaN or infinite numbers")
    if key.endswith("running_var") and (values < 0).any():
        raise UserError(f"{key}: a negative variance")
    return torch.from_numpy(values)
