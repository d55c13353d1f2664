"""Layers that compute what torch's do from fewer or larger operations."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from a2ibench.nn.descent import Adam
from a2ibench.nn.folding import Folded
from a2ibench.nn.image_conv import ImageConv2d, ImageConvTranspose2d
from a2ibench.nn.resnet import ResNet18
from a2ibench.nn.spectral import spectral_conv
from a2ibench.nn.tiled import TiledConv2d

Forward = Callable[[torch.Tensor], torch.Tensor]


def assert_same_outputs_and_gradients(
    layer: nn.Module, plain: Forward, x: torch.Tensor, tolerance: float = 1e-5
) -> None:
    inputs = [x.requires_grad_(), *(p for p in layer.parameters() if p.requires_grad)]
    found, expected = layer(x), plain(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    g = torch.randn_like(expected)
    gradients = torch.autograd.grad(found, inputs, g), torch.autograd.grad(expected, inputs, g)
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=tolerance * 10)


@pytest.mark.parametrize("kernel", [3, 4, 5, 7])
@pytest.mark.parametrize("inputs", [1, 3])
def test_a_convolution_of_an_image_is_torchs(inputs: int, kernel: int) -> None:
    layer = ImageConv2d(inputs, 6, kernel).to(memory_format=torch.channels_last)
    image = torch.randn(2, inputs, 12, 16).contiguous(memory_format=torch.channels_last)

    def plain(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, layer.weight, layer.bias, stride=2, padding=(kernel - 1) // 2)

    assert_same_outputs_and_gradients(layer, plain, image)


def test_a_convolution_of_an_image_has_second_derivatives() -> None:
    layer = ImageConv2d(3, 4, 4).double()
    assert torch.autograd.gradgradcheck(layer, torch.randn(1, 3, 6, 6).double().requires_grad_())


def test_an_image_of_odd_size_is_convolved_too() -> None:
    layer, image = ImageConv2d(3, 4, 4), torch.randn(1, 3, 7, 8).requires_grad_()
    layer(image).sum().backward()
    assert image.grad is not None


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_transposed_convolution_to_an_image_is_torchs(kernel: int) -> None:
    layer = ImageConvTranspose2d(6, 3, kernel).to(memory_format=torch.channels_last)
    x = torch.randn(2, 6, 5, 8).contiguous(memory_format=torch.channels_last)
    assert_same_outputs_and_gradients(layer, lambda x: nn.ConvTranspose2d.forward(layer, x), x)


@pytest.mark.parametrize("layer", [ImageConv2d(3, 8, 4), ImageConvTranspose2d(3, 3, 5)])
def test_in_mixed_precision_weights_get_gradients_of_their_own_type(layer: nn.Module) -> None:
    image = torch.randn(2, 3, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        drawn = layer(image)
    assert drawn.dtype == torch.bfloat16
    drawn.float().sum().backward()
    for tensor in (image, *layer.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.dtype == torch.float32


def test_spectral_norm_is_torchs_step_for_step() -> None:
    torch.manual_seed(0)
    mine = spectral_conv(4, 6, 3, 1, 1)
    theirs = nn.Conv2d(4, 6, 3, 1, 1)
    theirs.load_state_dict(
        {"weight": mine.parametrizations.weight.original.detach(), "bias": mine.bias.detach()}  # type: ignore[union-attr]
    )
    parametrizations.spectral_norm(theirs)
    norm = theirs.parametrizations.weight[0]  # type: ignore[union-attr]
    here = mine.parametrizations.weight[0]  # type: ignore[union-attr]
    norm._u.copy_(here._u)
    norm._v.copy_(here._v.view(3, 3, 4).permute(2, 0, 1).reshape(-1))
    x = torch.randn(2, 4, 5, 5)
    for _ in range(3):
        losses = [layer(x).square().sum() for layer in (mine, theirs)]
        torch.testing.assert_close(*losses)
        for layer, loss in zip((mine, theirs), losses, strict=True):
            layer.zero_grad()
            loss.backward()
        pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
        for a, b in pairs:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)
        with torch.no_grad():
            for layer in (mine, theirs):
                for parameter in layer.parameters():
                    parameter -= 1e-3 * parameter.grad  # type: ignore[operator]


@pytest.mark.parametrize("after", [0, 5])
def test_a_tiled_convolution_is_that_of_the_tiled_vector(after: int) -> None:
    layer = TiledConv2d(4, 3, after, 6)
    vector = torch.randn(2, 3, requires_grad=True)
    other = torch.randn(2, after, 7, 9) if after else None

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return layer(x, vector, other)

    def plain(x: torch.Tensor) -> torch.Tensor:
        tiled = vector[:, :, None, None].expand(-1, -1, 7, 9)
        maps = [x, tiled] if other is None else [x, tiled, other]
        return F.conv2d(torch.cat(maps, 1), layer.weight, padding=1)

    x = torch.randn(2, 4, 7, 9)
    assert_same_outputs_and_gradients(Whole(), plain, x)
    g = torch.randn(2, 6, 7, 9)
    torch.testing.assert_close(
        torch.autograd.grad(layer(x, vector, other), vector, g),
        torch.autograd.grad(plain(x), vector, g),
    )


def network() -> ResNet18:
    torch.manual_seed(0)
    net = ResNet18(5, width=8)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return net.eval().requires_grad_(False)


def test_a_folded_network_computes_the_same_without_batch_norms() -> None:
    net = network()
    folded = Folded(net)
    assert_same_outputs_and_gradients(net, folded, torch.randn(2, 3, 32, 32), 1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded._folded.modules())


def test_a_folded_network_follows_its_network() -> None:
    net, image = network(), torch.randn(2, 3, 32, 32)
    folded = Folded(net)
    before = folded(image)
    net.load_state_dict({name: value * 1.1 for name, value in net.state_dict().items()})
    assert not torch.allclose(folded(image), before)
    torch.testing.assert_close(folded(image), net(image), rtol=1e-4, atol=1e-4)


def test_a_folded_network_computes_in_mixed_precision() -> None:
    net, image = network(), torch.randn(2, 3, 32, 32)
    folded = Folded(net)
    exact = folded(image)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        rough = folded(image)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, rtol=0.1, atol=0.1)
    assert torch.equal(folded(image), exact)


@pytest.mark.parametrize("of_weight", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("of_rest", [torch.contiguous_format, torch.channels_last])
def test_adam_is_torchs_in_whatever_order_its_tensors_lie(
    of_weight: torch.memory_format, of_rest: torch.memory_format
) -> None:
    start = torch.randn(4, 3, 3, 3)
    gradients = torch.randn(4, *start.shape)
    mine = nn.Parameter(start.clone().contiguous(memory_format=of_weight))
    theirs = nn.Parameter(start.clone())
    optimizers = Adam([mine], lr=0.01), torch.optim.Adam([theirs], lr=0.01)
    for gradient in gradients:
        mine.grad, theirs.grad = gradient.contiguous(memory_format=of_rest), gradient
        for optimizer in optimizers:
            optimizer.step()
        state = optimizers[0].state[mine]
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = state[name].contiguous(memory_format=of_rest)
    torch.testing.assert_close(mine, theirs)
