"""Sound files of every kind, and waveforms that are none."""

import av
import numpy as np
import pytest
import scipy.signal
import soundfile
from films import Film, make

from a2ibench.errors import UserError
from a2ibench.media.audio import fit_length, resample, to_mono
from a2ibench.media.sound_file import Limits, read_sound

RATE = 22_050


def tone(hertz=440.0, seconds=1.0, rate=RATE):
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def loudest_hertz(waveform, rate):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return np.argmax(spectrum) * rate / len(waveform)


def write_video(path, rate=44_100, *, audio=True):
    """One second of grey frames, with a stereo tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        if audio:
            sound = container.add_stream("aac", rate=rate, layout="stereo")
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8))
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if audio:
            samples = tone(440, 1, rate)
            frame = av.AudioFrame.from_ndarray(
                np.stack([samples, samples]), format="fltp", layout="stereo"
            )
            frame.sample_rate = rate
            container.mux(sound.encode(frame))
            container.mux(sound.encode())


@pytest.mark.parametrize(
    ("name", "tolerance"), [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.ogg", None), ("a.mp3", None)]
)
def test_common_sound_files_are_read(tmp_path, name, tolerance):
    soundfile.write(tmp_path / name, tone(), RATE)
    waveform, rate = read_sound(tmp_path / name)
    assert rate == RATE
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert len(waveform) / rate == pytest.approx(1, abs=0.1)
    assert loudest_hertz(waveform, rate) == pytest.approx(440, abs=2)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.05)
    if tolerance is not None:
        np.testing.assert_allclose(waveform, tone(), atol=tolerance)


def test_channels_of_a_file_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(), 0 * tone()], axis=1), RATE)
    waveform, _ = read_sound(tmp_path / "a.wav")
    np.testing.assert_allclose(waveform, tone() / 2, atol=1e-4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_the_sound_of_a_video_is_read(tmp_path, name):
    write_video(tmp_path / name)
    waveform, rate = read_sound(tmp_path / name)
    assert rate == 44_100
    assert waveform.ndim == 1
    assert len(waveform) / rate == pytest.approx(1, abs=0.1)
    assert loudest_hertz(waveform, rate) == pytest.approx(440, abs=2)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.1)


def test_a_wave_file_under_the_name_of_raw_samples_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    (tmp_path / "a.wav").rename(tmp_path / "a.raw")
    waveform, rate = read_sound(tmp_path / "a.raw")
    assert (rate, len(waveform)) == (RATE, RATE)


def test_a_silent_video_has_no_audio_stream(tmp_path):
    write_video(tmp_path / "silent.mp4", audio=False)
    with pytest.raises(UserError, match=r"silent\.mp4: no audio stream"):
        read_sound(tmp_path / "silent.mp4")


def test_a_text_file_called_wav_is_no_sound(tmp_path):
    (tmp_path / "text.wav").write_text("this is no sound\n" * 100)
    with pytest.raises(UserError, match=r"text\.wav: (cannot be decoded|no audio stream)"):
        read_sound(tmp_path / "text.wav")


def test_a_playlist_does_not_open_other_files(tmp_path):
    make(Film("other.ts", video="mpeg2video", sound="mp2"), tmp_path)
    path = tmp_path / "sound.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(UserError, match=r"sound\.m3u8: "):
        read_sound(path)


def test_a_cut_off_file_is_no_sound(tmp_path):
    write_video(tmp_path / "whole.mp4")
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:500])
    with pytest.raises(UserError, match=r"cut\.mp4: cannot be decoded as sound"):
        read_sound(tmp_path / "cut.mp4")


def test_a_file_of_no_bytes_is_empty(tmp_path):
    (tmp_path / "nothing.mp3").touch()
    with pytest.raises(UserError, match=r"nothing\.mp3: the file is empty"):
        read_sound(tmp_path / "nothing.mp3")


def test_a_sound_of_no_samples_is_empty(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), RATE)
    with pytest.raises(UserError, match=r"empty\.wav: the sound is empty"):
        read_sound(tmp_path / "empty.wav")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "missing.wav", tmp_path):
        with pytest.raises(UserError, match=f"{path.name}: no such sound file"):
            read_sound(path)


def test_nan_in_a_file_is_refused_with_the_name_of_the_file(tmp_path):
    broken = tone()
    broken[7] = np.nan
    soundfile.write(tmp_path / "nan.wav", broken, RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=rf"nan\.wav: 1 of {RATE} samples are NaN"):
        read_sound(tmp_path / "nan.wav")


# Length is that of what is decoded.


def encode(path, waveform, codec, rate=RATE, layout="mono", **options):
    """Writes a sound through libav; the options are those of the container."""
    with av.open(str(path), "w", options={k: str(v) for k, v in options.items()}) as out:
        quality = {"flags": "+qscale", "global_quality": "236"}  # and so a variable bit rate
        chosen = quality if codec == "libmp3lame" else {}
        stream = out.add_stream(codec, rate=rate, layout=layout, options=chosen)
        channels = len(av.AudioLayout(layout).channels)
        frame = av.AudioFrame.from_ndarray(
            np.repeat(waveform[None], channels, axis=0), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def hertz_by_second(waveform, rate):
    seconds = [waveform[k * rate + rate // 4 :][: rate // 2] for k in range(len(waveform) // rate)]
    return [round(loudest_hertz(second, rate) / 10) * 10 for second in seconds]


def stairs(begin, seconds, rate):
    return np.concatenate([tone(begin + 100 * k, 1, rate) for k in range(seconds)])


@pytest.mark.parametrize("loud", [slice(0, 2), slice(6, 12)])
def test_all_of_an_mp3_of_variable_bit_rate_is_read(tmp_path, loud):
    """Without a header that tells the length, which libsndfile then guesses."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 12 * 44_100).astype(np.float32)
    level = np.zeros(12, np.float32)
    level[loud] = 1
    path = encode(
        tmp_path / "a.mp3", noise * np.repeat(level, 44_100), "libmp3lame", 44_100, write_xing=0
    )
    assert not 11 < soundfile.info(path).frames / 44_100 < 13
    waveform, rate = read_sound(path)
    assert len(waveform) / rate == pytest.approx(12, abs=0.1)
    levels = [np.abs(waveform[k * rate + 9_000 :][:20_000]).max() > 0.1 for k in range(12)]
    assert np.flatnonzero(levels).tolist() == list(range(12))[loud]


