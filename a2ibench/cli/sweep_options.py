"""Options of ``a2ibench sweep``: the change, and what to do with the changed sounds."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from a2ibench.cli.options import F, is_given
from a2ibench.errors import UserError

if TYPE_CHECKING:
    from a2ibench.generator.sound_changes import Change, Kind

NUMBERS = {
    "volume": ("V,…", "Factors to multiply the samples by, such as 0.5,1,2,3."),
    "noise": ("DB,…", "Signal-to-noise ratios at which to add white noise."),
    "pitch": ("SEMITONES,…", "Semitones to raise the pitch by, such as -12,-6,0,6,12."),
    "tempo": ("V,…", "Factors of the tempo, at the same pitch, such as 0.5,0.75,1,1.5,2."),
    "reverberation": ("SECONDS,…", "Times (RT60) in which a room's sound decays, as in 0,0.5,1,2."),
}
"""Changes whose levels are an option: what it takes, and its help."""
OUTSIDE = {
    "arm": "--arm",
    "seed": "--seed",
    "budget": "--budget",
    "count": "-n",
    "noise_seed": "--noise-seed",
}
"""Options of a run's pictures, which an outside system draws itself."""


def level_options(command: F) -> F:
    """Add an option for each change of :data:`NUMBERS`."""
    for name, (metavar, text) in reversed(NUMBERS.items()):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command


def check_options(context: click.Context, changes: set[str], sounds: bool) -> None:
    """Check that the options belong to one thing to do.

    Raises:
        UserError: they do not.
    """
    asked = context.params
    export, images = asked["export_sounds"] is not None, asked["images"] is not None
    if export and images:
        raise UserError("--export-sounds writes sounds, --images reads pictures: give one of them")
    if not images and (asked["judged_by"] is not None or is_given(context, "name")):
        raise UserError("--judged-by and --name belong to --images")
    if images and (sounds or changes or asked["ratios"] or asked["steps"]):
        raise UserError(
            "--images takes the folder of exported sounds, which names the change and the sounds,"
            " and neither of them again"
        )
    ignored = [name for name in OUTSIDE if is_given(context, name)]
    if export and "noise_seed" in ignored and changes & {"noise", "reverberation"}:
        ignored.remove("noise_seed")
    if export and is_given(context, "out"):
        raise UserError("--out: of no use here: --export-sounds names the folder")
    if (export or images) and ignored:
        options = ", ".join(OUTSIDE[one] for one in ignored)
        raise UserError(f"{options}: of no use here: the system outside draws the pictures")
    if not images and len(changes) != 1:
        *names, last = (f"--{one}" for one in (*NUMBERS, "mix", "interpolate"))
        raise UserError(f"give one of {', '.join(names)} and {last}")
    if not (export or images or sounds):
        raise UserError("give sounds behind RUN; or --export-sounds, or --images")


def make_change(
    kind: str,
    levels: str | None,
    mix: Path | None,
    ratios: str | None,
    interpolate: Path | None,
    steps: int | None,
    seed: int,
) -> "Change":
    """Return the change of the options of its ``kind``."""
    import numpy as np

    from a2ibench.generator.sound_changes import Change

    if mix is not None:
        return Change("mix", _numbers("--ratios", ratios or "0,0.25,0.5,0.75,1"), mix)
    if interpolate is not None:
        return Change(
            "interpolate", tuple(np.linspace(0, 1, steps or 9).round(6).tolist()), interpolate
        )
    return Change(cast("Kind", kind), _numbers(f"--{kind}", levels or ""), seed=seed)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} {text}: expected numbers, as in 0.5,1,2,3") from None
