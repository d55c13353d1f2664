"""VGGSound (Chen et al. 2020): its list, and the clips that you have."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast

from a2ibench.config import choose, option
from a2ibench.data.files.clip import VIDEOS, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError
from a2ibench.types import Split


@dataclass(frozen=True)
class VGGSoundConfig(ClipConfig):
    """Options of :class:`VGGSound`."""

    classes: tuple[str, ...] = option(
        (),
        "only these labels of the list; all by default. A label with a comma may be put in double"
        ' quotes: `"cattle, bovinae cowbell",barking`',
    )
    vggsounder: bool = option(
        False,
        "whether to read vggsounder.csv, beside the list: all classes of the test clips, and which"
        " of them are heard and seen",
    )


class Line(NamedTuple):
    """One line of the list; ``start`` is in whole seconds."""

    film: str
    start: int
    label: str
    split: Split


VGGSOUNDER = ("video_id", "label", "modality")
"""Columns of ``vggsounder.csv`` that are read."""
SECONDS = 10
"""Length of a clip."""


class VGGSound(ClipDataset):
    """``SOURCE/vggsound.csv`` and, anywhere below, the clips that you have.

    A clip is named ``<YouTube id>_<start>``, in seconds, of six digits or without the zeros, or
    ``<YouTube id>_<start>_<end>``, in seconds or milliseconds; the suffix is that of any video.

    The list has no header: YouTube id, start in seconds, label, ``train`` or ``test``. Two clips
    can come from one video: the id is the source. The list's own split is kept, except that a video
    with clips on both sides is a test video, and its training clips are rejected.

    ``vggsounder.csv`` (Zverev et al. 2025) has a line per clip and class, with the columns
    ``video_id``, ``label`` and ``modality``: ``A``, heard, ``V``, seen, or ``AV``. Its classes
    become further labels of the clip. Where a clip is on it, a class that it does not give is
    neither heard nor seen. ``unseen=drop`` leaves clips out whose class is not seen.

    Raises:
        UserError: a list is missing, has a malformed line, or does not have a class.
    """

    name = "vggsound"
    version = 3  # 2 did not record where the files of a film begin
    Config = VGGSoundConfig
    config: VGGSoundConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract; clips of the list that are not in the folder are missing."""
        lines = self._list()
        known_names = {name for line in lines for name in names_of(line.film, line.start)}
        if self.config.classes:
            known = {line.label for line in lines}
            hint = "A label with a comma may be quoted: --set 'classes=\"a, b\",c'."
            classes = choose("class of vggsound.csv", self.config.classes, known, hint)
            self.config = replace(self.config, classes=tuple(classes))
            lines = [line for line in lines if line.label in classes]
        self.listed = len({(line.film, line.start) for line in lines})
        sensed = read_modalities(self.root) if self.config.vggsounder else {}
        found = self._files()
        held: list[tuple[Line, str]] = []
        claimed: dict[str, tuple[str, int]] = {}
        for line in lines:
            names = names_of(line.film, line.start)
            files = list(dict.fromkeys(found[name] for name in names if name in found))
            if not files:
                expected = [f"{name}.mp4" for name in names]
                self.miss(names[0], line.label, line.split, (line.start,), expected)
                continue
            for other in files[1:]:
                if claimed.setdefault(other, line[:2]) == line[:2]:
                    self.reject(other, f"the same clip as {files[0]}")
            if claimed.setdefault(files[0], line[:2]) == line[:2]:
                held.append((line, files[0]))
            else:
                film, start = claimed[files[0]]
                self.reject(files[0], f"its name fits {film} at {start} s and {line.film} as well")
        if strays := sorted(found[name] for name in found.keys() - known_names):
            self.note(f"videos that are not on the list: {len(strays):,}, for example {strays[0]}")
        if sensed:
            self.note(_told(sensed, [line for line, _ in held]))
        tested = {line.film for line, _ in held if line.split == "test"}
        for line, file in held:
            if line.split == "train" and line.film in tested:
                self.reject(file, f"a training clip of {line.film}, which has test clips as well")
            else:
                modality = sensed.get(names_of(line.film, line.start)[0])
                clip = Clip(file, line.label, line.film, line.split, begins=float(line.start))
                yield _with_modality(clip, modality)

    def _list(self) -> list[Line]:
        path = self.root / "vggsound.csv"
        if not path.is_file():
            raise UserError(f"{self.root}: no vggsound.csv in it (id, start, label, split)")
        lines = []
        # Names that are not UTF-8 are rejected one by one.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.reader(stream)
            try:
                for cells in rows:
                    film, start, label, split = (cell.strip() for cell in cells)
                    if split not in ("train", "test"):
                        raise ValueError
                    lines.append(Line(film, int(start), label, cast("Split", split)))
            except (ValueError, csv.Error):
                with path.open("rb") as again:
                    text = again.read().splitlines()[rows.line_num - 1 : rows.line_num]
                shown = b"".join(text)[:200].decode("utf-8", "backslashreplace")
                raise UserError(
                    f"{path}, line {rows.line_num}: expected id, start, label, train or test;"
                    f" got {shown!r}"
                ) from None
        return lines

    def _files(self) -> dict[str, str]:
        """Name without suffix → relative path; a name that occurs twice is rejected."""
        found: dict[str, str] = {}
        for file in sorted(self.files()):
            if Path(file).suffix.lower() not in VIDEOS:
                continue
            if (first := found.setdefault(Path(file).stem, file)) != file:
                self.reject(file, f"the same clip as {first}")
        return found


