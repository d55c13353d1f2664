"""Cutting films: the picture and the sound of a pair are of one moment, in every container."""

import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from films import Film, assert_one_moment, board, heard_at, make, read_progress, sound_at
from PIL import Image

from a2ibench.media.cutting import Cutting, cut, cut_with_picture
from a2ibench.types import RejectedError

RATE = 22_050
CUTTING = Cutting(
    seconds=1.0, hop=0.37, frames=1, at="centre", most=0, image_size=64, sample_rate=RATE
)

FILMS = {
    "h264-aac-mp4": Film(),
    "same-rate-mkv": Film("a.mkv", video="ffv1", sound="flac", sample_rate=RATE),
    "vp9-opus-webm-stereo": Film(
        "a.webm", video="libvpx-vp9", sound="libopus", sample_rate=48_000, layout="stereo"
    ),
    "mjpeg-pcm-mov": Film("a.mov", video="mjpeg", pixels="yuvj420p", sound="pcm_s16le"),
    "mpeg4-mp3-avi": Film("a.avi", video="mpeg4", sound="libmp3lame"),
    "h264-mp3-avi": Film("a.avi", sound="libmp3lame"),
    "mpeg2-mp2-ts": Film("a.ts", video="mpeg2video", sound="mp2"),
    "variable-rate-mkv": Film("a.mkv", variable=True),
    "variable-rate-mp4": Film("a.mp4", variable=True),
    "late-sound-mkv": Film("a.mkv", sound_offset=0.5),
    "late-sound-mp4": Film("a.mp4", sound_offset=0.25),
    "5.1-mp4": Film("a.mp4", layout="5.1", sample_rate=48_000),
    "8-kHz-mkv": Film("a.mkv", sound="pcm_s16le", sample_rate=8_000),
    "10-bit-mkv": Film("a.mkv", pixels="yuv420p10le"),
    "alpha-mov": Film("a.mov", video="png", pixels="rgba", sound="pcm_s24le"),
    "odd-size-mkv": Film("a.mkv", size=(131, 97), pixels="yuv444p"),
    "60-frames-mp4": Film("a.mp4", frame_rate=60, sample_rate=32_000),
    "turned-left-mp4": Film("a.mp4", rotation=90, size=(160, 96)),
    "upside-down-mov": Film("a.mov", rotation=180, size=(160, 96)),
    "turned-right-mp4": Film("a.mp4", rotation=-90, size=(96, 160)),
}


@pytest.mark.parametrize("film", FILMS.values(), ids=FILMS)
def test_picture_and_sound_tell_the_same_time(film: Film, tmp_path: Path) -> None:
    """The number on each picture is that of the frame on the screen half a second into its sound.

    A container that does not say how long its codec's delay is (avi) may be off by that delay,
    which is less than a frame.
    """
    result = cut(make(film, tmp_path), CUTTING)
    assert len(result.segments) >= 12
    assert result.rejected == []
    slack = 0.03 if film.name.endswith(".avi") else 0.002
    for segment in result.segments:
        assert segment.audio.shape == (RATE,)
        assert_one_moment(film, segment.images[0], segment.audio, RATE, slack)


def test_the_start_of_a_segment_is_on_the_films_clock(tmp_path: Path) -> None:
    film = Film()
    for segment in cut(make(film, tmp_path), CUTTING).segments:
        assert heard_at(film, segment.audio, RATE) == pytest.approx(segment.start, abs=1e-3)


def test_the_rate_of_a_source_does_not_change_what_is_heard(tmp_path: Path) -> None:
    film = Film("a.mkv", sound="pcm_f32le", sample_rate=48_000)
    (first, *_) = cut(make(film, tmp_path), CUTTING).segments
    np.testing.assert_allclose(
        first.audio[100:-100], sound_at(film, RATE)[100 : RATE - 100], atol=0.01
    )


@pytest.mark.parametrize(("at", "inside"), [("centre", (0.25, 0.75)), ("end", (0.5, 1.0))])
def test_several_pictures_are_spread_over_a_segment(tmp_path, at, inside) -> None:
    film = Film("a.mkv", video="ffv1")
    path = make(film, tmp_path)
    for segment in cut(path, replace(CUTTING, frames=2, at=at)).segments:
        shown = [read_progress(image) for image in segment.images]
        expected = [np.floor((segment.start + part) * 25 + 1e-6) for part in inside]
        assert shown == [min(149, number) for number in expected]


