"""Copies are found whatever was done to them; what only looks or sounds alike is left alone."""

from pathlib import Path

import misbehaving
import numpy as np
import pytest
from PIL import Image
from planted import RATE, coded, compressed, good_pairs, noise, scene, write

from a2ibench.curation.blocks import in_blocks
from a2ibench.curation.duplicates import equal_copies
from a2ibench.curation.fingerprint import BITS, fingerprint
from a2ibench.curation.near_hashes import HASH_BITS, NearHashes
from a2ibench.curation.picture_copies import NEAREST, picture_copies
from a2ibench.curation.picture_features import (
    COARSE,
    FEATURES,
    SIDE,
    constant,
    describe,
    picture_features,
)
from a2ibench.curation.same_picture import _thumbnails_agree, is_still
from a2ibench.curation.sound_copies import sound_copies
from a2ibench.curation.sound_features import sound_features
from a2ibench.errors import UserError
from a2ibench.parallel import Processes, spread_over
from a2ibench.types import FloatArray, ImageArray


def quiet(done: int, total: int) -> None:
    pass


def numbers(store):
    names = store.index["source"].to_numpy()
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def find_pictures(tmp_path: Path, train: list[ImageArray], test: list[ImageArray]):
    """(test, train) positions of what is found."""
    pairs = [
        {"image": image, "audio": noise(i, 0.1), "label": "x", "source": f"{i}", "split": split}
        for i, (image, split) in enumerate(
            [*((image, "train") for image in train), *((image, "test") for image in test)]
        )
    ]
    store = write(pairs, tmp_path / "store")
    features = picture_features(store, quiet)
    sides = store.rows("test"), store.rows("train")
    found = picture_copies(store.images, features, numbers(store), sides, quiet)
    return [(a - len(train), b) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)]


def find_sounds(tmp_path: Path, train: list[FloatArray], test: list[FloatArray]):
    sounds = [*((sound, "train") for sound in train), *((sound, "test") for sound in test)]
    pairs = [
        {"image": scene(i, 16), "audio": sound, "label": "x", "source": f"{i}", "split": split}
        for i, (sound, split) in enumerate(sounds)
    ]
    store = write(pairs, tmp_path / "store")
    found_sounds = sound_features(store, quiet)
    sides = store.rows("test"), store.rows("train")
    found = sound_copies(found_sounds, numbers(store), sides, quiet)
    return [(a - len(train), b) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)]


def half_size(picture: ImageArray) -> ImageArray:
    n = len(picture)
    small = Image.fromarray(picture).resize((n // 2, n // 2), Image.Resampling.LANCZOS)
    return np.asarray(small.resize((n, n), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: compressed(x, "JPEG", 50),
        lambda x: compressed(x, "JPEG", 90),
        lambda x: compressed(x, "WEBP", 60),
        lambda x: np.clip(x.astype(int) + 12, 0, 255).astype(np.uint8),
        lambda x: (x * 0.93).astype(np.uint8),
        half_size,
    ],
    ids=["equal", "jpeg50", "jpeg90", "webp60", "brighter", "darker", "rescaled"],
)
def test_a_picture_is_found_again_after(tmp_path, change):
    train = [scene(i, 128) for i in range(8)]
    test = [scene(20, 128), *(change(picture) for picture in train[:6])]
    assert find_pictures(tmp_path, train, test) == [(i + 1, i) for i in range(6)]


def test_frames_of_one_static_scene_with_a_sprite_that_moved_are_no_copies(tmp_path):
    def frame(x: int) -> ImageArray:
        picture = scene(0, 128).copy()
        picture[60:66, x : x + 6] = (250, 240, 40)
        return picture

    assert (
        find_pictures(tmp_path, [frame(x) for x in (10, 40)], [frame(x) for x in (70, 100)]) == []
    )


def test_the_nearest_copy_is_the_one_that_is_named(tmp_path):
    train = [compressed(scene(0, 128), "JPEG", 40), scene(1, 128), scene(0, 128)]
    assert find_pictures(tmp_path, train, [scene(0, 128)]) == [(0, 2)]


def test_a_still_source_is_told_from_one_that_moves(tmp_path):
    pairs = good_pairs()
    for i in range(4):
        pairs[i] |= {"source": "still", "image": compressed(scene(0), "JPEG", 80 + i)}
    store = write(pairs, tmp_path / "store")
    features = picture_features(store, quiet)
    assert is_still(store.images, features, np.arange(4))
    assert not is_still(store.images, features, np.arange(8))


def test_a_picture_of_one_colour_is_constant_also_after_a_codec(tmp_path):
    pairs = good_pairs()
    pairs[0]["image"] = np.full_like(pairs[0]["image"], 17)
    pairs[1]["image"] = compressed(np.full_like(pairs[1]["image"], 3), "JPEG", 60)
    store = write(pairs, tmp_path / "store")
    assert np.flatnonzero(constant(picture_features(store, quiet))).tolist() == [0, 1]


def test_pictures_are_described_once(tmp_path):
    store = write(good_pairs()[1:], tmp_path / "store")  # a store that no other test has cached
    calls: list[tuple[int, int]] = []
    first = np.array(picture_features(store, lambda *counts: calls.append(counts)))
    assert calls[-1] == (len(store), len(store))
    calls.clear()
    np.testing.assert_array_equal(
        picture_features(store, lambda *counts: calls.append(counts)), first
    )
    assert calls == []


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: coded(x, "MP3"),
        lambda x: coded(x, "OGG"),
        lambda x: x * 0.2,
        lambda x: np.clip(x * 4, -1, 1),
    ],
    ids=["equal", "mp3", "ogg", "softer", "clipped"],
)
def test_a_sound_is_found_again_after(tmp_path, change):
    train = [noise(i) for i in range(6)]
    test = [noise(20), *(change(sound) for sound in train[:4])]
    assert find_sounds(tmp_path, train, test) == [(i + 1, i) for i in range(4)]


