"""VGGSound (Chen et al. 2020): its list, and the clips that you have of it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from a2ibench.config import option
from a2ibench.data.files.clips import VIDEOS, Clip, ClipConfig, ClipDataset
from a2ibench.data.types import Split
from a2ibench.errors import UserError


@dataclass(frozen=True)
class VGGSoundConfig(ClipConfig):
    """Options of :class:`VGGSound`."""

    classes: tuple[str, ...] = option((), "only these labels; all by default")


class VGGSound(ClipDataset):
    """``SOURCE/vggsound.csv`` and, anywhere below, ``<YouTube id>_<start, six digits>.<suffix>``.

    The list has no header: YouTube id, start in seconds, label, ``train`` or ``test``. Two clips
    can come from one film: the id is the source. The list's own split is kept, except that a film
    with clips on both sides is a test film, and its training clips are rejected.

    Raises:
        UserError: no list, or a line that is none.
    """

    name = "vggsound"
    Config = VGGSoundConfig
    config: VGGSoundConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract; clips of the list that are not in the folder are passed over."""
        files = self._files()
        rows = [row for row in self._list() if f"{row[0]}_{int(row[1]):06d}" in files]
        if self.config.classes:
            rows = [row for row in rows if row[2] in self.config.classes]
        tested = {film for film, _, _, split in rows if split == "test"}
        for film, start, label, split in rows:
            file = files[f"{film}_{int(start):06d}"]
            if split == "train" and film in tested:
                self.reject(file, f"a training clip of {film}, which has test clips as well")
            else:
                yield Clip(file, label, film, cast("Split", split))

    def _list(self) -> list[tuple[str, float, str, str]]:
        path = self.root / "vggsound.csv"
        if not path.is_file():
            raise UserError(f"{self.root}: no vggsound.csv in it (id, start, label, split)")
        rows = []
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for number, cells in enumerate(csv.reader(stream), start=1):
                try:
                    film, start, label, split = (cell.strip() for cell in cells)
                    if split not in ("train", "test"):
                        raise ValueError
                    rows.append((film, float(int(start)), label, split))
                except ValueError:
                    raise UserError(
                        f"{path}, line {number}: expected id, start, label, train or test;"
                        f" got {cells}"
                    ) from None
        return rows

    def _files(self) -> dict[str, str]:
        """Name without suffix → relative path; a name that occurs twice is rejected."""
        found: dict[str, str] = {}
        for path in sorted(self.root.rglob("*")):
            if path.suffix.lower() not in VIDEOS:
                continue
            file = path.relative_to(self.root).as_posix()
            if (first := found.setdefault(Path(file).stem, file)) != file:
                self.reject(file, f"the same clip as {first}")
        return found