JOINED = {
    "transport streams of two rates": ("a.ts", "aac", "mono", (48_000, 32_000)),
    "aac of two rates": ("a.aac", "aac", "mono", (44_100, 22_050)),
    "aac of two rates, the higher one last": ("a.aac", "aac", "mono", (22_050, 44_100)),
    "mp2 of two rates": ("a.mp2", "mp2", "mono", (44_100, 48_000)),
    "mp3": ("a.mp3", "libmp3lame", "mono", (44_100, 44_100)),
    "mp3 of two rates": ("a.mp3", "libmp3lame", "mono", (44_100, 32_000)),
    "chained opus": ("a.opus", "libopus", "mono", (48_000, 48_000)),
    "flac": ("a.flac", "flac", "mono", (44_100, 44_100)),
}


@pytest.mark.parametrize(("name", "codec", "layout", "rates"), JOINED.values(), ids=JOINED)
def test_joined_files_are_read_to_their_end_at_their_pitch(tmp_path, name, codec, layout, rates):
    parts = [
        encode(tmp_path / f"{k}{name}", stairs(300 + 300 * k, 3, rate), codec, rate, layout)
        for k, rate in enumerate(rates)
    ]
    (tmp_path / name).write_bytes(b"".join(part.read_bytes() for part in parts))
    waveform, rate = read_sound(tmp_path / name)
    assert rate == max(rates)
    assert len(waveform) / rate == pytest.approx(6, abs=0.25)
    assert hertz_by_second(waveform, rate)[:6] == [300, 400, 500, 600, 700, 800]


def test_the_channels_of_a_sound_may_change_on_the_way(tmp_path):
    parts = [
        encode(tmp_path / f"{layout}.aac", stairs(300, 2, 44_100), "aac", 44_100, layout)
        for layout in ("mono", "stereo")
    ]
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    waveform, rate = read_sound(path)
    assert hertz_by_second(waveform, rate) == [300, 400, 300, 400]


def test_half_a_sound_is_refused(tmp_path):
    """Its header declares more than can be decoded."""
    soundfile.write(tmp_path / "a.flac", np.tile(tone(), 4), RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.flac: damaged or truncated: it declares 4\.00 s"):
        read_sound(tmp_path / "a.flac")


HALVES = {
    "opus in matroska": ("a.mka", "libopus", "it declares 12.0. s of sound"),
    "aac in matroska": ("a.mkv", "aac", "it declares 12.0. s of sound"),
    "mp3": ("a.mp3", "libmp3lame", "s after that cannot"),
    "mp2": ("a.mp2", "mp2", "s after that cannot"),
    "aac": ("a.aac", "aac", "s after that cannot"),
    "transport stream": ("a.ts", "aac", "s after that cannot"),
    "ogg": ("a.opus", "libopus", "only its first"),
}


@pytest.mark.parametrize(("name", "codec", "reason"), HALVES.values(), ids=HALVES)
def test_a_sound_whose_second_half_is_noise_is_refused(tmp_path, name, codec, reason):
    path = encode(tmp_path / name, stairs(300, 12, 48_000), codec, 48_000)
    assert len(read_sound(path)[0]) / 48_000 == pytest.approx(12, abs=0.1)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half:] = np.random.default_rng(0).bytes(len(content) - half)
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: damaged.*{reason}"):
        read_sound(path)


