"""floors.py [FOLDER]: every method, at the defaults of every scale, against two floors.

A method that does not beat pictures in heavy noise, or the pictures of other sounds, is broken,
whatever it is compared with. Each one is trained on `synthetic`; then each judge is asked, as far
as it has an answer, whether the drawn pictures are nearer to the real ones than real pictures in
noise are, and whether they fit their sounds better than real pictures of other sounds do.

The studies are kept in the folder: the same command goes on where an earlier one was stopped, and
tries again what failed. It ends with status 1 where a method failed, or is not above a floor.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import a2ibench
from a2ibench import registry
from a2ibench.api import Study
from a2ibench.contracts.reference import Reference
from a2ibench.types import ImageArray, Pairs

BUDGETS = {"small": 10_000, "paper": 100_000}
"""Training images by scale; the paper scale is for a GPU."""
FROM_ELSEWHERE = {"adapter"}
"""Methods that draw only as well as the pretrained network that their user names."""
FLOOR_OF = {
    "kid_simclr": "noisy",
    "kid[judge=resnet18]": "noisy",
    "cas_lite0": "shuffled audio",
    "accuracy_resnet18": "shuffled audio",
    "rprec10_i2a_lite0": "shuffled audio",
    "rprec10_i2a_cnn": "shuffled audio",
}
"""Metric → the label of the row that a method has to beat by it."""
WITHOUT_FLOOR = ("kid_lite0",)
"""Shown beside the others: by this network, real pictures in noise are nearer than the mean picture
of their class, so that it takes whatever is smooth for worse than noise."""


@registry.references.register
class Noisy(Reference):
    """Real pictures of other sounds, in noise whose deviation is a quarter of the range."""

    name = "noisy"
    row = 5
    random = True

    def draw(self, train: Pairs, test: Pairs, rng: np.random.Generator) -> ImageArray:
        images = train.images[np.sort(rng.integers(0, len(train), len(test)))]
        noise = rng.normal(0, 255 / 4, images.shape)
        return (images + noise).round().clip(0, 255).astype(np.uint8)


def train_all(scale: str, images: int, folder: Path) -> Study:
    """Train every method at a scale, as far as the folder lacks it."""
    return a2ibench.run(
        [name for name in registry.models.names() if name not in FROM_ELSEWHERE],
        dataset="synthetic",
        encoder="logmel",
        seeds=1,
        scale=scale,
        images=images,
        metrics=[*FLOOR_OF, *WITHOUT_FLOOR],
        out=folder / f"{scale}-{images}",
        executor="inline",
        tracking_uri="none",
    )


def find_defeats(study: Study) -> Iterator[str]:
    """Print scores and floors as a table; name whoever is not above a floor, or failed."""
    yield from study.failures
    scores: Any = study.scores.pivot_table(index="arm", columns="metric", values="value")
    names = (*FLOOR_OF, *WITHOUT_FLOOR)
    print(" " * 14 + "".join(f"{name:>22}" for name in names))
    for row in study.rows:
        cells = []
        for name in names:
            score, below = scores[name].get(row.label, np.nan), False
            if row.kind == "model" and (floor := FLOOR_OF.get(name)):
                bar = scores.at[floor, name]
                higher = registry.metrics.get(name).higher_is_better
                below = not (score > bar if higher else score < bar)
                if below:
                    yield f"{row.label}: {name} is {score:.3f}, {floor} has {bar:.3f}"
            cells.append(f"{score:>20.3f}" + (" ↓" if below else "  "))
        print(f"{row.label:14}" + "".join(cells))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", nargs="?", type=Path, default=Path("studies/floors"))
    asked.add_argument("--scale", choices=BUDGETS, action="append", help="default: every one")
    asked.add_argument("--images", type=int, help="training images per method")
    given = asked.parse_args()
    defeats = []
    for scale in given.scale or BUDGETS:
        images = given.images or BUDGETS[scale]
        print(f"{scale} scale, {images:,} images")
        defeats += [
            f"{scale} scale, {line}"
            for line in find_defeats(train_all(scale, images, given.folder))
        ]
    sys.exit("\n".join(defeats) or 0)


if __name__ == "__main__":
    main()
