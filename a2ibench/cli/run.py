"""``a2ibench run``: a study."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from a2ibench.cli.completion import ablations, names
from a2ibench.cli.options import (
    FAILED,
    earlier_option,
    load_plugins,
    make_display,
    merge_settings,
    metric_option,
    plugin_option,
    read_settings,
)
from a2ibench.config import MOST_IMAGES, MOST_SEEDS
from a2ibench.errors import UserError

if TYPE_CHECKING:
    from a2ibench.runs.display import Display
    from a2ibench.runs.executors import Executor
    from a2ibench.runs.preflight import Preflight
    from a2ibench.study.plan import Request


MOST_RETRIES = 100


def _take_file(ctx: click.Context, param: click.Parameter, path: Path | None) -> dict[str, Any]:
    """A study's file: its values are the defaults of the options; returns those of ``--set``."""
    if path is None:
        return {}
    from a2ibench.study.study_file import read_study_file

    values = read_study_file(path)
    settings: dict[str, Any] = values.pop("settings", {})
    # Under the names of the parameters: click converts and checks them as it does its own defaults.
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
    help="A method. Repeatable.",
)
@click.option(
    "--ablate",
    multiple=True,
    metavar="A,B+C,D=0,0.1|all",
    shell_complete=ablations,
    help="Parts to switch off (`a2ibench show MODEL` lists them), one at a time or (+) together;"
    " = tries values of a part's one option. Repeatable.",
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    default=("arcade",),
    show_default=True,
    shell_complete=names("dataset", folders=True),
    metavar="NAME|DIR",
    help="A dataset's name, or the folder of a prepared one. Repeatable: a study for each.",
)
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    default=("soundnet8",),
    show_default=True,
    shell_complete=names("encoder"),
    help="The acoustic feature. Repeatable: a study for each.",
)
@click.option(
    "--seeds", default=1, show_default=True, type=click.IntRange(1, MOST_SEEDS), help="How many."
)
@click.option(
    "--scale",
    default="small",
    show_default=True,
    type=click.Choice(["small", "paper"]),
    help="Sizes and budget: minutes on two cores, or the papers' on a GPU.",
)
@click.option(
    "--images",
    type=click.IntRange(1, MOST_IMAGES),
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
    type=click.Choice(["ray", "process", "inline"]),
    help="Ray Tune, a process a trial, or one trial after the other in this process.",
)
@click.option(
    "--gpus-per-trial",
    type=click.FloatRange(min=0),
    help="A fraction shares a GPU (its memory is not divided); 2, 3, … train one model together"
    " (Ray).  [default: 1 where there is one]",
)
@click.option(
    "--retries",
    default=1,
    show_default=True,
    type=click.IntRange(0, MOST_RETRIES),
    help="How often a trial that crashed is tried again, from its last checkpoint.",
)
@click.option("--ray-address", help="Of a running Ray cluster.")
@click.option(
    "--tracking-uri",
    metavar="URI|none",
    help="MLflow's.  [default: sqlite, mlflow.db beside the study]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="[default: studies/DATASET; of several datasets or encoders studies/DATASETS-ENCODERS,"
    " a folder for each of them in it]",
)
@earlier_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check all that can be checked before any work, print the plan and stop.",
)
@plugin_option
def run(
    file: dict[str, Any],
    models: tuple[str, ...],
    datasets: tuple[str, ...],
    encoders: tuple[str, ...],
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
    """Train and compare methods, and their ablations.

    STUDY.yaml holds the same in a file (models, ablate, dataset, encoder, seeds, scale, images,
    settings, metrics, executor, gpus_per_trial, out); what stands on the command line wins. Every
    study leaves such a file in its folder. What is there already is not computed again: the same
    command goes on where it was.
    """
    loaded = load_plugins(plugins)
    from a2ibench.results.folder import check_own, check_own_root
    from a2ibench.runs.executors.ray_tune import RayTune
    from a2ibench.study.axes import expand_axes
    from a2ibench.study.plan import Request, outline

    root, requests = expand_axes(
        Request(
            models=models,
            settings=merge_settings(file, read_settings(settings)),
            folder=out,
            plugins=loaded,
            workers=_workers(gpus_per_trial, executor),
            **options,
        ),
        datasets,
        encoders,
    )
    display = make_display()
    outlines = [outline(request) for request in requests]
    for chosen in outlines:
        check_own(chosen.folder)
    if len(requests) > 1:
        check_own_root(root)
    ray_tune = RayTune(gpus_per_trial, ray_address, display.say)
    if executor == "ray":
        ray_tune.check()
    from a2ibench.runs.executors.inline import run_inline
    from a2ibench.runs.executors.process import Processes
    from a2ibench.runs.preflight import preflight

    executors: dict[str, Executor] = {
        "ray": ray_tune,
        "process": Processes(display.say, gpus_per_trial),
        "inline": run_inline,
    }
    drafts = []
    for request, chosen in zip(requests, outlines, strict=True):
        looked = preflight(request, chosen, executors[executor], display.counter, display.say)
        if dry_run:
            _print_plan(request, looked, display)
        if looked.time:
            display.say(looked.time)
        drafts.append(looked.draft)
    if dry_run:
        return
    from a2ibench.reporting.report import PAGE
    from a2ibench.runs.run import run_study
    from a2ibench.tracking.live import LiveMirror, default_uri, how_to_look

    uri = tracking_uri or default_uri(outlines[0].folder)
    failures, folders = [], []
    for request, chosen, made in zip(requests, outlines, drafts, strict=True):
        folder = chosen.folder
        mirror = None
        if uri.lower() != "none":
            mirror = LiveMirror(uri, folder, display.say)
        failures += run_study(request, executors[executor], mirror, display, made)
        folders.append(folder)
        display.say(f"page: {folder / PAGE}; tables, pictures: {folder / 'tables'}")
        if mirror is not None and mirror.alive:
            display.say(f"MLflow: {how_to_look(uri)}")
    if len(folders) > 1:
        from a2ibench.reporting.overview import write_overview
        from a2ibench.study.study_file import save_requests

        for note in write_overview(root, folders):
            display.say(note)
        save_requests(root, requests)
        display.say(f"all of them: {root / PAGE}, {root / 'overview.md'}")
    for failure in failures:
        display.say(f"failed: {failure}")
    if failures:
        traces = " ".join(str(folder / "jobs" / "*" / "failure.json") for folder in folders)
        display.say(f"where in the code: the trace in {traces}")
        sys.exit(FAILED)


def _workers(gpus_per_trial: float | None, executor: str) -> int:
    """How many workers share a trial: one a GPU.

    Raises:
        UserError: GPUs that cannot be given to a trial.
    """
    if gpus_per_trial is None:
        return 1
    if executor == "inline":
        raise UserError("--gpus-per-trial belongs to --executor ray or process")
    if gpus_per_trial > 1 and not gpus_per_trial.is_integer():
        raise UserError(
            f"--gpus-per-trial {gpus_per_trial:g}: expected a fraction of one, or a whole number"
        )
    return max(1, int(gpus_per_trial))


def _print_plan(request: "Request", looked: "Preflight", display: "Display") -> None:
    from rich.table import Table

    from a2ibench.runs.display import show_check, show_feasibility

    chosen = looked.outline
    jobs = len(chosen.arms) * request.seeds
    display.say(
        f"{request.dataset} {dict(chosen.dataset_options) or ''} → {request.encoder} →"
        f" {len(chosen.arms)} arms × {request.seeds} seeds = {jobs} trials of"
        f" {chosen.images} training images → {chosen.folder}"
    )
    table = Table("arm", "configuration (what differs from the full model, or all of it)")
    full: dict[str, Any] = {}
    for arm in chosen.arms:
        if not arm.change:
            full = shown = dict(arm.config)
        else:
            shown = {name: value for name, value in arm.config.items() if full[name] != value}
        table.add_row(arm.label, ", ".join(f"{name}={value}" for name, value in shown.items()))
    display.console.print(table, markup=False)
    display.say(f"reference rows: {', '.join(chosen.references)}")
    if looked.draft is not None:
        show_feasibility(looked.draft.found, display)
        show_check(looked.draft.check, looked.draft.store.root, display)
        return
    asked = ", ".join(chosen.metrics) or "the headline ones that the data and judges allow"
    display.say(f"metrics: {asked}")
    display.say(
        f"{request.dataset}: its pairs are made when the study is run; what they can answer, and"
        " whether it is enough, is known then"
    )
