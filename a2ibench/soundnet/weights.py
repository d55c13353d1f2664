"""SoundNet's weights as they are found → the state dict of a network, converted once.

======================== ===========================================================================
file                     layout
======================== ===========================================================================
``sound8.npy``           a pickled dictionary: ``convN`` → ``weights`` (k, 1, Cin, Cout), ``biases``
                         and, in the trunk, ``gamma``, ``beta``, ``mean``, ``var``
``sound8.pth``           ``convN.0.{weight,bias}`` and
                         ``convN.1.{weight,bias,running_mean,running_var}``; or
                         ``convN.{weight,bias}``, ``batchnormN.…``, ``convN_objs.…``,
                         ``convN_scns.…``
``soundnet8_final.t7``   a Torch7 network: convolution, batch norm, ReLU and pooling in sequence
                         (modules 0 and 1, 4 and 5, 8 and 9, 11 and 12, 14 and 15, 18 and 19, 21 and
                         22), then both heads in one container (24). What has no weights is passed
                         over, so SoundNet-5 (0 and 1, 4 and 5, 8 and 9, 12 and 13, 15) is read the
                         same way. Heads in one convolution of 1401 channels are parted.
``.safetensors``         the state dict itself, as ``a2ibench encoders train soundnet`` writes it
======================== ===========================================================================

Kernels may carry their second axis, of length 1. The trunk must be whole; a head may be missing, as
long as nobody asks for it.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from a2ibench.cache import cached
from a2ibench.errors import UserError
from a2ibench.soundnet.network import ARCHITECTURES, Architecture, Layer, SoundNet
from a2ibench.soundnet.pickled_arrays import read_pickled_arrays
from a2ibench.soundnet.torch7 import CLASS, read_t7
from a2ibench.storage import cache_dir

LARGEST = 1 << 30
"""In bytes, of a weight file; the known ones have 14 to 120 MB."""
MOST_CHANNELS = 4096
"""No layer has more."""

Arrays = dict[str, "np.ndarray[Any, np.dtype[Any]]"]
"""By the names of the network's state dict; views of what was read, of any type and shape."""


def from_file(path: Path, network: Architecture) -> tuple[str, Path]:
    """Converts a file of the user's, once for its content.

    Returns:
        Its sha256, and the converted file for :func:`load`.

    Raises:
        UserError: it cannot be read, or does not hold the weights of this network.
    """
    if path.suffix not in _READERS:
        raise UserError(f"{path}: expected weights as {', '.join(_READERS)}, got {path.suffix!r}")
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise UserError(f"{path}: {size} bytes are more than any SoundNet has ({LARGEST})")
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
    """The converted file of a weight file whose sha256 is known; made if it is not there.

    Args:
        sha256: of the weight file.
        network: whose weights they are.
        obtain: gives the file's bytes and its name; called where the cache lacks it.
    """

    def make(path: Path) -> None:
        state = convert(*obtain(), network)
        safetensors.torch.save_file(state, path, {"sha256 of source": sha256})

    path = cache_dir("weights") / f"{network.name}-{sha256[:16]}.safetensors"
    return cached(path, make, lambda path: path)