@pytest.mark.integration
def test_given_starts_are_cut_wherever_they_lie(tmp_path: Path) -> None:
    film = Film("a.mp4", seconds=20)
    path = make(film, tmp_path)
    result = cut(path, CUTTING, starts=(17.5, 3.1, 19.5))
    assert [segment.start for segment in result.segments] == [17.5, 3.1]
    for segment in result.segments:
        assert heard_at(film, segment.audio, RATE) == pytest.approx(segment.start, abs=1e-3)
        assert read_progress(segment.images[0]) == int((segment.start + 0.5) * 25 + 1e-6)
    ((start, reason),) = result.rejected
    assert start == 19.5
    assert "19.5 s to 20.5 s lies outside the sound" in reason


@pytest.mark.parametrize("sound", ["aac", "libopus", "libmp3lame"])
def test_a_segment_sounds_the_same_whatever_else_is_cut(sound: str, tmp_path: Path) -> None:
    """Decoders look back, that of Opus by a quarter of a second, so decoding begins earlier."""
    film = Film(seconds=12, sound=sound, sample_rate=48_000)
    path, cutting = make(film, tmp_path), replace(CUTTING, sample_rate=48_000)
    (alone,) = cut(path, cutting, starts=(9.0,)).segments
    early, late = cut(path, cutting, starts=(0.5, 9.0)).segments
    assert (early.start, late.start) == (0.5, 9.0)
    np.testing.assert_allclose(alone.audio, late.audio, atol=1e-5)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_of_an_avi_film_keep_their_times_where_decoding_begins_late(
    codec: str, tmp_path: Path
) -> None:
    """Frames that are decoded late may be shown before the key frame that decoding begins with."""
    options = (("bf", "2"), ("g", "12"))
    film = Film("a.avi", seconds=20, video=codec, video_options=options, sound="libmp3lame")
    result = cut(make(film, tmp_path), CUTTING, starts=(9.3, 13.1, 17.5))
    assert len(result.segments) == 3
    for segment in result.segments:
        assert_one_moment(film, segment.images[0], segment.audio, RATE, 0.03)


def test_packets_that_no_frame_is_made_from_move_no_other_frame(tmp_path: Path) -> None:
    film = Film("whole.avi", sound="libmp3lame", group=40)
    path = tmp_path / "cut_off.avi"
    with av.open(str(make(film, tmp_path))) as whole, av.open(str(path), "w") as out:
        streams = {one.index: out.add_stream_from_template(one) for one in whole.streams}
        seen = 0
        for packet in whole.demux():
            if packet.stream.type == "video":
                seen += 1
                if seen <= 6:  # the first key frame is missing, and the decoder skips to the next
                    continue
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    result = cut(path, CUTTING)
    assert len(result.segments) >= 8
    for segment in result.segments:
        assert_one_moment(film, segment.images[0], segment.audio, RATE, 0.03)


def test_the_most_segments_are_spread_over_the_file(tmp_path: Path) -> None:
    result = cut(make(Film(), tmp_path), replace(CUTTING, most=3))
    assert [segment.start for segment in result.segments] == pytest.approx(
        [0, 2.22, 4.81], abs=0.01
    )


