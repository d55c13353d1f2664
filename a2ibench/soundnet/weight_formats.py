"""The formats in which SoundNet's weights are found: their arrays under the names of a state dict.

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
                         22), then both heads in one container (24). Modules without weights are
                         skipped, so SoundNet-5 (0 and 1, 4 and 5, 8 and 9, 12 and 13, 15) is read
                         the same way. Heads in one convolution of 1401 channels are split.
``.safetensors``         the state dict itself, as ``a2ibench encoders train soundnet`` writes it
======================== ===========================================================================

Kernels may keep their second axis, of length 1. The trunk must be complete; a head may be missing
unless it is used.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from a2ibench.errors import UserError
from a2ibench.soundnet.network import Architecture
from a2ibench.soundnet.pickled_arrays import read_pickled_arrays
from a2ibench.soundnet.torch7 import CLASS, read_t7

Arrays = dict[str, "np.ndarray[Any, np.dtype[Any]]"]
"""Name in the network's state dict → a view of the bytes, of any type and shape."""


CONVOLUTION = ("weight", "bias")
NORM = ("weight", "bias", "running_mean", "running_var")


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
        found |= _fields(f"{layer.name}.0", modules[2 * i], "Convolution", CONVOLUTION)
        found |= _fields(f"{layer.name}.1", modules[2 * i + 1], "BatchNormalization", NORM)
    both = (network.objects, network.scenes)
    heads = {head.after: (head,) for head in both} | {sum(head.after for head in both): both}
    for module in modules[2 * len(network.trunk) :]:
        head = _fields("head", module, "Convolution", CONVOLUTION)
        channels = len(head["head.bias"])
        if channels not in heads:
            raise UserError(f"a head of {channels} channels; expected 1000, 401 or 1401")
        first = 0
        for layer in heads[channels]:
            part = slice(first, first := first + layer.after)
            for field in CONVOLUTION:
                found[f"{layer.name}.0.{field}"] = head[f"head.{field}"][part]
    return found


def _from_safetensors(content: bytes, network: Architecture) -> Arrays:
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise UserError(f"not readable as safetensors: {error}") from error
    return {key: _from_tensor(key, value) for key, value in tensors.items()}


def _with_weights(root: Any) -> Iterator[Mapping[Any, Any]]:
    """Yield the modules that have weights in the order they compute, each once."""
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
    """Return the arrays of one module of a Torch7 network under the names of a layer."""
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
    """Return a view of a tensor's numbers, or a copy of bfloat16, which NumPy lacks."""
    if not isinstance(value, torch.Tensor):
        raise UserError(f"{key}: expected a dense tensor, got {type(value).__name__}")
    try:
        view = value.detach()
        # A few numbers may stand for any number of them: a copy would not fit in memory.
        if view.dtype is torch.bfloat16 and view.nbytes <= view.untyped_storage().nbytes():
            view = view.float()
        return view.numpy()
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"{key}: expected a dense tensor of 16, 32 or 64 bits, got {value.dtype}"
            f" ({value.layout}, {value.device})"
        ) from error


READERS: Mapping[str, Callable[[bytes, Architecture], Arrays]] = {
    ".npy": _from_npy,
    ".pth": _from_pth,
    ".t7": _from_t7,
    ".safetensors": _from_safetensors,
}
"""The suffix of a file → the reader of its bytes."""
