"""``a2ibench run``: run a study."""

import sys
from pathlib import Path
from typing import Any

import click

from a2ibench.cli.completion import ablations, names
from a2ibench.cli.options import (
    FAILED,
    FloatRange,
    dataset_option,
    executor_option,
    images_option,
    load_plugins,
    make_display,
    merge_settings,
    metric_option,
    path_option,
    plugin_option,
    ray_address_option,
    read_settings,
    scale_option,
    set_executor,
    set_option,
    verbose_option,
)
from a2ibench.config import MAX_SEEDS, SEEDS
from a2ibench.errors import UserError

MAX_RETRIES = 100


def _take_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> dict[str, Any]:
    """Make the values of a study file the defaults of the options; return its ``settings``."""
    if path is None:
        return {}
    from a2ibench.study.study_file import read_study_file

    values = read_study_file(path)
    settings: dict[str, Any] = values.pop("settings", {})
    # Under the names of the parameters: click converts and checks them as it does its own defaults.
    primary = values.pop("primary", {})
    values |= {
        "primary_metrics": primary.get("metrics", []),
        "contrasts": primary.get("contrasts", []),
    }
    plural = {"dataset": "datasets", "encoder": "encoders"}
    ctx.default_map = {plural.get(name, name): value for name, value in values.items()}
    return settings


@click.command()
@click.argument(
    "file",
    metavar="[STUDY.yaml]",
    required=False,
    is_eager=True,
    callback=_take_file,
    type=click.Path(path_type=Path),
)
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    shell_complete=names("model"),
    help="Method to train. Repeatable; the others are compared with the last one.",
)
@click.option(
    "--ablate",
    multiple=True,
    metavar="A,B+C,D=0,0.1|all",
    shell_complete=ablations,
    help="Parts to switch off (`a2ibench show MODEL` lists them): one at a time, or together with"
    " +; = tries several values of a part that has one option. Repeatable.",
)
@dataset_option(
    "--dataset",
    "datasets",
    multiple=True,
    default=("arcade",),
    show_default=True,
    help="Name of a dataset, or folder of a prepared one. Repeatable; each gets its own study.",
)
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    default=("soundnet8",),
    show_default=True,
    shell_complete=names("encoder"),
    help="Encoder that computes the acoustic feature. Repeatable; each gets its own study.",
)
@click.option(
    "--seeds",
    default=SEEDS,
    show_default=True,
    type=click.IntRange(1, MAX_SEEDS),
    help="Number of training seeds. With fewer than three no difference is tested.",
)
@scale_option("Sizes and budget: small, minutes on two cores; paper, as in the papers, for a GPU.")
@images_option(
    "Number of training images per trial. Several budgets (10000,30000) are trained in one go: the"
    " model is drawn and judged at each of them.  [default: set by --scale]"
)
@set_option(
    "Set an option of a model, dataset, encoder or executor; for OWNER@NAME with the dataset or"
    " encoder of that name alone, where there are several. Repeatable."
)
@metric_option
@click.option(
    "--primary-metric",
    "primary_metrics",
    multiple=True,
    metavar="NAME",
    shell_complete=names("metric"),
    help="Metric that the study is to be judged by: only it is tested, the others are exploratory."
    " Repeatable.  [default: one per table]",
)
@click.option(
    "--contrast",
    "contrasts",
    multiple=True,
    metavar="'A vs B'",
    help="Two arms that are to be tested: 'ours vs wan2019', 'ours vs ours - consistency'."
    " Repeatable.  [default: each method against the last one, each ablation against its full"
    " model]",
)
@executor_option(
    "ray",
    "Executor of the trials: Ray Tune, one process per trial, one trial after another in this"
    " process, or one of your own.",
)
@click.option(
    "--gpus-per-trial",
    type=FloatRange(min=0),
    help="Number of GPUs per trial. A fraction shares a GPU (its memory is not divided); 2, 3, …"
    " train one model together (Ray).  [default: 1 where there is one]",
)
@click.option(
    "--retries",
    default=1,
    show_default=True,
    type=click.IntRange(0, MAX_RETRIES),
    help="Number of times to resume a crashed trial from its last checkpoint.",
)
@ray_address_option
@click.option(
    "--tracking-uri",
    metavar="URI|none",
    help="Address of MLflow's tracking server or database.  [default: sqlite, mlflow.db beside the"
    " study]",
)
@path_option(
    "--out",
    metavar="DIR",
    help="Folder of the study.  [default: studies/DATASET; for several datasets or encoders"
    " studies/DATASETS-ENCODERS, which holds one folder for each]",
)
@click.option("--recompute", is_flag=True, help="Compute the results of earlier code again.")
@click.option("--keep", is_flag=True, help="Keep results of earlier code, marked in every table.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything that can be checked in advance, print the plan, and stop.",
)
@verbose_option
@plugin_option
def run(
    file: dict[str, Any],
    models: tuple[str, ...],
    datasets: tuple[str, ...],
    encoders: tuple[str, ...],
    settings: tuple[str, ...],
    primary_metrics: tuple[str, ...],
    contrasts: tuple[str, ...],
    executor: str,
    gpus_per_trial: float | None,
    ray_address: str | None,
    tracking_uri: str | None,
    out: Path | None,
    recompute: bool,
    keep: bool,
    dry_run: bool,
    verbose: bool,
    plugins: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train and compare methods, and their ablations.

    STUDY.yaml can hold the same options (models, ablate, dataset, encoder, seeds, scale, images,
    settings, metrics, primary, executor, gpus_per_trial, out); the command line takes precedence.
    Every study leaves such a file in its folder. Finished trials are not computed again: re-run the
    same command to resume.
    """
    if keep and recompute:
        raise UserError("--keep and --recompute exclude each other: give one of them")
    loaded = load_plugins(plugins)
    from a2ibench.runs.run_studies import run
    from a2ibench.study.primary import Primary
    from a2ibench.study.request import Request
    from a2ibench.tracking.live_mirror import live_mirror

    owned = merge_settings(file, read_settings(settings))
    set_executor(owned, executor, {"gpus_per_trial": gpus_per_trial, "address": ray_address})
    request = Request(
        models=models,
        settings=owned,
        primary=Primary.of(primary_metrics, contrasts),
        folder=out,
        plugins=loaded,
        executor=executor,
        earlier="keep" if keep else "recompute" if recompute else None,
        **options,
    )
    display = make_display(verbose)

    ran = run(
        request,
        datasets,
        encoders,
        display=display,
        observe=live_mirror(tracking_uri, display.say),
        dry_run=dry_run,
    )
    for failure in ran.failures:
        display.say(f"failed: {failure}")
    if ran.failures:
        traces = " ".join(str(folder / "jobs" / "*" / "failure.json") for folder in ran.folders)
        display.say(f"where in the code: the trace in {traces}")
        sys.exit(FAILED)
