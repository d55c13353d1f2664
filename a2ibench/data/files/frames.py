"""The frames of a video at given times."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from a2ibench.data.files.container import video_stream
from a2ibench.data.files.pictures import check_pixels, flatten, square
from a2ibench.data.types import ImageArray, RejectedError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

TICK = 1e-4
"""Seconds; time stamps of containers are rounded to less than this."""
PAST_THE_END = "the picture ends before this moment"


TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
"""By quarters against the clock."""


class Frames:
    """The frames of a video at given times.

    Args:
        container: freshly opened.
        size: side of the pictures.
        starts: where the segments begin, if they are known: decoding begins shortly before.

    Attributes:
        begin: time of the first frame, in seconds.
        end: until when the last one is shown; known when all were read.

    Raises:
        RejectedError: no video stream, or none of its frames can be decoded.
    """

    def __init__(
        self, container: "InputContainer", size: int, starts: Sequence[float] | None
    ) -> None:
        self._stream = video_stream(container)
        self._size = size
        # One decoder a process: the processors are shared out by file.
        self._stream.codec_context.thread_count = 1
        if starts:
            container.seek(max(0, int((min(starts) - 1) * 1e6)), backward=True)
        frames = (frame for frame in container.decode(self._stream) if frame.time is not None)
        first = next(frames, None)
        if first is None:
            raise RejectedError("the video stream has no frame")
        self._frames = chain([first], frames)
        self.begin = float(first.time)
        self.end = self.begin

    def at(self, times: Sequence[float]) -> list[ImageArray | str]:
        """What is on the screen at each time: the last frame whose time stamp is not later.

        Args:
            times: in seconds, in any order.

        Returns:
            For each time a picture, or the reason why there is none.

        Raises:
            RejectedError: the video is a single frame.
        """
        waiting = [int(i) for i in np.argsort(times, kind="stable")[::-1]]
        found: list[ImageArray | str] = [PAST_THE_END] * len(times)
        shown = next(self._frames)
        count, length = 1, 0.0
        for frame in self._frames:
            due = []
            # A time that falls on a frame means that frame, however it was rounded.
            while waiting and times[waiting[-1]] < float(frame.time) - TICK:
                due.append(waiting.pop())
            self._take(shown, due, found)
            if not waiting:
                return found
            count, length = count + 1, float(frame.time) - float(shown.time)
            shown = frame
        if count == 1:
            raise RejectedError("its video is a single frame")
        self.end = float(shown.time) + length
        # The last moment of a file is still its last frame.
        self._take(shown, [i for i in waiting if times[i] <= self.end + TICK], found)
        return found

    def _take(self, frame: "av.VideoFrame", due: list[int], into: list[ImageArray | str]) -> None:
        if due:
            picture = self._picture(frame)
            for i in due:
                into[i] = picture

    def _picture(self, frame: "av.VideoFrame") -> ImageArray | str:
        """The middle square of a frame as it is meant to be seen."""
        if frame.is_corrupt:
            return "the frame of this moment is damaged"
        check_pixels(frame.width, frame.height)
        if any(component.is_alpha for component in frame.format.components):
            picture = flatten(Image.fromarray(frame.to_ndarray(format="rgba")))
        else:
            picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
        ratio = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        aspect = float(ratio) if ratio else 1.0
        quarter = round(frame.rotation / 90) % 4
        if quarter:
            picture = picture.transpose(TURNS[quarter])
            aspect = 1 / aspect if quarter % 2 else aspect
        return square(picture, self._size, aspect)
