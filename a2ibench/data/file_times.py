"""Which recording each pair of a store is of, and where its file begins there."""

import functools
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from a2ibench.data.store import PairStore
from a2ibench.data.store_tables import SOURCES, read_side_table
from a2ibench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def recordings(store: PairStore) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
    """Return what the times of pairs count from, ``[n]`` names, and where their files begin there.

    Several files may be cut from one film; where each begins is in seconds, float64 ``[n]``, and 0
    where a layout does not know it. A name is the source, if it is known where its files begin or
    if a file is named after it; else there may be several such files, and each counts from its own
    beginning: the path of the file, without its suffix.

    Raises:
        UserError: the table of files is damaged.
    """
    source = store.index["source"].to_numpy(dtype=np.str_)
    files = files_of_pairs(store)
    if "file" not in files:
        return source, _begins(files)
    known = set(files["source"][files["begins"].notna()]) if "begins" in files else set()

    @functools.cache  # files have many pairs
    def name(one: str, file: str) -> str:
        if not file:
            return one
        path = PurePosixPath(file).with_suffix("")
        return one if one in known or one in (str(path), path.name) else str(path)

    names = map(name, source.tolist(), files["file"].fillna(""))
    return np.array(list(names), dtype=np.str_), _begins(files)


def _begins(files: "pd.DataFrame") -> npt.NDArray[np.float64]:
    if "begins" not in files:
        return np.zeros(len(files))
    return np.asarray(files["begins"].fillna(0), dtype=np.float64)


def files_of_pairs(store: PairStore) -> "pd.DataFrame":
    """Return the line of the table of files for each pair; without columns where none is known.

    Raises:
        UserError: the table is damaged.
    """
    import pandas as pd

    files = read_side_table(store.root / "sources.parquet", SOURCES)
    if not {"pairs", "source"}.issubset(files):
        return pd.DataFrame(index=range(len(store)))
    pairs = files["pairs"].fillna(0).to_numpy(dtype=np.int64)
    if (pairs < 0).any() or pairs.sum() != len(store):
        raise UserError(
            f"{store.root / 'sources.parquet'}: damaged (its files have {pairs.sum()} pairs, the"
            f" store has {len(store)}); prepare the pairs again"
        )
    return files.loc[files.index.repeat(pairs)].reset_index(drop=True)
