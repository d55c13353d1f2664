"""A table of your own: files with their starts, classes and sides."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from a2ibench.data.files.clip import Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError
from a2ibench.types import Split

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("path", "label", "start", "split", "source", "picture")
NEEDED = ("path", "label")


class Manifest(ClipDataset):
    """A ``.csv`` or ``.parquet`` file with one row per clip or segment.

    Columns: ``path`` (relative to the table's folder), ``label``; optional are ``start`` (seconds;
    a row without one is the whole file), ``split`` (``train`` or ``test``; rows without one are
    split by source), ``source`` (by default the path) and ``picture`` (of a sound file). Further
    columns are ignored.

    Raises:
        UserError: the file is not such a table.
    """

    name = "manifest"
    Config = ClipConfig
    config: ClipConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract. Rows of one file, class and side are cut together."""
        starts: dict[Clip, list[float]] = {}
        for number, row in enumerate(self._read().to_dict("records"), start=2):
            try:
                clip, start = self._row(cast("dict[str, Any]", row))
            except ValueError as error:
                self.reject(_text(row.get("path")), f"row {number}: {error}")
                continue
            known = starts.get(clip)
            if start is None and known is None:
                starts[clip] = []
            elif start is not None and (known is None or (known and start not in known)):
                starts.setdefault(clip, []).append(start)
            else:
                self.reject(
                    clip.file, f"row {number}: an earlier row has the same file and start", start
                )
        self.listed = len({clip.file for clip in starts})
        for clip, begins in starts.items():
            at = tuple(sorted(begins)) or None
            yield Clip(clip.file, clip.label, clip.source, clip.split, at, clip.picture)

    def _row(self, row: dict[str, Any]) -> tuple[Clip, float | None]:
        path, label = _text(row["path"]), _text(row["label"])
        if not path:
            raise ValueError("no path")
        if not label:
            raise ValueError("no label")
        split = _text(row.get("split")) or None
        if split not in ("train", "test", None):
            raise ValueError(f"split {split!r}; expected train, test or nothing")
        given = _text(row.get("start"))
        try:
            start = float(given) if given else None
        except ValueError:
            raise ValueError(f"start {given!r}; expected a number of seconds") from None
        if start is not None and not (0 <= start < math.inf):
            raise ValueError(f"start {given}; expected seconds, 0 or more")
        picture = _text(row.get("picture")) or None
        if picture is not None and start is not None:
            raise ValueError("a start and a picture; a sound with a picture is cut in its middle")
        source = _text(row.get("source")) or path
        return Clip(path, label, source, cast("Split | None", split), None, picture), start

    def _read(self) -> "pd.DataFrame":
        import pandas as pd

        kind = self.source.suffix.lower()
        if self.source.is_dir() or kind not in (".csv", ".parquet"):
            raise UserError(
                f"{self.source}: expected a .csv or .parquet file with the columns"
                f" {', '.join(COLUMNS)}"
            )
        try:
            if kind == ".parquet":
                table = pd.read_parquet(self.source)
            else:
                table = pd.read_csv(
                    self.source, dtype=str, keep_default_na=False, encoding="utf-8-sig"
                )
        except Exception as error:  # pandas and pyarrow raise anything on damage
            raise UserError(f"{self.source}: cannot be read as a table ({error})") from error
        table = table.rename(columns=lambda name: str(name).strip())
        if missing := [name for name in NEEDED if name not in table.columns]:
            raise UserError(
                f"{self.source}: no column {' and '.join(missing)}; found"
                f" {', '.join(map(str, table.columns)) or 'none'}"
            )
        if table.columns.duplicated().any():
            raise UserError(f"{self.source}: two columns have one name")
        return table[[name for name in COLUMNS if name in table.columns]]


def _text(value: Any) -> str:
    """Convert a cell to text; a missing value is empty."""
    if value is None or value != value:
        return ""
    return str(value).strip()
