"""``a2ibench tune``: search the options of one model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from a2ibench.cli.completion import names
from a2ibench.cli.options import (
    FAILED,
    FloatRange,
    dataset_option,
    encoder_option,
    images_option,
    load_plugins,
    make_display,
    path_option,
    plugin_option,
    ray_address_option,
    read_settings,
    scale_option,
    set_option,
)
from a2ibench.errors import command

if TYPE_CHECKING:
    from a2ibench.runs.progress_display import Display

SHOWN = 10


@click.command()
@click.option(
    "--model",
    required=True,
    shell_complete=names("model"),
    help="Method to tune.",
)
@path_option(
    "--space",
    required=True,
    metavar="FILE.yaml",
    help="Options and their ranges: `lr: {log: [1e-5, 1e-2]}`,"
    " `beta: {uniform: [0, 2]}`, `channels: {int: [8, 64]}`, `batch_size: {choice: [16, 32]}`.",
)
@click.option(
    "--metric",
    required=True,
    shell_complete=names("metric"),
    help="Metric to optimize, on the validation segments.",
)
@click.option(
    "--trials",
    required=True,
    type=click.IntRange(min=1),
    help="Total number of trials, earlier ones included.",
)
@click.option(
    "--repeat",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of the best complete trials that are repeated with two other seeds; the best mean"
    " decides. 0 takes the best trial as it is.",
)
@dataset_option(
    "--dataset",
    default="arcade",
    show_default=True,
    help="Name of a dataset, or folder of a prepared one.",
)
@encoder_option
@scale_option("Sizes and budget, as in `a2ibench run`.")
@images_option("Final budget, for which the options are searched.  [default: set by --scale]")
@click.option(
    "--share",
    default=1.0,
    show_default=True,
    type=FloatRange(0, 1, min_open=True),
    help="Share of the final budget that a complete trial trains for: 0.1 is a tenth of --images.",
)
@set_option("Set an option that is not searched. Repeatable.")
@click.option(
    "--gpus-per-trial",
    type=FloatRange(0, 1),
    help="Number of GPUs per trial. A fraction shares a GPU (its memory is not divided)."
    "  [default: 1 where there is one]",
)
@ray_address_option
@path_option(
    "--out", metavar="DIR", help="Folder of the search.  [default: studies/tune-MODEL-DATASET]"
)
@plugin_option
def tune(
    model: str,
    space: Path,
    metric: str,
    trials: int,
    repeat: int,
    settings: tuple[str, ...],
    share: float,
    gpus_per_trial: float | None,
    ray_address: str | None,
    out: Path | None,
    plugins: tuple[Path, ...],
    **options: Any,
) -> None:
    """Search the options of one model on a validation split of the training clips.

    Optuna proposes, and successive halving (ASHA) stops trials after 1/9 and 1/3 of their budget,
    which is a --share of the final one. The test split is not touched, and every trial has seed
    1000, which no study has by default. As options may be best with one seed and collapse with
    another, the best trials (--repeat) are run again with seeds 1001 and 1002, and the mean
    decides. The best options are written as a study file with the final budget: `a2ibench run
    OUT/best.yaml --seeds 5` tests them. Re-run the same command to resume; a higher --trials adds
    to the trials that exist.
    """
    from a2ibench.extras import require

    require("search", "a2ibench tune")
    loaded = load_plugins(plugins)
    from a2ibench.runs.executors.ray_tune import Config, RayTune
    from a2ibench.runs.study_lock import at_work
    from a2ibench.study.request import Request
    from a2ibench.tuning.ray_search import search
    from a2ibench.tuning.search_results import write_best, write_trials
    from a2ibench.tuning.search_trial import BROKEN
    from a2ibench.tuning.tune import plan_tuning

    name = f"tune-{model}-{Path(options['dataset']).name}"
    request = Request(
        models=(model,),
        seeds=1,
        metrics=(metric,),
        settings=read_settings(settings),
        folder=out or Path("studies") / name,
        plugins=loaded,
        **options,
    )
    display = make_display()
    ray = RayTune(Config(gpus_per_trial, ray_address), display.say)
    ray.check()
    with display.running():
        tuning = plan_tuning(request, space, display.counter, display.say, share)
        with at_work(tuning.folder):
            search(tuning, trials, repeat, ray, display.counter)
    table = write_trials(tuning)
    _print_top(table, list(tuning.space), metric, display)
    display.say(f"all trials: {tuning.folder / 'trials.csv'}")
    broken = table[table["state"] == BROKEN]
    for reason in broken["reason"].unique():
        display.say(f"failed: {reason}; re-run the same command to try it again")
    if len(broken) == len(table):
        sys.exit(FAILED)
    best = write_best(tuning, request, table)
    display.say(f"best options: {command('run', best)}")
    if len(broken):
        sys.exit(FAILED)


def _print_top(table: Any, names: list[str], metric: str, display: "Display") -> None:
    from rich.table import Table

    values = ["value"] + ["mean"] * ("mean" in table)
    shown = Table("trial", "state", metric, *values[1:], "images", *names)
    columns = ["trial", "state", *values, "images", *names]
    for row in table[columns].head(SHOWN).itertuples(index=False, name=None):
        shown.add_row(*map(_text, row))
    display.console.print(shown, markup=False)


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
