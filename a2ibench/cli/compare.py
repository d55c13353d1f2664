"""``a2ibench compare``: is A better or worse than B?"""

import sys
from pathlib import Path

import click

from a2ibench.cli.options import load_plugins, plugin_option

WORSE = 1


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--arm", help="Of a study that is named without one.  [default: its only model]")
@click.option("--metric", "metrics", multiple=True, help="Default: all that both have. Repeatable.")
@click.option(
    "--fail-if-worse",
    metavar="METRIC",
    help="Exit with 1 if A is significantly worse than B in it.",
)
@plugin_option
def compare(
    a: str,
    b: str,
    arm: str | None,
    metrics: tuple[str, ...],
    fail_if_worse: str | None,
    plugins: tuple[Path, ...],
) -> None:
    """Say whether A is better or worse than B, on the same test clips, each over its own seeds.

    A and B are each a job's folder, STUDY:ARM ("studies/arcade:ours"), or a study with one model.
    Differences are A − B. What differs in version, protocol, pairs, encoder or judge is refused.
    """
    load_plugins(plugins)
    from a2ibench import registry
    from a2ibench.console import Console
    from a2ibench.reporting.compare import compare_rows
    from a2ibench.reporting.terminal import rich_tables
    from a2ibench.results.study import find_arm

    if fail_if_worse is not None:
        fail_if_worse = registry.metrics.canonical(fail_if_worse)
    compared = compare_rows(find_arm(a, arm), find_arm(b, arm), metrics, fail_if_worse)
    console = Console()
    console.print(*rich_tables(compared.table, console.width), sep="\n")
    for note in compared.table.notes:
        click.echo(note)
    verdicts = {one.metric.name: one.verdict for one in compared.tests}
    if fail_if_worse is not None and verdicts[fail_if_worse] == "worse":
        click.echo(f"A is significantly worse in {fail_if_worse}", err=True)
        sys.exit(WORSE)
