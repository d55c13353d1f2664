"""The command line: parse, call, print. One file a command or a group of them."""

import sys
from typing import Any

import click

from a2ibench import __version__
from a2ibench.cli.compare import compare
from a2ibench.cli.data import data
from a2ibench.cli.encoders import encoders
from a2ibench.cli.evaluate import evaluate
from a2ibench.cli.generate import generate
from a2ibench.cli.human_study import human_study
from a2ibench.cli.mirror import mirror
from a2ibench.cli.registered import list_, show
from a2ibench.cli.report import report
from a2ibench.cli.run import run
from a2ibench.cli.sweep import sweep
from a2ibench.errors import UserError

INTERRUPTED = 130


class _Group(click.Group):
    """Prints a :class:`UserError` as one line and exits with 2, as click does for wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, OSError) as error:
            # An OSError names the file and what is wrong with it: no such folder, a full disk.
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted: the same command goes on where it was", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Which method draws the better picture for a sound, and why?

    Methods, datasets, encoders, judges and metrics are plug-ins that share everything else.
    """


COMMANDS = (
    run, report, compare, generate, evaluate, sweep, human_study, mirror, data, encoders, list_,
    show,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
