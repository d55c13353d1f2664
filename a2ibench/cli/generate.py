"""``a2ibench generate``: pictures for any sound."""

from pathlib import Path

import click

from a2ibench.cli.options import arm_option, load_plugins, plugin_option, seed_option
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
    help="Pictures a sound.",
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
    help="A folder a sound is made in it.",
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
    plugins: tuple[Path, ...],
) -> None:
    """Draw pictures for any sound (wav, mp3, flac, ogg, …).

    RUN is a study's folder, or that of one of its jobs.
    """
    load_plugins(plugins)
    from a2ibench.data.audio import read_sound
    from a2ibench.study.generate import find_run, generate, save_pictures

    folder = find_run(run_folder, arm, seed)
    stems = [sound.stem for sound in sounds]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise UserError(
            f"two sounds are called {twice.pop()!r}: draw them into two folders (--out)"
        )
    for sound in sounds:
        read_sound(sound)  # all of them, before anything is drawn
    for sound in sounds:
        images, notes = generate(folder, sound, count, noise_seed)
        path = save_pictures(images, out / sound.stem)
        for note in notes:
            click.echo(f"note: {note}")
        click.echo(f"{sound.name}: {count} pictures: {path}")
