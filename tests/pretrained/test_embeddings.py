"""Embeddings are those of the library, or of another implementation of the same network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from a2ibench.registry import judges

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("named")]
TEXTS = ["playing violin", "dog", "thunder"]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def sounds(seconds: float, rate: int) -> Any:
    rng = np.random.default_rng(1)
    return rng.uniform(-0.5, 0.5, (3, int(seconds * rate))).astype(np.float32)


@pytest.mark.parametrize("name", ["clip", "clip_b32", "clip_l14"])
def test_clip_embeds_images_and_class_names_as_the_library_does(
    name: str, made: Path, images: Any
) -> None:
    from transformers import CLIPModel, CLIPProcessor

    folder = made / ("clip_l14" if name == "clip_l14" else "clip")
    model, processor = CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder)
    texts = [f"a photo of a {text}." for text in TEXTS]
    inputs = processor(text=texts, images=list(images), return_tensors="pt", padding=True)
    with torch.no_grad():
        expected = model.eval()(**inputs)
    judge = judges.get(name)()
    for got, unit in (
        (judge.embed(images)["features"], expected.image_embeds),
        (judge.embed_texts(TEXTS)["features"], expected.text_embeds),
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(F.normalize(torch.from_numpy(got)), unit, **CLOSE)
        assert not np.allclose(np.linalg.norm(got, axis=1), 1), "not scaled to unit length"


@pytest.mark.parametrize("size", [32, 64, 300])
def test_images_are_prepared_as_the_original_does_but_for_rounding(size: int, made: Path) -> None:
    """Pillow's bicubic, antialiased resizing; a level of 255 is 0.015 after normalisation."""
    from transformers import CLIPImageProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    from a2ibench.pretrained.transformers_folder import prepare_images

    images = np.random.default_rng(2).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    got = prepare_images(CLIPImageProcessor.from_pretrained(made / "clip"), images)
    one_by_one = CLIPImageProcessor.from_pretrained(made / "clip")(list(images))["pixel_values"]
    np.testing.assert_allclose(got, np.stack(one_by_one), **CLOSE)
    pillow = np.stack(
        CLIPImageProcessorPil.from_pretrained(made / "clip")(list(images))["pixel_values"]
    )
    assert np.abs(got.numpy() - pillow).max() < 0.031
    assert np.abs(got.numpy() - pillow).mean() < 0.001


def test_dinov2_embeds_images_as_the_library_does(made: Path, images: Any) -> None:
    from transformers import AutoImageProcessor, Dinov2Model

    model = Dinov2Model.from_pretrained(made / "dinov2").eval()
    inputs = AutoImageProcessor.from_pretrained(made / "dinov2")(list(images), return_tensors="pt")
    assert inputs["pixel_values"].shape[2:] == (224, 224)
    with torch.no_grad():
        expected = model(**inputs).last_hidden_state[:, 0]
    got = judges.get("dinov2")().embed(images)["features"]
    np.testing.assert_allclose(got, expected, **CLOSE)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0])
def test_clap_embeds_sounds_and_class_names_as_the_library_does(seconds: float, made: Path) -> None:
    from transformers import ClapFeatureExtractor, ClapModel, RobertaTokenizer

    folder = made / "clap"
    model = ClapModel.from_pretrained(folder).eval()
    judge = judges.get("clap")()
    heard = sounds(seconds, judge.sample_rate)
    inputs = ClapFeatureExtractor.from_pretrained(folder)(
        list(heard), sampling_rate=48_000, return_tensors="pt"
    )
    words = RobertaTokenizer.from_pretrained(folder)(
        [f"This is a sound of {text}." for text in TEXTS], return_tensors="pt", padding=True
    )
    with torch.no_grad():
        expected_sounds = model.get_audio_features(**inputs).pooler_output
        expected_texts = model.get_text_features(**words).pooler_output
    np.testing.assert_allclose(judge.embed_sounds(heard)["features"], expected_sounds, **CLOSE)
    np.testing.assert_allclose(judge.embed_texts(TEXTS)["features"], expected_texts, **CLOSE)


def test_a_sound_longer_than_clap_takes_is_the_mean_of_windows_that_cover_it() -> None:
    judge = judges.get("clap")()
    rate = judge.sample_rate
    heard = sounds(14, rate)[:1]
    windows = [heard[:, : 10 * rate], heard[:, 4 * rate :]]
    expected = np.mean([judge.embed_sounds(one)["features"] for one in windows], axis=0)
    np.testing.assert_allclose(judge.embed_sounds(heard)["features"], expected, **CLOSE)


def wav2clip(waveform: Any, w: dict[str, torch.Tensor]) -> Any:
    """Wav2CLIP of one sound, written down from its definition."""
    import librosa

    power = (
        np.abs(
            librosa.stft(waveform.astype(np.float64), n_fft=512, hop_length=353, pad_mode="reflect")
        )
        ** 2
    )
    s = np.log(power + 1e-7)
    s = (s - s.mean()) / s.std(ddof=1)
    x = torch.from_numpy(s).float()[None, None]

    def convolve(x: torch.Tensor, name: str, norm: str, **how: int) -> torch.Tensor:
        x = F.conv2d(x, w[f"audio_encoder.{name}.weight"], **how)
        about = [
            w[f"audio_encoder.{norm}.{key}"]
            for key in ("running_mean", "running_var", "weight", "bias")
        ]
        return F.batch_norm(x, *about)

    x = F.max_pool2d(F.relu(convolve(x, "conv1", "bn1", stride=2, padding=3)), 3, 2, 1)
    for layer in range(1, 5):
        for block in range(2):
            at, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = F.relu(convolve(x, f"{at}.conv1", f"{at}.bn1", stride=stride, padding=1))
            y = convolve(y, f"{at}.conv2", f"{at}.bn2", padding=1)
            if stride == 2:
                x = convolve(x, f"{at}.downsample.0", f"{at}.downsample.1", stride=2)
            x = F.relu(x + y)
    x = x.mean(dim=(2, 3))
    for i in (0, 3):
        key = f"audio_transform.sequential.{i}"
        x = F.linear(F.relu(x) if i else x, w[f"{key}.weight"], w[f"{key}.bias"])
    return x[0].numpy()


@pytest.mark.parametrize(("name", "padded"), [("wav2clip", 0), ("wav2clip_44k", 442_763)])
def test_wav2clip_hears_as_its_definition_says_and_sees_as_clip_b32(
    name: str, padded: int, made: Path, images: Any
) -> None:
    judge = judges.get(name)()
    heard = sounds(1.5, judge.sample_rate)
    weights = torch.load(made / "Wav2CLIP.pt", weights_only=True)
    got = judge.embed_sounds(heard)["features"]
    for waveform, embedding in zip(heard, got, strict=True):
        filled = np.pad(waveform, (0, max(0, padded - len(waveform))))
        np.testing.assert_allclose(embedding, wav2clip(filled, weights), rtol=1e-3, atol=1e-4)
    clip = judges.get("clip_b32")()
    assert np.array_equal(judge.embed(images)["features"], clip.embed(images)["features"])
    assert np.array_equal(
        judge.embed_from(clip.embed(images))["features"], judge.embed(images)["features"]
    )
