"""Sounds of users are decoded in another process: it may crash, and the next sound is decoded."""

import os
from collections.abc import Iterator
from pathlib import Path

import misbehaving
import numpy as np
import pytest
import soundfile

from a2ibench.child_process import Child
from a2ibench.errors import UserError
from a2ibench.media.isolated_decoding import decode_apart, read_sound_apart
from a2ibench.media.sound_file import read_sound


@pytest.fixture
def tone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the working folder."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("tone.wav", 0.5 * np.sin(np.arange(8000) / 9), 8000)
    return Path("tone.wav")


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()


def test_a_sound_is_what_it_is_in_this_process(tone: Path) -> None:
    waveform, rate = read_sound_apart(tone)
    expected, expected_rate = read_sound(tone)
    np.testing.assert_array_equal(waveform, expected)
    assert waveform.dtype == expected.dtype
    assert rate == expected_rate


def test_a_file_is_named_as_it_was_given(tone: Path) -> None:
    Path("text.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"^text\.wav: cannot be decoded as sound"):
        read_sound_apart(Path("text.wav"))
    with pytest.raises(UserError, match=r"^none\.wav: no such sound file"):
        read_sound_apart(Path("none.wav"))


def test_a_crash_is_named_and_the_next_sound_is_decoded(tone: Path, child: Child) -> None:
    with pytest.raises(UserError) as caught:
        decode_apart(misbehaving.crash_on, tone, child)
    assert str(caught.value) == (
        "tone.wav: the decoder died of SIGSEGV (Segmentation fault);"
        " convert the sound to another format, or cut it"
    )
    assert len(decode_apart(read_sound, tone, child)[0]) == 8000


def test_a_decoder_is_stopped_at_its_limits(tone: Path, child: Child) -> None:
    with pytest.raises(UserError, match=r"the decoder took longer than 0\.3 s"):
        decode_apart(misbehaving.sleep_on, tone, child, seconds=0.3)
    with pytest.raises(UserError, match=r"the decoder needed more than 0\.5 GiB of memory"):
        decode_apart(misbehaving.allocate_on, tone, child, memory=2**29)


def test_a_name_that_is_not_utf8_is_opened(tone: Path) -> None:
    for suffix in (b".wav", b"\xff"):
        named = tone.rename(os.fsdecode(b"caf\xe9" + suffix))
        assert len(read_sound_apart(named)[0]) == 8000
        tone = named
    tone.write_text("no sound")
    with pytest.raises(UserError, match=r"^caf\udce9\udcff: cannot be decoded"):
        read_sound_apart(tone)
