"""ema.py DATASET ENCODER: which moving average of the weights draws best, after how many images?

A method is trained once. Beside its own average, others with other decays in the long run follow
the same weights; at each budget the pictures of each of them are judged as those of a study are.
Decay 0 is no average. Below 9 / (1 − decay) steps an average is over a fixed share of the training
(:class:`a2ibench.training.ema.MovingAverage`), and decays that are not reached are the same.

    python benchmarks/ema.py arcade soundnet8 -m ours -m flow --images 10000,30000,100000
"""

import tempfile
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from a2ibench import registry
from a2ibench.contracts.model import Model
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import EvalSet
from a2ibench.evaluation.evaluate import GeneratedImages, evaluate, load_judges
from a2ibench.runs.trial_data import open_data
from a2ibench.training.device import choose_device, make_deterministic, place
from a2ibench.training.draw import draw, draw_noise
from a2ibench.training.ema import MovingAverage
from a2ibench.training.fit import fit
from a2ibench.training.preview import as_if_finished
from a2ibench.types import Batch, DataKey, Spec

METRICS = ("kid_lite0", "kid[judge=resnet18]", "accuracy_resnet18", "rprec10_i2a_lite0")


@click.command()
@click.argument("dataset")
@click.argument("encoder")
@click.option("--model", "-m", "models", multiple=True, default=["ours"], show_default=True)
@click.option("--images", default="10000,30000,100000", show_default=True, help="budgets")
@click.option("--decays", default="0,0.99,0.995,0.999,0.9995", show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    dataset: str, encoder: str, models: tuple[str, ...], images: str, decays: str, seed: int
) -> None:
    """Train each method once; print the scores of each average at each budget."""
    store = open_dataset(dataset, {})
    built = registry.encoders.build(encoder, {})
    data = open_data(store, built)
    metrics = [registry.metrics.get(name) for name in METRICS]
    key = DataKey(store.content_hash, built.identity())
    judges = load_judges(metrics, data.judging, key)
    spec = Spec(data.train.images[:1].shape[1], data.train.acoustic.shape[1], data.train.classes)
    print("model,images,decay," + ",".join(METRICS))
    for name in models:
        make_deterministic(seed, choose_device())
        model = place(registry.models.build(name, registry.models.get(name).scales["small"], spec))
        batch = model.sampling.batch_size
        budgets = {budget // batch: budget for budget in map(int, images.split(","))}

        def judge(step: int, decay: float, model: Model = model, budgets: Any = budgets) -> None:
            scores = _judge(model, data.eval_set, judges, seed)
            found = ",".join(f"{scores[metric]:.4f}" for metric in METRICS)
            print(f"{model.name},{budgets[step]},{decay:g},{found}", flush=True)

        follow(model, [float(decay) for decay in decays.split(",")], budgets, judge)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "state"
            fit(model, data.train, steps=max(budgets), seed=seed, checkpoint=checkpoint)


def follow(
    model: Model,
    decays: Sequence[float],
    steps: Container[int],
    judge: Callable[[int, float], None],
) -> None:
    """Let averages follow each step; at ``steps``, show ``judge`` the model with each of them."""
    averages = {one: MovingAverage(model.generator, one) if one else None for one in decays}
    step, training_step = 0, model.training_step

    def followed(batch: Batch) -> Mapping[str, torch.Tensor]:
        nonlocal step
        terms = training_step(batch)
        step += 1
        for average in averages.values():
            if average is not None:
                average.update_parameters(model.generator)
        for decay, average in averages.items() if step in steps else ():
            with as_if_finished(model, average):
                judge(step, decay)
        return terms

    model.training_step = followed  # type: ignore[method-assign]


def _judge(
    model: Model, eval_set: EvalSet, judges: Mapping[str, Any], seed: int
) -> dict[str, float]:
    acoustic = eval_set.test.acoustic
    images = draw(model, acoustic, draw_noise(len(acoustic), model.noise_dim, seed))
    metrics = [registry.metrics.get(name) for name in METRICS]
    found = evaluate(GeneratedImages(images), eval_set, metrics, judges)
    return {name: one.score.value for name, one in found.items()}


if __name__ == "__main__":
    main()
