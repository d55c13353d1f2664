"""Tell the frames that are asked for from those that need not be decoded.

A frame is on the screen until the next one in order of presentation. Packets come in order of
decoding, so that next one is known only a few packets later: once a packet is decoded after the
time of the next one, no other can come between them, since none is shown before it is decoded.
"""

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

MAX_AHEAD = 64
"""Packets that are read ahead; streams reorder no more than 16 frames."""


def mark_needed(
    packets: Iterable["av.Packet[Any]"], asked: Callable[[float, float], bool]
) -> Iterator[tuple["av.Packet[Any]", bool]]:
    """Yield the packets of a stream, and whether the frame of each one is asked for.

    Args:
        packets: packets of one stream, in the order of decoding.
        asked: whether a picture is asked for between two times, in seconds. It is called with the
            extent of a frame just before its packet is yielded.

    Every packet counts as needed whose frame has no known extent: the last one, and all from the
    first one on that has no time of presentation, or whose stamps contradict the order. So does
    every packet until one is shown before an earlier one: some containers (avi) keep only the order
    of decoding, and frames that no other is made from are hardly found where there is no other.
    """
    held: deque[av.Packet[Any]] = deque()
    shown: list[int] = []  # times of presentation, sorted; at least those from the held ones on
    newest = -math.inf  # time of decoding
    reordered = False
    packets = iter(packets)

    def is_asked(packet: "av.Packet[Any]") -> bool:
        pts, unit = packet.pts, packet.time_base
        assert pts is not None  # checked before it is held
        assert unit is not None
        later = bisect_right(shown, pts)
        return later == len(shown) or asked(float(pts * unit), float(shown[later] * unit))

    for packet in packets:
        pts, dts = packet.pts, packet.dts
        if not packet.size:
            # It empties the decoder: nothing comes after it.
            yield from ((one, not reordered or is_asked(one)) for one in held)
            held.clear()
            yield packet, True
            continue
        if pts is None or (dts is not None and not newest <= dts <= pts):
            yield from ((one, True) for one in (*held, packet, *packets))
            return
        if dts is not None:  # Matroska has none at first
            newest = dts
        held.append(packet)
        insort(shown, pts)
        reordered = reordered or pts < shown[-1]
        while held:
            later = bisect_right(shown, held[0].pts or 0)
            decided = later < len(shown) and shown[later] <= newest
            if not decided and len(held) < MAX_AHEAD:
                break
            yield held[0], not (decided and reordered) or is_asked(held[0])
            held.popleft()
        first = min((one.pts or 0 for one in held), default=pts)
        shown = [time for time in shown if time >= first]
    yield from ((one, True) for one in held)
