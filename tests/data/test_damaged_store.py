"""A damaged store is refused in one message that names the file, and nothing of it is cached."""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.data import verification
from a2ibench.data.data_card import card_of
from a2ibench.data.features import encode_store
from a2ibench.data.store import PairStore
from a2ibench.data.store_writer import StoreWriter
from a2ibench.data.verification import verify
from a2ibench.errors import UserError
from a2ibench.types import Pair, Part
from a2ibench_plugins.encoders.logmel import LogMel, LogMelConfig


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs of four sources in two classes, with a factor, and one file that was rejected."""
    from a2ibench.types import Rejected

    rng = np.random.default_rng(0)
    pairs = [
        Pair(
            image=rng.integers(0, 256, (8, 8, 3), dtype=np.uint8),
            audio=rng.uniform(-1, 1, 3_000).astype(np.float32),
            label="pong" if i // 2 % 2 else "golf",
            source=f"clip{i // 2}",
            split="test" if i >= 4 else "train",
            factors={"pitch": i / 2},
        )
        for i in range(8)
    ]
    root = tmp_path_factory.mktemp("made") / "store"
    identity = {"dataset": "made", "version": 1, "config": {"seed": 0}, "sample_rate": 22_050}
    with StoreWriter(root, identity) as writer:
        source = {"source": "clip0", "bytes": 7, "sha256": "a" * 64, "seconds": 1.5}
        writer.add(Part(pairs, [Rejected("clip9.mp4", "too short", None)], source))
        return writer.finish().root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "store")


def describe(root: Path, **changes: Any) -> None:
    about = json.loads((root / "store.json").read_text())
    (root / "store.json").write_text(json.dumps({**about, **changes}))


def header(root: Path, name: str, text: str, numbers: bytes = b"") -> None:
    """A .npy file with a header of one's own."""
    head = text.ljust(117).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + numbers
    (root / name).write_bytes(content)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, images=np.zeros(3))
    return stream.getvalue()


NPZ = archive()
NPY = "{'descr': '|u1', 'fortran_order': False, 'shape': %s}"

