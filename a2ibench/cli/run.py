"""``a2ibench run``: a study."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from a2ibench.cli.options import (
    load_plugins,
    make_display,
    metric_option,
    plugin_option,
    read_settings,
)

if TYPE_CHECKING:
    from a2ibench.study.display import Display

FAILED = 1


@click.command()
@click.option("--model", "models", multiple=True, required=True, help="A method. Repeatable.")
@click.option(
    "--ablate",
    default="",
    metavar="A,B|all",
    help="Parts to switch off, one at a time (`a2ibench show MODEL` lists them).",
)
@click.option(
    "--dataset",
    default="arcade",
    show_default=True,
    metavar="NAME|DIR",
    help="A dataset's name, or the folder of a prepared one.",
)
@click.option("--encoder", default="soundnet8", show_default=True, help="The acoustic feature.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option(
    "--scale",
    default="small",
    show_default=True,
    type=click.Choice(["small", "paper"]),
    help="Sizes and budget: minutes on two cores, or the papers' on a GPU.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Training images a trial takes in.  [default: the scale's]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OWNER.FIELD=VALUE",
    help="An option of a model, dataset or encoder. Repeatable.",
)
@metric_option
@click.option(
    "--executor",
    default="ray",
    show_default=True,
    type=click.Choice(["ray", "inline"]),
    help="Ray Tune, or one trial after the other in this process.",
)
@click.option(
    "--gpus-per-trial",
    type=click.FloatRange(0, 1),
    help="A fraction shares a GPU (its memory is not divided).  [default: 1 where there is one]",
)
@click.option("--ray-address", help="Of a running Ray cluster.")
@click.option(
    "--tracking-uri",
    metavar="URI|none",
    help="MLflow's.  [default: sqlite, mlflow.db beside the study]",
)
@click.option("--out", type=click.Path(path_type=Path), help="[default: studies/DATASET]")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@plugin_option
def run(
    models: tuple[str, ...],
    ablate: str,
    settings: tuple[str, ...],
    executor: str,
    gpus_per_trial: float | None,
    ray_address: str | None,
    tracking_uri: str | None,
    out: Path | None,
    dry_run: bool,
    plugins: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train and compare methods, and their ablations, on one dataset.

    What is there already is not computed again: the same command goes on where it was.
    """
    loaded = load_plugins(plugins)
    from a2ibench.study.plan import Request, outline

    request = Request(
        models=models,
        ablate=tuple(part.strip() for part in ablate.split(",") if part.strip()),
        settings=read_settings(settings),
        folder=out,
        plugins=loaded,
        **options,
    )
    display = make_display()
    chosen = outline(request)
    if dry_run:
        _print_plan(request, chosen, display)
        return
    from a2ibench.study.executors.inline import run_inline
    from a2ibench.study.executors.ray_tune import RayTune
    from a2ibench.study.mlflow_live import LiveMirror, default_uri, how_to_look
    from a2ibench.study.run import run_study

    folder = chosen.folder
    uri = tracking_uri or default_uri(folder)
    mirror = None
    if uri.lower() != "none":
        mirror = LiveMirror(uri, folder, display.say)
    ray = RayTune(folder / ".ray", gpus_per_trial, ray_address)
    failures = run_study(request, run_inline if executor == "inline" else ray, mirror, display)
    display.say(f"tables, pictures: {folder / 'tables'}")
    if mirror is not None and mirror.alive:
        display.say(f"MLflow: {how_to_look(uri)}")
    for failure in failures:
        display.say(f"failed: {failure}")
    if failures:
        sys.exit(FAILED)


def _print_plan(request: Any, chosen: Any, display: "Display") -> None:
    from rich.table import Table

    jobs = len(chosen.arms) * request.seeds
    display.say(
        f"{request.dataset} {dict(chosen.dataset_options) or ''} → {request.encoder} →"
        f" {len(chosen.arms)} arms × {request.seeds} seeds = {jobs} trials of"
        f" {chosen.images} training images → {chosen.folder}"
    )
    table = Table("arm", "configuration (what differs from the full model, or all of it)")
    full: dict[str, Any] = {}
    for arm in chosen.arms:
        if arm.without is None:
            full = dict(arm.config)
        shown = (
            full
            if arm.without is None
            else {name: value for name, value in arm.config.items() if full[name] != value}
        )
        table.add_row(arm.label, ", ".join(f"{name}={value}" for name, value in shown.items()))
    display.console.print(table, markup=False)
    display.say(f"reference rows: {', '.join(chosen.references)}")
    asked = ", ".join(chosen.metrics) or "the headline ones that the data and judges allow"
    display.say(f"metrics: {asked}")
