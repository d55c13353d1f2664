"""``a2ibench compare``: test whether A is better or worse than B."""

import sys
from pathlib import Path

import click

from a2ibench.cli.options import budget_option, load_plugins, plugin_option

WORSE = 1


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--arm", help="Arm to compare where A or B is a study without :ARM.  [default: its only model]"
)
@budget_option()
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Metric to compare. Repeatable.  [default: all that both have]",
)
@click.option(
    "--fail-if-worse",
    metavar="METRIC",
    help="Metric in which A must not be worse: exit with 1 if it is, significantly.",
)
@plugin_option
def compare(
    a: str,
    b: str,
    arm: str | None,
    budget: int | None,
    metrics: tuple[str, ...],
    fail_if_worse: str | None,
    plugins: tuple[Path, ...],
) -> None:
    """Test whether A is better or worse than B, on the same test clips, each over its own seeds.

    A and B are each a job's folder, STUDY:ARM ("studies/arcade:ours"), or a study with one model.
    Differences are A − B. Results that differ in version, protocol, pairs, encoder or judge are
    refused.
    """
    load_plugins(plugins)
    from a2ibench import registry
    from a2ibench.console import Console
    from a2ibench.reporting.compare import compare_sides
    from a2ibench.reporting.terminal import rich_tables
    from a2ibench.results.sides import find_sides

    if fail_if_worse is not None:
        fail_if_worse = registry.metrics.canonical(fail_if_worse)
    left, right = find_sides((a, b), arm, budget)
    compared = compare_sides(left, right, metrics, fail_if_worse)
    console = Console()
    console.print(*rich_tables(compared.table, console.width), sep="\n")
    for note in compared.table.notes:
        click.echo(note)
    verdicts = {one.metric.name: one.verdict for one in compared.tests}
    if fail_if_worse is not None and verdicts[fail_if_worse] == "worse":
        click.echo(f"A is significantly worse in {fail_if_worse}", err=True)
        sys.exit(WORSE)
