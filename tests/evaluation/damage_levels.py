"""Damage by degrees: whether a metric orders five levels of each as they are.

``python tests/evaluation/damage_levels.py FOLDER [DATASET]`` writes the table of all metrics of the
images' quality and of copying, by the judge of the classes and by wavelets.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from damage import Case, blurred, jpeg, noisy
from scipy.stats import spearmanr

from a2ibench import __version__, config, registry
from a2ibench.contracts.metric import JudgeOutputs, Metric
from a2ibench.data.holdout import part
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set, spread
from a2ibench.evaluation.evaluate import GeneratedImages, load_judges
from a2ibench.evaluation.judging import LoadedJudge, embed_images
from a2ibench.runs.trial_data import open_data
from a2ibench.types import DataKey

SEED = 0
SEGMENTS = 200
"""Number of test segments, from the classes in turn."""
ENCODER = "soundnet8"
JUDGES = ("resnet18",)
"""The judge of the classes: ``lite0`` reacts to enlarged pixels before all else at 64 px."""
METRICS = ("kid", "fid", "cmmd", "mind", "density", "clipped_density", "coverage",
           "clipped_coverage", "authpct", "ct")  # fmt: skip
"""Each by each of :data:`JUDGES`; beside them ``fwd``."""

INTRO = """# Damage by degrees

Made by

    python tests/evaluation/damage_levels.py {folder} {dataset}

with a2ibench {version}, on {n} test pairs of `{dataset}` with its defaults ({classes} classes,
{size} px), judges trained on {judging} other pairs, one seed ({seed}) of the damage. *0* are the
real test images themselves. ρ is Spearman's correlation of the score with the level, 1 where damage
is always worse; ✓ stands where every level is worse than the one before, with 0 as the first.

| damage | levels 1 to 5 |
|---|---|
| blur | a Gaussian with σ = 1/256, 1/128, 1/64, 1/32, 1/16 of the side |
| noise | white, σ = 2, 5, 10, 20, 40 grey levels |
| jpeg | compressed by quality 95, 75, 50, 25, 5 and read again |
| mode drop | 50, 20, 10, 5, 1 real pictures of a class, at random, stand for all |
| class swap | 10, 25, 50, 75, 100 % of the segments show those of the next class instead |
| useless | 10, 25, 50, 75, 90 % of the pictures are white noise |
"""


def swapped(case: Case, share: float) -> GeneratedImages:
    """Equally many segments of each class change pictures; all pictures are still there."""
    label = case.exam.test.label
    order = np.arange(len(label))
    rows = [np.flatnonzero(label == c) for c in np.unique(label)]
    moved = round(share * min(map(len, rows)))
    for own, other in zip(rows, rows[1:] + rows[:1], strict=True):
        order[own[:moved]] = other[:moved]
    return GeneratedImages(case.whole.images[order])


def few(case: Case, count: int) -> GeneratedImages:
    label, order = case.exam.test.label, np.arange(len(case.exam.test.label))
    for c in np.unique(label):
        rows = np.flatnonzero(label == c)
        chosen = case.rng.permutation(rows)[:count]
        order[rows] = np.concatenate([chosen, case.rng.choice(chosen, len(rows))])[: len(rows)]
    return GeneratedImages(case.whole.images[order])


def useless(case: Case, share: float) -> GeneratedImages:
    images = case.whole.images.copy()
    bad = case.rng.permutation(len(images))[: round(share * len(images))]
    images[bad] = case.rng.integers(0, 256, images[bad].shape, dtype=np.uint8)
    return GeneratedImages(images)


LEVELS: Mapping[str, Sequence[Callable[[Case], GeneratedImages]]] = {
    "blur": [partial(blurred, share=1 / s) for s in (256, 128, 64, 32, 16)],
    "noise": [partial(noisy, sigma=s) for s in (2, 5, 10, 20, 40)],
    "jpeg": [partial(jpeg, quality=q) for q in (95, 75, 50, 25, 5)],
    "mode drop": [partial(few, count=c) for c in (50, 20, 10, 5, 1)],
    "class swap": [partial(swapped, share=s) for s in (0.1, 0.25, 0.5, 0.75, 1)],
    "useless": [partial(useless, share=s) for s in (0.1, 0.25, 0.5, 0.75, 0.9)],
}
"""From the mildest."""


def find_metrics() -> list[Metric]:
    """The metrics of the table, in its order."""
    named = [f"{name}[judge={judge}]" for name in METRICS for judge in JUDGES]
    return [registry.metrics.get(name) for name in [*named, "fwd"]]


def ordered(metric: Metric, scores: Sequence[float]) -> tuple[float, bool]:
    """Spearman's ρ of badness with the level, and whether each level is worse than the last.

    ``scores`` are of the undamaged pictures and of each level.
    """
    bad = -np.array(scores) if metric.higher_is_better else np.array(scores)
    rho = float(spearmanr(np.arange(len(bad)), bad).statistic) if np.ptp(bad) > 0 else 0.0
    return rho, bool((np.diff(bad) > 0).all())


def score(
    generated: GeneratedImages,
    exam: EvalSet,
    metrics: Sequence[Metric],
    judges: Mapping[str, LoadedJudge],
) -> dict[str, float]:
    """Scores alone: intervals take most of the time."""
    values = {}
    for name in dict.fromkeys(metric.judge for metric in metrics):
        seen = [
            embed_images(judges[name], images)
            for images in (generated.images, exam.test.images, exam.train.images)
        ]
        outputs = JudgeOutputs(
            *seen[:2], exam.test.acoustic, exam.test.label, exam.test.classes,
            train=seen[2], train_label=exam.train.label, train_source=exam.train.source,
        )  # fmt: skip
        of_judge = [metric for metric in metrics if metric.judge == name]
        values |= {metric.name: metric.score(outputs).value for metric in of_judge}
    return values


def main(folder: Path, dataset: str = "synthetic") -> None:
    store = open_dataset(dataset, {})
    plugin = registry.encoders.get(ENCODER)
    encoder = plugin(config.build(plugin.Config, {}, ENCODER))
    data = open_data(store, encoder)
    test = part(data.test, spread(data.test.label, SEGMENTS, np.random.default_rng(SEED)))
    exam, metrics = make_eval_set(data.train, test), find_metrics()
    key = DataKey(store.content_hash, encoder.identity())
    judges = load_judges(metrics, data.judging, key, say)
    whole = GeneratedImages(test.images[:])
    undamaged = score(whole, exam, metrics, judges)
    lines = [
        INTRO.format(
            folder=folder, dataset=dataset, version=__version__, n=len(test), seed=SEED,
            classes=len(test.classes), size=store.image_size, judging=len(data.judging),
        )
    ]  # fmt: skip
    for name, levels in LEVELS.items():
        lines += ["", f"## {name}", "", "| metric | 0 | 1 | 2 | 3 | 4 | 5 | ρ | order |"]
        lines += ["|---" * 9 + "|"]
        found = []
        for level, damage in enumerate(levels, 1):
            say(f"{name} {level}")
            damaged = damage(Case(exam, whole, np.random.default_rng(SEED)))
            found.append(score(damaged, exam, metrics, judges))
        for metric in metrics:
            scores = [one[metric.name] for one in (undamaged, *found)]
            rho, right = ordered(metric, scores)
            cells = " | ".join(f"{score:.3g}" for score in scores)
            arrow = "↑" if metric.higher_is_better else "↓"
            lines.append(f"| `{metric.name}` {arrow} | {cells} | {rho:.2f} | {'✓' * right} |")
            say(lines[-1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
