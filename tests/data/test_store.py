"""The pair store: what is written comes back; what is wrong is refused; all or nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2ibench.data.store import FORMAT, PairStore, StoredImages
from a2ibench.data.store_writer import StoreWriter
from a2ibench.errors import UserError
from a2ibench.types import Pair, Part


def pair(i: int, *, size: int = 4, length: int = 5, **changes: object) -> Pair:
    rng = np.random.default_rng(i)
    values: dict[str, object] = {
        "image": rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
        "audio": rng.uniform(-1, 1, length).astype(np.float32),
        "label": "cat" if i % 2 else "ant",
        "source": f"clip-{i}",
        "split": "test" if i % 3 == 2 else "train",
        "start": i / 2,
        "factors": {"tempo": i / 10},
    }
    return Pair(**{**values, **changes})  # type: ignore[arg-type]


def write(pairs: object, root: Path, rate: int = 22_050) -> PairStore:
    identity = {"dataset": "made", "version": 3, "config": {"seed": 0}, "sample_rate": rate}
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs))  # type: ignore[arg-type]
        return writer.finish()


@pytest.fixture
def store(tmp_path: Path) -> PairStore:
    return write([pair(i, length=5 + i) for i in range(6)], tmp_path / "store")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lengths=st.lists(st.integers(1, 40), min_size=3, max_size=12), size=st.sampled_from((1, 4, 16))
)
def test_every_pair_comes_back_as_it_was_written(tmp_path_factory, lengths, size):
    pairs = [pair(i, size=size, length=length) for i, length in enumerate(lengths)]
    store = write(iter(pairs), tmp_path_factory.mktemp("round") / "store")
    assert len(store) == len(pairs)
    for i, written in enumerate(pairs):
        np.testing.assert_array_equal(store.images[i], written.image)
        np.testing.assert_allclose(store.waveform(i), written.audio, atol=0.51 / 32_767)
        row = store.index.iloc[i]
        assert (row["label"], row["source"], row["split"], row["start"], row["factor:tempo"]) == (
            written.label,
            written.source,
            written.split,
            written.start,
            written.factors["tempo"],
        )


def test_a_store_knows_what_it_is(store):
    assert store.name == "made"
    assert store.classes == ("ant", "cat")
    assert store.image_size == 4
    assert store.sample_rate == 22_050
    assert store.about["version"] == 3
    assert store.about["config"] == {"seed": 0}
    assert store.about["counts"] == {"train": 4, "test": 2}


def test_rows_and_labels_follow_the_order_of_the_pairs(store):
    np.testing.assert_array_equal(store.rows("test"), [2, 5])
    np.testing.assert_array_equal(store.rows("train"), [0, 1, 3, 4])
    np.testing.assert_array_equal(store.label(np.array([5, 0, 1])), [1, 0, 1])


def test_stored_images_are_read_by_position_within_their_rows(store):
    images = StoredImages(store.images, store.rows("test"))
    assert len(images) == 2
    np.testing.assert_array_equal(images[np.array([1, 0, 1])], store.images[[5, 2, 5]])
    np.testing.assert_array_equal(images[0:1], store.images[[2]])


def test_a_factor_that_a_pair_lacks_is_not_a_number(tmp_path):
    store = write([pair(0), pair(1, factors={}), pair(2)], tmp_path / "store")
    assert store.index["factor:tempo"].isna().tolist() == [False, True, False]


def test_the_content_hash_follows_from_the_content_alone(tmp_path):
    pairs = [pair(i) for i in range(3)]
    a = write(pairs, tmp_path / "a")
    b = write(pairs, tmp_path / "elsewhere" / "b")
    assert a.content_hash == b.content_hash
    image = pairs[0].image.copy()
    image[0, 0, 0] ^= 1
    others = [
        [pair(0, image=image), *pairs[1:]],
        [pair(0, audio=-pairs[0].audio), *pairs[1:]],
        [pair(0, label="bee"), *pairs[1:]],
        [pair(0, factors={"tempo": 0.5}), *pairs[1:]],
        pairs[::-1],
    ]
    hashes = {write(p, tmp_path / f"other-{i}").content_hash for i, p in enumerate(others)}
    hashes.add(write(pairs, tmp_path / "slower", rate=16_000).content_hash)
    assert len(hashes | {a.content_hash}) == 7


def test_progress_counts_the_pairs(tmp_path):
    seen: list[int] = []
    identity = {"dataset": "made", "version": 1, "config": {}, "sample_rate": 8_000}
    with StoreWriter(tmp_path / "store", identity) as writer:
        writer.add(Part(pair(i) for i in range(3)), seen.append)
    assert seen == [1, 2, 3]


def test_a_store_that_fails_half_way_does_not_appear(tmp_path):
    def broken() -> Iterator[Pair]:
        yield pair(0)
        yield pair(1)
        raise RuntimeError("the disk is on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        write(broken(), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []
    assert len(write([pair(i) for i in range(3)], tmp_path / "store")) == 3


def test_a_store_that_is_just_being_named_is_safe_from_a_second_writer_and_from_a_crash(
    tmp_path, monkeypatch
):
    pairs = [pair(i) for i in range(6)]
    root = tmp_path / "store"
    rename = Path.replace
    seen: list[Path] = []

    def crash(path: Path, target: Path) -> Path:
        if target == root:
            with pytest.raises(UserError, match=r"store: another process is preparing it already$"):
                write(pairs, root)
            seen.append(path)
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            write(pairs, root)
    (partial,) = seen
    (partial / "missing.csv").write_text("of that run")
    identity = {"dataset": "made", "version": 3, "config": {"seed": 0}, "sample_rate": 22_050}
    with StoreWriter(root, identity) as writer:
        assert writer.pairs == 6
        made = writer.finish()
    whole = write(pairs, tmp_path / "whole")
    for store in (made, whole):
        assert sorted(path.name for path in store.root.iterdir()) == [
            "audio.npy", "card.md", "images.npy", "index.parquet", "store.json",
        ]  # fmt: skip
    for path in whole.root.iterdir():
        assert path.read_bytes() == (root / path.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "whole"]


def test_a_store_that_was_made_before_its_turn_is_left_alone(tmp_path):
    identity = {"dataset": "other", "version": 1, "config": {}, "sample_rate": 8_000}
    late = StoreWriter(tmp_path / "store", identity)
    made = write([pair(i) for i in range(3)], tmp_path / "store")
    with pytest.raises(UserError, match="store: a pair store already; choose another"), late:
        pass
    assert len(PairStore(made.root)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"store\.partial: its folder is not writable"):
        write([pair(i) for i in range(3)], tmp_path / "file" / "store")


def test_a_source_on_both_sides_of_the_split_is_refused(tmp_path):
    leak = [pair(i, source="clip-7") for i in range(3)]
    with pytest.raises(UserError, match=r"'clip-7': that leaks frames of one clip; split by"):
        write(leak, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("numbers", "message"), [([], "no pairs"), ([0, 1], "no test pairs"), ([2], "no train pairs")]
)
def test_both_sides_of_the_split_must_hold_pairs(tmp_path, numbers, message):
    with pytest.raises(UserError, match=message):
        write([pair(i) for i in numbers], tmp_path / "store")


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": np.zeros((4, 4, 3), np.float32)},
        {"image": np.zeros((8, 8, 3), np.uint8)},
        {"image": np.zeros((4, 4), np.uint8)},
        {"audio": np.zeros(0, np.float32)},
        {"audio": np.zeros((2, 5), np.float32)},
        {"audio": np.full(5, np.nan, np.float32)},
        {"audio": np.full(5, 300.0, np.float32)},
        {"split": "valid"},
    ],
    ids=lambda wrong: "-".join(wrong),
)
def test_a_pair_that_breaks_its_contract_is_a_type_error_that_names_it(tmp_path, wrong):
    with pytest.raises(TypeError, match="clip-1"):
        write([pair(0), pair(1, **wrong), pair(2)], tmp_path / "store")


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for root in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(UserError, match="not an empty folder"):
            write([pair(i) for i in range(3)], root)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    write([pair(i) for i in range(3)], tmp_path / "store")
    with pytest.raises(UserError, match="a pair store already"):
        write([pair(i) for i in range(3)], tmp_path / "store")


def test_an_empty_folder_may_become_a_store(tmp_path):
    assert len(write([pair(i) for i in range(3)], tmp_path)) == 3


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not a pair store \(it has no store.json\)"):
        PairStore(tmp_path)


def test_a_store_of_another_format_is_refused(store):
    about = {**store.about, "format": FORMAT + 1}
    (store.root / "store.json").write_text(json.dumps(about))
    with pytest.raises(
        UserError, match=f"format {FORMAT + 1}; this a2ibench reads format {FORMAT}"
    ):
        PairStore(store.root)


@pytest.mark.parametrize("name", ["store.json", "images.npy", "audio.npy", "index.parquet"])
def test_a_damaged_store_is_refused(store, name):
    path = store.root / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"damaged pair store .*; remove it and prepare it again"):
        PairStore(store.root)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", 5),
        ("classes", ["ant"]),
        ("config", None),
        ("counts", {"train": 1, "test": 1}),
        ("image_size", 8),
        ("n", 3),
        ("sample_rate", "abc"),
    ],
)
def test_a_description_that_does_not_fit_the_files_is_refused(store, key, value):
    about = json.loads((store.root / "store.json").read_text())
    (store.root / "store.json").write_text(json.dumps({**about, key: value}))
    with pytest.raises(UserError, match="damaged pair store"):
        PairStore(store.root)
    del about[key]
    (store.root / "store.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="damaged pair store"):
        PairStore(store.root)


@pytest.mark.parametrize("column", ["audio_start", "label", "split", "source"])
def test_an_index_that_does_not_fit_is_refused(store, column):
    index = store.index.copy()
    wrong = 10**9 if column == "audio_start" else "elsewhere"
    changed = index.drop(columns=column) if column == "source" else index.assign(**{column: wrong})
    changed.to_parquet(store.root / "index.parquet")
    with pytest.raises(UserError, match="damaged pair store"):
        PairStore(store.root)


@pytest.mark.parametrize("name", ["images.npy", "audio.npy"])
def test_an_empty_file_is_refused(store, name):
    (store.root / name).write_bytes(b"")
    with pytest.raises(UserError, match="damaged pair store"):
        PairStore(store.root)


@pytest.mark.parametrize("name", ["images.npy", "audio.npy", "index.parquet"])
def test_a_store_with_a_missing_file_is_refused(store, name):
    (store.root / name).unlink()
    with pytest.raises(UserError, match=name):
        PairStore(store.root)


def test_files_of_two_stores_are_not_mixed(store, tmp_path):
    other = write([pair(i) for i in range(6)], tmp_path / "other")
    (other.root / "audio.npy").replace(store.root / "audio.npy")
    with pytest.raises(UserError, match=r"index\.parquet: it does not fit audio\.npy"):
        PairStore(store.root)


def test_what_is_stored_cannot_be_changed_by_accident(store):
    store.images[0][:] = 0
    assert store.images[0].any()
    store.waveform(0)[:] = 0
    assert store.waveform(0).any()
