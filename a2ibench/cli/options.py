"""Options that several commands share, and the display."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from a2ibench.cli.completion import names
from a2ibench.errors import UserError
from a2ibench.storage import with_name

if TYPE_CHECKING:
    from a2ibench.runs.progress_display import Display

F = TypeVar("F", bound=Callable[..., Any])

FAILED = 1
"""The exit code where a job failed, or a study had to stop."""


class FloatRange(click.FloatRange):
    """A range of finite numbers: click's own takes NaN anywhere, and ∞ where an end is open."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def is_given(context: click.Context, name: str) -> bool:
    """Return whether the parameter has a value other than by default."""
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def budget_option(default: str = "the largest") -> Callable[[F], F]:
    """Make ``--budget``, one of a study's numbers of training images."""
    text = f"Number of training images, of a study with several.  [default: {default}]"
    return click.option("--budget", type=int, metavar="N", help=text)


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="File of your own that registers models, metrics, … Repeatable.",
)
arm_option = click.option(
    "--arm",
    help='Arm of the study, such as "ours" or "ours - consistency".  [default: its first model]',
)
seed_option = click.option(
    "--seed",
    type=int,
    help="Training seed of the trained model to use.  [default: 0; for a job its own]",
)
encoder_option = click.option(
    "--encoder",
    default="soundnet8",
    show_default=True,
    shell_complete=names("encoder"),
    help="Encoder that computes the acoustic feature.",
)
metric_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME|headline|all",
    shell_complete=names("metric", also=("headline", "all")),
    help="Metric to compute, the headline metrics, or all metrics, as far as the data and the"
    " judges allow. A metric takes the place of the headline ones; give `headline` as well to keep"
    " them. Repeatable.  [default: headline]",
)
ray_address_option = click.option(
    "--ray-address", metavar="HOST:PORT", help="Address of a running Ray cluster to join."
)
worker_memory_option = click.option(
    "--worker-memory",
    type=FloatRange(min=0.25),
    default=4,
    show_default=True,
    metavar="GIB",
    help="Largest memory of a worker for one file; a file that needs more is left out.",
)
verbose_option = click.option(
    "--verbose",
    is_flag=True,
    help="Print all tables with their captions, and why each metric is left out.",
)


def executor_option(default: str, text: str) -> Callable[[F], F]:
    """Make ``--executor``."""
    return click.option(
        "--executor",
        default=default,
        show_default=True,
        shell_complete=names("executor"),
        metavar="ray|process|inline|NAME",
        help=text,
    )


workers_option = executor_option(
    "process",
    "Executor of the workers: one process per processor, a single one (inline), or those of a Ray"
    " cluster.",
)


def dataset_option(*flags: str, **more: Any) -> Callable[[F], F]:
    """Make an option that takes a dataset's name or a folder."""
    complete = names("dataset", folders=True)
    return click.option(
        *flags, type=_Dataset(), metavar="NAME|DIR", shell_complete=complete, **more
    )


class _Dataset(click.ParamType[str]):
    """A dataset's name, or a folder; it gives its study a name."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Replace a folder such as ``.`` by its path."""
        return with_name(str(value))


class _Budgets(click.ParamType[tuple[int, ...]]):
    """Numbers of training images, with commas between them."""

    name = "budgets"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read the words of a command line; a study's file has numbers."""
        if not isinstance(value, str):
            return tuple(value)
        try:
            return tuple(int(word) for word in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: expected whole numbers, as in 10000,30000", param, ctx)


def images_option(text: str) -> Callable[[F], F]:
    """Make ``--images``, one budget or several."""
    return click.option("--images", type=_Budgets(), metavar="N[,N…]", default=(), help=text)


def path_option(*flags: str, metavar: str | None = None, **more: Any) -> Callable[[F], F]:
    """Make an option that takes a path."""
    return click.option(*flags, type=click.Path(path_type=Path), metavar=metavar, **more)


def scale_option(text: str) -> Callable[[F], F]:
    """Make ``--scale``."""
    scales = click.Choice(["small", "paper"])
    return click.option("--scale", default="small", show_default=True, type=scales, help=text)


def set_option(text: str, metavar: str = "OWNER.FIELD=VALUE") -> Callable[[F], F]:
    """Make ``--set``."""
    return click.option("--set", "settings", multiple=True, metavar=metavar, help=text)


def load_plugins(plugins: tuple[Path, ...]) -> tuple[Path, ...]:
    """Run the files of ``--plugin``; return their absolute paths."""
    from a2ibench.registry import load_plugin_file

    for path in plugins:
        load_plugin_file(path)
    return tuple(path.resolve() for path in plugins)


def read_settings(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Read texts ``OWNER.FIELD=VALUE``; return owner → field → value."""
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        owner, dot, field = name.rpartition(".")
        if not (equals and dot and owner and field):
            raise UserError(f"--set {text}: expected OWNER.FIELD=VALUE, as in ours.lambda_con=0.1")
        settings.setdefault(owner, {})[field] = value
    return settings


def read_fields(texts: tuple[str, ...]) -> dict[str, str]:
    """Read texts ``FIELD=VALUE`` of a command with one owner; return field → value."""
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
    """Return the settings of a study's file, overridden by those of the command line."""
    owners = dict.fromkeys([*file, *given])
    return {owner: {**file.get(owner, {}), **given.get(owner, {})} for owner in owners}


def set_executor(
    settings: dict[str, dict[str, Any]], executor: str, given: Mapping[str, Any]
) -> None:
    """Add options of an executor to its settings; None for one that is not given.

    Raises:
        UserError: the executor does not have one of them.
    """
    for option, value in given.items():
        if value is not None:
            _check_option(executor, option)
            settings.setdefault(executor, {})[option] = value


def _check_option(executor: str, option: str) -> None:
    import dataclasses

    from a2ibench.registry import executors

    def has(name: str) -> bool:
        return option in {field.name for field in dataclasses.fields(executors.get(name).Config)}

    if not has(executor):
        flag = {"address": "--ray-address"}.get(option, f"--{option.replace('_', '-')}")
        known = " or ".join(sorted(filter(has, executors.names()), reverse=True))
        raise UserError(f"{flag} belongs to --executor {known}")


@contextmanager
def open_workers(
    executor: str, ray_address: str | None, display: "Display", memory: float = 4
) -> Iterator[None]:
    """Use the workers of an executor in the block; ``memory`` is that of each, in GiB."""
    from a2ibench.parallel import spread_over
    from a2ibench.registry import executors

    settings: dict[str, dict[str, Any]] = {}
    set_executor(settings, executor, {"address": ray_address})
    chosen = executors.build(executor, settings.get(executor, {}), display.say)
    if ray_address is not None:
        chosen.check()
    with chosen.pool(round(memory * 2**30)) as pool, spread_over(pool):
        yield


def make_display(verbose: bool = False) -> "Display":
    """Make the display of progress: bars on a terminal, lines elsewhere."""
    from a2ibench.console import Console
    from a2ibench.runs.progress_display import Display

    return Display(Console(), verbose)
