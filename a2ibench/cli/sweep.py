"""``a2ibench sweep``: measure how pictures change with the sound."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from a2ibench.cli import drawing
from a2ibench.cli.options import (
    FAILED,
    arm_option,
    budget_option,
    load_plugins,
    make_display,
    plugin_option,
    seed_option,
)
from a2ibench.cli.sweep_options import check_options, level_options, make_change
from a2ibench.errors import UserError, counted

if TYPE_CHECKING:
    from a2ibench.generator.select_model import Choice
    from a2ibench.generator.sound_changes import Change
    from a2ibench.generator.sweep import Finding
    from a2ibench.runs.progress_display import Display


@click.command()
@click.argument("run_folder", metavar="RUN", type=drawing.PATH)
@click.argument("sounds", metavar="SOUND...", nargs=-1, type=drawing.PATH)
@level_options
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
@budget_option()
@drawing.count_option("Number of noises, that is, of pictures per level.")
@drawing.noise_seed_option(
    "Seed of the pictures' noise, the same at every level, of --noise, and of the room of"
    " --reverberation."
)
@click.option(
    "--export-sounds",
    type=drawing.PATH,
    metavar="DIR",
    help="Write the changed sounds for an outside system; omit RUN.",
)
@click.option(
    "--images",
    type=drawing.PATH,
    metavar="DIR",
    help="Measure the pictures that an outside system drew for the exported sounds in RUN.",
)
@click.option("--name", default="outside system", help="Name of the system of --images.")
@click.option(
    "--judged-by",
    type=drawing.PATH,
    metavar="RUN",
    help="Run whose study's classifier gives the class posterior of --images.  [default: none]",
)
@drawing.out_option("sweep", "Folder to write; the files of an earlier sweep in it are replaced.")
@plugin_option
@click.pass_context
def sweep(
    context: click.Context,
    /,
    run_folder: Path,
    sounds: tuple[Path, ...],
    mix: Path | None,
    ratios: str | None,
    interpolate: Path | None,
    steps: int | None,
    arm: str | None,
    seed: int | None,
    budget: int | None,
    count: int,
    noise_seed: int,
    export_sounds: Path | None,
    images: Path | None,
    name: str,
    judged_by: Path | None,
    out: Path,
    plugins: tuple[Path, ...],
    **levels: str | None,
) -> None:
    """Change sounds step by step, and measure how the pictures of a run change.

    Choose one of --volume, --noise, --pitch, --tempo, --reverberation, --mix and --interpolate.
    Samples beyond ±1 are not clipped. A sound that cannot be used is reported and left out, and the
    exit code is 1.

    An outside system takes part in two steps: "sweep SOUND... --pitch=-12,0,12 --export-sounds DIR"
    writes the changed sounds, and "sweep DIR --images PICTURES" measures what it drew for them.
    """
    given = {option for option, value in levels.items() if value is not None}
    given |= {o for o, v in (("mix", mix), ("interpolate", interpolate)) if v is not None}
    check_options(context, given, bool(sounds))
    load_plugins(plugins)
    from a2ibench.generator.select_model import find_run

    display = make_display()
    if images is not None:
        _measure_outside(run_folder, images, name, judged_by, out, display)
        return
    if (ratios is not None and mix is None) or (steps is not None and interpolate is None):
        raise UserError("--ratios belongs to --mix, --steps to --interpolate")
    (kind,) = given
    change = make_change(kind, levels.get(kind), mix, ratios, interpolate, steps, noise_seed)
    if export_sounds is not None:
        left_out = _export((run_folder, *sounds), change, export_sounds, display)
    else:
        choice = find_run(run_folder, arm, seed, budget)
        left_out = _sweep(choice, sounds, change, count, noise_seed, out, display)
    for error in left_out:
        click.echo(f"error: left out: {error}", err=True)
    if left_out:
        sys.exit(FAILED)


def _sweep(
    choice: "Choice",
    sounds: tuple[Path, ...],
    change: "Change",
    count: int,
    noise_seed: int,
    out: Path,
    display: "Display",
) -> list[UserError]:
    """Sweep with a run, and return why sounds are left out."""
    from a2ibench.generator.sweep import check_out, sweep, write_sweep

    names = drawing.name_sounds(sounds, "rename one of them")
    check_out(names, out)
    display.say(f"drawn by {choice.description}")
    with display.running():
        swept, findings, notes, left_out = sweep(
            choice.folder, sounds, change, count, noise_seed, display.counter("sweeping")
        )
    write_sweep(swept, findings, change, {"job": choice.folder.resolve().name}, out)
    _say(findings, change, notes, out, display)
    return left_out


def _export(
    sounds: tuple[Path, ...], change: "Change", folder: Path, display: "Display"
) -> list[UserError]:
    """Write changed sounds, and return why sounds are left out."""
    from a2ibench.generator.outside_sweep import LIST, check_out, export_sounds

    names = drawing.name_sounds(sounds, "rename one of them")
    check_out(names, change, folder)
    with display.running():
        count, notes, left_out = export_sounds(sounds, change, folder, display.counter("changing"))
    for note in notes:
        display.say(f"note: {note}")
    display.say(
        f"{counted(count, 'sound')}, each unchanged and at"
        f" {counted(len(change.levels), 'level')} of {change.kind}: {folder};"
        f" {folder / LIST} names the picture that is expected for each file"
    )
    return left_out


def _measure_outside(
    exported: Path, images: Path, name: str, judged_by: Path | None, out: Path, display: "Display"
) -> None:
    from a2ibench.generator.outside_sweep import read_exported, score_pictures
    from a2ibench.generator.select_model import find_run
    from a2ibench.generator.sweep import check_out, write_sweep

    sent = read_exported(exported)
    check_out(sent.sounds, out)
    judge = None if judged_by is None else find_run(judged_by, None).folder
    with display.running():
        swept, findings, notes = score_pictures(
            sent, images, name, judge, display.counter("reading pictures")
        )
    write_sweep(swept, findings, sent.change, {"system": name}, out)
    _say(findings, sent.change, notes, out, display)


def _say(
    findings: "list[Finding]", change: "Change", notes: list[str], out: Path, display: "Display"
) -> None:
    from a2ibench.generator.sweep import shown_levels

    _print(findings, change, display)
    for note in notes:
        display.say(f"note: {note}")
    every, shown = len(change.levels), len(shown_levels(len(change.levels)))
    of = f" (of {shown} of the {every} levels)" if shown < every else ""
    display.say(f"curves, correlations, figure, strips of pictures{of}: {out}")


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
