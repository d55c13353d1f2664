"""VEGAS (Zhou et al. 2018): ``<class>/videos/<file>``."""

from collections.abc import Iterable
from pathlib import Path

from a2ibench.data.files.clip import VIDEOS, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError


class Vegas(ClipDataset):
    """``SOURCE/<class>/videos/<file>``; the sounds in ``audios`` are those of the same videos.

    Every file counts as a source of its own: the names do not tell which video it comes from.

    Raises:
        UserError: the folder is not of this layout.
    """

    name = "vegas"
    Config = ClipConfig
    config: ClipConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract."""
        if not self.source.is_dir() or not any(self.root.glob("*/videos")):
            raise UserError(f"{self.source}: expected folders <class>/videos; found none")
        for file in self.files():
            label, folder, *rest = (*file.split("/"), "", "")
            if folder != "videos" or rest[1:] != ["", ""]:
                continue
            if Path(file).suffix.lower() in VIDEOS:
                yield Clip(file, label, file)
            else:
                self.reject(file, "not a video")