@pytest.mark.parametrize("seconds", [1, 2, 4])
@pytest.mark.parametrize("shift", [0.25, 0.5])
def test_a_recording_that_was_cut_on_another_grid_is_found_again(tmp_path, seconds, shift):
    whole = noise(0, 4.0 * seconds)
    n = seconds * RATE
    later = coded(whole[int(shift * n) + 33 :] * 0.5, "MP3")
    train = [whole[i * n : (i + 1) * n] for i in range(4)]
    test = [later[i * n : (i + 1) * n] for i in range(3)]
    found = find_sounds(tmp_path, train, test)
    # Of half a second there are few frames to be found by: one segment that is found will do.
    assert found if seconds == 1 else [a for a, _ in found] == [0, 1, 2]
    assert all(b in (a, a + 1) for a, b in found)


def test_the_same_short_effect_in_a_silence_is_no_copy(tmp_path):
    def moment(at: int) -> FloatArray:
        sound = np.zeros(2 * RATE, dtype=np.float32)
        sound[at : at + RATE // 2] = noise(3, 0.5)
        return sound

    assert find_sounds(tmp_path, [moment(100)], [moment(20_000)]) == []


def test_silence_and_a_steady_hum_are_no_copies(tmp_path):
    hum = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
    silent = np.zeros(2 * RATE, dtype=np.float32)
    assert find_sounds(tmp_path, [hum, silent], [hum * 0.5, silent]) == []


def test_a_fingerprint_does_not_depend_on_loudness_and_differs_between_recordings():
    a, softer, b = (fingerprint(sound, RATE) for sound in (noise(0), noise(0) * 0.1, noise(1)))
    errors = [np.bitwise_count(a ^ other).mean() / BITS for other in (softer, b)]
    assert errors[0] < 0.01
    assert errors[1] == pytest.approx(0.5, abs=0.06)
    assert len(fingerprint(noise(0, 0.1), RATE)) == 0


def test_of_sounds_too_short_for_a_fingerprint_only_equal_ones_are_found(tmp_path):
    short = [noise(i, 0.05) for i in range(3)]
    assert find_sounds(tmp_path, short, [short[1].copy(), 0.5 * short[2]]) == [(0, 1)]


def test_equal_ones_are_found_once_and_only_between_sources():
    digest = np.array([7, 7, 8, 7, 9], dtype=np.uint64)
    source = np.array([0, 0, 1, 2, 3])
    rows = np.arange(5)
    inside = equal_copies(digest, source, rows, rows)
    assert list(zip(inside.a.tolist(), inside.b.tolist(), strict=True)) == [(3, 0)]
    across = equal_copies(digest, source, np.array([0, 2]), np.array([1, 3, 4]))
    assert list(zip(across.a.tolist(), across.b.tolist(), strict=True)) == [(0, 3)]


def test_a_picture_is_found_again_in_a_crowd_of_frames_of_one_scene(tmp_path, monkeypatch):
    monkeypatch.setattr("a2ibench.curation.picture_copies.CROWD", 0)
    rng = np.random.default_rng(0)

    def frame() -> ImageArray:
        picture = scene(0, 128).copy()
        for x, y in rng.integers(0, 118, (4, 2)):
            picture[y : y + 10, x : x + 10] = rng.integers(0, 256, 3)
        return picture

    train = [frame() for _ in range(100)]
    test = [frame(), *(compressed(picture, "JPEG", 80) for picture in train[:8])]
    assert find_pictures(tmp_path, train, test) == [(i + 1, i) for i in range(8)]


def test_processes_describe_pictures_and_sounds_as_this_one_does(tmp_path, monkeypatch):
    store = write(good_pairs(), tmp_path / "store")
    expected = describe(store.images[:]), sound_features(store, quiet)
    monkeypatch.setattr("a2ibench.curation.blocks.MIN_CALLS", 1)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    used: list[object] = []
    monkeypatch.setattr(Processes, "check_sees", lambda self, files: used.append(self))
    with spread_over(Processes(2)):
        np.testing.assert_array_equal(picture_features(store, quiet), expected[0])
        found = sound_features(store, quiet)
    assert len(used) == 2  # pictures, sounds
    np.testing.assert_array_equal(found.levels, expected[1].levels)
    np.testing.assert_array_equal(found.codes, expected[1].codes)


def test_a_process_that_dies_is_named(monkeypatch):
    monkeypatch.setattr("a2ibench.curation.blocks.MIN_CALLS", 1)
    with (
        spread_over(Processes(2)),
        pytest.raises(UserError, match="a process of the check ended its process with exit code"),
    ):
        list(in_blocks(misbehaving.exit_if_odd, [(1,)]))


def test_near_hashes_are_all_pairs_of_at_most_so_many_different_bits():
    rng = np.random.default_rng(0)
    known = rng.integers(0, 2**64, 300, dtype=np.uint64)
    wanted = known[:200].copy()
    for i in range(200):
        for bit in rng.permutation(64)[: i % 15]:
            wanted[i] ^= np.uint64(1) << np.uint64(bit)
    near = np.bitwise_count(wanted[:, None] ^ known) <= HASH_BITS
    np.testing.assert_array_equal(NearHashes(known).find(wanted), np.nonzero(near))


def test_hashes_are_those_of_imagehash():
    hashes = describe(np.stack([scene(i) for i in range(3)]))["hash"]
    assert [f"{value:016x}" for value in hashes.tolist()] == [
        "99ee58b9ae4a4394",
        "e895d2ea9962e325",
        "cdf64869b29249cd",
    ]


@pytest.mark.parametrize("side", [16, 64, 100])
def test_pictures_are_described_together_as_each_alone(side):
    pictures = np.stack([half_size(scene(i, side)) for i in range(3)])
    found = describe(pictures)
    for picture, about in zip(map(Image.fromarray, pictures), found, strict=True):
        luma = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        rough = picture.resize((COARSE, COARSE), Image.Resampling.BOX).convert("YCbCr")
        np.testing.assert_array_equal(about["luma"], luma)
        np.testing.assert_array_equal(about["rough"], np.asarray(rough)[..., 0])
        np.testing.assert_array_equal(about["chroma"], np.asarray(rough)[..., 1:])
        assert about["range"] == max(high - low for low, high in picture.getextrema())


@pytest.mark.parametrize(("hashes", "most"), [(2**63, 0), (1, NEAREST)], ids=["random", "equal"])
def test_of_many_pictures_only_the_nearest_are_compared_in_full(monkeypatch, hashes, most):
    rng = np.random.default_rng(0)
    n, wanted = 1_200, 200
    features = np.zeros(n, dtype=FEATURES)
    features["hash"] = rng.integers(0, hashes, n, dtype=np.uint64)
    features["digest"] = np.arange(n)
    features["luma"] = rng.integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)
    images = np.zeros((n, 8, 8, 3), dtype=np.uint8)
    rows = np.arange(n)
    compared = 0

    def counted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        nonlocal compared
        compared += len(a)
        return _thumbnails_agree(a, b)

    monkeypatch.setattr("a2ibench.curation.same_picture._thumbnails_agree", counted)
    found = picture_copies(images, features, rows, (rows[:wanted], rows[wanted:]), quiet)
    assert len(found) == 0
    assert compared == most * wanted
