"""``a2ibench generate``: draw pictures for any sound."""

import sys
from pathlib import Path

import click

from a2ibench.cli import drawing
from a2ibench.cli.options import (
    FAILED,
    arm_option,
    budget_option,
    load_plugins,
    plugin_option,
    seed_option,
)
from a2ibench.errors import UserError


@click.command()
@drawing.run_argument
@drawing.sounds_argument
@drawing.count_option("Number of pictures per sound, or per window of it.")
@arm_option
@seed_option
@budget_option()
@drawing.noise_seed_option("Seed of the noise.")
@drawing.out_option("generated", "Folder in which each sound gets a folder of its own.")
@click.option(
    "--every",
    type=float,
    metavar="SECONDS",
    help="Length of the windows of a long sound; each gets a row of pictures.  [default: draw for"
    " the whole sound at once]",
)
@plugin_option
def generate(
    run_folder: Path,
    sounds: tuple[Path, ...],
    count: int,
    arm: str | None,
    seed: int | None,
    budget: int | None,
    noise_seed: int,
    out: Path,
    every: float | None,
    plugins: tuple[Path, ...],
) -> None:
    """Draw pictures for any sound (wav, mp3, flac, ogg, …).

    RUN is the folder of a study or of one of its jobs. A sound that cannot be used is reported, the
    others are drawn, and the exit code is 1. Only files that this command wrote are overwritten.
    """
    load_plugins(plugins)
    from a2ibench.generator.generate import draw_rows, open_run
    from a2ibench.generator.pictures import ALL, RECORD, names_of, save_pictures
    from a2ibench.generator.select_model import find_run
    from a2ibench.printable import printable
    from a2ibench.results.recorded_files import check_free

    choice = find_run(run_folder, arm, seed, budget)
    names = drawing.name_sounds(sounds, "draw them into two folders (--out)")
    run = open_run(choice.folder)
    click.echo(f"drawn by {choice.description}")
    told: set[str] = set()
    failed: list[UserError] = []
    for sound, name in zip(sounds, names, strict=True):
        try:
            check_free(out / name, RECORD, [*names_of([None], count), ALL])
            rows, notes = draw_rows(run, sound, count, noise_seed, every)
            about = {
                "sound": printable(sound.name),
                "job": run.result.key,
                "noise_seed": noise_seed,
                "every": every,
            }
            path = save_pictures(rows, out / name, about)
        except UserError as error:
            failed.append(error)
            if len(sounds) > 1:
                click.echo(f"error: {error}", err=True)
            continue
        for note in notes:
            if note not in told:
                click.echo(f"note: {note}")
        told.update(notes)
        rows_of = f" in {len(rows)} rows" if len(rows) > 1 else ""
        drawn = len(rows) * count
        pictures = f"{drawn} picture{'s' if drawn > 1 else ''}{rows_of}"
        click.echo(f"{sound.name}: {pictures}: {path}")
    if len(failed) == len(sounds):
        raise UserError(str(failed[0]) if len(sounds) == 1 else "no sound could be used")
    if failed:
        click.echo(f"{len(failed)} of {len(sounds)} sounds were left out", err=True)
        sys.exit(FAILED)
