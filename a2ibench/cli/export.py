"""``a2ibench export``: write a trained generator for other programs."""

import sys
from pathlib import Path

import click

from a2ibench.cli.drawing import PATH, run_argument
from a2ibench.cli.options import (
    FAILED,
    arm_option,
    budget_option,
    load_plugins,
    plugin_option,
    seed_option,
)


@click.command()
@run_argument
@click.option("--out", required=True, type=PATH, metavar="FOLDER", help="New folder to write.")
@arm_option
@seed_option
@budget_option()
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("torchscript",),
    show_default=True,
    type=click.Choice(["torchscript", "onnx"]),
    help="Format to write. Repeatable; onnx needs the extra `export`.",
)
@click.option("--licence", default="", metavar="TEXT", help="Licence to state in generator.json.")
@plugin_option
def export(
    run_folder: Path,
    out: Path,
    arm: str | None,
    seed: int | None,
    budget: int | None,
    formats: tuple[str, ...],
    licence: str,
    plugins: tuple[Path, ...],
) -> None:
    """Write a trained generator as TorchScript or ONNX, with a description of it.

    RUN is the folder of a study or of one of its jobs. The files are compared with the original on
    random features and noises; if they draw something else, nothing is kept and the exit code is 1.
    Reference rows are no generators and cannot be exported.
    """
    if "onnx" in formats:
        from a2ibench.extras import require

        require("export", "the format onnx")
    load_plugins(plugins)
    from a2ibench.generator.export import ABOUT, TOLERANCE, ExportError, export_run
    from a2ibench.generator.select_model import find_run

    formats = tuple(dict.fromkeys(formats))
    choice = find_run(run_folder, arm, seed, budget)
    click.echo(f"exporting {choice.description}")
    try:
        about = export_run(choice.folder, out, formats, licence)
    except ExportError as error:
        click.echo(f"error: {error}; nothing was written", err=True)
        sys.exit(FAILED)
    for name in formats:
        seen = about["parity"][name]
        click.echo(
            f"{out / about['generator'][name]}: {seen['equal_values']:.3%} of the values equal the"
            f" original's, none differs by more than {seen['largest_difference']} of 255"
            f" ({TOLERANCE} is allowed)"
        )
    click.echo(f"{out / ABOUT}: description, inputs and outputs, hashes")
