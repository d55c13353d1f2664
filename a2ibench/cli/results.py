"""``a2ibench results``: export a study's results to one small file, and merge such files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from a2ibench.cli.options import load_plugins, make_display, path_option, plugin_option

if TYPE_CHECKING:
    from a2ibench.data.held_list import HeldList
    from a2ibench.results.study import Study


@click.group()
def results() -> None:
    """Exchange results: one small file per study, without pictures, paths or names of clips."""


@results.command()
@click.argument("study", type=click.Path(path_type=Path))
@path_option("--out", required=True, metavar="FILE", help="File to write.")
@click.option(
    "--dataset",
    metavar="DIR",
    help="Folder where the pairs are now, for the hash of the list of test segments."
    "  [default: the one named in the study]",
)
@click.option(
    "--name",
    default="",
    metavar="TEXT",
    help="Name of the dataset in the file.  [default: the dataset's own, or that of its folder]",
)
@path_option(
    "--common",
    multiple=True,
    metavar="LIST.csv",
    help="Test segments that somebody else holds (`a2ibench evaluate --export-list`): the kept"
    " pictures are scored again on those that the pairs of the study hold too. Repeatable.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="With --common, metric to score by beside those of the study. Repeatable.",
)
@plugin_option
def export(
    study: Path,
    out: Path,
    dataset: str | None,
    name: str,
    common: tuple[Path, ...],
    metrics: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Write the results of a STUDY to one file that can be given away.

    It holds the scores of every seed, in total and by block of test clips, so that intervals, tests
    and ranks can be computed again; metrics with their versions and definitions; hashes of the
    pairs, of the list of test segments, of encoder, judges, options and code; budgets, seeds,
    hardware and cost. It carries a hash of its content, and is refused if that does not match.

    With --common, two holders of different parts of one list export scores on the same test
    segments, and a leaderboard ranks them together.
    """
    load_plugins(plugins)
    from a2ibench.data.held_list import held_by
    from a2ibench.errors import UserError, counted
    from a2ibench.exchange.export import export_study
    from a2ibench.exchange.exported_file import write_content
    from a2ibench.results.study import open_study
    from a2ibench.results.study_pairs import find_store

    if metrics and not common:
        raise UserError("--metric belongs to --common: give both")
    opened = open_study(study)
    unseen = ""
    if common:
        opened, held = _on_common(opened, dataset, common, metrics)
        list_hash: str | None = held.hash
        name = f"{name or opened.dataset}, {counted(len(held), 'common test segment')}"
    else:
        store, unseen = find_store(opened, dataset)
        list_hash = None if store is None else held_by(store).hash
    content = export_study(opened, list_hash, name)
    digest = write_content(content, out)
    jobs = sum(len(row.jobs) for row in content.rows)
    for failure in opened.failures():
        click.echo(f"left out: {failure}")
    if unseen:
        click.echo(f"no hash of the list of test segments: {unseen}")
    click.echo(
        f"{out}: {counted(jobs, 'result')} by {counted(len(content.metrics), 'metric')},"
        f" {out.stat().st_size / 1000:,.0f} kB, sha256 {digest}"
    )


def _on_common(
    study: "Study", dataset: str | None, lists: tuple[Path, ...], metrics: tuple[str, ...]
) -> "tuple[Study, HeldList]":
    """Return a study as if it had been asked about the segments on all lists alone, and these."""
    from a2ibench.data.held_list import common_to_all, held_by, read_list
    from a2ibench.errors import counted
    from a2ibench.results.rescoring import make_scoring, score_again
    from a2ibench.results.study_pairs import open_store

    store = open_store(study, dataset, make=False)
    held = held_by(store)
    rows = common_to_all(held, [(str(path), read_list(path)) for path in lists])
    scoring = make_scoring(store, rows, study.metrics, metrics)
    display = make_display()
    with display.running():
        again = score_again(study, rows, len(held), scoring, display.counter("scoring again"))
    display.say(f"in common: {counted(len(rows), 'test segment')} of {len(held):,}")
    for note in scoring.notes:
        display.say(note)
    return again, held.take(rows)


@results.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@path_option("--out", required=True, metavar="FILE", help="File to write.")
def merge(files: tuple[Path, ...], out: Path) -> None:
    """Merge exported FILES into one, of the same kind.

    Equal jobs stand in it once. Files that disagree on a score of one job are refused, and so is a
    file that was changed after it was exported.
    """
    from a2ibench.errors import counted
    from a2ibench.exchange.exported_file import read_and_merge, write_content

    content = read_and_merge(files)
    digest = write_content(content, out)
    jobs = sum(len(row.jobs) for row in content.rows)
    click.echo(
        f"{out}: {counted(jobs, 'result')} of {counted(len(files), 'file')}, sha256 {digest}"
    )
