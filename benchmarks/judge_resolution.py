"""judge_resolution.py STUDY [--out FILE]: which judge of quality tells more from less?

Several distances by several judges are asked about the same sets of pictures:

- those of a study with budgets (`--images 10000,30000,100000`): more training is to be better;
- the real test pictures with five levels of blur, noise, compression, dropped modes and swapped
  classes: more of it is to be worse;
- the real ones, the nearest training pictures, those of the longest training, and then the mean
  picture of the class and the heaviest noise: in this order;
- two halves of the real pictures, which are to differ least.

Instead of a study, ``--dataset DIR`` names prepared pairs: without the pictures of any training,
the damages and the halves are left.

It prints a page in Markdown: the scores, and which of these orders each distance gets right.
"""

import argparse
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

import a2ibench
from a2ibench import registry
from a2ibench.data.holdout import hold_out, part
from a2ibench.data.store import PairStore
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set
from a2ibench.evaluation.evaluate import GeneratedImages, evaluate, load_judges
from a2ibench.results.study import open_study
from a2ibench.results.study_pairs import open_store
from a2ibench.runs.trial_data import Data, open_data
from a2ibench.types import DataKey, ImageArray

METRICS = (
    *("kid_simclr", "kid_lite0", "kid[judge=resnet18]"),
    *("coverage5_simclr", "coverage5_lite0", "coverage[judge=resnet18]"),
)
INTRO = """# Judges of quality

Which distance tells more from less? Made by

    python benchmarks/judge_resolution.py {what}

on {about},
n = {n} test segments. *More images*: each budget is nearer to the real pictures than the one
before. *Blur* to *classes swapped*: each of five levels of it, applied to the real test pictures,
is farther away than the one before. *Halves*: the clips of each class in two halves, one judged
against the other.
"""

LEVELS: Mapping[str, Sequence[float]] = {
    "blur": (0.4, 0.7, 1, 1.5, 2.5),
    "noise": (3, 8, 16, 32, 64),
    "jpeg": (90, 70, 40, 20, 8),
    "modes dropped": (0.2, 0.4, 0.6, 0.8, 0.95),
    "classes swapped": (0.2, 0.4, 0.6, 0.8, 1),
}
"""Standard deviations in pixels at 64 px, in grey levels; qualities; shares of the pictures."""
SEED = 0


