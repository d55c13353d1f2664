"""``a2ibench power``: the seeds and test clips that the questions of a study need."""

from pathlib import Path

import click

from a2ibench.cli.options import budget_option, load_plugins, plugin_option
from a2ibench.config import MAX_SEEDS
from a2ibench.errors import UserError


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--difference",
    "differences",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Difference to plan for, as in accuracy_resnet18=5% or kid_lite0=40. Repeatable."
    "  [default: the observed ones]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Metric to show, as if it were declared as primary too. Repeatable."
    "  [default: the primary ones]",
)
@click.option(
    "--power",
    "wanted",
    default=0.8,
    show_default=True,
    help="Probability with which a difference is to be found.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, MAX_SEEDS),
    help="Number of training seeds of each arm to assume.  [default: those that are there]",
)
@click.option(
    "--clips",
    type=click.IntRange(1, 1_000_000),
    help="Number of test clips to assume.  [default: those that are there]",
)
@click.option(
    "--look",
    type=click.IntRange(1, 1_000),
    help="Look at which the questions will be tested; 1 for a new study of which this one is the"
    " pilot.  [default: the next look at this study]",
)
@click.option(
    "--tests",
    type=click.IntRange(1),
    help="Number of primary tests to correct for.  [default: those of the study]",
)
@click.option(
    "--at-once",
    type=click.IntRange(1),
    help="Number of trials at once, for the hours.  [default: GPUs, or processors, here]",
)
@click.option(
    "--verbose",
    is_flag=True,
    help="Print the standard deviations, what to add, and the hours as well.",
)
@budget_option()
@plugin_option
def power(
    study: Path,
    differences: tuple[str, ...],
    metrics: tuple[str, ...],
    wanted: float,
    seeds: int | None,
    clips: int | None,
    look: int | None,
    tests: int | None,
    at_once: int | None,
    verbose: bool,
    budget: int | None,
    plugins: tuple[Path, ...],
) -> None:
    """Compute the seeds and test clips that the primary questions of a STUDY need.

    The STUDY may be a pilot of two or three seeds. For each contrast and metric: what the training
    seed, the choice of test clips and the rest add to the scatter of the difference, the difference
    that the study would find, and the seeds or clips that the observed difference needs, or one
    that you give.
    """
    load_plugins(plugins)
    from a2ibench.cli.power_table import SUMMARY, power_table
    from a2ibench.console import Console
    from a2ibench.reporting.terminal import rich_tables
    from a2ibench.results.study import open_study
    from a2ibench.runs.resources import this_machine
    from a2ibench.study.power import Wanted, study_power

    asked = Wanted(wanted, _read_differences(differences), metrics, seeds, clips, tests, look)
    found = study_power(open_study(study, budget), asked)
    if at_once is None:
        machine = this_machine()
        at_once = int(machine.gpus or machine.cpus)
    table = power_table(found, wanted, at_once)
    console = Console()
    shown = table if verbose else table.only(SUMMARY)
    console.print(*rich_tables(shown, console.width, stacked=False), sep="\n")
    for note in table.notes:
        click.echo(note)


def _read_differences(texts: tuple[str, ...]) -> dict[str, float]:
    """Read texts ``METRIC=VALUE``, or ``METRIC=VALUE%``; a metric's name may hold ``=`` too."""
    found = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            equals = ""
        if not (name and equals):
            raise UserError(f"--difference {text}: expected METRIC=VALUE, as in kid_lite0=40")
        found[name] = number
    return found
