"""``a2ibench sweep``: the sound is changed step by step, the picture is measured."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

from a2ibench.cli import main
from a2ibench.generator.sweep import shown_levels
from a2ibench.results.result_file import write_result

pytestmark = pytest.mark.integration

RATE = 22_050


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    low, high = folder / "low $.wav", folder / "high.wav"
    t = np.arange(RATE) / RATE
    soundfile.write(low, 0.6 * np.sin(2 * np.pi * 200 * t), RATE)
    soundfile.write(high, 0.2 * np.sin(2 * np.pi * 3000 * t[: RATE // 2]), RATE)
    return low, high


def correlated(curves: pd.DataFrame) -> tuple[float, float]:
    """Mean of Spearman's ρ over noises, and its two-sided p over all orders of the levels."""
    ranks = curves.rank().to_numpy()
    by_order = [
        np.mean([np.corrcoef(order, noise)[0, 1] for noise in ranks.T])
        for order in itertools.permutations(range(len(ranks)))
    ]
    rho = by_order[0]
    above = np.mean([one >= rho - 1e-9 for one in by_order])
    below = np.mean([one <= rho + 1e-9 for one in by_order])
    return float(rho), float(min(1, 2 * min(above, below)))


def test_a_volume_sweep_writes_curves_correlations_and_strips(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = call("sweep", small_study, *sounds, "--volume", "0.5,1,2,3", "-n", "3", "--out", out)
    assert done.exit_code == 0, done.output
    assert "low $: samples beyond ±1 at volume 2 (to 1.20), 3 (to 1.80): not clipped" in done.output
    table = pd.read_parquet(out / "curves.parquet")
    assert len(table) == 2 * (1 + 4) * 3
    pd.testing.assert_frame_equal(table, pd.read_csv(out / "curves.csv"))
    unchanged, same = table[table["level"].isna()], table[table["level"] == 1]
    for name in ("distance", "changed"):
        assert (unchanged[name] == 0).all()
        assert (same[name] == 0).all()
    assert (table.loc[table["level"] == 3, "distance"] > 0).any()
    posteriors = [name for name in table if name.startswith("posterior:")]
    assert np.allclose(table[posteriors].sum(axis=1), 1)
    found = pd.read_csv(out / "correlations.csv")
    assert set(found["sound"]) == {"low $", "high", "all sounds"}
    curves = table[(table["sound"] == "low $") & table["level"].notna()]
    rho, p = correlated(curves.pivot_table("brightness", "level", "noise"))
    said = found.set_index(["sound", "measure"]).loc[("low $", "brightness")]
    assert (said["rho"], said["p"]) == pytest.approx((rho, p))
    assert {path.name for path in (out / "strips").iterdir()} == {"low $.png", "high.png"}
    with Image.open(out / "curves.png") as figure:
        assert figure.width > 500


def test_a_strip_shows_a_dozen_of_many_levels_with_the_first_and_the_last(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path
) -> None:
    sizes = {}
    for steps in (12, 14):
        out = tmp_path / str(steps)
        arguments = ["--interpolate", sounds[1], "--steps", steps, "-n", "1", "--out", out]
        done = call("sweep", small_study, sounds[0], *arguments)
        assert done.exit_code == 0, done.output
        assert ("(of 12 of the 14 levels)" in " ".join(done.output.split())) is (steps == 14)
        assert len(pd.read_csv(out / "curves.csv")) == 1 + steps
        with Image.open(out / "strips" / "low $.png") as strip:
            sizes[steps] = strip.size
    assert sizes[12] == sizes[14]
    assert shown_levels(2) == [0, 1]
    assert shown_levels(13) == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]
    assert (shown_levels(1000)[:2], shown_levels(1000)[-1]) == ([0, 91], 999)


def test_a_sound_of_a_long_name_gets_its_strip(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path
) -> None:
    long = [tmp_path / f"{'ä' * 110}{end}.wav" for end in ("one", "two")]
    for path in long:
        shutil.copy(sounds[1], path)
    out = tmp_path / "out"
    done = call("sweep", small_study, *long, "--volume", "0.5,1", "-n", "1", "--out", out)
    assert done.exit_code == 0, done.output
    assert len({path.name for path in (out / "strips").iterdir()}) == 2