def read_modalities(root: Path) -> dict[str, dict[str, str]]:
    """Read ``vggsounder.csv``: id and start of a clip, as in a name → class → modality.

    Raises:
        UserError: it is missing, or has a malformed line.
    """
    path = root / "vggsounder.csv"
    found: dict[str, dict[str, str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            for row in rows:
                clip, label, modality = (row.get(name) for name in VGGSOUNDER)
                if not clip or not label or modality not in ("A", "V", "AV"):
                    raise ValueError(f"line {rows.line_num}: got {[*row.values()][:3]}")
                found.setdefault(clip, {})[label] = modality
    except FileNotFoundError:
        raise UserError(f"{root}: no vggsounder.csv in it ({', '.join(VGGSOUNDER)})") from None
    except (OSError, ValueError, csv.Error) as error:
        expected = f"expected columns {', '.join(VGGSOUNDER)}, with A, V or AV in the last"
        raise UserError(f"{path}: {expected}; {error}") from error
    return found


def _with_modality(clip: Clip, modality: Mapping[str, str] | None) -> Clip:
    """Return a clip with the classes that VGGSounder gives it; as it is without them."""
    if modality is None:
        return clip
    audible, visible = (
        tuple(sorted(label for label, said in modality.items() if sense in said)) for sense in "AV"
    )
    labels = tuple(sorted(set(modality) - {clip.label}))
    return replace(clip, labels=labels, audible=audible, visible=visible)


def _told(sensed: Mapping[str, Mapping[str, str]], lines: Sequence[Line]) -> str:
    """Count what VGGSounder says of the classes of the clips that are held."""
    given = [(line.label, sensed.get(names_of(line.film, line.start)[0])) for line in lines]
    said = Counter(modality.get(label, "") for label, modality in given if modality is not None)
    return (
        f"vggsounder.csv has {said.total():,} of {len(lines):,} clips: the class of"
        f" {said['AV']:,} is heard and seen, of {said['A']:,} only heard, of {said['V']:,} only"
        f" seen, of {said['']:,} neither"
    )


def names_of(film: str, start: int) -> tuple[str, ...]:
    """Return the names that a clip may have, without suffix; the usual one first."""
    end = start + SECONDS
    return (
        f"{film}_{start:06d}",
        f"{film}_{start * 1000}_{end * 1000}",
        f"{film}_{start:06d}_{end:06d}",
        f"{film}_{start}_{end}",
        f"{film}_{start}",
    )