def repacked(source, target, garbled_from=np.inf, later=0):
    """The same packets, ``later`` seconds later, with noise in those from a moment on."""
    noise = np.random.default_rng(0)
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux():
            if not packet.size:
                continue
            copy = packet
            if packet.pts * packet.time_base >= garbled_from:
                copy = av.Packet(noise.bytes(packet.size))
                copy.time_base, copy.duration = packet.time_base, packet.duration
            shift = round(later / packet.time_base)
            copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
            copy.stream = stream
            new.mux(copy)
    return target


@pytest.mark.parametrize("name", ["a.mkv", "a.m4a", "a.ts"])
def test_packets_that_are_refused_until_the_end_are_a_damage(tmp_path, name):
    whole = encode(tmp_path / f"whole-{name}", stairs(300, 6, 44_100), "aac", 44_100)
    path = repacked(whole, tmp_path / name, garbled_from=3)
    with pytest.raises(UserError, match=rf"{name}: damaged: .* s after that cannot"):
        read_sound(path)


def test_a_sound_that_begins_late_in_its_file_is_whole(tmp_path):
    whole = encode(tmp_path / "whole.mka", stairs(300, 3, 48_000), "libopus", 48_000)
    waveform, rate = read_sound(repacked(whole, tmp_path / "a.mka", later=5))
    assert hertz_by_second(waveform, rate) == [300, 400, 500]


def transport_stream(path, begin, seconds, streams):
    with av.open(str(path), "w", format="mpegts") as out:
        tracks = [out.add_stream("mp2", rate=48_000, layout="mono") for _ in range(streams)]
        for first in range(0, seconds * 48_000, 1152):
            for track in tracks:
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
                frame.sample_rate, frame.pts = 48_000, begin * 48_000 + first
                out.mux(track.encode(frame))
        for track in tracks:
            out.mux(track.encode(None))
    return path.read_bytes()


def test_a_stream_that_appears_on_the_way_is_no_trouble(tmp_path):
    parts = [
        transport_stream(tmp_path / "part.ts", begin, seconds, streams)
        for begin, seconds, streams in [(0, 8, 1), (8, 2, 2), (10, 4, 1)]
    ]
    padding = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 9_000  # beyond what is probed
    (tmp_path / "a.ts").write_bytes(padding.join(parts))
    with av.open(str(tmp_path / "a.ts")) as container:
        assert len(container.streams) == 1
    waveform, rate = read_sound(tmp_path / "a.ts")
    assert len(waveform) / rate == pytest.approx(14, abs=0.1)


@pytest.mark.parametrize("name", ["a.wav", "a.voc"], ids=["libav", "libsndfile"])
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(3, 10**9), "the sound lasts longer than 3 s; cut it"),
        (Limits(60, 100_000), "the sound has more than 100,000 samples in its channels"),
    ],
)
def test_no_more_is_decoded_than_the_limits(tmp_path, name, limits, reason):
    channels = np.tile(tone(seconds=4)[:, None], 2)
    soundfile.write(tmp_path / name, channels, RATE, subtype="PCM_16")
    with pytest.raises(UserError, match=rf"{name}: {reason}"):
        read_sound(tmp_path / name, limits)
    waveform, _ = read_sound(tmp_path / name, Limits(4, channels.size))
    assert len(waveform) == len(channels)


def test_a_picture_in_a_tag_behind_a_sound_is_no_damage(tmp_path):
    path = encode(tmp_path / "a.mp3", stairs(300, 2, 44_100), "libmp3lame", 44_100)
    picture = np.random.default_rng(0).bytes(100_000)
    path.write_bytes(
        path.read_bytes() + b"APETAGEX" + bytes(24) + picture + b"APETAGEX" + bytes(24)
    )
    waveform, rate = read_sound(path)
    assert hertz_by_second(waveform, rate)[:2] == [300, 400]


