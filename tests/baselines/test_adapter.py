"""The adapter: what it reads of a pipeline's folder, what it trains, and what it draws."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from a2ibench.errors import UserError
from a2ibench.training.checkpoint import TrainingState
from a2ibench.types import Batch
from a2ibench_baselines.adapter import FILES

Make = Callable[..., Any]
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied(pipeline: Path, tmp_path: Path) -> Path:
    """A copy of the pipeline that a test may damage."""
    return shutil.copytree(pipeline, tmp_path / "copied")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_only_the_mapping_learns_and_only_it_is_kept(
    make: Make, batch: Callable[..., Batch]
) -> None:
    model = make("adapter", ema=0.0)
    before = {name: value.clone() for name, value in model.pipeline.state_dict().items()}
    mapping = [weight.clone() for weight in model.mapping.parameters()]
    for _ in range(2):
        assert model.training_step(batch())["denoising"].isfinite()
    after = model.pipeline.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    pairs = zip(mapping, model.mapping.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in pairs)
    assert {name.partition(".")[0] for name in model.state_dict()} == {"mapping", "pipeline_hash"}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_it_draws_what_the_library_s_own_pipeline_draws_for_these_tokens(
    prediction: str, make: Make, copied: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    change(copied / FILES[0], prediction_type=prediction)
    model = make("adapter", pipeline=str(copied), steps=3, guidance=2.5).eval()
    torch.nn.init.normal_(model.mapping.no_sound)
    a, noise = torch.randn(2, 12), torch.randn(2, model.noise_dim)
    with torch.no_grad():
        image = model.generate(a, noise)
        heard = torch.ones(2, dtype=torch.bool)
        theirs = StableDiffusionPipeline(
            vae=model.pipeline.vae,
            unet=model.pipeline.unet,
            scheduler=model.pipeline.scheduler,
            text_encoder=None,
            tokenizer=None,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        theirs.set_progress_bar_config(disable=True)
        expected = theirs(
            prompt_embeds=model.mapping(a, heard),
            negative_prompt_embeds=model.mapping(a, ~heard),
            height=32,
            width=32,
            latents=noise.reshape(2, 4, 16, 16),
            num_inference_steps=3,
            guidance_scale=2.5,
            output_type="pt",
        ).images
    torch.testing.assert_close((image + 1) / 2, expected, atol=1e-4, rtol=0)


def test_it_draws_at_the_size_of_the_pipeline_and_hands_over_that_of_the_pairs(make: Make) -> None:
    model = make("adapter", 32, side=64).eval()
    assert model.noise_dim == 4 * 32 * 32
    with torch.no_grad():
        image = model.generate(torch.randn(1, 12), torch.randn(1, model.noise_dim))
    assert image.shape == (1, 3, 32, 32)
    with pytest.raises(ValueError, match=r"multiples of 4 pixels, not 30: set adapter\.side"):
        make("adapter", 32, side=30)


def test_the_content_of_the_folder_is_a_part_of_the_configuration(make: Make, copied: Path) -> None:
    model = make("adapter", pipeline=str(copied), pipeline_images=5_000_000_000)
    (part,) = model.frozen_parts
    assert (part.name, part.images, part.of_budget) == ("pipeline", 5_000_000_000, False)
    assert set(part.files) == set(FILES)
    told = model.config.fingerprint
    assert make("adapter", pipeline=str(copied)).frozen_parts[0].images is None, "it is not known"

    change(copied / FILES[0], steps_offset=2)
    assert make("adapter", pipeline=str(copied)).config.fingerprint != told
    with pytest.raises(UserError, match=f"have the hash [0-9a-f]{{20}}, expected {told}"):
        make("adapter", pipeline=str(copied), fingerprint=told)


def test_a_checkpoint_of_another_pipeline_is_refused(
    make: Make, copied: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    model = make("adapter")
    TrainingState(model, None, model.optimizers).save(path)
    change(copied / FILES[0], steps_offset=2)
    other = make("adapter", pipeline=str(copied))
    with pytest.raises(UserError, match="it was trained with another pipeline"):
        TrainingState(other, None, other.optimizers).load(path)


def damage_truncated(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def damage_pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "unet/diffusion_pytorch_model.bin")


def damage_class(folder: Path) -> None:
    change(folder / "unet/config.json", _class_name="os.system")


def damage_size(folder: Path) -> None:
    change(folder / "unet/config.json", block_out_channels=[2**16, 2**17])


def damage_dimension(folder: Path) -> None:
    change(folder / "unet/config.json", cross_attention_dim=4)


def damage_kind(folder: Path) -> None:
    change(folder / "unet/config.json", down_block_types=["Nonsense"] * 2)


def damage_schedule(folder: Path) -> None:
    (folder / FILES[0]).write_text('{"_class_name": "FlowMatchEulerDiscreteScheduler"}')


def damage_json(folder: Path) -> None:
    (folder / "vae/config.json").write_text("[1]")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_truncated, r"safetensors: damaged"),
        (damage_pickled, r"no unet/diffusion_pytorch_model\.safetensors in it; expected a latent"),
        (damage_class, r"expected a UNet2DConditionModel, got 'os\.system'"),
        (damage_size, r"holds [\d,]+ numbers; config\.json describes [\d,]{12,}"),
        (damage_dimension, r"has other sizes of .*attn2"),
        (damage_kind, r"no UNet2DConditionModel can be made of it \(ValueError: .*Nonsense"),
        (damage_schedule, r"expected a diffusion with a beta_schedule"),
        (damage_json, r"expected names and values, got list"),
    ],
)
def test_another_folder_is_refused_with_the_reason(
    damage: Callable[[Path], None], message: str, make: Make, copied: Path
) -> None:
    damage(copied)
    with pytest.raises(UserError, match=message):
        make("adapter", pipeline=str(copied))


def test_without_a_folder_it_says_how_to_name_one(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--set adapter\.pipeline=FOLDER names the pipeline"):
        make("adapter", pipeline="")
    with pytest.raises(UserError, match="nowhere: no such folder; expected scheduler/"):
        make("adapter", pipeline=str(tmp_path / "nowhere"))


def test_more_steps_than_levels_of_noise_are_refused(make: Make) -> None:
    with pytest.raises(UserError, match=r"adapter\.steps=1001: .* 1000 levels of noise"):
        make("adapter", steps=1001)


def test_nothing_is_fetched_and_no_code_of_the_folder_runs(
    make: Make, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = copied / "ran"
    for place in (".", "unet", "vae"):
        (copied / place / "modeling.py").write_text(f"open({str(ran)!r}, 'w')\n")
    (copied / "model_index.json").write_text('{"_class_name": ["modeling", "Pipeline"]}')
    change(copied / "unet/config.json", auto_map={"AutoModel": "modeling.Net"})

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    make("adapter", pipeline=str(copied))
    assert not ran.exists()
