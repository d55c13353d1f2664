"""The judge of published inception scores. Its weights are not in the repository: what can be
checked without them is the graph, with random weights, and the way to the file."""

import io
import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from a2ibench.errors import UserError
from a2ibench.storage import file_sha256
from a2ibench_plugins.judges import inceptionv3
from a2ibench_plugins.judges.inceptionv3 import VARIABLE, InceptionV3, InceptionV3Clean


class RandomWeights(FeatureExtractorInceptionV3):
    """torch-fidelity's network, before any file is loaded into it."""

    def load_state_dict(self, state_dict, strict=True, assign=False):
        del state_dict, strict, assign


def empty_file() -> io.BytesIO:
    stream = io.BytesIO()
    torch.save({}, stream)
    stream.seek(0)
    return stream


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """torch-fidelity's network with random weights, and their file."""
    torch.manual_seed(0)
    network = RandomWeights(
        "reference", ["2048", "logits_unbiased"], feature_extractor_weights_path=empty_file()
    )
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return network, path


@pytest.fixture
def network(made, monkeypatch):
    """That network, whose weights both judges load as well."""
    monkeypatch.setenv(VARIABLE, str(made[1]))
    monkeypatch.setattr(inceptionv3, "WEIGHTS_SHA256", file_sha256(made[1]))
    return made[0]


@pytest.mark.integration
def test_outputs_are_torch_fidelitys_features_and_unbiased_logits(network):
    assert InceptionV3.missing() is None
    judge = InceptionV3()
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    outputs = judge.embed(images)
    with torch.no_grad():
        features, logits = network(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert outputs["features"].shape == (2, 2048)
    assert outputs["logits"].shape == (2, 1008)
    np.testing.assert_allclose(outputs["features"], features, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-3, atol=1e-4)


@pytest.mark.integration
def test_the_clean_one_sees_each_channel_by_pillows_filter_without_rounding(network):
    judge, seen = InceptionV3Clean(), []
    judge.network.Conv2d_1a_3x3.register_forward_hook(lambda *call: seen.append(call[1][0]))
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    outputs = judge.embed(images)
    assert set(outputs) == {"features"}
    side = (299, 299)
    for image, pixels in zip(images, seen[0], strict=True):
        for channel in range(3):
            plane = Image.fromarray(image[..., channel].astype(np.float32))
            expected = np.asarray(plane.resize(side, Image.Resampling.BICUBIC)).clip(0, 255)
            np.testing.assert_allclose(pixels[channel] * 128 + 128, expected, atol=1e-4)
    large = np.random.default_rng(1).integers(0, 256, (1, 299, 299, 3), dtype=np.uint8)
    with torch.no_grad():  # images of that size are resized by neither
        features, _ = network(torch.from_numpy(large).permute(0, 3, 1, 2))
    np.testing.assert_allclose(judge.embed(large)["features"], features, rtol=1e-3, atol=1e-4)


def test_without_weights_it_says_what_is_missing_and_asks_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert f"set {VARIABLE}" in InceptionV3.missing()


def test_a_failed_download_says_how_to_go_on_and_leaves_nothing(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(UserError, match=f"no route to host.*set {VARIABLE}"):
        InceptionV3()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.suffix == ".lock" for path in left)


def test_another_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(UserError, match=r"sha256 6726825d.*, got"):
        InceptionV3()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere.pth"))
    with pytest.raises(UserError, match=r"nowhere\.pth: no such file"):
        InceptionV3()
