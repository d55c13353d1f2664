"""A cache entry is what was written, or it is made again; one that is there needs no lock."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2ibench.cache import cached, checksum_file, find
from a2ibench.errors import UserError
from a2ibench.storage import cache_dir

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "cut off": lambda content: content[:-7],
    "lengthened": lambda content: content + b"\0",
    "flipped": lambda content: content[:-3] + bytes([content[-3] ^ 16]) + content[-2:],
    "another file": lambda content: b"PK\3\4" + content,
}


class Entry:
    """An array in a file, and how often it was made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "entry.npy"
        self.made = 0

    def make(self, path: Path) -> None:
        self.made += 1
        with path.open("wb") as stream:
            np.save(stream, np.arange(40))

    def get(self) -> np.ndarray:
        return cached(self.path, self.make, np.load)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry(tmp_path / "cache")


def test_an_entry_is_made_once_and_lies_beside_its_checksum(entry):
    for _ in range(2):
        np.testing.assert_array_equal(entry.get(), np.arange(40))
    assert entry.made == 1
    digest, name = checksum_file(entry.path).read_text().split()
    assert len(digest) == 64
    assert name == entry.path.name


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_made_again_and_that_is_said(entry, caplog, damage):
    entry.get()
    entry.path.write_bytes(damage(entry.path.read_bytes()))
    assert find(entry.path, np.load) is None
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(entry.get(), np.arange(40))
    (said,) = caplog.messages
    assert said.startswith(f"cache: {entry.path} is damaged (")
    assert said.endswith("): it is removed and made again")
    assert entry.made == 2
    entry.get()
    assert entry.made == 2


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"0" * 64])
def test_an_entry_whose_checksum_is_missing_or_another_is_made_again(entry, content):
    entry.get()
    checksum_file(entry.path).unlink()
    if content is not None:
        checksum_file(entry.path).write_bytes(content)
    entry.get()
    assert entry.made == 2
    entry.get()
    assert entry.made == 2


def test_an_entry_that_verifies_but_is_of_another_shape_is_made_again(entry):
    entry.get()

    def write(path: Path) -> None:
        with path.open("wb") as stream:
            np.save(stream, np.arange(3))

    def read(path: Path) -> np.ndarray:
        found = np.load(path)
        if len(found) != 3:
            raise ValueError(f"expected 3 numbers, got {len(found)}")
        return found

    assert len(cached(entry.path, write, read)) == 3
    with pytest.raises(ValueError, match="expected 3 numbers, got 40"):  # what was just made
        cached(entry.path.with_name("other.npy"), entry.make, read)


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (
            errno.EACCES,
            UserError,
            r"entry\.npy.*: a file .* read \(Permission denied\); make",
        ),
        (errno.EMFILE, OSError, "Too many open files"),
        (errno.EIO, OSError, "Input/output error"),
    ],
)
@pytest.mark.parametrize("at", ["entry", "checksum", "decode"])
def test_an_entry_that_cannot_be_read_for_now_is_left_as_it_is(
    entry, monkeypatch, number, kind, message, at
):
    entry.get()
    content = entry.path.read_bytes()
    failing = {"entry": entry.path, "checksum": checksum_file(entry.path), "decode": None}[at]
    opened = Path.open

    def fail(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == failing:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *arguments, **options)

    def read(path: Path) -> np.ndarray:
        if at == "decode":
            raise OSError(number, os.strerror(number), str(path))
        return np.load(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail)
        for call in (lambda: cached(entry.path, entry.make, read), lambda: find(entry.path, read)):
            with pytest.raises(kind, match=message):
                call()
    assert entry.path.read_bytes() == content
    entry.get()
    assert entry.made == 1


def test_too_little_memory_for_an_entry_is_no_damage(entry):
    entry.get()

    def read(path: Path) -> np.ndarray:
        raise MemoryError

    with pytest.raises(MemoryError):
        cached(entry.path, entry.make, read)
    assert entry.made == 1


def test_what_a_library_refuses_without_a_number_is_damage(entry):
    entry.get()

    def read(path: Path) -> np.ndarray:
        if entry.made == 1:
            raise OSError("Couldn't deserialize thrift")
        return np.load(path)

    cached(entry.path, entry.make, read)
    assert entry.made == 2


def test_what_fails_while_it_is_made_leaves_nothing(entry):
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise UserError("no weights")

    with pytest.raises(UserError, match="no weights"):
        cached(entry.path, fail, np.load)
    assert find(entry.path, np.load) is None
    assert not [path for path in entry.path.parent.iterdir() if not path.name.endswith(".lock")]


class TestReadOnly:
    """A file in the place of the lock stands for a folder that cannot be written: it holds for the
    superuser too."""

    @pytest.fixture
    def locked(self, entry: Entry) -> Entry:
        entry.get()
        lock = entry.path.with_name(f".{entry.path.name}.lock")
        lock.unlink(missing_ok=True)
        lock.mkdir()
        return entry

    def test_what_is_there_is_read_without_a_lock(self, locked):
        np.testing.assert_array_equal(locked.get(), np.arange(40))

    def test_what_is_missing_or_damaged_is_refused_with_what_to_do(self, locked):
        locked.path.write_bytes(b"flipped")
        with pytest.raises(
            UserError, match=r"damaged \(exp.* and the cache is read-only: .*; set A2IB"
        ):
            locked.get()
        locked.path.unlink()
        with pytest.raises(
            UserError, match=r"is missing, and the cache is read-only: .*entry\.npy: it"
        ):
            locked.get()


@pytest.mark.parametrize("root", ["~no_such_user_at_all/c", "/dev/null/c", "a\0b"])
def test_a_cache_folder_that_cannot_be_made_is_named(monkeypatch, root):
    if "\0" in root:
        monkeypatch.setattr(os, "environ", {**os.environ, "A2IBENCH_CACHE": root})
    else:
        monkeypatch.setenv("A2IBENCH_CACHE", root)
    with pytest.raises(UserError, match=r"cache folder .* cannot be made \(.*A2IBENCH_CACHE to"):
        cache_dir("features")
