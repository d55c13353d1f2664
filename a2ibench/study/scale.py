"""Scales: the default sizes of images and trainings."""

from dataclasses import dataclass

from a2ibench.errors import unknown


@dataclass(frozen=True)
class Scale:
    """Sizes of a study.

    Attributes:
        image_size: S of a dataset that is generated for it; a store on disk has its own.
        images: number of training images per trial.
    """

    image_size: int
    images: int


SCALES = {
    "small": Scale(image_size=64, images=10_000),
    "paper": Scale(image_size=128, images=2_000_000),
}
"""``small`` fits two processor cores and minutes; ``paper`` has the papers' sizes, for a GPU."""


def get_scale(name: str) -> Scale:
    """Return a scale by its name."""
    if name not in SCALES:
        raise unknown("scale", name, SCALES)
    return SCALES[name]
