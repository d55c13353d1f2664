"""Select the frames of a video at given times."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from a2ibench.media.container import TOLERANCE
from a2ibench.media.needed import mark_needed
from a2ibench.media.packets import Packets, time_of
from a2ibench.media.pictures import check_pixels, flatten, square
from a2ibench.types import ImageArray, RejectedError

if TYPE_CHECKING:
    import av

TICK = 1e-4
"""Upper bound, in seconds, of the rounding of time stamps by containers."""
HELD = 0.1
"""Share of long intervals in a film above which its last picture is held as well."""
MOST_REORDERED = 16
"""Number of frames that one may be decoded before the one that it is shown after (H.264)."""
DAMAGED = "the frame at this moment is damaged"

ROTATIONS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
"""Counter-clockwise quarter turns → the operation."""


class LateError(Exception):
    """Decoding began after the requested moment."""


class Frames:
    """The frames of a video at given times.

    Args:
        packets: packets of the file.
        stream: the video stream among them.
        size: side of the pictures.
        moment: earliest moment that is needed, in seconds.

    Attributes:
        begin: time of the first decoded frame, in seconds.
        end: end of the last frame, in seconds; known once all frames have been read.

    Raises:
        RejectedError: no frame can be decoded.
        LateError: a frame before the moment is needed; start from the first frame instead.
    """

    def __init__(
        self, packets: Packets, stream: "av.VideoStream", size: int, moment: float = -math.inf
    ) -> None:
        self._packets = packets
        self._stream = stream
        self._size = size
        # One decoding thread, since files are spread over the processors.
        stream.codec_context.thread_count = 1
        self._asked: list[float] | None = None  # times in order; unknown until the first frame is
        self._lost: list[tuple[float, float]] = []  # from a refused packet to the next key frame
        self._unordered = _is_unordered(stream)
        frames = self._decoded(moment)
        if self._unordered:
            frames = sort_times(frames)
        first = next(frames, None)
        if packets.skipped:
            # Frames before a key frame may lack what they were made from.
            while first is not None and not first.key_frame:
                first = next(frames, None)
            if first is None or float(first.time) > moment + TICK:
                raise LateError
        if first is None:
            raise RejectedError("the video stream has no frame")
        self._frames = chain([first], frames)
        self.begin = float(first.time)
        self.end = self.begin

    def at(self, times: Sequence[float], until: float) -> list[ImageArray | str]:
        """Return the picture on the screen at each time: the last frame with no later time stamp.

        Args:
            times: in seconds, in any order.
            until: end of the sound; pictures that are held last until then.

        Returns:
            A picture per time, or the reason why there is none.

        Raises:
            RejectedError: the video is a single frame.
        """
        self._asked = sorted(times)
        waiting = [int(i) for i in np.argsort(times, kind="stable")[::-1]]
        found: list[ImageArray | str] = [""] * len(times)
        while waiting and times[waiting[-1]] < self.begin - TOLERANCE:
            found[waiting.pop()] = f"the picture begins at {self.begin:.2f} s, after this moment"
        shown = next(self._frames)
        for frame in self._frames:
            due = []
            # A time that falls on a frame means that frame, however it was rounded.
            while waiting and times[waiting[-1]] < float(frame.time) - TICK:
                due.append(waiting.pop())
            self._take(shown, due, found)
            if not waiting:
                return self._without_lost(times, found)
            shown = frame
        if self._packets.spans[self._stream.index].count == 1:
            raise RejectedError("its video is a single frame")
        self.end = self._last_moment(float(shown.time), until)
        # The last moment of a file is still its last frame.
        last = [i for i in waiting if times[i] <= self.end + TOLERANCE]
        self._take(shown, last, found)
        for i in set(waiting) - set(last):
            found[i] = f"the picture ends at {self.end:.2f} s, before this moment"
        return self._without_lost(times, found)

    def _decoded(self, moment: float) -> "Iterator[av.VideoFrame]":
        """Yield the frames that have a time; keep the intervals that cannot be decoded.

        Frames that are not asked for are left out where no other frame is made from them.
        """
        import av

        context = self._stream.codec_context
        some = broken = False
        for packet, needed in mark_needed(self._packets.of(self._stream, moment), self._is_asked):
            context.skip_frame = "DEFAULT" if needed or self._unordered else "NONREF"
            try:
                frames = context.decode(packet)
            except MemoryError:  # else the frame would be damaged on small machines
                raise
            except av.FFmpegError:
                # Packets before the first whole picture belong to one that was cut off.
                if some and not broken:
                    self._lost.append((time_of(packet), math.inf))
                    broken = True
                continue
            for frame in frames:
                if frame.time is None:
                    continue
                some = True
                if broken and frame.key_frame and frame.time > self._lost[-1][0]:
                    self._lost[-1] = (self._lost[-1][0], float(frame.time))
                    broken = False
                yield frame

    def _is_asked(self, begin: float, end: float) -> bool:
        """Say whether a picture is asked for while a frame is on the screen."""
        if self._asked is None:
            return True
        first = bisect_left(self._asked, begin - 2 * TICK)
        return first < len(self._asked) and self._asked[first] < end

    def _last_moment(self, last: float, until: float) -> float:
        """The end of the last frame, in seconds.

        It follows from the rate of a film, or from its last packet. A film that holds its pictures,
        like slides, shows the last one until the sound ends.
        """
        span = self._packets.spans[self._stream.index]
        end = max(last + span.interval, span.end)
        return max(end, until) if span.held > HELD * (span.end - span.begin) else end

    def _take(self, frame: "av.VideoFrame", due: list[int], into: list[ImageArray | str]) -> None:
        if due:
            picture = self._picture(frame)
            for i in due:
                into[i] = picture

    def _without_lost(
        self, times: Sequence[float], found: list[ImageArray | str]
    ) -> list[ImageArray | str]:
        return [
            DAMAGED if any(begin <= time < end for begin, end in self._lost) else picture
            for time, picture in zip(times, found, strict=True)
        ]

    def _picture(self, frame: "av.VideoFrame") -> ImageArray | str:
        """The middle square of a frame, upright and with square pixels."""
        if frame.is_corrupt:
            return DAMAGED
        check_pixels(frame.width, frame.height)
        if any(component.is_alpha for component in frame.format.components):
            picture = flatten(Image.fromarray(frame.to_ndarray(format="rgba")))
        else:
            picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
        ratio = self._stream.sample_aspect_ratio or self._stream.codec_context.sample_aspect_ratio
        aspect = float(ratio) if ratio else 1.0
        quarter = round(frame.rotation / 90) % 4
        if quarter:
            picture = picture.transpose(ROTATIONS[quarter])
            aspect = 1 / aspect if quarter % 2 else aspect
        return square(picture, self._size, aspect)


def _is_unordered(stream: "av.VideoStream") -> bool:
    """Say whether frames come in the order of the screen with times in that of decoding.

    AVI keeps the order of decoding alone. Of H.264 libav takes it for that of the screen.
    """
    context = stream.codec_context
    is_h264_in_avi = stream.container.format.name == "avi" and context.name == "h264"
    return is_h264_in_avi and bool(context.has_b_frames)


def sort_times(frames: "Iterable[av.VideoFrame]") -> "Iterator[av.VideoFrame]":
    """Give frames, which come in the order of the screen, their times in that order.

    A packet that no frame is made from has no part in it. Where such packets lie between two
    frames, the gap between these is hardly off: no more than frames are reordered.
    """
    waiting: deque[av.VideoFrame] = deque()
    times: list[int] = []

    def next_one() -> "av.VideoFrame":
        frame = waiting.popleft()
        frame.pts = heappop(times)
        return frame

    for frame in frames:
        waiting.append(frame)
        assert frame.pts is not None  # those without a time are left out before
        heappush(times, frame.pts)
        if len(waiting) > MOST_REORDERED:
            yield next_one()
    while waiting:
        yield next_one()
