"""Layers that generators and discriminators share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from a2ibench.nn.diffaugment import diffaugment
from a2ibench.nn.layers import DownStack, UpConv, UpStack, doublings, frozen
from a2ibench.nn.resnet import ResNet18
from a2ibench.nn.spectral import (
    FIRST_ITERATIONS,
    fixed_start_spectral_conv,
    spectral_conv,
    spectral_linear,
)


def test_up_conv_is_nearest_doubling_then_a_3x3_convolution() -> None:
    torch.manual_seed(0)
    up = UpConv(5, 3).double()
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), up.weight, padding=1)
    torch.testing.assert_close(up(x), plain)
    probe = torch.randn_like(plain)
    torch.testing.assert_close(
        torch.autograd.grad((up(x) * probe).sum(), [x, up.weight]),
        torch.autograd.grad((plain * probe).sum(), [x, up.weight]),
    )


@pytest.mark.parametrize("size", [8, 32, 128])
def test_stacks_lead_from_a_vector_to_a_map_and_from_an_image_to_a_vector(size: int) -> None:
    up, down = UpStack(7, 2, size), DownStack(2, size, nn.Conv2d)
    assert up(torch.randn(3, 7)).shape == (3, 2, size, size)
    assert down(torch.randn(3, 3, size, size)).shape == (3, down.outputs)
    assert sum(isinstance(layer, nn.Conv2d) for layer in down.layers) == doublings(size)


def test_activations_stay_channels_last() -> None:
    up = UpStack(7, 8, 32).to(memory_format=torch.channels_last)
    assert up(torch.randn(3, 7)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [0, 2, 48])
def test_a_size_that_is_no_power_of_two_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        doublings(size)


def spectral_norm_of(layer: nn.Module) -> float:
    return float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: spectral_conv(3, 8, 4, 2, 1), (2, 3, 8, 8)),
        (lambda: spectral_linear(20, 5), (2, 20)),
    ],
)
def test_spectral_layers_have_norm_one(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)  # the estimate comes near slowly where two singular values are alike
    layer = make()
    for _ in range(200):
        layer(torch.zeros(shape))
    assert spectral_norm_of(layer) == pytest.approx(1.0, abs=1e-3)


def test_a_layer_that_is_only_measured_has_the_same_state_and_does_not_iterate() -> None:
    class Products(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += func in (torch.ops.aten.mv.default, torch.ops.aten.mv.out)
            return func(*args, **(kwargs or {}))

    with Products() as real:
        layer = spectral_linear(6, 5)
    with Products() as measured, torch.device("meta"):
        empty = spectral_linear(6, 5)
    assert real.count - measured.count == 2 * FIRST_ITERATIONS
    shapes = [{k: v.shape for k, v in one.state_dict().items()} for one in (layer, empty)]
    assert shapes[0] == shapes[1]


def test_the_fixed_start_estimate_is_too_small_and_its_vector_never_moves() -> None:
    torch.manual_seed(0)
    layer = fixed_start_spectral_conv(3, 8, 4, 2, 1)
    u = layer.parametrizations.weight[0].u.clone()
    for _ in range(50):
        layer(torch.zeros(2, 3, 8, 8))
    assert torch.equal(layer.parametrizations.weight[0].u, u)
    original = layer.parametrizations.weight.original.detach().flatten(1).double()
    v = F.normalize(original.T @ u.double(), dim=0)
    estimate = torch.linalg.vector_norm(original @ v)
    assert spectral_norm_of(layer) == pytest.approx(
        float(torch.linalg.matrix_norm(original, 2) / estimate), rel=1e-5
    )
    assert spectral_norm_of(layer) > 1.01


def test_a_frozen_module_passes_gradients_and_keeps_none() -> None:
    layer, x = nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)
    with frozen(layer):
        layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    assert layer.weight.requires_grad


@pytest.mark.parametrize("size", [32, 64, 128])
def test_resnet18_takes_any_size(size: int) -> None:
    assert ResNet18(10, width=4)(torch.randn(2, 3, size, size)).shape == (2, 10)


@pytest.mark.parametrize("width", [2, 4, 8, 12])
def test_narrow_resnets_train_with_channels_last(width: int) -> None:
    network = ResNet18(5, width).to(memory_format=torch.channels_last)
    image = torch.randn(32, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        network(image).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_resnet18_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours = ResNet18(7).eval()
    theirs = torchvision.models.resnet18(num_classes=7).eval()
    with torch.no_grad():
        for mine, reference in zip(ours.parameters(), theirs.parameters(), strict=True):
            reference.copy_(mine)
        image = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(ours(image), theirs(image), rtol=1e-4, atol=1e-4)


def test_resnet18_at_full_width_has_the_published_parameters() -> None:
    with torch.device("meta"):
        network = ResNet18(1000)
    assert sum(p.numel() for p in network.parameters()) == 11_689_512


@pytest.mark.parametrize("policy", ["color", "translation", "cutout"])
def test_each_augmentation_changes_images_and_lets_gradients_through(policy: str) -> None:
    torch.manual_seed(0)
    image = torch.randn(8, 3, 32, 32, requires_grad=True)
    changed = diffaugment(image, (policy,))  # type: ignore[arg-type]
    assert changed.shape == image.shape
    assert not torch.equal(changed, image)
    changed.square().sum().backward()
    assert image.grad is not None
    assert (image.grad != 0).any(dim=(1, 2, 3)).all()


def test_no_augmentation_is_the_identity() -> None:
    image = torch.randn(2, 3, 32, 32)
    assert diffaugment(image, ()) is image


def test_translation_moves_the_whole_image_by_at_most_an_eighth() -> None:
    torch.manual_seed(0)
    image = torch.zeros(64, 3, 32, 32)
    image[:, :, 16, 16] = 1.0
    _, _, row, column = diffaugment(image, ("translation",)).nonzero(as_tuple=True)
    assert len(row) == 64 * 3
    assert {int(x) for x in row} == set(range(12, 21)) == {int(x) for x in column}


def test_cutout_removes_at_most_a_square_of_half_the_side() -> None:
    torch.manual_seed(0)
    removed = (diffaugment(torch.ones(200, 1, 32, 32), ("cutout",)) == 0).sum(dim=(1, 2, 3))
    assert int(removed.max()) == 16 * 16
    assert int(removed.min()) >= 8 * 8
