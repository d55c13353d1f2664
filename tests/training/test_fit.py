"""The loop: it resumes exactly, averages, notices divergence, and draws what the contract says."""

import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.errors import UserError
from a2ibench.training.checkpoint import (
    DamagedError,
    TrainingState,
    load_for_drawing,
    read_checkpoint,
)
from a2ibench.training.device import make_deterministic
from a2ibench.training.draw import draw, draw_grid, draw_noise
from a2ibench.training.ema import MovingAverage
from a2ibench.training.fit import DivergedError, fit
from a2ibench.types import Batch, Pairs, Spec

CLASSES = ("dog", "drum")
TINY = {"g_channels": 8, "d_channels": 8, "i2a_width": 8, "i2a_steps": 2, "batch_size": 8}


def make_pairs(n: int = 40, size: int = 32, d: int = 6) -> Pairs:
    rng = np.random.default_rng(0)
    label = np.arange(n, dtype=np.int64) % 2
    return Pairs(
        images=rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8),
        acoustic=rng.normal(size=(n, d)).astype(np.float32),
        label=label,
        classes=CLASSES,
        source=np.array([f"clip{i // 2}" for i in range(n)]),
    )


def make_model(name: str = "ours", seed: int = 3, **options: Any) -> Model:
    make_deterministic(seed, torch.device("cpu"))
    plugin = registry.models.get(name)
    values = {**(TINY if name == "ours" else {}), **options}
    model = plugin(config.build(plugin.Config, values, name), Spec(32, 6, CLASSES))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@pytest.mark.integration
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    train = make_pairs()
    whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    straight = fit(make_model(), train, steps=60, seed=3, checkpoint=whole)
    fit(make_model(), train, steps=40, seed=3, checkpoint=part)
    resumed = fit(make_model(), train, steps=60, seed=3, checkpoint=part)
    assert resumed.step == 60
    assert [row["step"] for row in resumed.curve] == [20, 40, 60]
    assert straight.curve == resumed.curve
    _, a = read_checkpoint(whole)
    _, b = read_checkpoint(part)
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    train, path = make_pairs(), tmp_path / "c.safetensors"
    fit(make_model(), train, steps=4, seed=0, checkpoint=path)
    model = make_model(seed=9)
    state = fit(model, train, steps=4, seed=0, checkpoint=path)
    assert state.step == 4
    assert state.preparation_images == 32 * TINY["i2a_steps"], "batches that I2A was trained on"
    fresh = make_model(seed=10)
    load_for_drawing(fresh, fresh.generator, path)
    for (name, a), b in zip(
        model.generator.state_dict().items(), fresh.generator.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


def test_the_average_is_kept_beside_the_raw_weights_and_is_what_draws(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model = make_model(ema=0.9)
    fit(model, make_pairs(), steps=6, seed=0, checkpoint=path)
    _, tensors = read_checkpoint(path)
    raw = {n.removeprefix("model.G."): t for n, t in tensors.items() if n.startswith("model.G.")}
    drawn = model.generator.state_dict()
    weights = [n for n, t in drawn.items() if t.is_floating_point() and n.endswith("weight")]
    assert any(not torch.equal(drawn[n], raw[n]) for n in weights)
    assert all(torch.equal(drawn[n], tensors[f"average.module.{n}"]) for n in drawn)


def test_the_average_follows_its_equation() -> None:
    module = nn.Linear(1, 1, bias=False)
    average = MovingAverage(module, decay=0.5)
    expected = None
    for t, value in enumerate([1.0, 2.0, 4.0, 8.0]):
        with torch.no_grad():
            module.weight.fill_(value)
        average.update_parameters(module)
        decay = min(0.5, (1 + t) / (10 + t))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    assert average.module.weight.item() == pytest.approx(expected)


class Diverging(Model):
    """Its loss becomes infinite at step 25."""

    name = "diverging"

    def __init__(self, spec: Spec) -> None:
        super().__init__(None, spec)
        self.level = nn.Parameter(torch.zeros(1))
        self.steps = 0

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        return {}

    @property
    def generator(self) -> nn.Module:
        return self

    def training_step(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        self.steps += 1
        return {"loss": torch.tensor(float("inf") if self.steps == 25 else 1.0)}

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return torch.full((len(acoustic), 3, 16, 16), 0.5) + noise.sum()


def test_a_loss_that_is_not_finite_ends_the_training_with_its_name_and_step(tmp_path: Path) -> None:
    model = Diverging(Spec(32, 6, CLASSES))
    with pytest.raises(DivergedError, match="loss loss is inf before step 40"):
        fit(model, make_pairs(), steps=100, seed=0, checkpoint=tmp_path / "c.safetensors")


def test_a_system_out_of_files_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    whole = fit(make_model(), make_pairs(), steps=4, seed=0, checkpoint=path)
    content = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        with suppress(OSError):
            while True:
                opened.append(open("/dev/null"))  # noqa: PTH123, SIM115
        with pytest.raises(UserError, match="cannot be read") as raised:
            fit(make_model(), make_pairs(), steps=8, seed=0, checkpoint=path)
    finally:
        for file in opened:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not isinstance(raised.value, DamagedError)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == content
    assert whole.step == 4


def test_no_earlier_damaged_checkpoint_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        fit(make_model(), make_pairs(), steps=2, seed=0, checkpoint=path)
    aside = [path.with_name(f"c.safetensors.damaged{end}") for end in ("", "-2")]
    assert [one.read_bytes() for one in aside] == [b"first", b"second"]


def test_a_damaged_or_foreign_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model = make_model()
    TrainingState(model, None, model.optimizers).save(path)
    other = make_model(d_channels=12)
    with pytest.raises(UserError, match=r"c\.safetensors: not a checkpoint of this model"):
        TrainingState(other, None, other.optimizers).load(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"c\.safetensors: damaged"):
        TrainingState(model, None, model.optimizers).load(path)


@pytest.mark.parametrize("n", [1, 7, 16, 101])
def test_noise_depends_on_its_row_and_the_seed_and_not_on_the_number_of_rows(n: int) -> None:
    assert torch.equal(draw_noise(217, 100, seed=5)[:n], draw_noise(n, 100, seed=5))
    assert not torch.equal(draw_noise(n, 100, seed=5), draw_noise(n, 100, seed=6))


def drawn(model: Model, acoustic: np.ndarray, seed: int) -> np.ndarray:
    return draw(model, acoustic, draw_noise(len(acoustic), model.noise_dim, seed))


def test_an_image_depends_on_its_row_and_the_seed_and_not_on_the_number_of_rows() -> None:
    model = make_model()
    acoustic = make_pairs().acoustic
    many, few = drawn(model, np.tile(acoustic, (6, 1)), 5), drawn(model, acoustic[:7], 5)
    assert many.shape == (240, 32, 32, 3)
    assert many.dtype == np.uint8
    np.testing.assert_allclose(many[:7].astype(int), few.astype(int), atol=1)
    assert not np.array_equal(few, drawn(model, acoustic[:7], 6))


class Bright(Diverging):
    """Draws pixels of one value."""

    name = "bright"
    value = torch.tensor(0.5)

    def generate(self, acoustic: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(acoustic), 3, 32, 32)


@pytest.mark.parametrize(("value", "pixel"), [(-1, 0), (-2, 0), (0.5, 191), (1, 255), (3, 255)])
def test_minus_one_is_black_and_one_is_white(value: float, pixel: int) -> None:
    model = Bright(Spec(32, 6, CLASSES))
    model.value = torch.tensor(float(value))
    assert (drawn(model, make_pairs().acoustic[:3], 0) == pixel).all()


def test_images_that_are_never_darker_than_grey_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = Bright(Spec(32, 6, CLASSES))
    drawn(model, make_pairs().acoustic[:3], 0)
    assert "bright.generate: no pixel of 3 images is below 0" in caplog.text
    caplog.clear()
    model.value = torch.tensor(-0.1)
    drawn(model, make_pairs().acoustic[:3], 0)
    assert not caplog.text


def test_images_of_whole_numbers_are_refused() -> None:
    model = Bright(Spec(32, 6, CLASSES))
    model.value = torch.tensor(127, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"bright\.generate: expected floats in \[−1, 1\]"):
        drawn(model, make_pairs().acoustic[:3], 0)


def test_a_grid_crosses_sounds_with_noises() -> None:
    model, acoustic = make_model(), make_pairs().acoustic[:3]
    grid = draw_grid(model, acoustic, 2, seed=5)
    assert grid.shape == (3, 2, 32, 32, 3)
    for i in range(2):
        noise = draw_noise(2, model.noise_dim, 5)[[i] * 3]
        one = draw(model, acoustic, noise).astype(int)
        np.testing.assert_allclose(grid[:, i].astype(int), one, atol=1)


def test_images_of_a_wrong_shape_are_the_methods_error() -> None:
    with pytest.raises(ValueError, match=r"diverging\.generate: expected images"):
        drawn(Diverging(Spec(32, 6, CLASSES)), make_pairs().acoustic, 0)
