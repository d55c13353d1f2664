"""``a2ibench evaluate``: images of an outside system, under the same protocol."""

from pathlib import Path

import click

from a2ibench.cli.options import (
    dataset_option,
    encoder_option,
    load_plugins,
    make_display,
    metric_option,
    path_option,
    plugin_option,
    read_settings,
    scale_option,
    set_option,
    verbose_option,
)
from a2ibench.errors import UserError


@click.command()
@dataset_option(
    "--dataset", required=True, help="Dataset whose test split the images were drawn for."
)
@path_option(
    "--images",
    "folders",
    multiple=True,
    metavar="FOLDER",
    help="Folder of the images. Repeatable: each folder is one training seed.",
)
@path_option(
    "--map",
    "mapping",
    metavar="FILE.csv",
    help="Table with the columns image and row.  [default: the row is in the file name]",
)
@click.option("--name", help="Name of the row.  [default: name of the first folder]")
@path_option(
    "--into",
    metavar="STUDY",
    help="Study to add the row to; it must have the same protocol.",
)
@path_option(
    "--out",
    metavar="DIR",
    help="Folder of the results, without --into.  [default: studies/DATASET-outside]",
)
@click.option(
    "--resize", is_flag=True, help="Resize images that have another size, with antialiasing."
)
@click.option("--replace", is_flag=True, help="Replace the row of that name.")
@encoder_option
@scale_option("Image size of a dataset that is prepared by name.")
@set_option("Set an option of the dataset or encoder. Repeatable.")
@metric_option
@path_option(
    "--export-list",
    metavar="FILE.csv",
    help="Write the list of test segments with their expected image names, and stop.",
)
@path_option(
    "--export-sounds",
    metavar="FOLDER",
    help="Write the sound of each test segment as <row>.wav, and stop.",
)
@verbose_option
@plugin_option
def evaluate(
    dataset: str,
    folders: tuple[Path, ...],
    mapping: Path | None,
    name: str | None,
    into: Path | None,
    out: Path | None,
    resize: bool,
    replace: bool,
    encoder: str,
    scale: str,
    settings: tuple[str, ...],
    metrics: tuple[str, ...],
    export_list: Path | None,
    export_sounds: Path | None,
    verbose: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Score images that any system drew for the test sounds, beside the reference rows.

    An image is called <row>.png, after the row of its test segment (--export-list writes the list).
    Further images of a segment are <row>_1.png, <row>_2.png, …; images with the same number are
    drawn from the same noise. Diversity and sensitivity need four images of each segment that the
    list names.
    """
    if into is not None and (out is not None or metrics):
        raise UserError("--into: the study's folder and metrics are taken; drop --out and --metric")
    exports = export_list is not None or export_sounds is not None
    if exports == bool(folders):
        raise UserError("give either --images, or --export-list or --export-sounds")
    loaded = load_plugins(plugins)
    from a2ibench.reporting.report import PAGE
    from a2ibench.runs.outside_system import Outside, evaluate_outside, export, join
    from a2ibench.study.request import Request

    request = Request(
        models=(),
        dataset=dataset,
        encoder=encoder,
        seeds=max(1, len(folders)),
        scale=scale,
        settings=read_settings(settings),
        metrics=metrics,
        folder=out or Path("studies") / f"{Path(dataset).name}-outside",
        plugins=loaded,
    )
    if into is not None:
        request = join(into, request)
    display = make_display(verbose)
    if exports:
        export(request, export_list, export_sounds, display)
        return
    row = name or folders[0].resolve().name
    evaluate_outside(request, Outside(row, folders, mapping, resize, replace), display)
    display.say(f"page: {request.folder}/{PAGE}; tables, pictures: {request.folder}/tables")
