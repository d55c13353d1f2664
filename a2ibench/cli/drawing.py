"""Arguments and options of the commands that draw with a trained model."""

from collections.abc import Callable
from pathlib import Path

import click

from a2ibench.cli.options import F
from a2ibench.errors import UserError

PATH = click.Path(path_type=Path)

run_argument = click.argument("run_folder", metavar="RUN", type=PATH)
sounds_argument = click.argument("sounds", metavar="SOUND...", nargs=-1, required=True, type=PATH)


def count_option(text: str) -> Callable[[F], F]:
    """Make ``-n``."""
    kind = click.IntRange(1, 1000)
    return click.option("-n", "count", default=8, show_default=True, type=kind, help=text)


def noise_seed_option(text: str) -> Callable[[F], F]:
    """Make ``--noise-seed``."""
    kind = click.IntRange(min=0)
    return click.option("--noise-seed", default=0, show_default=True, type=kind, help=text)


def out_option(default: str, text: str) -> Callable[[F], F]:
    """Make ``--out``."""
    return click.option("--out", default=Path(default), show_default=True, type=PATH, help=text)


def name_sounds(sounds: tuple[Path, ...], advice: str) -> list[str]:
    """Return a file name for each sound.

    Raises:
        UserError: two sounds get the same name; the message ends with the advice.
    """
    from a2ibench.results.recorded_files import safe_name

    names = [safe_name(sound.stem) for sound in sounds]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"two sounds are called {twice.pop()!r}: {advice}")
    return names
