"""``a2ibench leaderboard``: rank the methods in exported files on a page."""

from pathlib import Path

import click

from a2ibench.cli.options import path_option


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@path_option("--out", required=True, metavar="DIR", help="Folder to write.")
@click.option("--ablations", is_flag=True, help="Rank ablations, too, and not only full methods.")
def leaderboard(files: tuple[Path, ...], out: Path, ablations: bool) -> None:
    """Rank the methods in exported FILES on a static page.

    FILES are those of `a2ibench results export` and `results merge`. DIR/index.html shows a
    leaderboard for each protocol, dataset, encoder and budget: ranks as intervals, with ties;
    scores beside ceiling and floors; what is missing; code, options, hardware and cost. It needs no
    network. DIR/results.json holds the results behind it.
    """
    from a2ibench.exchange.exported_file import read_and_merge
    from a2ibench.exchange.leaderboard import PAGE, claims, write_leaderboard

    for board in write_leaderboard(read_and_merge(files), out, ablations):
        click.echo(f"{board.title}:")
        for line in claims(board):
            click.echo(f"  {line}")
        if board.missing:
            click.echo(f"  scores are missing: {', '.join(board.missing)}; the page says of whom")
    click.echo(f"page: {out / PAGE}")
