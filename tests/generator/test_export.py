"""``a2ibench export``: what was written draws what the run draws, at every number of rows."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import a2ibench
from a2ibench.cli import main
from a2ibench.generator.export_formats import READERS, WRITERS
from a2ibench.registry import load_plugin_file
from a2ibench.training.draw import draw_noise

pytestmark = pytest.mark.integration

NAMES = ["vae", "wan2019", "ours", "flow"]
RATE = 22_050
SOUND = np.sin(np.arange(RATE) / 9).astype(np.float32)
Job = Callable[[str, Path], Path]

IMPURE = """
import torch
from dataclasses import dataclass
from torch import nn
from a2ibench.contracts.model import Model
from a2ibench.registry import models

@dataclass(frozen=True)
class Config:
    pass

@models.register
class Impure(Model):
    name = "impure"
    Config = Config

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.net = nn.Linear(spec.acoustic_dim, 1)

    optimizers = property(lambda self: {})
    generator = property(lambda self: self.net)

    def training_step(self, batch):
        raise NotImplementedError

    def generate(self, acoustic, noise):
        size = self.spec.image_size
        level = 0.2 if acoustic.shape[0] < 9 else 0.8
        return (self.net(acoustic) * 0 + level)[:, :, None, None].expand(-1, 3, size, size)
"""


@pytest.fixture(scope="module")
def impure(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A method whose pictures depend on how many are drawn at once."""
    plugin = tmp_path_factory.mktemp("plugin") / "impure.py"
    plugin.write_text(IMPURE)
    load_plugin_file(plugin)


def export(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_every_method_draw_what_the_run_draws(
    job_of: Job, tmp_path: Path, name: str
) -> None:
    import onnxruntime

    job, out = job_of(name, tmp_path / "job"), tmp_path / "out"
    done = export(job, "--out", out, "--format", "torchscript", "--format", "onnx")
    assert done.exit_code == 0, done.output
    about = json.loads((out / "generator.json").read_text())
    written = {p.name for p in out.iterdir()} - {"generator.json"}
    assert written == set(about["files"]) >= {"generator.pt", "generator.onnx"}
    for file, digest in about["files"].items():
        assert hashlib.sha256((out / file).read_bytes()).hexdigest() == digest

    encoder = a2ibench.load_encoder(about["encoder"]["name"], **about["encoder"]["options"])
    feature = encoder(SOUND, RATE)
    with pytest.warns(FutureWarning, match="deprecated"):
        script = torch.jit.load(out / "generator.pt")
    session = onnxruntime.InferenceSession(out / "generator.onnx")
    generator = a2ibench.load(job)
    for rows in (1, 3, 40):
        expected = generator.generate(SOUND, RATE, rows, seed=5)
        inputs = {"feature": np.repeat(feature[np.newaxis], rows, axis=0)}
        if about["noise_size"]:
            inputs["noise"] = draw_noise(rows, about["noise_size"], seed=5).numpy()
        assert {k: list(v.shape[1:]) for k, v in inputs.items()} == {
            k: v["shape"][1:] for k, v in about["inputs"].items()
        }
        (onnx,) = session.run(None, inputs)
        scripted = script(*map(torch.from_numpy, inputs.values())).numpy()
        for images in (onnx, scripted):
            assert images.dtype == np.uint8
            assert images.shape == expected.shape == (rows, 32, 32, 3)
            assert np.abs(images.astype(int) - expected).max() <= 1
            assert images.std() > 20, "pictures in which nothing could go wrong"
    again = a2ibench.load(out)
    np.testing.assert_array_equal(
        again.generate(SOUND, RATE, 3, seed=5), generator.generate(SOUND, RATE, 3, seed=5)
    )


class Counting(torch.nn.Module):
    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        return feature.new_full((len(feature), 3), 7) + 0 * feature[:, :1]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_method_that_asks_for_len_is_written_for_any_number_of_rows(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "file"
    WRITERS[kind](Counting().eval(), {"feature": np.ones((2, 4), np.float32)}, path)
    images = READERS[kind](path)({"feature": np.ones((5, 4), np.float32)})
    assert np.array_equal(images, np.full((5, 3), 7))


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_a_file_that_draws_something_else_fails_and_nothing_is_left(
    job_of: Job, impure: None, tmp_path: Path, kind: str
) -> None:
    job = job_of("impure", tmp_path / "job")
    before = sorted(tmp_path.iterdir())
    done = export(job, "--out", tmp_path / "out", "--format", kind)
    assert done.exit_code == 1, done.output
    assert "error: impure" in done.output
    assert "nothing was written" in done.output
    assert "Traceback" not in done.output
    assert sorted(tmp_path.iterdir()) == before


def test_what_cannot_be_exported_is_refused(small_study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = export(small_study, "--arm", "ground truth", "--out", out)
    assert done.exit_code == 2
    assert "'ground truth' holds no trained model" in done.output
    assert not list(tmp_path.iterdir())
    (out / "mine").mkdir(parents=True)
    done = export(small_study, "--out", out)
    assert done.exit_code == 2
    assert f"{out}: is there already" in done.output
    assert [p.name for p in out.iterdir()] == ["mine"]


def test_no_link_is_followed_and_no_folder_is_copied_into_itself(
    small_study: Path, tmp_path: Path
) -> None:
    study = json.loads((small_study / "study.json").read_text())
    job = tmp_path / "job"
    shutil.copytree(small_study / "jobs" / study["jobs"]["vae"][0], job)
    (job / "plugins").mkdir(exist_ok=True)
    (job / "plugins" / "mine.py").write_text("MINE = True\n")
    (tmp_path / "secret").write_text("a secret\n")
    (job / "plugins" / "theirs.py").symlink_to(tmp_path / "secret")
    done = export(job, "--out", job / "plugins" / "out")
    assert done.exit_code == 0, done.output
    kept = job / "plugins" / "out" / "plugins"
    assert [path.name for path in kept.iterdir()] == ["mine.py"]


def test_an_arm_is_chosen_of_a_study_alone(small_study: Path, tmp_path: Path) -> None:
    study = json.loads((small_study / "study.json").read_text())
    job = small_study / "jobs" / study["jobs"]["vae"][0]
    done = export(job, "--arm", "ours", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "is a single job; an arm (ours) is chosen from a study" in done.output


def test_the_licence_and_the_origin_are_told(small_study: Path, tmp_path: Path) -> None:
    done = export(small_study, "--out", tmp_path / "out", "--licence", "CC BY 4.0")
    assert done.exit_code == 0, done.output
    about = json.loads((tmp_path / "out" / "generator.json").read_text())
    assert about["licence"]["weights"] == "CC BY 4.0"
    study = json.loads((small_study / "study.json").read_text())
    assert about["provenance"]["job"] == study["jobs"]["vae"][0]
    assert about["provenance"]["pairs"] == study["content_hash"]
    assert len(about["standardisation"]["mean"]) == about["encoder"]["feature_size"] == 128
