"""Cosine similarity of sounds and images in acoustic space."""

import numpy as np
import numpy.typing as npt

from a2ibench.types import FloatArray


def cosines(a: FloatArray, v: FloatArray) -> npt.NDArray[np.float64]:
    """Compute the cosine of each row ``[n, d]`` with each row ``[m, d]``: float64 ``[n, m]``.

    It is 0 for a row of zeros. Equal rows of ``v`` get equal cosines, to the last bit.
    """
    distinct, position = np.unique(v, axis=0, return_inverse=True)
    cosine = unit_rows(a) @ unit_rows(distinct).T
    return cosine[:, position.reshape(-1)]


def unit_rows(x: FloatArray) -> npt.NDArray[np.float64]:
    """Scale rows to length 1, float64 ``[n, d]``; a row of zeros stays as it is."""
    wide = x.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, length, out=np.zeros_like(wide), where=length > 0)
