"""The arcade: sound and picture of the same instant, episodes apart, reproducible."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, starmap

import ale_py
import ale_py.roms
import numpy as np
import pandas as pd
import pytest
from crashing import Ending

from a2ibench import config
from a2ibench.data.prepare import prepare
from a2ibench.errors import UserError
from a2ibench.types import Pair
from a2ibench_plugins.datasets.arcade import Arcade
from a2ibench_plugins.datasets.arcade.console import CONSOLE_RATE, listen, switch_on
from a2ibench_plugins.datasets.arcade.screen import COUNTERS, mask, shrink

RATE = Arcade.sample_rate


def build(**options: object) -> Arcade:
    return Arcade(config.build(Arcade.Config, options, "arcade"))


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    """Each game of each side starts processes of its own: one, where a test says nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield


@contextmanager
def playing_here() -> Iterator[None]:
    """Episodes are played in this process: elsewhere, most of the time is spent on imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench_plugins.datasets.arcade.in_order", starmap)
        yield


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    dataset = build(games="pong,qbert", train=24, test=12, seconds=1.0, image_size=32)
    with playing_here():
        return list(dataset.pairs())


def test_the_defaults_give_pools_of_a_hundred_in_each_of_six_games():
    dataset = build()
    assert len(dataset) == 6 * (450 + 100)
    assert dataset.config.seconds == 4.0


@pytest.mark.integration
def test_pairs_have_the_sizes_labels_and_counts_that_were_asked_for(pairs):
    assert len(pairs) == 2 * 36
    for game in ("pong", "qbert"):
        sides = [pair.split for pair in pairs if pair.label == game]
        assert (sides.count("train"), sides.count("test")) == (24, 12)
    for pair in pairs:
        assert pair.image.shape == (32, 32, 3)
        assert pair.image.dtype == np.uint8
        assert pair.audio.shape == (RATE,)
        assert pair.audio.dtype == np.float32
        assert np.abs(pair.audio).max() <= 1


@pytest.mark.integration
def test_episodes_are_apart_and_many(pairs):
    for game in ("pong", "qbert"):
        sources = {
            split: {pair.source for pair in pairs if (pair.label, pair.split) == (game, split)}
            for split in ("train", "test")
        }
        assert not sources["train"] & sources["test"]
        assert len(sources["train"]) >= 12
        assert len(sources["test"]) >= 6


@pytest.mark.integration
def test_windows_lie_inside_their_episode_and_are_spaced(pairs):
    for source in {pair.source for pair in pairs}:
        starts = np.array([pair.start for pair in pairs if pair.source == source])
        assert starts.min() >= 0
        assert (np.diff(starts) >= 0.99).all()


@pytest.mark.integration
def test_test_sounds_do_not_overlap_and_both_sides_see_episodes_to_the_same_moment():
    dataset = build(games="pong,qbert", train=120, test=24, seconds=3.0, image_size=16)
    with playing_here():
        made = list(dataset._pairs_of("pong"))
    latest = {}
    for split, hop in (("train", 1.0), ("test", 3.0)):
        side = [pair for pair in made if pair.split == split]
        latest[split] = max(pair.start + 3 for pair in side)
        for source in {pair.source for pair in side}:
            starts = np.array([pair.start for pair in side if pair.source == source])
            assert (np.diff(starts) >= hop - 1e-6).all()
    assert abs(latest["train"] - latest["test"]) < 4


@pytest.mark.parametrize("seconds", [0.255, 0.505])
def test_test_sounds_of_any_length_share_no_sample(seconds):
    dataset = build(games="pong,qbert", train=480, test=300, seconds=seconds, image_size=16)
    dataset._hop["test"] = seconds, seconds  # the least: a player seldom draws it
    made = dataset._play("pong", 0, "test")
    assert len(made) > 5
    stops = np.array([round((pair.start + seconds) * 60) for pair in made])
    stops = np.array([round(int(stop) * RATE / 60) for stop in stops])
    assert (np.diff(stops) >= len(made[0].audio)).all()


@pytest.mark.integration
def test_the_bytes_do_not_depend_on_the_number_of_processes(monkeypatch):
    options = {"games": "pong,qbert", "train": 13, "test": 7, "seconds": 0.5, "image_size": 16}
    made = []
    for workers in ("1", "2"):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", workers)
        pairs = build(**options)._pairs_of("pong")
        made.append([(p.source, p.start, p.image.tobytes(), p.audio.tobytes()) for p in pairs])
    assert made[0] == made[1]
    assert len(made[0]) == 20


@pytest.mark.integration
def test_the_pictures_of_a_game_differ(pairs):
    for game in ("pong", "qbert"):
        images = {pair.image.tobytes() for pair in pairs if pair.label == game}
        assert len(images) > 0.8 * 36  # some games stand still for a while


@pytest.mark.integration
def test_no_test_pair_repeats_a_training_picture_or_sound():
    options = {"games": "bowling,pong", "train": 60, "test": 30, "seconds": 1.0, "image_size": 32}
    with playing_here():
        made = list(build(**options).pairs())
    for game in ("bowling", "pong"):
        for content in ("image", "audio"):
            train, test = (
                {
                    getattr(p, content).tobytes()
                    for p in made
                    if (p.label, p.split) == (game, side) and np.any(p.audio)  # silence is silence
                }
                for side in ("train", "test")
            )
            assert not train & test, (game, content)


@pytest.mark.integration
def test_the_games_are_audible(pairs):
    loud = [np.sqrt(np.mean(np.square(pair.audio))) > 0.005 for pair in pairs]
    assert np.mean(loud) > 0.8


@pytest.mark.integration
def test_the_same_seed_gives_the_same_bytes_and_a_game_depends_on_no_other(pairs):
    dataset = build(games="qbert,pong", train=24, test=12, seconds=1.0, image_size=32)
    with playing_here():
        again = list(islice(dataset.pairs(), 36))
    qbert = [pair for pair in pairs if pair.label == "qbert"]
    for x, y in zip(qbert, again, strict=True):
        assert (x.source, x.start, x.split) == (y.source, y.start, y.split)
        assert x.image.tobytes() == y.image.tobytes()
        assert x.audio.tobytes() == y.audio.tobytes()


def test_another_seed_plays_otherwise():
    options = {"games": "pong,qbert", "train": 1, "test": 1, "seconds": 1.0, "image_size": 16}
    a, b = (build(**options, seed=seed)._play("pong", 0, "train") for seed in (0, 1))
    assert len(a) == len(b) == 1
    assert all((x.image != y.image).any() for x, y in zip(a, b, strict=True))


def test_sound_and_picture_are_of_the_same_instant():
    """Replays the first episode of pong by an own loop over the emulator, action by action."""
    options = {"games": "pong,qbert", "train": 1, "test": 1, "seconds": 1.0, "seed": 0}
    made = next(build(**options, image_size=64).pairs())
    end = round((made.start + 1.0) * 60)
    rng = np.random.default_rng([0, *b"pong", 0])
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    console.setFloat("repeat_action_probability", 0.0)
    console.setBool("sound_obs", True)
    console.loadROM(ale_py.roms.get_rom_path("pong"))
    actions = console.getMinimalActionSet()
    script = [ale_py.Action.FIRE] * int(rng.integers(4, 20))
    assert end == 60 + round(rng.random() * 60)
    while len(script) < end:
        action = actions[rng.integers(len(actions))]
        script += [action] * int(rng.integers(4, 20))
    screens, sounds = [], []
    for action in script[:end]:
        console.act(action)
        screens.append(console.getScreenRGB())
        sounds.append(console.getAudio())
    both = np.maximum(screens[-2], screens[-1])
    np.testing.assert_array_equal(made.image, shrink(both, 64))
    heard = listen(np.concatenate(sounds), RATE)
    np.testing.assert_array_equal(made.audio, heard[-RATE:])


def test_a_constant_level_is_silence_and_a_tone_is_kept():
    t = np.arange(CONSOLE_RATE)
    for level in (0, 128, 188):
        assert np.abs(listen(np.full(CONSOLE_RATE, level, np.uint8), RATE)).max() < 1e-6
    square = (128 + 60 * (t // 35 % 2)).astype(np.uint8)  # a period of 70 samples: 439 Hz
    heard = listen(square, RATE)
    assert heard.shape == (RATE,)
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) == round(CONSOLE_RATE / 70)
    # The fundamental of a square wave of amplitude 30/128 is 4/π times as high.
    assert 2 * spectrum.max() / RATE == pytest.approx(4 / np.pi * 30 / 128, rel=0.05)


def test_sound_stays_within_bounds_at_the_loudest_switching():
    noise = np.random.default_rng(0).choice([0, 255], CONSOLE_RATE).astype(np.uint8)
    assert np.abs(listen(noise, RATE)).max() <= 1


def test_the_whole_screen_is_seen():
    screen = np.zeros((210, 160, 3), np.uint8)
    screen[:105] = 200
    small = shrink(screen, 64)
    assert small.shape == (64, 64, 3)
    np.testing.assert_allclose(small[:28], 200, atol=3)
    np.testing.assert_allclose(small[36:], 0, atol=3)


@pytest.mark.parametrize(("game", "rows"), [("pong", 210), ("carnival", 214), ("pooyan", 220)])
def test_counters_lie_on_the_screen_of_their_game_whose_height_differs(game, rows):
    screen = switch_on(game).getScreenRGB()
    assert screen.shape == (rows, 160, 3)
    assert all(bottom <= rows for _, bottom, *_ in COUNTERS[game])
    assert mask(screen, game).shape == screen.shape


def test_masked_areas_are_black_and_nothing_else_of_the_screen_changes():
    screen = np.random.default_rng(0).integers(1, 256, (220, 160, 3), dtype=np.uint8)
    for game, areas in COUNTERS.items():
        masked = mask(screen, game)
        inside = np.zeros(screen.shape[:2], dtype=bool)
        for top, bottom, *columns in areas:
            left, right = columns or (0, 160)
            assert 0 <= top < bottom <= 220
            assert 0 <= left < right <= 160
            inside[top:bottom, left:right] = True
        assert (masked[inside] == 0).all(), game
        np.testing.assert_array_equal(masked[~inside], screen[~inside])
        assert inside.mean() < 0.5, game
    assert COUNTERS.keys() <= set(ale_py.roms.get_all_rom_ids())


def test_the_score_of_pong_is_masked_and_its_ball_and_sound_stay():
    options = {"games": "pong,qbert", "train": 60, "test": 30, "seconds": 1.0}
    seen, masked = (
        build(**options, mask_score=flag)._play("pong", 0, "train") for flag in (False, True)
    )
    assert len({pair.image[:7].tobytes() for pair in seen}) > 1  # the score counts
    assert len({pair.image[:7].tobytes() for pair in masked}) == 1
    below = [pair.image[12:] for pair in masked]  # a resized edge reaches a few rows further
    assert len({image.tobytes() for image in below}) == len(below)
    for x, y, image in zip(seen, masked, below, strict=True):
        np.testing.assert_array_equal(x.image[12:], image)
        assert x.audio.tobytes() == y.audio.tobytes()
        assert (y.image[:6] < 8).all()


def test_pairs_of_the_defaults_keep_their_bytes():
    made = build()._play("pong", 0, "train")
    pictures = hashlib.sha256(b"".join(pair.image.tobytes() for pair in made)).hexdigest()
    assert pictures == "732a87d8bb583f7255655744b39a796975c8aa01a6c3cdbec04dba8b250e24c2"
    level = [round(float(np.abs(pair.audio).mean()), 5) for pair in made[:3]]
    assert level == pytest.approx([0.01672, 0.03149, 0.04192], abs=2e-5)


def test_test_episodes_are_as_many_as_asked_for():
    few, many = (build(train=600, test=180, test_episodes=episodes) for episodes in (6, 30))
    assert few._per_episode == {"train": 50, "test": 15}  # training ends before the test's thirty
    assert many._per_episode["test"] == 6
    assert abs(1.25 * many._per_episode["train"] - 4.25 * many._per_episode["test"]) < 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"games": "pong,freewy"}, "unknown game 'freewy'; did you mean freeway"),
        ({"games": "pong"}, "at least two"),
        ({"games": "pong,pong"}, "given twice"),
        ({"seconds": 0}, "≥ 0.25"),
        ({"train": 0}, "≥ 1"),
        ({"image_size": 4}, "≥ 16"),
        ({"seed": -1}, "≥ 0"),
        ({"test_episodes": 0}, "≥ 1"),
        ({"games": "pong,venture", "mask_score": True}, "where the score is in venture; known: "),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        build(**options)


def test_the_emulator_is_quiet(capfd):
    dataset = build(games="pong,qbert", train=1, test=1, seconds=0.25, image_size=16)
    assert dataset._play("pong", 0, "train")
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == ""


def ending(games: str) -> Ending:
    options = {"games": games, "train": 2, "test": 1, "seconds": 0.5, "image_size": 16}
    return Ending(config.build(Ending.Config, options, "arcade"))


@pytest.mark.integration
def test_a_game_that_ends_its_process_is_refused_by_name_before_anything_is_made(tmp_path):
    with pytest.raises(UserError, match=r"do not run .*: freeway \(it ends its process\); leave"):
        prepare(ending("qbert,freeway"), tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_a_game_that_ends_its_process_while_it_is_played_costs_itself_alone(tmp_path):
    made = prepare(ending("pong,qbert"), tmp_path / "made")
    assert made.classes == ("qbert",)
    for row, pair in enumerate(ending("pong,qbert")._pairs_of("qbert")):
        np.testing.assert_array_equal(made.images[row], pair.image)
        np.testing.assert_allclose(made.waveform(row), pair.audio, atol=1e-4)
    rejected = pd.read_parquet(tmp_path / "made" / "rejected.parquet")
    assert rejected[["file", "reason"]].to_numpy().tolist() == [
        ["pong", "the game ended its process while it was played"]
    ]
    with pytest.raises(UserError, match="arcade: pong: the game ended its process"):
        prepare(ending("pong,qbert"), tmp_path / "complete", complete=True)
    assert not (tmp_path / "complete").exists()


@pytest.mark.integration
def test_windows_longer_than_every_episode_are_refused():
    dataset = build(games="pong,qbert", train=1, test=1, seconds=2.0, image_size=16)
    dataset.episode_seconds = 1
    with pytest.raises(UserError, match="smaller `seconds`"):
        list(dataset.pairs())
