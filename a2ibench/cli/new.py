"""``a2ibench new``: a starting file for a plug-in."""

from pathlib import Path

import click

from a2ibench.scaffold.new import KINDS


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to write into.  [default: this one]",
)
def new(kind: str, name: str, out: Path) -> None:
    """Write NAME.py: a small plug-in of a KIND that works at once, to put your idea into.

    A file that is there is never overwritten.
    """
    from a2ibench.scaffold.new import commands, write

    path = write(kind, name, out)
    click.echo(f"{path}: a {kind} that works; where to change it is said in it. Next:")
    for command in commands(path):
        click.echo(f"  {command}")
