"""Which frames need to be decoded for the pictures that are asked for."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from films import Film, assert_one_moment, make
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.media import frames
from a2ibench.media.cutting import Cutting, cut
from a2ibench.media.needed import mark_needed

CUTTING = Cutting(
    seconds=1.0, hop=1.37, frames=1, at="centre", most=0, image_size=64, sample_rate=22_050
)
REORDERED = {
    "h264-mp4": Film(),
    "h264-ts": Film("a.ts"),
    "h264-mkv": Film("a.mkv", variable=True),
    "hevc-mp4": Film(video="libx265", video_options=(("x265-params", "log-level=none"),)),
    "mpeg4-avi": Film("a.avi", video="mpeg4", sound="libmp3lame", video_options=(("bf", "2"),)),
    "mpeg2-mpg": Film("a.mpg", video="mpeg2video", sound="mp2", video_options=(("bf", "2"),)),
}


def packet(pts: int | None, dts: int | None) -> "av.Packet":
    made = av.Packet(1)
    made.pts, made.dts, made.time_base = pts, dts, Fraction(1)
    return made


def marks(stamps: list[tuple[int | None, int | None]], times: list[float]) -> list[bool]:
    """Whether each packet is needed for pictures at some times."""
    packets = [packet(*one) for one in stamps]
    found = list(
        mark_needed(packets, lambda begin, end: any(begin <= time < end for time in times))
    )
    assert [one for one, _ in found] == packets
    return [needed for _, needed in found]


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=40),
    st.randoms(use_true_random=False),
    st.lists(st.floats(0, 200), max_size=4),
)
def test_every_frame_that_is_on_the_screen_at_a_time_is_needed(lengths, chance, times) -> None:
    shown = [sum(lengths[:i]) for i in range(len(lengths))]
    order = sorted(range(len(shown)), key=lambda i: i + chance.choice([0, 0, 0, -2, -4]))
    delay = max(shown[place] - shown[frame] for place, frame in enumerate(order))
    stamps = [(shown[frame], shown[place] - delay) for place, frame in enumerate(order)]
    wanted = {
        begin
        for begin, end in zip(shown, [*shown[1:], float("inf")], strict=True)
        if any(begin <= time < end for time in times)
    }
    needed = {stamps[i][0] for i, mark in enumerate(marks(stamps, times)) if mark}
    assert wanted <= needed


def test_of_reordered_frames_only_those_that_are_asked_for_and_the_last_are_needed() -> None:
    stamps = [(0, -1), (2, 0), (1, 1), (4, 2), (3, 3), (6, 4), (5, 5)]
    assert marks(stamps, [3.5]) == [False] * 4 + [True] * 3


@pytest.mark.parametrize(
    "stamps",
    [
        [(0, None), (1, None), (2, None), (3, None)],
        [(0, 0), (1, 1), (2, 2), (3, 3)],
        [(1, 0), (2, 1), (3, 2), (4, 3)],
        [(0, -1), (2, 0), (None, 1), (1, 2), (3, 3)],
        [(0, -1), (2, 0), (1, 5), (3, 6)],
        [(0, -1), (2, 0), (1, -3), (3, 1)],
    ],
    ids=["no order", "in order", "delayed", "no time", "shown too early", "decoded backwards"],
)
def test_where_stamps_tell_no_order_every_frame_is_needed(stamps) -> None:
    assert all(marks(stamps, []))


@pytest.mark.parametrize("film", REORDERED.values(), ids=REORDERED)
def test_few_frames_are_decoded_for_distant_pictures_and_they_are_the_right_ones(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def count(*arguments):
        for one, needed in mark_needed(*arguments):
            seen.append(needed)
            yield one, needed

    monkeypatch.setattr(frames, "mark_needed", count)
    found = cut(make(film, tmp_path), CUTTING)
    assert found.rejected == []
    assert len(found.segments) == 4
    assert sum(seen) < 10 < 60 < len(seen)
    for segment in found.segments:
        slack = 0.03 if film.name.endswith(".avi") else 0.002
        assert_one_moment(film, segment.images[0], segment.audio, 22_050, slack)
