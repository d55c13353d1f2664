"""A SoundNet taught by a judge: the objective, exact resume, what it is measured by, its use."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.special import rel_entr, softmax

import a2ibench
from a2ibench import registry
from a2ibench.cli import main
from a2ibench.contracts.judge import Judge
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.soundnet import distil as loop
from a2ibench.soundnet.distil import Budget, Lessons, distil, divergence
from a2ibench.soundnet.network import SOUNDNET5, Architecture, Layer, SoundNet
from a2ibench.soundnet.teach import Taught, teach_soundnet
from a2ibench.training.device import make_deterministic
from a2ibench.training.fit import DivergedError

RATE = 22_050
TINY = Architecture(
    "tiny",
    "Tiny",
    trunk=(Layer("conv1", 1, 8, kernel=64, stride=16, padding=32, pool=8),),
    objects=Layer("conv2", 8, 1000, kernel=4, stride=2, padding=0, head=True),
    scenes=Layer("conv2_2", 8, 401, kernel=4, stride=2, padding=0, head=True),
)
"""Laid out like the real ones, which a test need not wait for."""


class Painter(Judge):
    """Knows an image by the colours of its quarters, which it takes for 1000 classes."""

    name = "painter"
    classes: ClassVar[int] = 1000

    def weights_hash(self) -> str:
        return "none"

    def embed(self, images):
        n, size = len(images), images.shape[1] // 2
        colours = images.reshape(n, 2, size, 2, size, 3).mean(axis=(2, 4)).reshape(n, 12) / 255
        mixing = np.random.default_rng(0).standard_normal((12, self.classes))
        return {"logits": (4 * colours @ mixing).astype(np.float32)}


class Placer(Painter):
    name = "placer"
    classes = 401


class Counter8(Painter):
    name = "counts8"
    classes = 8


class Mute(Painter):
    name = "mute"

    def embed(self, images):
        return {"features": np.zeros((len(images), 2), dtype=np.float32)}


class Local(Painter):
    name = "local"
    trained = True


@pytest.fixture(scope="module")
def store() -> PairStore:
    for judge in (Painter, Placer, Counter8, Mute, Local):
        registry.judges.register(judge)
    options = {"train": 20, "test": 4, "image_size": 32, "seconds": 1.0}
    return open_dataset("synthetic", options)


def teach(
    store: PairStore,
    out: Path,
    teacher: str = "painter",
    architecture: Architecture = TINY,
    **changed: Any,
) -> Taught:
    budget = {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "seed": 1, **changed}
    return teach_soundnet(
        store, architecture, teacher, Budget(**budget), out, lambda name: lambda done, total: None
    )


def metadata(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as stream:
        return json.loads(stream.metadata()["a2ibench"])


def test_the_objective_is_the_divergence_from_the_teacher_to_the_mean_of_the_frames():
    rng = np.random.default_rng(0)
    g, logits = softmax(rng.normal(size=(5, 7)), axis=1), 3 * rng.normal(size=(5, 7, 4))
    f = softmax(logits, axis=1).mean(axis=2)
    expected = (g * np.log(g / f)).sum(axis=1)
    ours = divergence(torch.from_numpy(g), torch.from_numpy(logits))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12)
    same = divergence(torch.from_numpy(f), torch.from_numpy(logits))
    np.testing.assert_allclose(same.numpy(), 0, atol=1e-12)


def lessons(n: int = 6, seconds: float = 0.4) -> Lessons:
    """Low and high notes; the teacher tells them apart."""
    t = np.arange(round(seconds * RATE)) / RATE
    notes = [(0.5 * np.sin(2 * np.pi * (200 + 2000 * (i % 2)) * t)).astype(np.float32) for i in
             range(n)]  # fmt: skip
    posterior = np.full((n, 1000), 0.1 / 998, dtype=np.float32)
    posterior[:, :2] = [[0.85, 0.05] if i % 2 else [0.05, 0.85] for i in range(n)]
    return Lessons(notes.__getitem__, posterior)


def student(seed: int = 0) -> SoundNet:
    make_deterministic(seed, torch.device("cpu"))
    return SoundNet(TINY, "conv2")


def of_steps(steps: int) -> Budget:
    return Budget(steps, batch_size=4, learning_rate=1e-2, seed=5)


def test_a_training_that_was_interrupted_ends_with_the_same_weights(tmp_path, monkeypatch):
    straight, broken = student(), student()
    distil(straight, lessons(), of_steps(6), samples=6_000, checkpoint=tmp_path / "a")

    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    path = tmp_path / "b"
    with pytest.raises(KeyboardInterrupt):
        distil(broken, lessons(), of_steps(6), samples=6_000, checkpoint=path, report=interrupt)
    seen: list[int] = []
    again = student(seed=9)
    distil(
        again, lessons(), of_steps(6), samples=6_000, checkpoint=path,
        report=lambda done, _: seen.append(done),
    )  # fmt: skip
    assert seen == [4, 5, 6]
    for (name, one), two in zip(
        straight.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


def test_it_learns_what_can_be_heard(tmp_path):
    network = student()
    data = lessons()
    distil(network, data, of_steps(60), samples=6_000, checkpoint=tmp_path / "c")
    mean = data.posterior.mean(axis=0)
    floor = rel_entr(data.posterior, mean).sum(axis=1).mean()
    assert loop.mean_divergence(network, data) < 0.5 * floor


def test_a_diverged_training_is_stopped(tmp_path):
    data = lessons()
    silent = Lessons(lambda i: np.full(9000, np.nan, np.float32), data.posterior)
    with pytest.raises(DivergedError, match="divergence is nan at step 1"):
        distil(student(), silent, of_steps(3), samples=6_000, checkpoint=tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_what_it_makes_is_an_encoders_weights_and_says_how_it_came_about(store, tmp_path):
    out = tmp_path / "mine.safetensors"
    taught = teach(store, out, architecture=SOUNDNET5, steps=1)
    assert (taught.train, taught.held) == (32, 8)
    about = metadata(out)
    assert about["teacher"] == "painter"
    assert about["teacher_weights"] == "none"
    assert about["store"] == store.content_hash
    assert about["steps"] == 1
    assert about["seed"] == 1
    assert about["result"]["after"] == taught.after
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    waveform = store.waveform(0)
    options = {"weights": str(out), "layer": "objects"}
    posterior = a2ibench.load_encoder("soundnet5", **options)(waveform, store.sample_rate)
    network = SoundNet(SOUNDNET5, "conv5")
    network.load_state_dict(load_file(out))
    with torch.inference_mode():
        tiled = np.resize(waveform, network.min_samples)
        frames = network.eval()(torch.from_numpy(tiled)[None])
    np.testing.assert_allclose(posterior, frames.softmax(1)[0].mean(1), atol=1e-6)


def test_the_figures_are_of_held_out_sources_and_training_sources_make_the_floor(store, tmp_path):
    out = tmp_path / "mine.safetensors"
    taught = teach(store, out)
    rows = store.rows("train")
    source = store.index["source"].to_numpy()[rows]
    g = softmax(Painter().embed(store.images[rows])["logits"].astype(np.float64), axis=1)
    network = SoundNet(TINY, "conv2")
    network.load_state_dict(load_file(out))
    with torch.inference_mode():
        sounds = torch.from_numpy(np.stack([store.waveform(int(row)) for row in rows]))
        f = network.eval()(sounds).softmax(dim=1).mean(dim=2).double().numpy()
    # Which sources were held out is found from the figure itself: 8 of 40 pairs, 2 sources.
    each = rel_entr(g, f).sum(axis=1)
    names = sorted(set(source))
    found = [
        (rel_entr(g[held], g[~held].mean(axis=0)).sum(axis=1).mean(), each[held].mean())
        for a in names
        for b in names
        if a < b and (held := np.isin(source, [a, b])).sum() == 8
    ]
    assert any(np.allclose([taught.floor, taught.after], figures, rtol=1e-4) for figures in found)


def test_an_interrupted_call_ends_with_the_same_bytes_and_a_finished_one_is_not_repeated(
    store, tmp_path, monkeypatch
):
    whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    straight = teach(store, whole)
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    steps: list[int] = []

    def counter(name: str):
        def show(done: int, total: int) -> None:
            if name.startswith("teaching"):
                steps.append(done)
                if steps == [0, 1, 2]:
                    raise KeyboardInterrupt

        return show

    arguments = (store, TINY, "painter", Budget(3, 4, 1e-3, 1), part, counter)
    with pytest.raises(KeyboardInterrupt):
        teach_soundnet(*arguments)
    assert not part.exists()
    assert teach_soundnet(*arguments) == straight
    assert steps == [0, 1, 2, 2, 3]
    assert part.read_bytes() == whole.read_bytes()
    assert teach_soundnet(*arguments) == straight
    assert steps == [0, 1, 2, 2, 3]
    assert len(list(tmp_path.iterdir())) == 2


def test_another_training_does_not_overwrite_a_file(store, tmp_path):
    out = tmp_path / "mine.safetensors"
    teach(store, out)
    before = out.read_bytes()
    with pytest.raises(UserError, match=r"mine\.safetensors: exists and was made by another call"):
        teach(store, out, steps=4)
    out.write_bytes(b"something else")
    with pytest.raises(UserError, match="exists and was made by another call"):
        teach(store, out)
    assert before != out.read_bytes() == b"something else"


def test_a_teacher_of_places_teaches_the_scenes_head(store, tmp_path):
    out = tmp_path / "mine.safetensors"
    assert teach(store, out, "placer").head == "conv2_2"
    assert load_file(out)["conv2_2.0.weight"].shape == (401, 8, 4)


@pytest.mark.parametrize(
    ("teacher", "reason"),
    [
        ("painterr", "unknown judge 'painterr'"),
        ("counts8", "its logits are of 8 classes; the heads of Tiny have 1000 and 401"),
        ("mute", "it gives features; expected logits"),
        ("local", "trained on the dataset itself"),
    ],
)
def test_a_judge_that_cannot_teach_is_refused(teacher, reason, store, tmp_path):
    with pytest.raises(UserError, match=reason):
        teach(store, tmp_path / "mine.safetensors", teacher)


def test_a_learning_rate_that_is_too_high_is_named(store, tmp_path):
    with pytest.raises(UserError, match=r"diverged.*try a learning rate below 1e\+30"):
        teach(store, tmp_path / "mine.safetensors", learning_rate=1e30)
    assert not (tmp_path / "mine.safetensors").exists()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["encoders", "train", "soundnet", *map(str, arguments)])


def test_the_command_teaches_and_says_how_to_use_it(store, tmp_path):
    out = tmp_path / "mine.safetensors"
    done = call("--data", store.root, "--out", out, "--layers", 5, "--steps", 2, "--batch-size", 2)
    assert done.exit_code == 0, done.output
    assert "divergence from lite0 on 8 held-out pairs" in done.output
    assert "for the mean posterior" in done.output
    assert f"--encoder soundnet5 --set soundnet5.weights={out}" in done.output
    assert metadata(out)["teacher"] == "lite0"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"--data": "nowhere"}, "unknown dataset 'nowhere'"),
        ({"--out": "mine.pt"}, "expected a name that ends in .safetensors"),
        ({"--teacher": "lite1"}, "unknown judge 'lite1'; did you mean lite0"),
        ({"--steps": "0"}, "0 is not in the range"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2(changed, reason, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"--data": store.root, "--out": "mine.safetensors", "--steps": "1", **changed}
    done = call(*(part for option in options.items() for part in option))
    assert done.exit_code == 2, done.output
    assert reason in done.output
    assert not list(tmp_path.iterdir())