def test_tags_behind_a_sound_are_no_damage(tmp_path):
    path = encode(tmp_path / "a.mp3", stairs(300, 2, 44_100), "libmp3lame", 44_100)
    path.write_bytes(path.read_bytes() + b"LYRICSBEGIN" + b"la" * 500 + b"TAG" + bytes(125))
    waveform, rate = read_sound(path)
    assert hertz_by_second(waveform, rate) == [300, 400]


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 16])
def test_samples_of_wave_files_are_exact(tmp_path, subtype, channels):
    samples = np.random.default_rng(0).uniform(-1, 1, (9_000, channels))
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype=subtype)
    exact, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    waveform, rate = read_sound(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_array_equal(waveform, to_mono(exact))


def test_what_libav_cannot_open_is_read_by_libsndfile(tmp_path):
    soundfile.write(tmp_path / "a.voc", tone(), RATE, subtype="PCM_16")
    waveform, rate = read_sound(tmp_path / "a.voc")
    assert (rate, len(waveform)) == (RATE, RATE)
    np.testing.assert_allclose(waveform, tone(), atol=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_a_big_endian_wave_file_is_read(tmp_path, subtype):
    """libav decodes it to noise."""
    soundfile.write(tmp_path / "a.wav", tone(), RATE, subtype=subtype, endian="BIG")
    waveform, rate = read_sound(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_allclose(waveform, tone(), atol=1e-4 if subtype != "ULAW" else 0.03)


@pytest.mark.parametrize("subtype", ["ALAC_16", "ALAC_24", "ALAC_32"])
def test_apple_lossless_is_read_but_for_its_last_packet_at_most(tmp_path, subtype):
    """Of 32 bit libsndfile would make noise; libav leaves out what it takes for padding."""
    soundfile.write(tmp_path / "a.caf", tone(), RATE, subtype=subtype)
    waveform, _ = read_sound(tmp_path / "a.caf")
    assert RATE - 4_096 < len(waveform) <= RATE
    np.testing.assert_allclose(waveform, tone()[: len(waveform)], atol=1e-4)


def test_a_file_of_sound_that_cannot_be_searched_is_read(tmp_path):
    soundfile.write(tmp_path / "a.xi", tone(), RATE, subtype="DPCM_16")
    waveform, _ = read_sound(tmp_path / "a.xi")
    np.testing.assert_allclose(waveform, tone(), atol=1e-3)


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros(0), "no samples"),
        (np.zeros((0, 2)), "no samples"),
        (np.zeros((3, 3, 3)), r"shape \(3, 3, 3\)"),
        (np.float32(0.5), r"shape \(\)"),
        (np.zeros((2, 100)), r"shape \(2, 100\).*transpose"),
        (np.zeros(9, np.int16), "expected float samples.*int16"),
        ([1, 2, 3], "expected float samples"),
        ([0.1, np.nan], "1 of 2 samples are NaN or infinite"),
        (np.array([[np.inf, -np.inf], [0, 0]]), "2 of 4 samples are NaN or infinite"),
        (np.array([0.0, 32_767.0]), "32767.*divide"),
        (np.array([1e300, 0.0]), "expected samples in"),
    ],
)
def test_what_is_no_waveform_is_refused(waveform, reason):
    with pytest.raises(UserError, match=reason):
        to_mono(waveform)


def test_overshoot_and_a_raised_volume_pass():
    np.testing.assert_array_equal(to_mono([3.5, -1.2]), np.array([3.5, -1.2], np.float32))


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_resampling_agrees_with_scipy(rate):
    ours = resample(tone(440, 1, rate), rate, RATE)
    divisor = np.gcd(rate, RATE)
    theirs = scipy.signal.resample_poly(tone(440, 1, rate), RATE // divisor, rate // divisor)
    assert abs(len(ours) - len(theirs)) <= 1
    inner = slice(1_000, RATE - 1_000)
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=5e-3)


def test_the_same_rate_leaves_every_sample_as_it_is():
    np.testing.assert_array_equal(resample(tone(), RATE, RATE), tone())


@pytest.mark.parametrize("rate", [0, -8_000, 22.05, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UserError, match="sample rate in hertz"):
        resample(tone(), rate, RATE)


def test_a_sound_too_short_to_resample_is_refused():
    with pytest.raises(UserError, match="too short"):
        resample(np.ones(1, np.float32), 96_000, RATE)


def test_a_short_waveform_is_repeated_and_a_long_one_left_alone():
    three = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(fit_length(three, 7), [1, 2, 3, 1, 2, 3, 1])
    assert fit_length(three, 3) is three
    assert fit_length(three, 2) is three
    with pytest.raises(ValueError, match="at least one sample"):
        fit_length(three[:0], 7)
