"""Read the parquet tables of a pair store, and check them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

INDEX = {
    "label": "text",
    "split": "text",
    "source": "text",
    "start": "number",
    "audio_start": "integer",
    "audio_length": "integer",
}
"""Columns of ``index.parquet`` → kind."""
FURTHER = {
    "factor:": "number",
    "frame": "number",
    "labels": "text",
    "audible": "text",
    "visible": "text",
}
"""Optional columns of ``index.parquet`` → kind; a name that ends with a colon is a prefix."""
SOURCES = {
    "begins": "number",
    "bytes": "number",
    "file": "text",
    "licence": "text",
    "pairs": "number",
    "seconds": "number",
    "sha256": "text",
    "source": "text",
    "url": "text",
}
"""Columns of ``sources.parquet`` → kind; all are optional."""
REJECTED = {"file": "text", "reason": "text"}
"""Columns of ``rejected.parquet`` → kind; all are optional."""


def read_table(
    path: Path,
    columns: Mapping[str, str],
    further: Mapping[str, str] | None = None,
    optional: bool = False,
) -> "pd.DataFrame":
    """Read a table whose columns are of the right kinds.

    Args:
        path: a parquet file.
        columns: name → ``"text"``, ``"integer"`` or ``"number"``. Numbers and optional text may be
            missing in some rows.
        further: further columns, or prefixes of them, that may be there, and may lack values; no
            others are allowed. None allows any others.
        optional: whether columns, or the file, may be missing; an absent file is an empty table.

    Raises:
        ValueError: the file cannot be read, or a column is missing or wrong; the message names it.
    """
    import pandas as pd

    if optional and not path.is_file():
        return pd.DataFrame()
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError:
        raise ValueError(f"{path.name}: no such file") from None
    except Exception as error:  # a damaged file makes its decoder raise anything
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{path.name}: {said[0]}") from error
    expected = dict(columns)
    for name in map(str, table if further is not None else ()):
        if name not in columns:
            prefix, colon, _ = name.partition(":")
            if (kind := (further or {}).get(prefix + colon)) is None:
                raise ValueError(f"{path.name}: unexpected column {name!a}")
            expected[name] = kind
    for name, kind in expected.items():
        if name not in table:
            if optional:
                continue
            raise ValueError(f"{path.name}: it has no column {name}")
        if not _is(table[name], kind, missing=optional or name not in columns):
            raise ValueError(
                f"{path.name}: column {name}: expected {kind}, got {_kind(table[name])}"
            )
    return table


def read_side_table(path: Path, columns: Mapping[str, str]) -> "pd.DataFrame":
    """Read a table beside the pairs; return an empty one if the file is missing.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return read_table(path, columns, optional=True)
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}); put an intact copy there, or prepare the pairs again"
        ) from error


def _is(column: "pd.Series[Any]", kind: str, missing: bool) -> bool:
    import pandas as pd
    from pandas.api import types

    if kind == "integer":
        return types.is_integer_dtype(column.dtype) and not bool(column.isna().any())
    if kind == "number":
        numeric = types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)
        return numeric or (missing and bool(column.isna().all()))
    if not missing and bool(column.isna().any()):
        return False
    if isinstance(column.dtype, pd.StringDtype):
        return True
    return all(isinstance(value, str) for value in column[column.notna()])


def _kind(column: "pd.Series[Any]") -> str:
    kinds = sorted({type(value).__name__ for value in column.head(1000)})
    return f"{column.dtype} ({', '.join(kinds)})" if kinds else str(column.dtype)
