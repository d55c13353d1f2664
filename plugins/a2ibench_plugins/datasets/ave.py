"""AVE (Tian et al. 2018): annotated events in ten-second videos."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from a2ibench.config import option
from a2ibench.data.files.clip import LONGEST, Clip, ClipConfig
from a2ibench.data.files.clips import ClipDataset
from a2ibench.errors import UserError
from a2ibench.types import Split

LISTS: dict[str, Split] = {"trainSet.txt": "train", "valSet.txt": "train", "testSet.txt": "test"}


@dataclass(frozen=True)
class AVEConfig(ClipConfig):
    """Options of :class:`AVE`."""

    validation: bool = option(True, "whether the validation list counts as training clips")


class Event(NamedTuple):
    """One line of a list."""

    label: str
    film: str
    begin: float
    end: float


class AVE(ClipDataset):
    """``SOURCE/{trainSet,valSet,testSet}.txt`` and ``SOURCE/AVE/<YouTube id>.mp4``.

    A line is ``Category&VideoID&Quality&StartTime&EndTime``, in seconds of the video. Segments are
    cut by the hop inside the event, where sound and picture show it. A video on a training and the
    test list is a test video. Segments of events of different categories that overlap in time
    are left out, since a pair has one class, or kept with both (``several=keep``).

    Raises:
        UserError: a list is missing, or has a malformed line.
    """

    name = "ave"
    Config = AVEConfig
    config: AVEConfig

    def clips(self) -> Iterable[Clip]:
        """See the contract."""
        events = {name: self._read(name) for name in LISTS}
        self.listed = len(
            {
                event.film
                for name, listed in events.items()
                for event in listed
                if name != "valSet.txt" or self.config.validation
            }
        )
        tested = {event.film for event in events["testSet.txt"]}
        for name, split in LISTS.items():
            if name == "valSet.txt" and not self.config.validation:
                continue
            for event in events[name]:
                file = f"AVE/{event.film}.mp4"
                if split == "train" and event.film in tested:
                    self.reject(file, f"it is on {name} and on testSet.txt")
                elif (starts := self.config.starts(event.begin, event.end)) or not self.is_file(
                    file
                ):  # what is missing is said to be that
                    yield Clip(file, event.label, event.film, split, starts)
                else:
                    self.reject(
                        file,
                        f"its event lasts {event.end - event.begin:g} s; expected at least one"
                        f" segment of {self.config.seconds:g} s",
                        event.begin,
                    )

    def _read(self, name: str) -> list[Event]:
        path = self.root / name
        if not path.is_file():
            raise UserError(f"{self.root}: no {name} in it; expected {', '.join(LISTS)}")
        events = []
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.startswith("Category&"):
                continue
            try:
                label, film, _, begin, end = (part.strip() for part in line.split("&"))
                event = Event(label, film, float(begin), float(end))
                if not all(0 <= time <= LONGEST for time in (event.begin, event.end)):
                    raise ValueError(line)
                events.append(event)
            except ValueError:
                raise UserError(
                    f"{path}, line {number}: expected Category&VideoID&Quality&StartTime&EndTime;"
                    f" got {line[:200]!r}"
                ) from None
        return events
