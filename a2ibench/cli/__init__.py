"""The command line: parse, call, print. One file per command or command group."""

import atexit
import gc
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

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
from a2ibench.cli.leaderboard import leaderboard
from a2ibench.cli.mirror import mirror
from a2ibench.cli.new import new
from a2ibench.cli.options import FAILED
from a2ibench.cli.power import power
from a2ibench.cli.registered import list_, show
from a2ibench.cli.report import report
from a2ibench.cli.results import results
from a2ibench.cli.run import run
from a2ibench.cli.status import status
from a2ibench.cli.sweep import sweep
from a2ibench.cli.tune import tune
from a2ibench.errors import StoppedError, UserError, told
from a2ibench.printable import guarded_output
from a2ibench.storage import is_full

# The process frees its memory when it ends; searching it for cycles first takes half a second where
# torch is imported.
atexit.register(gc.freeze)

WRONG_USAGE, INTERRUPTED = 2, 130
RESUME = "finished work is kept; re-run the same command to resume"


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does. (A shell makes its background jobs ignore Ctrl-C's own signal.)"""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def _ended_by_others(error: BaseException) -> str | None:
    """Return the file and line of foreign code that ended the command, such as a plug-in that calls
    ``sys.exit``; None where the command ended itself."""
    *_, last = traceback.walk_tb(error.__traceback__)
    frame, line = last
    if str(frame.f_globals.get("__name__", "")).startswith(__name__):
        return None
    return f"{frame.f_code.co_filename}, line {line}"


def _end(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


class _Group(click.Group):
    """Prints a :class:`UserError` as one line and exits with 2, as click does for wrong usage."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command as click does, with everything that is printed made printable."""
        with guarded_output():
            return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        # A cluster's scheduler sends SIGTERM before it kills; it ends the command as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return super().invoke(ctx)
        except StoppedError as error:
            _end(f"stopped: {error}; {RESUME}", FAILED)
        except BrokenPipeError:
            raise  # click ends quietly: `a2ibench list | head`
        except (UserError, OSError) as error:
            if is_full(error):
                _end(f"stopped: {error}; {RESUME}", FAILED)
            # An OSError names the file and what is wrong with it: no such folder, a full disk.
            _end(f"error: {error}", WRONG_USAGE)
        except UnicodeEncodeError as error:
            what = f"this environment's encoding ({error.encoding}); set PYTHONUTF8=1"
            _end(f"error: {error.object!r} cannot be written in {what}", WRONG_USAGE)
        except MemoryError as error:
            why = f"not enough memory ({told(error)}); choose smaller options or data"
            _end(f"stopped: {why}", FAILED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:  # in this code or in a plug-in; its author needs to know where
            _end(
                traceback.format_exc(), FAILED
            )  # passes the guard, which Python's own traceback does not
        except KeyboardInterrupt:
            _end(f"interrupted: {RESUME}", INTERRUPTED)
        except (SystemExit, GeneratorExit) as error:
            if (where := _ended_by_others(error)) is None:
                raise
            said = f"{type(error).__name__}: {error}"
            _end(f"error: a plug-in ended the command ({where}): {said}", WRONG_USAGE)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare methods that draw pictures for sounds, and find out why one is better.

    Methods, datasets, encoders, judges and metrics are plug-ins; everything else is shared.
    """


COMMANDS = (
    run, status, tune, report, compare, power, results, leaderboard, generate, demo, export,
    evaluate, sweep, human_study, mirror, data, encoders, list_, show, new, check, doctor,
    completion,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
