"""``a2ibench generate``: pictures for any sound."""

import sys
from pathlib import Path

import click

from a2ibench.cli.options import FAILED, arm_option, load_plugins, plugin_option, seed_option
from a2ibench.errors import UserError


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument(
    "sounds", metavar="SOUND...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-n",
    "count",
    default=8,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Pictures per sound, or per window of it.",
)
@arm_option
@seed_option
@click.option(
    "--noise-seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Fixes the noise.",
)
@click.option(
    "--out",
    default=Path("generated"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder in which each sound gets one of its own.",
)
@click.option(
    "--every",
    type=float,
    metavar="SECONDS",
    help="Draw a row of pictures for each window of this length, for long sounds.  [default: all"
    " of a sound is heard at once]",
)
@plugin_option
def generate(
    run_folder: Path,
    sounds: tuple[Path, ...],
    count: int,
    arm: str | None,
    seed: int,
    noise_seed: int,
    out: Path,
    every: float | None,
    plugins: tuple[Path, ...],
) -> None:
    """Draw pictures for any sound (wav, mp3, flac, ogg, …).

    RUN is a study's folder, or that of one of its jobs. A sound that cannot be used is named, the
    others are drawn, and the exit code is 1. Files that this command did not write are never
    replaced.
    """
    load_plugins(plugins)
    from a2ibench.generator.choose import describe_choice, find_run
    from a2ibench.generator.generate import draw_rows, open_run
    from a2ibench.generator.pictures import ALL, RECORD, names_of, save_pictures
    from a2ibench.printable import printable
    from a2ibench.results.recorded_files import check_free, safe_name

    folder = find_run(run_folder, arm, seed)
    names = [safe_name(sound.stem) for sound in sounds]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"two sounds are called {twice.pop()!r}: draw them into two folders (--out)"
        )
    run = open_run(folder)
    click.echo(f"drawn by {describe_choice(run_folder, arm, seed)}")
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
