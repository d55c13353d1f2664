"""VEGAS (Zhou et al. 2018): ``<class>/videos/<file>``."""

from collections.abc import Iterable

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
        folders = sorted(self.root.glob("*/videos")) if self.source.is_dir() else []
        if not folders:
            raise UserError(f"{self.source}: expected folders <class>/videos; found none")
        for folder in folders:
            for path in sorted(folder.iterdir()):
                file = path.relative_to(self.root).as_posix()
                if path.suffix.lower() in VIDEOS:
                    yield Clip(file, folder.parent.name, file)
                elif not path.name.startswith("."):
                    self.reject(file, "not a video")
