"""``a2ibench compare``: test whether A is better or worse than B."""

import sys
from pathlib import Path

import click

from a2ibench.cli.options import budget_option, load_plugins, make_display, plugin_option
from a2ibench.errors import UserError

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
    "--common",
    is_flag=True,
    help="Score the kept pictures of A and B again, on the test segments that the pairs of both"
    " hold.",
)
@click.option(
    "--dataset-a",
    metavar="DIR",
    help="With --common: folder where the pairs of A are now.  [default: the one named in the"
    " study]",
)
@click.option(
    "--dataset-b",
    metavar="DIR|LIST.csv",
    help="With --common: folder where the pairs of B are now, or the list of their test segments"
    " that `a2ibench evaluate --export-list` wrote.  [default: the one named in the study]",
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
    common: bool,
    dataset_a: str | None,
    dataset_b: str | None,
    fail_if_worse: str | None,
    plugins: tuple[Path, ...],
) -> None:
    """Test whether A is better or worse than B, on the same test clips, each over its own seeds.

    A and B are each a job's folder, STUDY:ARM ("studies/arcade:ours"), or a study with one model.
    Differences are A − B. Results that differ in version, protocol, pairs, encoder or judge are
    refused.

    With --common, A and B may come from two holders of one list, who hold different clips of it.
    Segments are matched by clip, time and class. The real pictures and sounds of A's pairs count
    for both. Only metrics that everyone computes alike are used: no judge that is trained on pairs,
    and nothing that needs training pairs.
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
    if common:
        from a2ibench.results.common_segments import score_on_common

        display = make_display()
        with display.running():
            scored = score_on_common(
                (left, right), (dataset_a, dataset_b), metrics, fail_if_worse, display.counter
            )
        for note in scored.notes:
            display.say(f"note: {note}")
        left, right = scored.first, scored.second
    elif dataset_a is not None or dataset_b is not None:
        raise UserError("--dataset-a and --dataset-b: only with --common")
    compared = compare_sides(left, right, metrics, fail_if_worse)
    console = Console()
    console.print(*rich_tables(compared.table, console.width), sep="\n")
    for note in compared.table.notes:
        click.echo(note)
    verdicts = {one.metric.name: one.verdict for one in compared.tests}
    if fail_if_worse is not None and verdicts[fail_if_worse] == "worse":
        click.echo(f"A is significantly worse in {fail_if_worse}", err=True)
        sys.exit(WORSE)
