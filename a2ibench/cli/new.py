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
    help="Folder to write to.  [default: the current one]",
)
def new(kind: str, name: str, out: Path) -> None:
    """Write NAME.py, a small working plug-in of a KIND as a starting point for your own.

    An existing file is never overwritten.
    """
    from a2ibench.scaffold.new import commands, write

    path = write(kind, name, out)
    click.echo(f"{path}: a working {kind}; its comments say where to change it. Next:")
    for command in commands(path):
        click.echo(f"  {command}")
