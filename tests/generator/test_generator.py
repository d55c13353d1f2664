"""``a2ibench.load``: a trained generator in Python."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import save_file

import a2ibench
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.generator.generator import Generator

RATE = 16_000
STATISTICS = "standardiser.safetensors: expected a mean and a deviation above 0 for each of 128"
STEREO = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def generator(small_study: Path) -> Generator:
    return a2ibench.load(small_study)


def test_the_import_is_light() -> None:
    code = "import sys, a2ibench; print(sorted({'torch', 'numpy', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_draws_what_the_command_draws(
    generator: Generator, small_study: Path, tmp_path: Path
) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, STEREO.T, RATE, subtype="FLOAT")
    arguments = ["generate", small_study, path, "-n", 3, "--noise-seed", 7, "--out", tmp_path]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    files = sorted((tmp_path / "noise").glob("0*.png"))
    drawn = np.stack([np.asarray(Image.open(file)) for file in files])
    images = generator.generate(STEREO, RATE, 3, seed=7)
    np.testing.assert_array_equal(images, drawn)
    assert images.dtype == np.uint8
    assert images.shape == (3, generator.image_size, generator.image_size, 3)
    assert (generator.generate(STEREO, RATE, 3, seed=8) != images).any()


def test_it_takes_arrays_lists_and_tensors(generator: Generator) -> None:
    mono = STEREO[0]
    expected = generator.generate(mono, RATE, 1)
    for same in (mono.tolist(), torch.from_numpy(mono), mono[np.newaxis], np.stack([mono, mono])):
        np.testing.assert_array_equal(generator.generate(same, RATE, 1), expected)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"waveform": STEREO[0, :20]}, r"lasts 0\.00 s \(20 samples .* needs at least 0\.05 s"),
        ({"waveform": []}, "no samples"),
        ({"waveform": np.full(RATE, np.nan)}, "16000 of 16000 samples are NaN"),
        ({"waveform": STEREO.T}, r"\(16000, 2\), which looks like \[T, channels\]: transpose"),
        ({"waveform": STEREO[np.newaxis]}, r"expected a waveform \[T\] or \[channels, T\]"),
        ({"waveform": [[0.1], [0.1, 0.2]]}, r"expected a waveform \[T\] or \[channels, T\]"),
        ({"waveform": np.ones(RATE, np.int16)}, "expected float samples"),
        ({"waveform": "noise.wav"}, r"expected a waveform \[T\] or \[channels, T\]"),
        ({"rate": 44.1}, "expected a sample rate in hertz, 1000 to 10000000, got 44.1"),
        ({"rate": float("nan")}, "expected a sample rate"),
        ({"rate": "16000"}, "expected a sample rate"),
        ({"n": 0}, "n: expected a whole number, 1 to 1000, got 0"),
        ({"n": 2.0}, "n: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number, 0 or more, got -1"),
    ],
)
def test_a_mistake_is_said(generator: Generator, changed: dict[str, object], expected: str) -> None:
    arguments = {"waveform": STEREO, "rate": RATE, "n": 1, "seed": 0, **changed}
    with pytest.raises(UserError, match=expected):
        generator.generate(**arguments)


def test_what_is_no_run_is_refused(small_study: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a study"):
        a2ibench.load(tmp_path)
    with pytest.raises(UserError, match="unknown arm"):
        a2ibench.load(small_study, arm="our")
    with pytest.raises(UserError, match="holds no trained model"):
        a2ibench.load(small_study, arm="class mean")
    with pytest.raises(UserError, match="vae has seeds 0 to 0, not 1"):
        a2ibench.load(small_study, seed=1)
    with pytest.raises(UserError, match="seed: expected a whole number, 0 or more, got '0'"):
        a2ibench.load(small_study, seed="0")  # type: ignore[arg-type]
    job = (
        small_study
        / "jobs"
        / json.loads((small_study / "study.json").read_text())["jobs"]["vae"][0]
    )
    assert a2ibench.load(job, seed=0).name == "vae"
    with pytest.raises(UserError, match=r"is a single job, of seed 0; another one \(1\)"):
        a2ibench.load(job, seed=1)


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        ("result.json", (), [], "result.json is damaged (Input should be a valid dictionary)"),
        ("result.json", (), {}, "result.json is damaged (format: Field required)"),
        ("result.json", ("job",), [], "result.json is damaged (job: "),
        (
            "result.json",
            ("spec",),
            {"image_size": 32},
            "result.json is damaged (spec.acoustic_dim: ",
        ),
        ("result.json", ("spec", "classes"), None, "result.json is damaged (spec.classes: "),
        ("result.json", ("encoder",), None, "result.json is damaged (encoder: "),
        ("result.json", ("job", "config"), 3, "result.json is damaged (job.config: "),
        ("result.json", ("job", "method"), ["vae"], "result.json is damaged (job.method: "),
        ("standardiser.safetensors", (), (np.zeros(3), np.ones(3)), STATISTICS),
        ("standardiser.safetensors", (), (np.zeros(128), np.zeros(128)), STATISTICS),
        ("standardiser.safetensors", (), (np.full(128, np.nan), np.ones(128)), STATISTICS),
        ("checkpoint.safetensors", (), b"\x80\x04N.", "checkpoint.safetensors: damaged ("),
    ],
)
def test_a_folder_of_a_stranger_is_refused_with_a_message(
    small_study: Path,
    tmp_path: Path,
    name: str,
    path: tuple[str, ...],
    value: Any,
    expected: str,
) -> None:
    key = json.loads((small_study / "study.json").read_text())["jobs"]["vae"][0]
    folder = tmp_path / "job"
    shutil.copytree(small_study / "jobs" / key, folder)
    if isinstance(value, bytes):
        (folder / name).write_bytes(value)
    elif isinstance(value, tuple):
        save_file(dict(zip(("mean", "std"), value, strict=True)), folder / name)
    else:
        result = json.loads((folder / name).read_text())
        place = result
        for part in path[:-1]:
            place = place[part]
        if path:
            place[path[-1]] = value
        (folder / name).write_text(json.dumps(result if path else value))
    with pytest.raises(UserError, match=re.escape(expected)):
        a2ibench.load(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_study_is_refused_with_a_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="damaged"):
        a2ibench.load(tmp_path)


def test_what_else_lies_in_a_folder_is_not_looked_at(small_study: Path, tmp_path: Path) -> None:
    key = json.loads((small_study / "study.json").read_text())["jobs"]["vae"][0]
    folder = tmp_path / "job"
    shutil.copytree(small_study / "jobs" / key, folder)
    (folder / "generator.pt").write_bytes(b"no TorchScript")
    (folder / "plugins").mkdir(exist_ok=True)
    touched = tmp_path / "touched"
    (folder / "plugins" / "mine.py").write_text(f"open({str(touched)!r}, 'w').close()")
    assert a2ibench.load(folder).generate(STEREO, RATE, 1).shape[0] == 1
    assert not touched.exists()
