"""``a2ibench report``: the tables of a study, again."""

from pathlib import Path

import click

from a2ibench.cli.options import load_plugins, plugin_option


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@plugin_option
def report(study: Path, plugins: tuple[Path, ...]) -> None:
    """Print the tables of a STUDY again from its results, finished or not.

    STUDY/tables is written anew. Results of different versions, protocols, pairs, encoders or
    judges are refused.
    """
    load_plugins(plugins)
    from rich.console import Console

    from a2ibench.study.report import notes_once
    from a2ibench.study.report import report as write

    made = write(study)
    console = Console()
    for table in made.tables:
        console.print(*table.to_rich(console.width), sep="\n")
    for note in notes_once(made):
        click.echo(note)
    if made.diagram is not None:
        click.echo(f"critical-difference diagram: {made.diagram}")
    click.echo(f"tables: {study / 'tables'}")
