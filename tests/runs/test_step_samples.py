"""Looking at a training leaves no trace in it, and a resumed one is looked at at the same steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2ibench import registry
from a2ibench.config import build
from a2ibench.runs.sample_pictures import step_drawer
from a2ibench.runs.trial_data import Data, open_data
from a2ibench.training import fit as training
from a2ibench.training.checkpoint import read_checkpoint
from a2ibench.training.preview import as_if_finished, preview_steps
from a2ibench.types import Spec

STEPS = 5


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECK_EVERY", 2)


@pytest.fixture(scope="module")
def data(small_store: Path) -> Data:
    from a2ibench.data.store import PairStore
    from a2ibench_plugins.encoders.logmel import LogMel

    return open_data(PairStore(small_store), LogMel(LogMel.Config()))


def make(data: Data, name: str):
    torch.manual_seed(3)
    method = registry.models.get(name)
    options = {**method.scales["small"], **({"i2a_steps": 2} if name == "ours" else {})}
    spec = Spec(32, data.train.acoustic.shape[1], data.train.classes)
    return method(build(method.Config, options, name), spec)


@pytest.mark.parametrize("name", ["ours", "vae"])
def test_weights_optimisers_and_random_states_are_the_same_with_and_without_pictures(
    data: Data, tmp_path: Path, name: str
) -> None:
    ends = []
    for look in (False, True):
        model = make(data, name)
        path = tmp_path / f"{look}.safetensors"
        drawer = step_drawer(model, data.test, 0, tmp_path) if look else None
        training.fit(model, data.train, steps=STEPS, seed=0, checkpoint=path, preview=drawer)
        ends.append((*read_checkpoint(path), [m.training for m in model.modules()]))
    (about, tensors, modes), (about_looked, tensors_looked, modes_looked) = ends
    assert tensors.keys() == tensors_looked.keys()
    for key, value in tensors.items():
        assert torch.equal(value, tensors_looked[key]), key
    assert about["curve"] == about_looked["curve"]
    assert modes == modes_looked
    pictures = sorted((tmp_path / "samples" / "steps").glob("*.png"))
    assert [int(path.stem) for path in pictures] == [0, 2, 5]


def test_the_last_picture_shows_what_the_finished_model_draws(data: Data, tmp_path: Path) -> None:
    model = make(data, "ours")
    look = step_drawer(model, data.test, 0, tmp_path)
    checkpoint = tmp_path / "checkpoint.safetensors"
    training.fit(model, data.train, steps=3, seed=0, checkpoint=checkpoint, preview=look)
    path = tmp_path / "samples" / "steps" / "00000003.png"
    seen = np.asarray(Image.open(path))
    assert seen.shape == (3 * 32, 6 * 32, 3)  # real, two noises
    look(3)  # the averaged weights are in the model now
    assert (np.asarray(Image.open(path)) == seen).all()
    assert not (seen[32:64] == seen[64:]).all(), "two noises, one picture"


def test_a_training_that_is_resumed_has_the_pictures_of_one_that_was_not(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MIN_SAVE_INTERVAL", 0.0)

    class StoppedError(Exception):
        pass

    def stop(progress: training.Progress) -> None:
        if progress.step == 2:
            raise StoppedError

    def train(folder: Path, report=lambda progress: None) -> None:
        model = make(data, "vae")
        training.fit(
            model, data.train, steps=STEPS, seed=0, checkpoint=folder / "c.safetensors",
            report=report, preview=step_drawer(model, data.test, 0, folder),
        )  # fmt: skip

    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    for folder in (whole, resumed):
        folder.mkdir()
    train(whole)
    with pytest.raises(StoppedError):
        train(resumed, stop)
    train(resumed)
    pictures = {p.name: p.read_bytes() for p in (whole / "samples" / "steps").glob("*.png")}
    assert len(pictures) == 3
    assert pictures == {
        p.name: p.read_bytes() for p in (resumed / "samples" / "steps").glob("*.png")
    }


def test_the_model_is_restored_when_looking_fails(data: Data) -> None:
    model = make(data, "vae").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()

    def spoil() -> None:
        with as_if_finished(model, None):
            model.eval()
            torch.rand(3)
            for value in model.parameters():
                value.add_(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        spoil()
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("steps", [1, 19, 20, 21, 625, 100_001])
def test_steps_to_look_at_are_few_and_end_with_the_last(steps: int) -> None:
    chosen = preview_steps(steps, 20)
    assert chosen == sorted(set(chosen))
    assert chosen[-1] == steps
    assert len(chosen) <= 9
    assert set(chosen[:-1]) < set(preview_steps(10 * steps, 20))
