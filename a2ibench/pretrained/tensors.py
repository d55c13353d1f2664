"""Tensors from a file that the user names: read as plain numbers, and checked."""

from collections.abc import Collection, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from a2ibench.errors import UserError, told

SHOWN = 3
"""Number of names of wrong tensors in a message."""


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a file of tensors by name, ``.safetensors`` or what :func:`torch.save` writes.

    Raises:
        UserError: it is damaged, or holds more than plain tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own
        raise UserError(
            f"{path}: damaged, or more than plain tensors ({told(error)}); fetch it again"
        ) from error
    if not isinstance(state, dict) or not all(torch.is_tensor(one) for one in state.values()):
        raise UserError(f"{path}: expected tensors by name, got {type(state).__name__}")
    return state


def fill(network: nn.Module, state: Mapping[str, torch.Tensor], path: Path, what: str) -> None:
    """Put tensors into a network by name; for ``path`` and errors see :func:`check_tensors`."""
    ours = network.state_dict()
    other = {name for name in ours.keys() & state if ours[name].shape != state[name].shape}
    fitting = {name: one for name, one in state.items() if name not in other}
    missing, unexpected = network.load_state_dict(fitting, strict=False)
    found = {
        "missing_keys": set(missing) - other,
        "mismatched_keys": other,
        "unexpected_keys": unexpected,
    }
    check_tensors(path, what, network, found)


def check_tensors(
    path: Path, what: str, network: nn.Module, found: Mapping[str, Collection[str]]
) -> None:
    """Refuse weights that lack a tensor of a network, have others or other shapes, or NaN.

    Args:
        path: their file.
        what: the network in words.
        network: what they were loaded into.
        found: names by kind, as PyTorch and ``transformers`` call the kinds: ``missing_keys``,
            ``mismatched_keys``, ``unexpected_keys``.

    Raises:
        UserError: it is so.
    """
    buffers = {name for name, _ in network.named_buffers()}
    wrong = {
        "lacks": sorted(found["missing_keys"]),
        "has other sizes of": sorted(found["mismatched_keys"]),
        "also has": sorted(set(found["unexpected_keys"]) - buffers),
        "has NaN or infinite numbers in": [
            name for name, one in network.state_dict().items() if not torch.isfinite(one).all()
        ],
    }
    for said, names in wrong.items():
        if names:
            more = f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
            raise UserError(
                f"{path}: not the weights of {what}: it {said} {', '.join(names[:SHOWN])}{more}"
            )
