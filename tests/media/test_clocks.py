"""Time in media files: a stored pair is of one moment, and its start counts from the file's own."""

import contextlib
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from films import Film, assert_one_moment, make, read_progress

from a2ibench.media.cutting import Cutting, cut
from a2ibench.types import RejectedError

pytestmark = pytest.mark.integration

RATE = 22_050
CUTTING = Cutting(
    seconds=1.0, hop=1.0, frames=1, at="centre", most=0, image_size=64, sample_rate=RATE
)
SMALL = Film(seconds=7.0, frame_rate=10, size=(64, 64))
TRANSPORT = replace(SMALL, name="a.ts", sound="aac", sample_rate=48_000)
MPEG = replace(SMALL, frame_rate=25, video="mpeg2video", sound="mp2")

FILMS = {
    "mp4": replace(SMALL, group=50),
    "ts, key frames 2 s apart": replace(TRANSPORT, group=20),
    "ts, key frames 5 s apart": replace(TRANSPORT, group=50),
    "ts, one key frame": replace(TRANSPORT, group=500),
    "ts, clock from 3600 s": replace(TRANSPORT, group=50, clock=3600),
    "ts without key frames": replace(TRANSPORT, video_options=(("intra-refresh", "1"),)),
    "mpg, mp2": replace(MPEG, name="a.mpg"),
    "mpg, ac3": replace(MPEG, name="a.mpg", sound="ac3", sample_rate=48_000),
    "mpg, mpeg1": replace(MPEG, name="a.mpg", video="mpeg1video"),
    "vob": replace(MPEG, name="a.vob", sound="ac3", sample_rate=48_000),
    "flv, flv1": replace(SMALL, name="a.flv", video="flv", sound="libmp3lame"),
    "flv, h264": replace(SMALL, name="a.flv", group=50),
    "webm, opus": replace(
        SMALL, name="a.webm", video="libvpx-vp9", sound="libopus", sample_rate=48_000
    ),
    "webm, vorbis": replace(SMALL, name="a.webm", video="libvpx", sound="vorbis", layout="stereo"),
    "wmv": replace(SMALL, name="a.wmv", video="wmv2", sound="wmav2"),
    "avi, palette": replace(
        SMALL, name="a.avi", video="rawvideo", pixels="pal8", sound="pcm_s16le"
    ),
}


@pytest.mark.parametrize("film", FILMS.values(), ids=FILMS)
def test_every_container_gives_pairs_of_the_moment_that_was_asked_for(film, tmp_path):
    path = make(film, tmp_path)
    for starts in (None, (0.0, 2.3, 5.7), (5.7,)):
        result = cut(path, CUTTING, starts)
        assert result.rejected == []
        assert len(result.segments) == (7 if starts is None else len(starts))
        for segment in result.segments:
            heard = assert_one_moment(film, segment.images[0], segment.audio, RATE, slack=0.05)
            assert segment.start == pytest.approx(heard, abs=0.06)


