"""``a2ibench sweep``: measure how pictures change with the sound."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from a2ibench.cli import drawing
from a2ibench.cli.options import (
    FAILED,
    arm_option,
    load_plugins,
    make_display,
    plugin_option,
    seed_option,
)
from a2ibench.errors import UserError

if TYPE_CHECKING:
    from a2ibench.generator.sound_changes import Change
    from a2ibench.generator.sweep import Finding
    from a2ibench.runs.progress_display import Display


@click.command()
@drawing.run_argument
@drawing.sounds_argument
@click.option(
    "--volume", metavar="V,…", help="Factors to multiply the samples by, such as 0.5,1,2,3."
)
@click.option("--noise", metavar="DB,…", help="Signal-to-noise ratios at which to add white noise.")
@click.option(
    "--mix",
    type=drawing.PATH,
    metavar="SOUND",
    help="Sound whose waveform to mix in, at the same loudness.",
)
@click.option(
    "--ratios", metavar="R,…", help="Shares that the sound of --mix takes.  [default: 0,0.25,…,1]"
)
@click.option(
    "--interpolate",
    type=drawing.PATH,
    metavar="SOUND",
    help="Sound whose acoustic feature to approach, along a straight line.",
)
@click.option(
    "--steps",
    type=click.IntRange(2, 1000),
    help="Number of levels of --interpolate, both ends included.  [default: 9]",
)
@arm_option
@seed_option
@drawing.count_option("Number of noises, that is, of pictures per level.")
@drawing.noise_seed_option("Seed of the pictures' noise, the same at every level, and of --noise.")
@drawing.out_option("sweep", "Folder to write; the files of an earlier sweep in it are replaced.")
@plugin_option
def sweep(
    run_folder: Path,
    sounds: tuple[Path, ...],
    volume: str | None,
    noise: str | None,
    mix: Path | None,
    ratios: str | None,
    interpolate: Path | None,
    steps: int | None,
    arm: str | None,
    seed: int,
    count: int,
    noise_seed: int,
    out: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Change sounds step by step, and measure how the pictures of a run change.

    Choose one of --volume, --noise, --mix and --interpolate. Samples beyond ±1 are not clipped. A
    sound that cannot be used is reported and left out, and the exit code is 1.
    """
    asked = {"volume": volume, "noise": noise, "mix": mix, "interpolate": interpolate}
    if sum(value is not None for value in asked.values()) != 1:
        raise UserError("give one of --volume, --noise, --mix and --interpolate")
    if (ratios is not None and mix is None) or (steps is not None and interpolate is None):
        raise UserError("--ratios belongs to --mix, --steps to --interpolate")
    load_plugins(plugins)
    import numpy as np

    from a2ibench.generator.select_model import find_run
    from a2ibench.generator.sound_changes import Change
    from a2ibench.generator.sweep import check_out, sweep, write_sweep

    drawing.name_sounds(sounds, "rename one of them")
    if volume is not None:
        change = Change("volume", _numbers("--volume", volume))
    elif noise is not None:
        change = Change("noise", _numbers("--noise", noise), seed=noise_seed)
    elif mix is not None:
        change = Change("mix", _numbers("--ratios", ratios or "0,0.25,0.5,0.75,1"), mix)
    else:
        levels = tuple(np.linspace(0, 1, steps or 9).round(6).tolist())
        change = Change("interpolate", levels, interpolate)
    choice = find_run(run_folder, arm, seed)
    check_out(sounds, out)
    display = make_display()
    display.say(f"drawn by {choice.description}")
    with display.running():
        swept, findings, notes, left_out = sweep(
            choice.folder, sounds, change, count, noise_seed, display.counter("sweeping")
        )
    write_sweep(swept, findings, change, choice.folder, out)
    _print(findings, change, display)
    for note in notes:
        display.say(f"note: {note}")
    display.say(f"curves, correlations, figure, strips of pictures: {out}")
    for error in left_out:
        click.echo(f"error: left out: {error}", err=True)
    if left_out:
        sys.exit(FAILED)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text}: expected numbers, as in 0.5,1,2,3") from None


def _print(findings: "list[Finding]", change: "Change", display: "Display") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("sound", "measure", "ρ", "95 %", "p", "n")
    for one in findings:
        found = one.correlation
        ends = "–" if found.low is None else f"[{found.low:+.2f}, {found.high:+.2f}]"
        rho = "–" if found.rho is None else f"{found.rho:+.2f}"
        p = "–" if found.p is None else f"{found.p:.3f}"
        table.add_row(Text(one.sound), Text(one.measure), rho, ends, p, str(found.cases))
    display.console.print(table, markup=False)
    display.say(
        f"ρ: Spearman's, over {len(change.levels)} levels of {change.kind}; distance and changed"
        " against the level's distance from the unchanged sound, the others against the level."
        " 95 %: over the n noises (all sounds: over the n sounds). p: by permuting the levels, at"
        " least about 2 / levels!; not corrected for the number of measures."
    )
