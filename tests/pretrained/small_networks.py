"""Small networks of known architectures with random weights, saved as the public ones are."""

from pathlib import Path
from typing import Any

import torch


def save_clip(folder: Path, patch: int = 32, width: int = 16) -> Any:
    """Save a CLIP with its image processor and tokenizer; return it."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    letters = [chr(i) for i in range(97, 123)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), ".</w>", "do", "dog</w>"]
    special = ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={word: i for i, word in enumerate([*words, *special])},
        merges=[("d", "o"), ("do", "g</w>")],
    )
    size = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    first, last = tokenizer.convert_tokens_to_ids(special)
    ends = {"bos_token_id": first, "eos_token_id": last, "pad_token_id": last}
    torch.manual_seed(0)
    network = CLIPModel(
        CLIPConfig(
            text_config={**size, **ends, "vocab_size": len(tokenizer)},
            vision_config={**size, "image_size": 224, "patch_size": patch},
            projection_dim=width,
        )
    ).eval()
    _spread(network)
    for part in (network, CLIPImageProcessor(), tokenizer):
        part.save_pretrained(folder)
    return network


def save_dinov2(folder: Path) -> Any:
    """Save a DINOv2 with its image processor; return it."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    network = Dinov2Model(
        Dinov2Config(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, patch_size=14, image_size=70
        )
    ).eval()
    _spread(network)
    network.save_pretrained(folder)
    BitImageProcessor(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)
    return network


def save_clap(folder: Path, fused: bool = False) -> Any:
    """Save a CLAP with its feature extractor and tokenizer; return it."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

    letters = [chr(i) for i in range(97, 123)]
    words = ["<s>", "<pad>", "</s>", "<unk>", *letters, *(f"Ġ{one}" for one in letters), "T", "."]
    tokenizer = RobertaTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    torch.manual_seed(0)
    network = ClapModel(
        ClapConfig(
            text_config={
                "hidden_size": 32,
                "intermediate_size": 37,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "vocab_size": len(tokenizer),
                "max_position_embeddings": 66,
                "projection_dim": 16,
            },
            audio_config={
                "patch_embeds_hidden_size": 16,
                "hidden_size": 64,
                "depths": [1, 1, 1],
                "num_attention_heads": [2, 2, 2],
                "projection_dim": 16,
                "enable_fusion": fused,
            },
            projection_dim=16,
        )
    ).eval()
    _spread(network)
    truncation = "fusion" if fused else "rand_trunc"
    extractor = ClapFeatureExtractor(truncation=truncation, frequency_max=14_000, frequency_min=50)
    for part in (network, extractor, tokenizer):
        part.save_pretrained(folder)
    return network


def _spread(network: Any) -> None:
    """Make the weights larger, so that different inputs differ visibly."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