def test_a_classifier_that_failed_gives_no_posterior(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path
) -> None:
    study = Path(shutil.copytree(small_study, tmp_path / "study"))
    for path in study.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        failed = {"held_out_accuracy": 0.5, "held_out_chance": 0.5, "held_out_low": 0.3}
        stored["metrics"]["accuracy_resnet18"]["judge_figures"] |= failed
        write_result(path.parent, stored)
    out = tmp_path / "out"
    done = call("sweep", study, sounds[0], "--volume", "0.5,1", "-n", "1", "--out", out)
    assert done.exit_code == 0, done.output
    assert "is not better than chance (50.0 %): no class posterior" in " ".join(done.output.split())
    assert not [name for name in pd.read_parquet(out / "curves.parquet") if "posterior" in name]


@pytest.mark.parametrize("r2", [-0.5, 0.9], ids=["failed", "of another study"])
def test_a_classifier_gives_its_posterior_whatever_became_of_the_other_judges(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path, r2: float
) -> None:
    study = Path(shutil.copytree(small_study, tmp_path / "study"))
    for path in study.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        stored["metrics"]["rprec1_i2a_lite0"] = stored["metrics"]["accuracy_resnet18"] | {
            "judge": "i2a_lite0",
            "judge_fingerprint": "another",
            "judge_figures": {"held_out_r2": r2},
        }
        write_result(path.parent, stored)
    out = tmp_path / "out"
    done = call("sweep", study, sounds[0], "--volume", "0.5,1", "-n", "1", "--out", out)
    assert done.exit_code == 0, done.output
    assert "no class posterior" not in done.output
    assert "posterior" in pd.read_parquet(out / "curves.parquet")


def test_results_of_other_versions_say_less_of_judges_and_more_of_jobs(
    small_study: Path, sounds: tuple[Path, Path], tmp_path: Path
) -> None:
    study = Path(shutil.copytree(small_study, tmp_path / "study"))
    for path in study.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        stored["job"]["later"] = 1
        for score in stored["metrics"].values():
            del score["judge_figures"]
        write_result(path.parent, stored)
    out = tmp_path / "out"
    done = call("sweep", study, sounds[0], "--volume", "0.5,1", "-n", "1", "--out", out)
    assert done.exit_code == 0, done.output
    assert "posterior" in pd.read_parquet(out / "curves.parquet")


@pytest.mark.parametrize(
    ("change", "levels"),
    [
        (["--noise", "20,0"], [20, 0]),
        (["--mix", "OTHER", "--ratios", "0,1"], [0, 1]),
        (["--interpolate", "OTHER", "--steps", "3"], [0, 0.5, 1]),
    ],
)
def test_every_change_starts_at_the_unchanged_picture(
    small_study: Path,
    sounds: tuple[Path, Path],
    tmp_path: Path,
    change: list[str],
    levels: list[float],
) -> None:
    arguments = [str(sounds[1]) if argument == "OTHER" else argument for argument in change]
    done = call("sweep", small_study, sounds[0], *arguments, "-n", "1", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "curves.csv")
    assert table["level"].dropna().tolist() == levels
    if levels[0] == 0:
        assert table.loc[table["level"] == 0, "distance"].item() == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["SOUND"], "give one of --volume"),
        (["SOUND", "--volume", "1,2", "--noise", "3,4"], "give one of --volume"),
        (["SOUND", "--volume", "1,1"], "all different"),
        (["SOUND", "--volume", "1,x"], "expected numbers"),
        (["SOUND", "--volume", "0,1"], "expected levels in"),
        (["SOUND", "--volume", "nan,1"], "expected levels in"),
        (["SOUND", "--volume", "1,100"], "samples reach 60; at most 16"),
        (["SOUND", "--ratios", "0,1", "--volume", "1,2"], "--ratios belongs to --mix"),
        (["SOUND", "--mix", "none.wav"], "none.wav: no such sound"),
        (["SOUND", "SOUND", "--volume", "1,2"], "two sounds are called"),
        (["SILENT", "--noise", "1,2"], "silent: it has no loudness"),
        (["SOUND", "--mix", "SILENT"], "silent.wav is silent"),
        (["SOUND", "--volume", "1,2", "--arm", "our"], "unknown arm"),
        (["SOUND", "--volume", "1,2", "--arm", "class mean"], "holds no trained model"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    small_study: Path,
    sounds: tuple[Path, Path],
    tmp_path: Path,
    arguments: list[str],
    expected: str,
) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    places = {"SOUND": str(sounds[0]), "SILENT": str(silent)}
    done = call(
        "sweep",
        small_study,
        *(places.get(a, a) for a in arguments),
        "-n",
        "1",
        "--out",
        tmp_path / "out",
    )
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert not (tmp_path / "out").exists()