def remuxed(source: Path, target: Path, begin: float) -> Path:
    """A copy of the packets from a moment on, without decoding them, as `-c copy` makes it."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if not packet.size or float(packet.pts * packet.time_base) < begin:
                continue
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    return target


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_copied_cut_is_cut_where_it_has_pictures(suffix, tmp_path):
    film = replace(SMALL, name="a.mkv", group=20)
    path = remuxed(make(film, tmp_path), tmp_path / f"b.{suffix}", 1.2)
    result = cut(path, CUTTING, (0.0, 3.0))
    assert [segment.start for segment in result.segments] == [3.0]
    heard = assert_one_moment(film, result.segments[0].images[0], result.segments[0].audio, RATE)
    assert heard == pytest.approx(4.2, abs=0.1)
    ((start, reason),) = result.rejected
    assert start == 0
    assert "the picture begins at 0.8" in reason


def test_joined_transport_streams_are_one_film(tmp_path):
    """The clock of the second begins anew; both halves are cut, each with its own pictures."""
    films = [replace(TRANSPORT, name=f"{i}.ts", seconds=4.0, seed=i, group=20) for i in range(2)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(make(film, tmp_path).read_bytes() for film in films))
    for starts in (None, (0.0, 1.0, 2.0, 3.0, 5.0, 6.0)):
        result = cut(path, CUTTING, starts)
        assert result.rejected == []
        assert [round(s.start) for s in result.segments][-1] == (7 if starts is None else 6)
        for segment in result.segments:
            if 3.5 < segment.start < 4.5:
                continue  # where they meet
            film = films[segment.start > 4]
            heard = assert_one_moment(film, segment.images[0], segment.audio, RATE, slack=0.1)
            assert segment.start % 4 == pytest.approx(heard, abs=0.15)


@pytest.mark.parametrize("rates", [(48_000, 32_000), (22_050, 44_100)])
def test_a_sound_whose_rate_changes_keeps_its_pitch(rates, tmp_path):
    films = [
        replace(TRANSPORT, name=f"{i}.ts", seconds=3.0, seed=i, sample_rate=rate)
        for i, rate in enumerate(rates)
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(make(film, tmp_path).read_bytes() for film in films))
    segments = cut(path, CUTTING).segments
    assert len(segments) == 6
    for segment in (segments[1], segments[4]):
        assert_one_moment(
            films[segment.start > 3], segment.images[0], segment.audio, RATE, slack=0.1
        )


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 3), (1.5, 2), (3.0, 1)])
def test_a_picture_that_begins_a_frame_later_than_the_sound_costs_no_segment(
    seconds, count, tmp_path
):
    film = replace(SMALL, name="a.mkv", seconds=3.0, frame_rate=25, picture_offset=0.04)
    film = replace(film, times=tuple(np.arange(74) / 25))
    path = make(film, tmp_path)
    cutting = replace(CUTTING, seconds=seconds, hop=seconds)
    for starts in (None, tuple(np.arange(count) * seconds)):
        result = cut(path, cutting, starts)
        assert len(result.segments) == count
        assert result.rejected == []
        for segment in result.segments:
            assert_one_moment(film, segment.images[0], segment.audio, RATE)


def test_segments_behind_the_end_of_the_picture_are_named(tmp_path):
    film = replace(SMALL, name="a.mkv", times=tuple(np.arange(32) / 10))
    result = cut(make(film, tmp_path), CUTTING)
    assert [round(segment.start, 2) for segment in result.segments] == [0, 1, 2]
    assert [round(start, 2) for start, _ in result.rejected] == [3, 4, 5, 6]
    assert {why for _, why in result.rejected} == {"the picture ends at 3.20 s, before this moment"}


def test_a_picture_that_goes_on_without_sound_is_named(tmp_path):
    """As where films of different codecs were joined."""
    films = [
        replace(MPEG, name="0.mpg", seconds=3.0),
        replace(MPEG, name="1.mpg", seconds=3.0, sound="ac3", sample_rate=48_000),
    ]
    path = tmp_path / "both.mpg"
    path.write_bytes(b"".join(make(film, tmp_path).read_bytes() for film in films))
    result = cut(path, CUTTING)
    assert len(result.segments) == 3
    ((start, reason),) = result.rejected
    assert start == pytest.approx(3, abs=0.1)
    assert reason.startswith("there is no sound from here on (the sound lasts from 0.0")


def test_a_start_outside_the_sound_is_told_where_sound_and_picture_lie(tmp_path):
    film = replace(SMALL, name="a.mkv", seconds=3.0, sound_offset=0.5, sound="flac")
    result = cut(make(film, tmp_path), CUTTING, (0.0, 1.0, 9.0))
    assert [segment.start for segment in result.segments] == [1.0]
    both = "the sound lasts from 0.50 s to 3.50 s, the picture from 0.00 s to 3.00 s"
    assert result.rejected == [
        (
            0.0,
            "the segment from 0 s to 1 s lies outside the sound: it begins 0.50 s too early"
            f" ({both})",
        ),
        (
            9.0,
            "the segment from 9 s to 10 s lies outside the sound: it ends 6.50 s too late"
            f" ({both})",
        ),
    ]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("starts", [None, (0.0, 5.0, 11.0)], ids=str)
def test_the_last_slide_is_shown_until_the_sound_ends(name, starts, tmp_path):
    film = replace(SMALL, name=name, seconds=12.0, times=(0.0, 1.5, 3.0, 4.5))
    result = cut(make(film, tmp_path), CUTTING, starts)
    assert result.rejected == []
    shown = {segment.start: read_progress(segment.images[0]) for segment in result.segments}
    assert len(shown) == (12 if starts is None else 3)
    for start, number in shown.items():
        assert number == np.searchsorted(film.times, start + 0.5, side="right") - 1


def test_empty_packets_are_pictures_that_stay(tmp_path):
    """As still scenes are in Theora."""
    film = replace(SMALL, name="a.mkv", video="mpeg4", sound="pcm_s16le", group=30)
    path = tmp_path / "empty.nut"
    with av.open(str(make(film, tmp_path))) as old, av.open(str(path), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if not packet.size:
                continue
            kept = packet
            if packet.stream.type == "video" and not packet.is_keyframe:
                kept = av.Packet(0)
                kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
            kept.stream = streams[packet.stream.index]
            new.mux(kept)
    for starts in (None, (1.0, 4.2, 5.9)):
        result = cut(path, CUTTING, starts)
        assert result.rejected == []
        for segment in result.segments:
            assert read_progress(segment.images[0]) == (segment.start + 0.5) // 3 * 30


def two_tracks(folder: Path, chosen: int) -> Path:
    """A film with two sounds, of seeds 0 and 1; one is the default."""
    path = folder / "two.mkv"
    first, second = (make(replace(SMALL, name=f"{i}.mkv", seed=i), folder) for i in range(2))
    taken = [(first, "video"), (first, "audio"), (second, "audio")]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(av.open(str(path), "w"))
        sources = [
            stack.enter_context(av.open(str(file))).streams.best(kind) for file, kind in taken
        ]
        added = [out.add_stream_from_template(source) for source in sources]
        for number, stream in enumerate(added[1:]):
            stream.disposition = av.stream.Disposition.default if number == chosen else 0
        for source, target in zip(sources, added, strict=True):
            for packet in source.container.demux(source):
                if packet.size:
                    packet.stream = target
                    out.mux(packet)
    return path


@pytest.mark.parametrize(("chosen", "track", "heard"), [(0, 0, 0), (1, 0, 1), (1, 1, 0), (0, 2, 1)])
def test_the_default_audio_track_is_taken_unless_another_is_asked_for(
    chosen, track, heard, tmp_path
):
    path = two_tracks(tmp_path, chosen)
    result = cut(path, replace(CUTTING, audio_track=track))
    assert result.facts["audio_tracks"] == 2
    assert result.facts["audio_track"] == heard + 1
    film = replace(SMALL, seed=heard)
    assert_one_moment(film, result.segments[3].images[0], result.segments[3].audio, RATE)


def test_an_audio_track_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RejectedError, match="no audio track 2: the file has 1"):
        cut(make(SMALL, tmp_path), replace(CUTTING, audio_track=2))


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_segments_that_touch_what_cannot_be_decoded_are_named_and_the_rest_is_cut(kind, tmp_path):
    film = replace(SMALL, name="a.mkv", video="mpeg4", group=10)
    path = tmp_path / "b.mkv"
    with av.open(str(make(film, tmp_path))) as old, av.open(str(path), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if not packet.size:
                continue
            time = float(packet.pts * packet.time_base)
            if packet.stream.type == kind and 3.3 < time < 3.6:
                packet.update(b"\xff" * packet.size)
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    for starts in (None, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)):
        result = cut(path, CUTTING, starts)
        assert [round(segment.start) for segment in result.segments] == [0, 1, 2, 4, 5, 6]
        ((start, reason),) = result.rejected
        assert round(start) == 3
        assert "damaged" in reason or "has sound that cannot be decoded" in reason
        for segment in result.segments:
            assert_one_moment(film, segment.images[0], segment.audio, RATE, slack=0.05)


def test_a_file_whose_other_track_lasts_longer_is_whole(tmp_path):
    long, short = replace(SMALL, name="long.mkv"), replace(SMALL, name="short.mkv", seconds=4.0)
    path = tmp_path / "a.mkv"
    with (
        av.open(str(make(short, tmp_path))) as first,
        av.open(str(make(long, tmp_path))) as second,
        av.open(str(path), "w") as out,
    ):
        taken = [first.streams.video[0], first.streams.audio[0], second.streams.audio[0]]
        added = [out.add_stream_from_template(stream) for stream in taken]
        for packet in [*first.demux(), *second.demux(audio=0)]:
            if packet.size:
                other = packet.stream is taken[2] or packet.stream.container is second
                packet.stream = added[2 if other else packet.stream.index]
                out.mux(packet)
    assert len(cut(path, CUTTING).segments) == 4


def test_joined_transport_streams_are_as_long_as_both(tmp_path):
    path = tmp_path / "both.ts"
    path.write_bytes(2 * make(replace(TRANSPORT, seconds=3.0), tmp_path).read_bytes())
    assert cut(path, CUTTING).facts["seconds"] == pytest.approx(6, abs=0.2)
