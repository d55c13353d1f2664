"""Options that several commands share, and the display."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from a2ibench.cli.completion import names
from a2ibench.errors import UserError

if TYPE_CHECKING:
    from a2ibench.runs.display import Display

F = TypeVar("F", bound=Callable[..., Any])

FAILED = 1
"""The exit code where a job failed, or a study had to stop."""

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="A file of your own that registers models, metrics, … Repeatable.",
)
arm_option = click.option(
    "--arm", help='Of a study: "ours", "ours - consistency".  [default: its first model]'
)
seed_option = click.option(
    "--seed", default=0, show_default=True, help="Of a study: which training seed."
)
encoder_option = click.option(
    "--encoder",
    default="soundnet8",
    show_default=True,
    shell_complete=names("encoder"),
    help="The acoustic feature.",
)
metric_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME|all",
    shell_complete=names("metric", also=("all",)),
    help="Repeatable.  [default: the headline metrics that data and judges allow]",
)
ray_address_option = click.option("--ray-address", help="Of a running Ray cluster.")


def scale_option(text: str | None = None) -> Callable[[F], F]:
    """Make ``--scale``."""
    scales = click.Choice(["small", "paper"])
    return click.option("--scale", default="small", show_default=True, type=scales, help=text)


def set_option(text: str) -> Callable[[F], F]:
    """Make ``--set OWNER.FIELD=VALUE``."""
    pattern = "OWNER.FIELD=VALUE"
    return click.option("--set", "settings", multiple=True, metavar=pattern, help=text)


def earlier_option(command: F) -> F:
    """Add ``--recompute`` and ``--keep``: what becomes of results of earlier code."""
    keep = click.option(
        "--keep",
        "earlier",
        flag_value="keep",
        help="Keep results of earlier code, marked in every table.",
    )(command)
    return click.option(
        "--recompute",
        "earlier",
        flag_value="recompute",
        help="Compute again what earlier code computed.",
    )(keep)


def load_plugins(plugins: tuple[Path, ...]) -> tuple[Path, ...]:
    """Runs the files of ``--plugin`` and returns their whole paths."""
    from a2ibench.registry import load_plugin_file

    for path in plugins:
        load_plugin_file(path)
    return tuple(path.resolve() for path in plugins)


def read_settings(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """``OWNER.FIELD=VALUE`` … → owner → field → value."""
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        owner, dot, field = name.rpartition(".")
        if not (equals and dot and owner and field):
            raise UserError(f"--set {text}: expected OWNER.FIELD=VALUE, as in ours.lambda_con=0.1")
        settings.setdefault(owner, {})[field] = value
    return settings


def read_fields(texts: tuple[str, ...]) -> dict[str, str]:
    """``FIELD=VALUE`` … → field → value, where a command has one owner."""
    fields: dict[str, str] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not (equals and field.isidentifier()):
            raise UserError(f"--set {text}: expected FIELD=VALUE, as in seconds=2")
        fields[field] = value
    return fields


def merge_settings(
    file: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Those of a study's file, under those of the command line."""
    owners = dict.fromkeys([*file, *given])
    return {owner: {**file.get(owner, {}), **given.get(owner, {})} for owner in owners}


def verbose_option(command: F) -> F:
    """Adds ``--verbose`` to a command that prints tables."""
    return click.option(
        "--verbose",
        is_flag=True,
        help="Print all tables with their captions, and why each metric is left out.",
    )(command)


def make_display(verbose: bool = False) -> "Display":
    """Progress on this terminal, or in lines where it is none."""
    from a2ibench.console import Console
    from a2ibench.runs.display import Display

    return Display(Console(), verbose)
