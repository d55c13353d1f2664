"""The clip lists of Wan et al. 2019, over the SoundNet/Flickr archives that a user holds."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from a2ibench.data.files.clip import PICTURES, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError
from a2ibench.types import Split

LIST = re.compile(r"(training|testing)_data_(.+)_keywords\.txt")


class Wan2019(ClipDataset):
    """``SOURCE/**/{training,testing}_data_<class>_keywords.txt``, one path per line.

    A path is that of a sound in SoundNet's archive, ``mp3/videos/8/6/9/5676758869.mp4.mp3``. The
    first of these that exists below SOURCE is cut:

    - the video itself, ``videos/8/6/9/5676758869.mp4``;
    - the sound under its own path, with the middle one of its pictures in
      ``frames/videos/8/6/9/5676758869.mp4/``.

    A video on a test list is a test video, and its training entries are rejected; so is a video
    that several classes list, since a clip has one class; ``several=keep`` makes the first, in
    alphabetical order, its class, and the others further labels.

    Raises:
        UserError: there are no lists.
    """

    name = "wan2019"
    Config = ClipConfig
    config: ClipConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract."""
        listed: dict[str, set[tuple[Split, str]]] = {}
        again = 0
        for path in map(self.root.joinpath, sorted(self.files())):
            if match := LIST.fullmatch(path.name):
                side: Split = "train" if match[1] == "training" else "test"
                text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
                for line in text.splitlines():
                    if entry := line.strip():
                        places = listed.setdefault(entry, set())
                        again += (side, match[2]) in places
                        places.add((side, match[2]))
        if not listed:
            raise UserError(
                f"{self.source}: no lists in it; expected training_data_<class>_keywords.txt and"
                " testing_data_<class>_keywords.txt"
            )
        self.listed = len(listed)
        if again:
            self.note(f"listed again: {again:,} lines; each clip is cut once")
        for entry, places in sorted(listed.items()):
            labels = sorted({label for _, label in places})
            if len(labels) > 1 and self.config.several == "drop":
                self.reject(entry, f"several classes list it: {', '.join(labels)}")
                continue
            sides = {side for side, _ in places}
            if len(sides) > 1:
                self.reject(entry, "a training and a test list have it: it is a test clip only")
            yield from self._find(entry, labels, "test" if "test" in sides else "train")

    def _find(self, entry: str, labels: list[str], split: Split) -> Iterable[Clip]:
        inner = PurePosixPath(entry)
        if ".." in inner.parts or inner.is_absolute():
            self.reject(entry, "it lies outside the folder")
            return
        parts = inner.parts[1:] if inner.parts[0] == "mp3" else inner.parts
        film = PurePosixPath(*parts).as_posix().removesuffix(".mp3")
        label, *further = labels
        if self.is_file(film):
            yield Clip(film, label, film, split, labels=tuple(further))
            return
        if not self.is_file(entry):
            self.miss(entry, label, split, expected=(film, entry))
            return
        frames = self.root / "frames" / film
        pictures = sorted(
            path.relative_to(self.root).as_posix()
            for path in (frames.iterdir() if frames.is_dir() else ())
            if path.suffix.lower() in PICTURES
        )
        if not pictures:
            self.reject(entry, f"no pictures of it in frames/{film}")
        else:
            picture = pictures[len(pictures) // 2]
            yield Clip(entry, label, film, split, picture=picture, labels=tuple(further))
