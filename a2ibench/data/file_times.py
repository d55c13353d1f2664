"""Where the files of a store begin in their sources."""

import numpy as np
import numpy.typing as npt

from a2ibench.data.store import PairStore
from a2ibench.data.store_tables import SOURCES, read_side_table
from a2ibench.errors import UserError


def begin_of_files(store: PairStore) -> npt.NDArray[np.float64]:
    """Return where the file of each pair begins in its source, in seconds: float64 ``[n]``.

    Several files may be cut from one film. Where a layout does not know it, a file begins at 0.

    Raises:
        UserError: the table of files is damaged.
    """
    sources = read_side_table(store.root / "sources.parquet", SOURCES)
    if not {"begins", "pairs"}.issubset(sources):
        return np.zeros(len(store))
    pairs = sources["pairs"].fillna(0).to_numpy(dtype=np.int64)
    if (pairs < 0).any() or pairs.sum() != len(store):
        raise UserError(
            f"{store.root / 'sources.parquet'}: damaged (its files have {pairs.sum()} pairs, the"
            f" store has {len(store)}); prepare the pairs again"
        )
    return np.repeat(sources["begins"].fillna(0).to_numpy(dtype=np.float64), pairs)