def load(path: Path, network: Architecture, last: str, source: str) -> SoundNet:
    """A network up to a layer with the weights of a converted file, in eval mode.

    Args:
        path: what :func:`convert_once` made.
        network: whose weights they are.
        last: a trunk layer or a head.
        source: the file they come from, for the message.

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
    """The weights in a file as a state dict of the network with the heads that are there.

    Args:
        content: the file's bytes.
        name: its path; the suffix says what it is.
        network: whose weights they should be.

    Raises:
        UserError: it cannot be read, lacks something, has other shapes, is another network's, or
            its batch norms were never converted.
    """
    try:
        found = _READERS[Path(name).suffix](content, network)
        _refuse_unconverted_norms(found)
        return _checked(found, network)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error


def _from_npy(content: bytes, network: Architecture) -> Arrays:
    layers = read_pickled_arrays(content)
    names = {"weights": "0.weight", "biases": "0.bias", "gamma": "1.weight", "beta": "1.bias"}
    names |= {"mean": "1.running_mean", "var": "1.running_var"}
    found: Arrays = {}
    for layer in network.layers:
        arrays = layers.get(layer.name, {})
        if not isinstance(arrays, dict):
            raise UserError(f"{layer.name}: expected a dictionary, got {type(arrays).__name__}")
        for theirs, ours in names.items():
            if theirs in arrays:
                key = f"{layer.name}.{ours}"
                array = _array(key, arrays[theirs])
                # (k, 1, Cin, Cout) → (Cout, Cin, 1, k)
                found[key] = array.T if theirs == "weights" else array
    return found


def _from_pth(content: bytes, network: Architecture) -> Arrays:
    try:
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or malicious file raises anything
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"refused, not a dictionary of tensors: {reason}") from error
    if not isinstance(tensors, Mapping):
        raise UserError(f"expected a dictionary of tensors, got {type(tensors).__name__}")
    heads = {"objs": network.objects.name, "scns": network.scenes.name}
    found: Arrays = {}
    for key, value in tensors.items():
        name = re.sub(r"^conv(\d+)\.(?=[a-z])", r"conv\1.0.", str(key))
        name = re.sub(r"^batchnorm(\d+)\.", r"conv\1.1.", name)
        name = re.sub(r"^conv\d+_(objs|scns)\.", lambda m: f"{heads[m[1]]}.0.", name)
        found[name] = _from_tensor(str(key), value)
    return found


def _from_t7(content: bytes, network: Architecture) -> Arrays:
    modules = list(_with_weights(read_t7(content)))
    expected = 2 * len(network.trunk) + 1
    if len(modules) < expected:
        raise UserError(
            f"expected a network with at least {expected} convolutions and batch norms for"
            f" {network.title}, got {len(modules)}"
        )
    found: Arrays = {}
    for i, layer in enumerate(network.trunk):
        found |= _fields(f"{layer.name}.0", modules[2 * i], "Convolution", _CONVOLUTION)
        found |= _fields(f"{layer.name}.1", modules[2 * i + 1], "BatchNormalization", _NORM)
    both = (network.objects, network.scenes)
    heads = {head.after: (head,) for head in both} | {sum(head.after for head in both): both}
    for module in modules[2 * len(network.trunk) :]:
        head = _fields("head", module, "Convolution", _CONVOLUTION)
        channels = len(head["head.bias"])
        if channels not in heads:
            raise UserError(f"a head of {channels} channels; expected 1000, 401 or 1401")
        first = 0
        for layer in heads[channels]:
            part = slice(first, first := first + layer.after)
            for field in _CONVOLUTION:
                found[f"{layer.name}.0.{field}"] = head[f"head.{field}"][part]
    return found


def _from_safetensors(content: bytes, network: Architecture) -> Arrays:
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise UserError(f"not readable as safetensors: {error}") from error
    return {key: _from_tensor(key, value) for key, value in tensors.items()}


_READERS: Mapping[str, Callable[[bytes, Architecture], Arrays]] = {
    ".npy": _from_npy,
    ".pth": _from_pth,
    ".t7": _from_t7,
    ".safetensors": _from_safetensors,
}
_CONVOLUTION = ("weight", "bias")
_NORM = ("weight", "bias", "running_mean", "running_var")


def _with_weights(root: Any) -> Iterator[Mapping[Any, Any]]:
    """The modules that have weights in the order they compute; each once, however often met."""
    met: set[int] = set()
    waiting = [root]
    while waiting:
        module = waiting.pop()
        if not isinstance(module, dict) or id(module) in met:
            continue
        met.add(id(module))
        inside = module.get("modules")
        if isinstance(inside, dict):
            positions = sorted(key for key in inside if isinstance(key, int))
            waiting += [inside[position] for position in reversed(positions)]
        elif isinstance(module.get("weight"), np.ndarray):
            yield module


def _fields(prefix: str, module: Mapping[Any, Any], kind: str, fields: tuple[str, ...]) -> Arrays:
    """The arrays of one module of a Torch7 network under the names of a layer."""
    if kind not in str(module.get(CLASS)):
        raise UserError(f"{prefix}: expected a {kind} module, got {module.get(CLASS)}")
    for field in fields:
        if field not in module:
            raise UserError(f"{prefix}: its {module[CLASS]} has no {field}")
    return {f"{prefix}.{field}": _array(f"{prefix}.{field}", module[field]) for field in fields}


def _array(key: str, value: Any) -> "np.ndarray[Any, np.dtype[Any]]":
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        raise UserError(f"{key}: expected an array, got {type(value).__name__}")
    return value


def _from_tensor(key: str, value: Any) -> "np.ndarray[Any, np.dtype[Any]]":
    """A view of a tensor's numbers; types that NumPy lacks are refused."""
    try:
        view: np.ndarray[Any, np.dtype[Any]] = value.numpy()
    except (AttributeError, TypeError, RuntimeError) as error:
        raise UserError(f"{key}: expected a dense tensor, got {type(value).__name__}") from error
    return view


def _refuse_unconverted_norms(arrays: Arrays) -> None:
    """A port of the Torch weights that is widely linked left its batch norms as they are made."""
    for key, mean in arrays.items():
        variance = arrays.get(key.removesuffix("running_mean") + "running_var")
        if not key.endswith("running_mean") or variance is None:
            continue
        if 0 < max(mean.size, variance.size) <= MOST_CHANNELS and (
            (mean == 0).all() and (variance == 1).all()
        ):
            raise UserError(
                f"{key} is all 0 and its running_var all 1: the batch norms were never converted,"
                " as in a widely linked port, and the network would compute something else; take"
                " the file that it was converted from"
            )


def _checked(found: Arrays, network: Architecture) -> dict[str, torch.Tensor]:
    """The tensors of the network's own names and shapes, float32.

    Raises:
        UserError: one is missing, has another shape, or has values that none can have.
    """
    if other := _another(found, network):
        raise UserError(f"the weights of {other.title}; expected those of {network.title}")
    state: dict[str, torch.Tensor] = {}
    for layer in network.layers:
        keys = [f"{layer.name}.0.{field}" for field in _CONVOLUTION]
        if not layer.head:
            keys += [f"{layer.name}.1.{field}" for field in _NORM]
            state[f"{layer.name}.1.num_batches_tracked"] = torch.tensor(0)
        elif not any(key in found for key in keys):
            continue
        for key in keys:
            if key not in found:
                has = ", ".join(sorted(found)[:4]) or "nothing"
                raise UserError(f"no {key} of {network.title} in it; it has {has}, …")
            state[key] = _shaped(key, found[key], layer)
    return state


def _another(found: Arrays, network: Architecture) -> Architecture | None:
    """The network that these weights are of, if their first layer is another's."""
    weight = found.get("conv1.0.weight")
    if weight is None or weight.ndim == 0:
        return None
    for other in ARCHITECTURES.values():
        if weight.shape[0] == other.trunk[0].after != network.trunk[0].after:
            return other
    return None


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
