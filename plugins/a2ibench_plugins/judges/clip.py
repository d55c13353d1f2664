"""CLIP (Radford et al. 2021), images and texts in one space, from a folder of yours.

The folder holds a CLIP as ``transformers`` saves it. Images are resized, cropped and normalised as
its ``preprocessor_config.json`` says (the public ones: bicubic, antialiased, shortest side 224 px),
by the library's own processor. A class name is read as "a photo of a {name}.".

Outputs: ``"features"`` ``[n, k]`` of images and texts, projected, not scaled to unit length.
"""

from a2ibench.pretrained.clip import ClipJudge, PinnedClipJudge, clip_source


class Clip(ClipJudge):
    """Any CLIP: the folder that ``A2IBENCH_CLIP_WEIGHTS`` names says which."""

    name = "clip"
    sources = (clip_source(name, "openai/clip-vit-large-patch14-336"),)


class ClipB32(PinnedClipJudge):
    """ViT-B/32, k = 512: the folder that ``A2IBENCH_CLIP_B32_WEIGHTS`` names."""

    name = "clip_b32"
    sources = (clip_source(name, "openai/clip-vit-base-patch32"),)
    patch, width = 32, 512


class ClipL14(PinnedClipJudge):
    """ViT-L/14, k = 768: the folder that ``A2IBENCH_CLIP_L14_WEIGHTS`` names."""

    name = "clip_l14"
    sources = (clip_source(name, "openai/clip-vit-large-patch14"),)
    patch, width = 14, 768