DAMAGE: dict[str, Callable[[Path], object]] = {
    "json empty": lambda root: (root / "store.json").write_bytes(b""),
    "json cut": lambda root: (root / "store.json").write_bytes(b'{"format": 2, "n"'),
    "json binary": lambda root: (root / "store.json").write_bytes(b"\xff\x00\xfe"),
    "json list": lambda root: (root / "store.json").write_text("[2]"),
    "json null": lambda root: (root / "store.json").write_text("null"),
    "json deep": lambda root: (root / "store.json").write_text("[" * 50_000),
    "json deep inside": lambda root: (root / "store.json").write_text(
        '{"format": 2, "config": ' + '{"a":' * 50_000
    ),
    "json long number": lambda root: (root / "store.json").write_text("9" * 10_000),
    **{
        f"json {key} {value!r}": lambda root, key=key, value=value: describe(root, **{key: value})
        for key, values in {
            "format": ("2", None, True, [2], 2.5),
            "dataset": (5, "", None),
            "version": ("one", None),
            "config": ([], None, "seed"),
            "sample_rate": (0, -1, "22050", 1e9, 10**30, True),
            "n": (-8, 10**30, "8", 7),
            "counts": ({}, {"train": 4}, {"train": 4, "test": "4"}, {"train": -4, "test": 4}, 5),
            "classes": ([], [1, 2], "golf", {"golf": 1}, ["golf", "golf"]),
            "image_size": (0, -8, 10**30, "8", 8.0),
            "licence": (5, None),
            "sha256": ({}, None, {"images.npy": 1}, "a" * 64),
            "content_hash": (5, None, "", "0" * 64, ["a"]),
        }.items()
        for value in values
    },
    "npy empty": lambda root: (root / "images.npy").write_bytes(b""),
    "npy text": lambda root: (root / "images.npy").write_text("no array"),
    "npy cut": lambda root: os.truncate(root / "images.npy", 1_000),
    "npy cut header": lambda root: os.truncate(root / "audio.npy", 20),
    "npy longer": lambda root: append(root / "audio.npy"),
    "npz": lambda root: (root / "images.npy").write_bytes(NPZ),
    "npy negative": lambda root: header(root, "images.npy", NPY % "(-8, 8, 8, 3)"),
    "npy huge": lambda root: header(root, "images.npy", NPY % f"({2**62}, 8, 8, 3)"),
    "npy overflow": lambda root: header(root, "images.npy", NPY % f"({2**62}, {2**62})"),
    "npy shape": lambda root: header(root, "images.npy", NPY % "'8'"),
    "npy float shape": lambda root: header(root, "images.npy", NPY % "(8.0, 8)"),
    "npy code": lambda root: header(root, "images.npy", NPY % "(__import__('os'),)"),
    "npy deep": lambda root: header(root, "images.npy", "(" * 5_000),
    "npy version": lambda root: (root / "images.npy").write_bytes(b"\x93NUMPY\x09\x00"),
    "npy objects": lambda root: np.save(root / "images.npy", np.array([{}]), allow_pickle=True),
    "npy other type": lambda root: np.save(root / "audio.npy", np.zeros(24_000, np.float32)),
    "npy other shape": lambda root: np.save(root / "audio.npy", np.zeros((2, 3), np.int16)),
    "npy folder": lambda root: [(root / "audio.npy").unlink(), (root / "audio.npy").mkdir()],
    "parquet empty": lambda root: (root / "index.parquet").write_bytes(b""),
    "parquet cut": lambda root: os.truncate(root / "index.parquet", 900),
    "parquet text": lambda root: (root / "index.parquet").write_text("PAR1 not really PAR1"),
    "parquet folder": lambda root: [
        (root / "index.parquet").unlink(),
        (root / "index.parquet").mkdir(),
    ],
    **{
        f"parquet {column} {type(value).__name__}": (
            lambda root, column=column, value=value: (
                pd.read_parquet(root / "index.parquet")
                .assign(**{column: value})
                .to_parquet(root / "index.parquet")
            )
        )
        for column, values in {
            "label": (5, None),
            "split": (0, None),
            "source": (5, None),
            "start": ("soon",),
            "audio_start": ("0", 0.5, None, 2**62, -1),
            "audio_length": ("0", None, 2**62, 0),
            "factor:pitch": ("high",),
            "surprise": ("text",),
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_refused_by_name(root, damage):
    damage(root)
    with pytest.raises(UserError) as caught:
        PairStore(root)
    message = str(caught.value)
    assert message.startswith(f"{root}: damaged pair store (")
    assert message.endswith("; remove it and prepare it again")
    assert "\n" not in message
    assert len(message) < 400 + len(str(root))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("row,label\n" + "".join(f"{i},\n" for i in range(8)), "they leave no train pairs"),
        ("row,label\n" + "".join(f"{i},\n" for i in range(4, 8)), "they leave no test pairs"),
        ("row,label\n99,golf\n", "there is no row 99"),
        ("row,label\n-1,golf\n", "there is no row -1"),
        (f"row,label\n{10**40},golf\n", "there is no row 1000"),
        ("row,label\n0,gulf\n", "row 0: unknown class 'gulf'; did you mean golf"),
        ("row,label\n0,golf\n0,pong\n", "row 0 is listed twice"),
        ("row,label\nfirst,golf\n", "damaged: invalid literal"),
        ("row,label\n0.0,golf\n", "damaged: invalid literal"),
        ("line,label\n0,golf\n", "damaged: 'row'"),
        ("", "damaged: No columns"),
        ("row,label\n0,golf,3,4\n1\n", ""),
        ("\0\0\0", "damaged"),
    ],
)
def test_corrections_that_do_not_fit_are_refused_with_the_way_out(root, content, reason):
    (root / "corrections.csv").write_text(content)
    with pytest.raises(UserError) as caught:
        PairStore(root)
    assert str(caught.value).startswith(f"{root / 'corrections.csv'}: {reason}")
    assert f"`a2ibench data clean {root} --undo` removes the corrections" in str(caught.value)
    done = CliRunner().invoke(main, ["data", "clean", str(root), "--undo"])
    assert done.exit_code == 0, done.output
    assert len(PairStore(root).rows("train")) == 4


@pytest.mark.parametrize("name", ["sources.parquet", "rejected.parquet"])
@pytest.mark.parametrize("damage", ["cut", "types"])
def test_a_damaged_table_beside_the_pairs_is_named(root, name, damage):
    assert "1 file" in card_of(PairStore(root))
    if damage == "cut":
        os.truncate(root / name, 50)
    else:
        table = pd.DataFrame({"bytes": ["many"], "reason": [5], "file": [5], "source": ["clip0"]})
        table.to_parquet(root / name)
    with pytest.raises(UserError, match=rf"{name}: damaged .*put an intact copy there, or prepare"):
        card_of(PairStore(root))
    (root / name).unlink()
    card_of(PairStore(root))


def flip(path: Path, at: int = -5) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 64
    path.write_bytes(content)


def features(root: Path) -> np.ndarray:
    return encode_store(PairStore(root), LogMel(LogMelConfig()))


class TestBytes:
    @pytest.mark.parametrize("name", ["images.npy", "audio.npy"])
    def test_a_flipped_byte_is_refused_before_anything_is_kept(self, root, empty_cache, name):
        flip(root / name)
        with pytest.raises(UserError) as caught:
            features(root)
        assert str(caught.value).startswith(f"{root / name}: damaged: expected content with sha256")
        assert "(store.json), got " in str(caught.value)
        assert not list(empty_cache.rglob("*.npy"))

    def test_a_changed_row_of_the_index_is_refused(self, root):
        index = pd.read_parquet(root / "index.parquet")
        index.loc[0, "start"] = 3.0
        index.to_parquet(root / "index.parquet")
        with pytest.raises(UserError, match=r"index\.parquet: damaged: expected content with sha"):
            verify(PairStore(root))

    def test_a_damaged_copy_does_not_change_what_the_intact_store_gets(self, root, made):
        expected = LogMel(LogMelConfig())(PairStore(made).waveform(7), 22_050)
        content = bytearray((root / "audio.npy").read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        (root / "audio.npy").write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            features(root)
        np.testing.assert_array_equal(features(made)[7], expected)

    def test_bytes_are_read_once_while_the_files_stay_the_same(self, root, monkeypatch):
        reads = []
        hash_files = PairStore.hash_files
        monkeypatch.setattr(
            PairStore, "hash_files", lambda self: reads.append(self.root) or hash_files(self)
        )
        features(root)
        features(root)
        assert reads == [root]
        (root / "card.md").write_text("changed")
        features(root)
        assert reads == [root]
        flip(root / "images.npy")
        for _ in range(2):
            with pytest.raises(UserError, match="damaged"):
                features(root)
        flip(root / "images.npy")
        features(root)
        assert reads == [root] * 4
        shutil.copytree(root, root.with_name("copy"))
        features(root.with_name("copy"))
        assert reads[-1] == root.with_name("copy")

    def test_a_changed_file_with_its_old_time_is_read_again(self, root):
        features(root)
        before = (root / "images.npy").stat()
        flip(root / "images.npy")
        os.utime(root / "images.npy", ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(UserError, match="damaged"):
            features(root)

    def test_what_data_check_finds_is_not_forgotten(self, root, monkeypatch):
        """Damage of the medium changes no time: reading everything again finds it."""
        store = PairStore(root)
        verify(store)
        monkeypatch.setattr(PairStore, "hash_files", lambda self: {"images.npy": "0" * 64})
        assert verification.changed_files(store) == {"images.npy": "0" * 64}
        with pytest.raises(UserError, match="damaged"):
            verify(store)

    def test_without_a_cache_that_can_be_written_bytes_are_read_each_time(self, root, monkeypatch):
        monkeypatch.setenv("A2IBENCH_CACHE", "/dev/null/cache")
        verify(PairStore(root))
        flip(root / "images.npy")
        with pytest.raises(UserError, match="damaged"):
            verify(PairStore(root))


COMMANDS = [
    ("data", "show", "{root}"),
    ("data", "clean", "{root}", "--encoder", "logmel", "--judge", "pixels"),
    ("run", "--model", "vae", "--dataset", "{root}", "--encoder", "logmel", "--out", "{out}"),
    ("evaluate", "--dataset", "{root}", "--encoder", "logmel", "--export-list", "{out}"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
@pytest.mark.parametrize("damage", ["flipped", "deep", "missing"])
def test_every_command_that_opens_a_store_ends_with_one_message(
    root, tmp_path, empty_cache, command, damage
):
    if damage == "flipped":
        flip(root / "audio.npy")
    elif damage == "deep":
        (root / "store.json").write_text("[" * 50_000)
    else:
        (root / "index.parquet").unlink()
    words = [word.format(root=root, out=tmp_path / "out") for word in command]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2, done.output
    assert done.output.startswith(f"error: {root}")
    assert done.output.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not list(empty_cache.rglob("*.npy"))
    checked = CliRunner().invoke(main, ["data", "check", str(root)])
    assert checked.exit_code == 1, checked.output
    assert "damage" in checked.output