def damage(images: ImageArray, other: ImageArray, kind: str, level: float) -> ImageArray:
    """Damage real pictures; ``other`` holds real pictures of the first class."""
    rng = np.random.default_rng(SEED)
    n = len(images)
    some = rng.permutation(n)[: round(level * n)]  # a larger share holds the smaller ones
    if kind == "blur":
        sigma = level * images.shape[1] / 64
        return gaussian_filter(images, (0, sigma, sigma, 0))
    if kind == "noise":
        return (images + rng.normal(0, level, images.shape)).round().clip(0, 255).astype(np.uint8)
    if kind == "jpeg":
        return np.stack([_compress(image, int(level)) for image in images])
    changed = images.copy()
    if kind == "modes dropped":  # by copies of a twentieth of the pictures, of those that stay last
        few = rng.permutation(n)[-max(1, n // 20) :]
        changed[some] = images[few[np.arange(len(some)) % len(few)]]
    else:
        changed[some] = other[np.arange(len(some)) % len(other)]
    return changed


def _compress(image: ImageArray, quality: int) -> ImageArray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


class Pictures(NamedTuple):
    """The name of a set of pictures: an arm and its budget, or a kind of damage and its level."""

    kind: str
    level: float | None = None

    def __str__(self) -> str:
        if self.level is None:
            return self.kind
        return f"{self.kind}, {self.level:{'g' if self.kind in LEVELS else ',.0f'}}"


NEAREST, MEAN, HALF = map(Pictures, ("nearest train", "class mean", "half of the clips"))

Scores = Mapping[Pictures, Mapping[str, float]]
"""Set of pictures → metric → score."""


def picture_sets(folder: Path | None, data: Data) -> Iterator[tuple[Pictures, ImageArray]]:
    """Yield every set of pictures with its name, the real ones last, damaged."""
    if folder is not None:
        yield from _drawn(folder)
    real = data.test.images[:]
    other = data.train.images[np.flatnonzero(data.train.label == 0)]
    for kind, levels in LEVELS.items():
        for level in levels:
            yield Pictures(kind, level), damage(real, other, kind, level)


def _drawn(folder: Path) -> Iterator[tuple[Pictures, ImageArray]]:
    for name in (NEAREST, MEAN):
        yield name, a2ibench.open_study(folder).images(name.kind).images
    for budget in open_study(folder).budgets:
        study = a2ibench.open_study(folder, budget)
        for row in study.rows:
            if row.kind == "model" and not row.jobs[0].gap:
                yield Pictures(row.label, budget), study.images(row.label).images


def score_all(folder: Path | None, data: Data, data_key: DataKey, names: Sequence[str]) -> Scores:
    """Return the scores of every set, by the metrics of these names."""
    metrics = [registry.metrics.get(name) for name in names]
    judges = load_judges(metrics, data.judging, data_key, print)

    def score(images: ImageArray, eval_set: EvalSet) -> dict[str, float]:
        found = evaluate(GeneratedImages(images), eval_set, metrics, judges)
        return {metric: one.score.value for metric, one in found.items()}

    scores = {}
    for name, images in picture_sets(folder, data):
        scores[name] = score(images, data.eval_set)
        print(name, *(f"{value:.3f}" for value in scores[name].values()), flush=True)
    # Half of the clips of each class against the other half.
    sides = hold_out(data.test, 0.5, SEED)
    n = min(map(len, sides))
    one, other = (part(side, np.arange(n)) for side in sides)
    scores[HALF] = score(one.images[:], make_eval_set(data.train, other))
    return scores


def orders(scores: Scores, metric: str) -> dict[str, bool]:
    """Return which orders a metric gets right."""
    sign = 1 if registry.metrics.get(metric).higher_is_better else -1
    good = {name: sign * values[metric] for name, values in scores.items()}

    def falls(names: Sequence[Pictures]) -> bool:
        return all(good[a] > good[b] for a, b in pairwise(names))

    arms: dict[str, list[Pictures]] = {}
    for name in scores:
        if name.level is not None and name.kind not in LEVELS:
            arms.setdefault(name.kind, []).append(name)
    longest = [names[-1] for names in arms.values()]
    noise = Pictures("noise", LEVELS["noise"][-1])
    damages = {
        kind: falls([Pictures(kind, level) for level in levels]) for kind, levels in LEVELS.items()
    }
    if not longest:
        first = [Pictures(kind, levels[2]) for kind, levels in LEVELS.items()]
        return {**damages, "halves above each third level": all(falls([HALF, o]) for o in first)}
    return {
        **{f"{arm}, more images": falls(names[::-1]) for arm, names in sorted(arms.items())},
        **damages,
        "nearest train, each longest training, class mean": all(
            falls([NEAREST, one, MEAN]) for one in longest
        ),
        "each longest training, noise": all(falls([one, noise]) for one in longest),
        "halves above each longest training": all(falls([HALF, one]) for one in longest),
    }


def write_page(scores: Scores, n: int, what: str, about: str) -> str:
    """Return the page; ``what`` was asked about, and ``about`` says what that is."""
    names = [*scores[HALF]]
    columns = " | ".join(f"`{name}`" for name in names)
    rule = "|---" * (len(names) + 1) + "|"
    lines = [INTRO.format(what=what, about=about, n=n), f"| order | {columns} |", rule]
    right = {metric: orders(scores, metric) for metric in names}
    for order in right[names[0]]:
        marks = " | ".join("yes" if right[metric][order] else "**no**" for metric in names)
        lines.append(f"| {order} | {marks} |")
    lines += ["", f"| pictures (n = {n}) | {columns} |", rule]
    for name, values in scores.items():
        lines.append(f"| {name} | " + " | ".join(f"{values[m]:.3f}" for m in names) + " |")
    return "\n".join(lines)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = asked.add_mutually_exclusive_group(required=True)
    what.add_argument("study", type=Path, nargs="?", help="folder of a study with budgets")
    what.add_argument("--dataset", type=Path, help="folder of prepared pairs")
    asked.add_argument("--metric", action="append", help="its name; by default six of them")
    asked.add_argument("--out", type=Path, help="file of the page; by default it is printed")
    given = asked.parse_args()
    if given.study is None:
        store, about = PairStore(given.dataset), ""
    else:
        study = open_study(given.study)
        store = open_store(study, None)
        rows = [row for row in study.rows if row.kind == "model"]
        about = (
            f": {', '.join(row.label for row in rows)}, training seed 0,"
            f" {', '.join(f'{budget:,}' for budget in study.budgets)} training images"
        )
    encoder = registry.encoders.build("logmel", {})  # no distance here depends on it
    data = open_data(store, encoder)
    data_key = DataKey(store.content_hash, encoder.identity())
    scores = score_all(given.study, data, data_key, given.metric or METRICS)
    source = "--dataset DIR" if given.study is None else "STUDY"
    page = write_page(scores, len(data.test), source, f"`{store.name}`{about}")
    print(page) if given.out is None else given.out.write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
