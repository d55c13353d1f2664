"""``a2ibench report``: the page and the tables of a study, again."""

from pathlib import Path

import click

from a2ibench.cli.options import budget_option, load_plugins, plugin_option, verbose_option
from a2ibench.errors import UserError


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of an `a2ibench sweep` to show on the page, besides STUDY/sweeps/*. Repeatable.",
)
@click.option(
    "--dataset",
    metavar="DIR",
    help="Folder where the pairs are now.  [default: the one named in the study]",
)
@budget_option()
@verbose_option
@plugin_option
def report(
    study: Path,
    sweeps: tuple[Path, ...],
    dataset: str | None,
    budget: int | None,
    verbose: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Write the page and the tables of a STUDY again from its results, finished or not.

    STUDY/report.html is one file with everything: verdict, tables, pictures and sounds, every seed,
    cost, provenance. STUDY/tables is written anew. If STUDY is a folder of several studies, a page
    is written for each, and one that links to them all. Results of different versions, protocols,
    pairs, encoders or judges are refused.
    """
    load_plugins(plugins)
    from a2ibench.console import Console
    from a2ibench.reporting.overview import studies_in, write_overview
    from a2ibench.reporting.page.view import StudyView
    from a2ibench.reporting.page.write import write_page
    from a2ibench.reporting.report import DIAGRAM, PAGE, NoResultError, write_tables
    from a2ibench.reporting.report import report as make
    from a2ibench.reporting.terminal import show_report
    from a2ibench.results.overwrite_guard import check_overview
    from a2ibench.results.study import DamagedStudyError, open_study
    from a2ibench.results.study_pairs import find_store

    folders = studies_in(study)
    if folders != [study]:
        check_overview(study)
    if len(folders) > 1 and (sweeps or dataset):
        raise UserError(
            f"{study}: holds {len(folders)} studies; --sweep and --dataset belong to one"
        )
    console = Console()
    written: list[Path] = []
    for folder in folders:
        try:
            opened = open_study(folder, budget)
            made = make(opened)
        except (NoResultError, DamagedStudyError) as error:
            if folder == folders[-1] and not written:
                raise
            click.echo(f"left out: {error}")
            continue
        written.append(folder)
        write_tables(made, folder)
        store, unseen = find_store(opened, dataset)
        page = write_page(StudyView(opened, made, store, click.echo, unseen, sweeps))
        show_report(made, console, verbose)
        if made.ranks is not None:
            click.echo(f"critical-difference diagram: {folder / 'tables' / DIAGRAM}")
        click.echo(f"tables: {folder / 'tables'}")
        if unseen:
            click.echo(f"no pictures and sounds on the page: {unseen}")
        click.echo(f"page: {page}")
    if folders != [study]:
        for note in write_overview(study, written):
            click.echo(note)
        click.echo(f"all of them: {study / PAGE}")
