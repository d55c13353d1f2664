"""Files that cannot be used are refused in one line; nothing in them is run."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from a2ibench.errors import UserError
from a2ibench.registry import judges
from a2ibench.storage import file_sha256

pytestmark = pytest.mark.integration

Name = Callable[[str, Path], None]


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CLIP of one's own, which ``A2IBENCH_CLIP_WEIGHTS`` names."""
    place = shutil.copytree(made / "clip", tmp_path / "mine")
    monkeypatch.setenv("A2IBENCH_CLIP_WEIGHTS", str(place))
    return place


def refuse(message: str, name: str = "clip") -> None:
    with pytest.raises(UserError, match=message) as refused:
        judges.get(name)()
    assert "\n" not in str(refused.value)


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_without_a_name_it_says_what_to_set_and_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("A2IBENCH_CLIP_B32_WEIGHTS", raising=False)
    lack = judges.get("clip_b32").missing()
    assert lack is not None
    assert lack.startswith("set A2IBENCH_CLIP_B32_WEIGHTS to a folder with model.safetensors")
    assert "hf download openai/clip-vit-base-patch32 --local-dir FOLDER" in lack
    refuse("set A2IBENCH_CLIP_B32_WEIGHTS", "clip_b32")


def test_a_folder_that_is_not_there_or_lacks_files_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tokenizer.json").unlink()
    refuse(r"WEIGHTS=.*mine: no tokenizer\.json in it; expected")
    (folder / "preprocessor_config.json").unlink()
    refuse(r"no preprocessor_config\.json, no tokenizer\.json in it")
    (folder / "model.safetensors").unlink()
    refuse(r"no model\.safetensors or pytorch_model\.bin, no preprocessor")
    (folder / "model.safetensors.index.json").touch()
    refuse(r"model\.safetensors\.index\.json: weights in several parts")
    monkeypatch.setenv("A2IBENCH_CLIP_WEIGHTS", "/nowhere")
    refuse("A2IBENCH_CLIP_WEIGHTS=/nowhere: no such folder")
    assert "/nowhere: no such folder" in str(judges.get("clip").missing())


def test_another_hash_than_the_named_one_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = file_sha256(folder / "model.safetensors")
    monkeypatch.setenv("A2IBENCH_CLIP_WEIGHTS", f"{folder}#sha256={digits}")
    assert judges.get("clip")().files()["model.safetensors"] == digits
    monkeypatch.setenv("A2IBENCH_CLIP_WEIGHTS", f"{folder}#sha256={'0' * 64}")
    refuse(f"expected model.safetensors with sha256 {'0' * 64}, got {digits}")


def test_every_file_counts_for_the_fingerprint(folder: Path) -> None:
    before = judges.get("clip")()
    assert list(before.files()) == [
        "model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"
    ]  # fmt: skip
    edit(folder / "preprocessor_config.json", resample=2)
    assert judges.get("clip")().weights_hash() != before.weights_hash()


def test_another_architecture_is_refused(made: Path, folder: Path, monkeypatch: Any) -> None:
    shutil.copy(made / "dinov2" / "config.json", folder)
    refuse(r"config\.json: model_type is 'dinov2'; expected 'clip'")
    shutil.copy(made / "clip" / "config.json", folder)
    shutil.copy(made / "dinov2" / "model.safetensors", folder)
    refuse("not the weights of the clip network that config.json describes: it lacks logit_scale")
    monkeypatch.setenv("A2IBENCH_CLIP_L14_WEIGHTS", str(made / "clip"))
    refuse("expected a CLIP with patches of 14 px and 768 features, got 32 px and 512", "clip_l14")
    monkeypatch.setenv("A2IBENCH_CLAP_WEIGHTS", str(made / "fused"))
    refuse("a fused CLAP looks at parts of a sound at random", "clap")
    monkeypatch.setenv("A2IBENCH_CLIP_B32_WEIGHTS", str(made / "clip"))
    monkeypatch.setenv("A2IBENCH_WAV2CLIP_WEIGHTS", str(made / "clip" / "model.safetensors"))
    refuse("not the weights of Wav2CLIP: it lacks audio_encoder", "wav2clip")


def test_weights_of_another_size_or_with_more_or_nan_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    good = load_file(weights)
    save_file({**good, "visual_projection.weight": torch.zeros(3, 3)}, weights)
    refuse(r"it has other sizes of visual_projection\.weight")
    save_file({**good, "text_model.encoder.layers.2.mlp.fc1.bias": torch.zeros(3)}, weights)
    refuse(r"it also has text_model\.encoder\.layers\.2\.mlp\.fc1\.bias")
    save_file({**good, "logit_scale": torch.tensor(float("nan"))}, weights)
    refuse("it has NaN or infinite numbers in logit_scale")
    save_file({**good, "text_model.embeddings.position_ids": torch.arange(77)[None]}, weights)
    judges.get("clip")()  # public files hold this buffer


def test_damaged_files_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refuse(r"model\.safetensors: damaged, or more than plain tensors \(SafetensorError")
    weights.write_bytes(whole)
    for name in ("tokenizer.json", "preprocessor_config.json", "config.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text[: len(text) // 2])
        refuse(f"{re.escape(name)}: damaged")
        (folder / name).write_text(text)
    edit(folder / "preprocessor_config.json", do_resize=False, do_center_crop=False)
    refuse("mine: .* do not fit together")


class Harmful:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_nothing_in_a_pickle_is_run(
    made: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save(load_file(made / "clip" / "model.safetensors"), folder / "pytorch_model.bin")
    judges.get("clip")()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Harmful()))
    refuse(r"pytorch_model\.bin: damaged, or more than plain tensors")
    assert not (tmp_path / "ran").exists()


def test_a_configuration_reaches_nothing_outside_its_folder(folder: Path) -> None:
    """Code, kernels and adapters that a configuration may refer to are passed over."""
    edit(
        folder / "config.json",
        auto_map={"AutoModel": "evil.py--Model"},
        _attn_implementation="someone/kernels",
        attn_implementation="someone/kernels",
        quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True},
    )
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    network = judges.get("clip")().network
    assert network.config._attn_implementation == "sdpa"
    assert not hasattr(network.config, "quantization_config")
