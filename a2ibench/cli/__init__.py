"""The command line: parse, call, print. One file a command or a group of them."""

import atexit
import gc
import signal
import sys
from types import FrameType
from typing import Any

import click

from a2ibench import __version__
from a2ibench.cli.check import check
from a2ibench.cli.compare import compare
from a2ibench.cli.completion import completion
from a2ibench.cli.data import data
from a2ibench.cli.demo import demo
from a2ibench.cli.doctor import doctor
from a2ibench.cli.encoders import encoders
from a2ibench.cli.evaluate import evaluate
from a2ibench.cli.export import export
from a2ibench.cli.generate import generate
from a2ibench.cli.human_study import human_study
from a2ibench.cli.mirror import mirror
from a2ibench.cli.new import new
from a2ibench.cli.options import FAILED
from a2ibench.cli.registered import list_, show
from a2ibench.cli.report import report
from a2ibench.cli.run import run
from a2ibench.cli.status import status
from a2ibench.cli.sweep import sweep
from a2ibench.cli.tune import tune
from a2ibench.errors import StoppedError, UserError
from a2ibench.storage import is_full

# What is still there at the end goes with the process; to search it for cycles first takes half a
# second where torch is imported.
atexit.register(gc.freeze)

INTERRUPTED = 130
GOES_ON = "what is done is kept, and the same command goes on where it was"


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Does what Ctrl-C would; a shell has its background jobs ignore that signal itself."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


class _Group(click.Group):
    """Prints a :class:`UserError` as one line and exits with 2, as click does for wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        # What a cluster's scheduler sends before it kills: ends as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return super().invoke(ctx)
        except StoppedError as error:
            click.echo(f"stopped: {error}; {GOES_ON}", err=True)
            sys.exit(FAILED)
        except BrokenPipeError:
            raise  # click ends quietly: `a2ibench list | head`
        except (UserError, OSError) as error:
            if is_full(error):
                click.echo(f"stopped: {error}; {GOES_ON}", err=True)
                sys.exit(FAILED)
            # An OSError names the file and what is wrong with it: no such folder, a full disk.
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo(f"interrupted: {GOES_ON}", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Which method draws the better picture for a sound, and why?

    Methods, datasets, encoders, judges and metrics are plug-ins that share everything else.
    """


COMMANDS = (
    run, status, tune, report, compare, generate, demo, export, evaluate, sweep, human_study,
    mirror, data, encoders, list_, show, new, check, doctor, completion,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
