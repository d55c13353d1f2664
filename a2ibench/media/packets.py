"""Read the packets of a media file on one clock, which counts seconds from the start of the file.

There is no seeking: where a seek lands, and what a decoder has lost after it, depends on the
container. Packets are read from the first on, which is quick, but those before the requested moment
are not decoded.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

BACK = 0.1
"""Seconds by which a clock may run backwards before it counts as restarted."""
AHEAD = 10.0
"""Seconds by which a clock may run ahead of all streams."""
MAX_HELD = 1 << 28
"""Largest number of bytes of packets held back until the requested moment."""

STANDALONE = {
    *("aac", "ac3", "alac", "av1", "dnxhd", "eac3", "ffv1", "flac", "flv1", "h263", "h264", "hevc"),
    *("libdav1d", "mjpeg", "mp2", "mp2float", "mp3", "mp3float", "mpeg1video", "mpeg2video"),
    *("mpeg4", "msmpeg4v3", "opus", "prores", "theora", "vc1", "vorbis", "vp8", "vp9", "wmapro"),
    *("wmav1", "wmav2", "wmv1", "wmv2", "wmv3"),
}
"""Codecs whose key frames need nothing that came before them, unlike those with palettes."""
LONG = 1.0
"""Seconds between packets above which a picture counts as held, like a slide."""


@dataclass
class Span:
    """The extent of a stream's packets.

    Attributes:
        begin: first moment, in seconds.
        end: last moment.
        count: number of packets.
        last: decoding time of the last packet.
        held: total seconds of intervals longer than :data:`LONG`.
        interval: length of the last interval.
    """

    begin: float
    end: float
    count: int = 0
    last: float = 0.0
    held: float = 0.0
    interval: float = 0.0

    def add(self, begin: float, duration: float, decoded: float) -> None:
        """Add a packet."""
        if self.count:
            self.interval = decoded - self.last
            self.held += self.interval if self.interval > LONG else 0.0
        self.begin = min(self.begin, begin)
        self.end = max(self.end, begin + duration)
        self.last = decoded
        self.count += 1


class Packets:
    """The packets of some streams, in the order of the file.

    Their time stamps are rewritten: they count from the container's start time, as ``ffmpeg -ss``
    does, and continue where the clock of the file restarts, as in joined transport streams.

    Args:
        container: the file, freshly opened.
        streams: the streams to read; the same streams give the same clock every time.

    Attributes:
        spans: the extent of each stream by its index; complete once all packets have been read.
        skipped: whether early packets were left out.
    """

    def __init__(
        self, container: "InputContainer", streams: Iterable["av.stream.Stream | None"]
    ) -> None:
        from av.format import Flags

        self._container = container
        self._streams = [stream for stream in streams if stream is not None]
        self._origin = (container.start_time or 0) / 1e6
        restarts = bool(Flags(container.format.flags) & Flags.ts_discont)
        self._restarts = _Restarts() if restarts else None
        self.spans: dict[int, Span] = {}
        self.skipped = False
        self._units: dict[int, float] = {}

    def __iter__(self) -> Iterator["av.Packet[Any]"]:
        for packet in self._demuxed():
            pts, dts = packet.pts, packet.dts
            stamp = pts if dts is None else dts
            if stamp is None:
                yield packet  # among them the empty ones at the end, which empty the decoders
                continue
            index = packet.stream_index
            unit = self._unit(packet)
            duration = (packet.duration or 0) * unit
            shift = -self._origin
            if self._restarts is not None:
                shift += self._restarts.shift(index, stamp * unit + shift, duration)
            if ticks := round(shift / unit):
                if pts is not None:
                    packet.pts = pts = pts + ticks
                if dts is not None:
                    packet.dts = dts + ticks
            if not packet.is_discard:
                decoded = (stamp + ticks) * unit
                begin = decoded if pts is None else pts * unit
                span = self.spans.setdefault(index, Span(begin, begin))
                span.add(begin, duration, decoded)
            # libav skips empty packets, which repeat a picture; PyAV raises on them.
            if packet.size:
                yield packet

    def _demuxed(self) -> Iterator["av.Packet[Any]"]:
        """Yield the packets as libav reads them, and at the end an empty one per stream."""
        import av

        emptied: set[int] = set()
        try:
            for packet in self._container.demux(self._streams):
                if not packet.size and packet.pts is None and packet.dts is None:
                    emptied.add(packet.stream.index)
                yield packet
        except IndexError:  # PyAV looks up a stream that appeared midway
            for stream in self._streams:
                if stream.index not in emptied:
                    empty = av.Packet()
                    empty.stream = stream
                    yield empty

    def _unit(self, packet: "av.Packet[Any]") -> float:
        """Seconds per tick, as a float: fractions are slow."""
        unit = self._units.get(packet.stream_index)
        if unit is None:
            assert packet.time_base is not None  # every stream that is read has one
            unit = self._units[packet.stream_index] = float(packet.time_base)
        return unit

    def of(
        self, stream: "av.stream.Stream", moment: float = -math.inf
    ) -> Iterator["av.Packet[Any]"]:
        """Yield the packets of one stream that are needed from ``moment`` on.

        They begin with the last key frame up to it if the codec allows that, and otherwise with the
        first packet. The others are only read for the clock.
        """
        codec = stream.codec_context.name
        if codec not in STANDALONE and not codec.startswith("pcm_"):
            moment = -math.inf
        held: list[av.Packet[Any]] = []
        size, waiting = 0, True
        index = stream.index
        for packet in self:
            # An empty packet at the end has the index 0 itself.
            if index != (packet.stream_index if packet.size else packet.stream.index):
                continue
            if not waiting:
                yield packet
                continue
            time = time_of(packet)
            if packet.is_keyframe and time <= moment:
                self.skipped = self.skipped or bool(held)
                held, size = [], 0
            held.append(packet)
            size += packet.size
            if time > moment or size > MAX_HELD:
                yield from held
                held, waiting = [], False
        yield from held


def time_of(packet: "av.Packet[Any]") -> float:
    """Return the presentation time of a packet in seconds; −∞ if it has none."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None or packet.time_base is None:
        return -math.inf
    return float(stamp * packet.time_base)


class _Restarts:
    """Offsets of each stream's time stamps that keep its clock running when it restarts."""

    def __init__(self) -> None:
        self._known = [0.0]
        self._shifts: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._ends: dict[int, float] = {}

    def shift(self, stream: int, time: float, duration: float) -> float:
        """Return the offset, in seconds, for a packet of a stream that is decoded at ``time``."""
        shift = self._shifts.get(stream, self._known[-1])
        if stream in self._last:
            newest = max(self._last.values())
            low, high = self._last[stream] - BACK, newest + AHEAD
            if not low <= time + shift <= high:
                # Another stream may have restarted already; both keep their distance.
                fitting = [known for known in self._known if low <= time + known <= high]
                shift = fitting[-1] if fitting else self._ends[stream] - time
                if not fitting:
                    self._known.append(shift)
        self._shifts[stream] = shift
        self._last[stream] = time + shift
        self._ends[stream] = time + shift + duration
        return shift
