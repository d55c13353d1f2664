"""``a2ibench encoders``: train the networks of encoders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from a2ibench.cli.completion import names
from a2ibench.cli.options import (
    FloatRange,
    dataset_option,
    load_plugins,
    make_display,
    path_option,
    plugin_option,
)

F = TypeVar("F", bound=Callable[..., Any])


def _budget_option(
    flag: str, default: float, kind: "click.ParamType[Any]", text: str
) -> Callable[[F], F]:
    return click.option(flag, default=default, show_default=True, type=kind, help=text)


@click.group()
def encoders() -> None:
    """Train encoders."""


@encoders.group()
def train() -> None:
    """Train the network of an encoder."""


@train.command()
@dataset_option("--data", required=True, help="Name of a dataset, or folder of a prepared one.")
@path_option("--out", required=True, metavar="FILE.safetensors", help="File of weights to write.")
@click.option(
    "--layers",
    default="8",
    show_default=True,
    type=click.Choice(["5", "8"]),
    help="Network to train: SoundNet-5 or SoundNet-8.",
)
@click.option(
    "--teacher",
    default="lite0",
    show_default=True,
    metavar="JUDGE",
    shell_complete=names("judge"),
    help="Judge to learn from, with logits over 1000 (ImageNet) or 401 (Places) classes.",
)
@_budget_option("--steps", 10_000, click.IntRange(min=1), "Number of training steps.")
@_budget_option("--batch-size", 32, click.IntRange(min=1), "Number of pairs per step.")
@_budget_option("--learning-rate", 1e-3, FloatRange(0, min_open=True), "Learning rate of Adam.")
@_budget_option(
    "--seed",
    0,
    click.IntRange(min=0),
    "Seed of the initial weights, the order of the pairs and the cuts.",
)
@plugin_option
def soundnet(
    data: str, out: Path, layers: str, teacher: str, plugins: tuple[Path, ...], **budget: Any
) -> None:
    """Train SoundNet from an image network, on the training pairs of any dataset.

    The teacher classifies the image of each pair; the student learns to predict the same from its
    sound (Aytar et al. 2016). Re-run the same command to resume an interrupted training.
    """
    load_plugins(plugins)
    from a2ibench.data.prepare import open_dataset
    from a2ibench.soundnet.distil import Budget
    from a2ibench.soundnet.network import ARCHITECTURES
    from a2ibench.soundnet.teach import teach_soundnet

    name = f"soundnet{layers}"
    display = make_display()
    with display.running():
        store = open_dataset(data, {}, display.counter(f"preparing {data}"))
        taught = teach_soundnet(
            store, ARCHITECTURES[name], teacher, Budget(**budget), out, display.counter
        )
    layer = "objects" if taught.head == ARCHITECTURES[name].objects.name else "scenes"
    display.say(
        f"divergence from {taught.teacher} on {taught.held} held-out pairs, in nats:"
        f" {taught.before:.3f} before, {taught.after:.3f} after {budget['steps']} steps on"
        f" {taught.train} pairs; {taught.floor:.3f} for the mean posterior (lower is better)"
    )
    if taught.after >= taught.floor:
        display.say("it has not learnt from the sounds yet: train on more pairs or for more steps")
    display.say(f"use it: --encoder {name} --set {name}.weights={out}  ({layer} head, trunk)")