def test_a_shape_is_kept_whatever_the_pixels_are(tmp_path: Path) -> None:
    """A frame stored at half its width, with pixels twice as wide as high."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 128, "yuv444p"
        video.codec_context.sample_aspect_ratio = Fraction(2)
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        whole = np.asarray(
            Image.fromarray(board(0b1010_0110_0011_1001, 128, 128)).resize((64, 128))
        )
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(whole, format="rgb24").reformat(format="yuv444p")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        samples = np.zeros((1, 2 * RATE), np.float32)
        sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        sound.sample_rate = RATE
        out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    (first, *_) = cut(path, CUTTING).segments
    assert read_progress(first.images[0]) == 0b1010_0110_0011_1001


def test_a_large_picture_is_shrunk_without_aliasing(tmp_path: Path) -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    soundfile.write(tmp_path / "a.wav", np.zeros(2 * RATE), RATE)
    (only,) = cut_with_picture(tmp_path / "a.wav", tmp_path / "a.png", CUTTING).segments
    inside = only.images[0][4:-4, 4:-4].astype(float)
    assert only.start == pytest.approx(0.5)
    assert np.abs(inside - 127.5).max() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "I;16", "1"])
def test_pictures_of_any_kind_become_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.full((40, 60), 51 * 257 if mode == "I;16" else 51, np.uint16)
    picture = Image.fromarray(grey if mode == "I;16" else grey.astype(np.uint8))
    if mode == "LA":
        picture.putalpha(255)
    elif mode != "I;16":
        picture = picture.convert(mode)
    picture.save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    soundfile.write(tmp_path / "a.wav", np.zeros(2 * RATE), RATE)
    (found,) = [path for path in tmp_path.iterdir() if path.suffix != ".wav"]
    (only,) = cut_with_picture(tmp_path / "a.wav", found, CUTTING).segments
    if mode != "1":
        np.testing.assert_allclose(only.images[0], 51, atol=1)
    assert only.images[0].shape == (64, 64, 3)


def damaged(path: Path, at: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * at)])
    return path


def wav(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def text(path: Path) -> Path:
    path.write_text("this is not a film\n" * 50)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def playlist(path: Path) -> Path:
    make(Film("b.ts", video="mpeg2video", sound="mp2"), path.parent)
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nb.ts\n#EXT-X-ENDLIST\n")
    return path


REFUSED = {
    "zero bytes": (lambda d: empty(d / "a.mp4"), "empty"),
    "text": (lambda d: text(d / "a.mp4"), "not a readable video or sound"),
    "a playlist of other files": (lambda d: playlist(d / "a.mp4"), "not a readable video"),
    "no sound": (lambda d: make(Film(sound=None), d), "no audio stream"),
    "no picture": (lambda d: make(Film("a.mp4", video=None), d), "no video stream"),
    "too short": (lambda d: make(Film(seconds=0.8), d), "0.8. s; expected at least one"),
    "one frame": (lambda d: make(Film("a.mkv", frame_rate=1, seconds=1.4, video="ffv1"), d),
                  "single frame|expected at least"),
    "truncated mp4": (lambda d: damaged(make(Film(), d), 0.5), "not a readable video or sound"),
    "truncated mkv": (lambda d: damaged(make(Film("a.mkv", video="ffv1"), d), 0.5),
                      "truncated: it declares 6[.0-9]+ s"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_film_that_cannot_be_used_is_refused_with_the_reason(tmp_path, build, reason) -> None:
    with pytest.raises(RejectedError, match=reason):
        cut(build(tmp_path), CUTTING)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.full(2 * RATE, np.nan), "NaN or infinite"),
        (np.full(2 * RATE, 300.0), r"a sample of 300; expected sound in \[−1, 1\]"),
        (np.zeros(RATE // 2), "0.50 s; expected at least one segment of 1 s"),
    ],
)
def test_a_sound_that_cannot_be_used_is_refused(tmp_path, samples, reason) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(RejectedError, match=reason):
        cut_with_picture(wav(tmp_path / "a.wav", samples), tmp_path / "a.png", CUTTING)


def test_a_big_endian_wave_file_is_refused(tmp_path: Path) -> None:
    """libav would decode it to noise."""
    sound, picture = tmp_path / "a.wav", tmp_path / "a.png"
    soundfile.write(sound, np.zeros(2 * RATE), RATE, endian="BIG")
    Image.new("RGB", (64, 64)).save(picture)
    with pytest.raises(RejectedError, match="big-endian"):
        cut_with_picture(sound, picture, CUTTING)


def test_a_header_that_claims_a_huge_picture_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(RejectedError, match=r"100000 × 100000 px|10000000000 pixels"):
        cut_with_picture(wav(tmp_path / "a.wav", np.zeros(2 * RATE)), path, CUTTING)


def test_a_loud_sound_is_clipped(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    path = wav(tmp_path / "a.wav", 3 * np.sin(np.arange(2 * RATE) / 20))
    (only,) = cut_with_picture(path, tmp_path / "a.png", CUTTING).segments
    assert np.abs(only.audio).max() == 1
