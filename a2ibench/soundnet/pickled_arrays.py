"""A restricted reader of a pickled dictionary of arrays in a ``.npy`` file: nothing is executed."""

import io
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from a2ibench.errors import UserError


class _ArraysOnly(pickle.Unpickler):
    """Unpickles containers and numpy arrays; a pickle that names anything else is refused."""

    # An array names its own constructor; asking it spares an import of numpy's private modules.
    _RECONSTRUCT = np.empty(0).__reduce__()[0]
    _ALLOWED: ClassVar[Mapping[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._ALLOWED[module, name]


def read_pickled_arrays(content: bytes) -> Mapping[Any, Any]:
    """Read a dictionary of arrays that ``numpy.save`` wrote; refuse all else with a UserError."""
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("expected version 1.0 of the .npy format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != () or dtype != np.dtype(object):
            raise ValueError(f"expected one pickled object, got {dtype} {shape}")
        # latin1 is how numpy arrays pickled by Python 2 are read.
        layers = _ArraysOnly(stream, encoding="latin1").load().item()
        if not isinstance(layers, dict):
            raise ValueError(f"expected a dictionary, got {type(layers).__name__}")
    except Exception as error:  # a damaged pickle raises anything
        raise UserError(f"refused, not a dictionary of arrays: {error}") from error
    return layers
