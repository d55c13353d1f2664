"""``a2ibench evaluate``: pictures of any system, for a dataset's sounds or in two folders."""

from pathlib import Path

import click

from a2ibench.cli.options import (
    dataset_option,
    encoder_option,
    executor_option,
    is_given,
    load_plugins,
    make_display,
    metric_option,
    open_workers,
    path_option,
    plugin_option,
    ray_address_option,
    read_settings,
    scale_option,
    set_option,
    verbose_option,
)
from a2ibench.errors import UserError

OF_FOLDERS = ("reference", "sounds", "clips")
"""Names of the options that only two folders take."""
OF_BOTH = ("resize", "out", "metrics", "executor", "ray_address", "verbose", "plugins")


class _TwoForms(click.Command):
    """A command whose help lists the options of each form apart."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; see click."""
        titles = ("Options for REAL and FAKE", "Options for --dataset", "Options for both")
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in titles}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                shared = parameter.name in OF_BOTH or "--help" in parameter.opts
                groups[titles[2 if shared else parameter.name not in OF_FOLDERS]].append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


@click.command(cls=_TwoForms)
@click.argument("folders", nargs=-1, metavar="[REAL] [FAKE]", type=click.Path(path_type=Path))
@path_option(
    "--reference",
    metavar="FILE",
    help="File of the judges' outputs for REAL: written when REAL is given, otherwise read.",
)
@path_option(
    "--sounds",
    metavar="DIR",
    help="Folder of the sounds that FAKE was drawn for, for metrics whose judges hear.",
)
@click.option(
    "--clips",
    metavar="REGEX",
    help="Pattern that finds the clip in a name of REAL and FAKE: its first group, or all of it."
    "  [default: the name without its last number, as far as that makes clips]",
)
@dataset_option("--dataset", help="Dataset whose test split the images were drawn for.")
@path_option(
    "--images",
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
    help="Folder of the results: a study, without --into; for REAL and FAKE, the table and"
    " images.csv.  [default: studies/DATASET-outside; for REAL and FAKE none]",
)
@click.option(
    "--resize",
    is_flag=True,
    help="Resize images that have another size: the middle square, antialiased.",
)
@click.option("--replace", is_flag=True, help="Replace the row of that name.")
@encoder_option
@scale_option("Image size of a dataset that is prepared by name.")
@set_option("Set an option of the dataset or encoder. Repeatable.")
@metric_option
@executor_option(
    "process",
    "Executor whose workers encode sounds and embed images: processes of this machine where there"
    " are many, this process alone (inline), or a Ray cluster, which pays off from a few thousand.",
)
@ray_address_option
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
@click.pass_context
def evaluate(
    ctx: click.Context,
    folders: tuple[Path, ...],
    reference: Path | None,
    sounds: Path | None,
    clips: str | None,
    dataset: str | None,
    images: tuple[Path, ...],
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
    executor: str,
    ray_address: str | None,
    export_list: Path | None,
    export_sounds: Path | None,
    verbose: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Score pictures that any system drew, against real ones: two folders, or a dataset's sounds.

    \b
    a2ibench evaluate REAL/ FAKE/
    a2ibench evaluate FAKE/ --reference FILE
    a2ibench evaluate --dataset NAME|DIR --images FOLDER

    Two folders need no dataset: a picture of FAKE has the name of its partner in REAL, sub-folder
    included, whatever the suffix; sub-folders are classes. Metrics whose judge is trained on a
    dataset, or that need its training images, are left out.

    For a dataset, images of its test sounds stand beside the reference rows of a study. An image is
    called <row>.png, after the row of its test segment (--export-list writes the list). Further
    images of a segment are <row>_1.png, <row>_2.png, …; images with the same number are drawn from
    the same noise. Diversity and sensitivity need four images of each segment that the list names.
    """
    _check_form(ctx)
    if dataset is None:
        load_plugins(plugins)
        from a2ibench.folders.report import check_out, show_scores
        from a2ibench.folders.scores import Folders, score_folders

        if out is not None:
            check_out(out)
        *real, fake = folders
        asked = Folders(real[0] if real else None, fake, reference, sounds, metrics, clips, resize)
        display = make_display(verbose)
        with open_workers(executor, ray_address, display):
            scored = score_folders(asked, display)
        show_scores(scored, display)
        if out is not None:
            scored.save(out)
            display.say(f"table and images.csv: {out}")
        return
    if into is not None and (out is not None or metrics):
        raise UserError("--into: the study's folder and metrics are taken; drop --out and --metric")
    exports = export_list is not None or export_sounds is not None
    if exports == bool(images):
        raise UserError("give either --images, or --export-list or --export-sounds")
    loaded = load_plugins(plugins)
    from a2ibench.reporting.report import PAGE
    from a2ibench.runs.outside_system import Outside, evaluate_outside, export, join
    from a2ibench.study.request import Request

    request = Request(
        models=(),
        dataset=dataset,
        encoder=encoder,
        seeds=max(1, len(images)),
        scale=scale,
        settings=read_settings(settings),
        metrics=metrics,
        folder=out or Path("studies") / f"{Path(dataset).name}-outside",
        plugins=loaded,
    )
    if into is not None:
        request = join(into, request, own_encoder=not is_given(ctx, "encoder"))
    display = make_display(verbose)
    if exports:
        export(request, export_list, export_sounds, display)
        return
    row = name or images[0].resolve().name
    with open_workers(executor, ray_address, display):
        evaluate_outside(request, Outside(row, images, mapping, resize, replace), display)
    display.say(f"page: {request.folder}/{PAGE}; tables, pictures: {request.folder}/tables")


def _check_form(ctx: click.Context) -> None:
    """Refuse a mixture of the two forms of the command, and a form that is not whole."""
    given = [parameter for parameter in ctx.command.params if is_given(ctx, parameter.name or "")]
    names = {parameter.name: parameter.opts[0] for parameter in given}
    folders = ctx.params["folders"]
    if "dataset" in names:
        wrong = [names[name] for name in OF_FOLDERS if name in names]
        if folders or wrong:
            what = ", ".join([*map(str, folders), *wrong])
            raise UserError(f"--dataset: takes --images FOLDER, and no {what}")
        return
    if not folders:
        raise UserError("give two folders, REAL and FAKE, or --dataset and --images")
    if len(folders) > 2 or (len(folders) < 2 and "reference" not in names):
        raise UserError(
            f"expected two folders, REAL and FAKE, or FAKE and --reference FILE; got {len(folders)}"
        )
    mine = {"folders", *OF_FOLDERS, *OF_BOTH}
    if wrong := [option for name, option in names.items() if name not in mine]:
        raise UserError(f"{', '.join(wrong)}: only with --dataset")
