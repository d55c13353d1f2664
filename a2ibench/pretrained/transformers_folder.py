"""A network of ``transformers`` from a folder, read without running anything that lies in it.

The library's own way from a folder to a network follows references to code, kernels, adapters and
other folders. Here it is handed a plain configuration and tensors.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from a2ibench.errors import UserError, told
from a2ibench.pretrained.tensors import check_tensors, read_tensors
from a2ibench.types import FloatArray, ImageArray

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
TOKENIZER = "tokenizer.json"

P = TypeVar("P")


def load_network(model: Any, paths: Mapping[str, Path]) -> Any:
    """Return a model class of ``transformers`` with the weights of a folder, frozen, float32.

    It is loaded once per process, for a content of the files. ``paths`` holds the weights and
    ``config.json``, by name.

    Raises:
        UserError: a file is damaged, or the weights are not those of this class.
    """
    weights = next(iter(paths.values()))
    files = (weights, paths[CONFIG])
    return _load(model, files, tuple(file.stat().st_mtime_ns for file in files))


@cache
def _load(model: Any, files: tuple[Path, Path], changed: tuple[int, ...]) -> Any:
    del changed  # part of the key
    weights, config = files
    settings = read_settings(config)
    expected = model.config_class.model_type
    if (kind := settings.get("model_type")) != expected:
        raise UserError(f"{config}: model_type is {kind!r}; expected {expected!r}")
    state = read_tensors(weights)
    known = {field.name for field in fields(model.config_class)}
    plain = {
        key: value
        for key, value in settings.items()
        if key in known or key.endswith("_config_dict")  # how CLIP's first folders write them
    }
    try:
        with _silence():
            network, found = model.from_pretrained(
                None,
                config=model.config_class.from_dict(plain),
                state_dict=state,
                dtype=torch.float32,
                attn_implementation="sdpa" if model._supports_sdpa else "eager",
                ignore_mismatched_sizes=True,  # reported below
                output_loading_info=True,
            )
    except Exception as error:
        raise UserError(f"{config}: no network can be made of it ({told(error)})") from error
    found["mismatched_keys"] = {name for name, *_ in found["mismatched_keys"]}
    check_tensors(weights, f"the {expected} network that {CONFIG} describes", network, found)
    return network.eval().requires_grad_(False)


def read_settings(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds names and values, or raise a UserError."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({told(error)}); fetch it again") from error
    if not isinstance(settings, dict):
        raise UserError(f"{path}: expected names and values, got {type(settings).__name__}")
    return settings


def load_preprocessor(kind: type[P], path: Path) -> P:
    """Make an image processor or a feature extractor of ``transformers`` from its settings."""
    settings = read_settings(path)
    try:
        return kind.from_dict(settings)  # type: ignore[attr-defined]
    except Exception as error:
        raise UserError(f"{path}: no {kind.__name__} ({told(error)})") from error


def prepare_images(processor: Any, images: ImageArray) -> torch.Tensor:
    """Return what an image processor makes of uint8 ``[n, S, S, 3]``: float32 ``[n, 3, H, W]``."""
    pixels = torch.tensor(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    made = processor(images=pixels, return_tensors="pt", input_data_format="channels_first")
    return made["pixel_values"]


class Tokenizer:
    """The tokens of a text, from ``tokenizer.json``.

    Args:
        path: the file.
        words: size of the network's vocabulary.
        length: largest number of tokens; longer texts are cut.

    Raises:
        UserError: the file is damaged, or has more tokens than the network.
    """

    def __init__(self, path: Path, words: int, length: int) -> None:
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises no other
            raise UserError(f"{path}: damaged ({told(error)}); fetch it again") from error
        if (size := self._tokenizer.get_vocab_size()) > words:
            raise UserError(f"{path}: {size} tokens; the network of this folder knows {words}")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(length)

    def __call__(self, text: str) -> torch.Tensor:
        """Return int64 ``[1, L]``: alone, a text needs no padding."""
        return torch.tensor([self._tokenizer.encode(text).ids])


def embed_texts(network: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> FloatArray:
    """Embed texts one by one, float32 ``[n, k]``."""
    with torch.inference_mode():
        read = [
            network.get_text_features(input_ids=tokenizer(text).to(network.device)).pooler_output
            for text in texts
        ]
    return torch.cat(read).float().cpu().numpy()


@contextmanager
def try_out(paths: Mapping[str, Path]) -> Iterator[None]:
    """Turn the error of a first pass through a network into a UserError that names its folder."""
    try:
        yield
    except Exception as error:
        folder = next(iter(paths.values())).parent
        raise UserError(
            f"{folder}: {', '.join(paths)} do not fit together ({told(error)})"
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the library from printing a table of tensors and a progress bar."""
    from transformers.utils import logging

    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
