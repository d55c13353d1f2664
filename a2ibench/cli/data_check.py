"""``a2ibench data check``: find what is wrong with a pair store."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from a2ibench.cli.options import (
    make_display,
    open_workers,
    ray_address_option,
    workers_option,
)
from a2ibench.errors import command, counted

if TYPE_CHECKING:
    from a2ibench.curation.finding import Finding
    from a2ibench.data.store import PairStore
    from a2ibench.runs.progress_display import Display

PRINTED = 5
"""Findings of each kind that are printed; all are in the files."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Page to write; a table of all findings goes beside it.  [default: DIR/check.html, or the"
    " cache if DIR is not writable]",
)
@workers_option
@ray_address_option
def check(folder: Path, report: Path | None, executor: str, ray_address: str | None) -> None:
    """Look for damage, leaks across the split, and poor pairs in the pair store DIR.

    Corrections are proposed in DIR/check.csv, for `a2ibench data clean DIR --apply DIR/check.csv`.
    The findings are kept in DIR/check.json, and studies on these pairs report them. The exit code
    is 1 if there is damage or a leak, else 0.
    """
    from a2ibench.curation.check import check_store
    from a2ibench.curation.finding import findings_table, may_hold_findings
    from a2ibench.curation.last_check import folder_for, keep_check
    from a2ibench.errors import UserError
    from a2ibench.evaluation.feasibility import feasibility
    from a2ibench.reporting.data_page import verdict, write_page
    from a2ibench.runs.progress_display import show_feasibility
    from a2ibench.storage import atomic_write

    place = folder_for(folder)
    page = report or place / "check.html"
    if page.suffix not in (".html", ".htm"):
        raise UserError(f"--report {page}: expected a name that ends in .html")
    table = page.with_suffix(".parquet")
    if report is not None and not may_hold_findings(table):
        raise UserError(
            f"--report {page}: the table of findings would replace {table}, which is none; choose"
            " another name"
        )
    display = make_display(verbose=True)
    with open_workers(executor, ray_address, display), display.running():
        checked = check_store(folder, display.counter)
    counts = ", ".join(f"{count:,} {what}" for what, count in checked.counts.items())
    display.say(f"{folder}: {counts}" if counts else f"{folder}")
    seen: Counter[str] = Counter()
    kinds = Counter(finding.kind for finding in checked.findings)
    for finding in checked.findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= PRINTED:
            style = "yellow" if finding.severity == "warning" else "bold red"
            text = f"{finding.severity}: {finding.what}. {finding.advice}"
            display.say(text, style=style)
        elif seen[finding.kind] == PRINTED + 1:
            more = kinds[finding.kind] - PRINTED
            display.say(f"  and {more:,} more of this kind ({finding.kind})")
    with atomic_write(table) as temporary:
        index = None if checked.store is None else checked.store.index
        findings_table(checked.findings, index).to_parquet(temporary)
    write_page(checked, page)
    keep_check(checked, place)
    if checked.store is not None:
        show_feasibility(feasibility(checked.store), display)
    display.say(verdict(checked), style="bold")
    display.say(f"page: {page}; all findings: {table}")
    if checked.store is not None:
        _offer_corrections(checked.store, checked.findings, place, display)
    sys.exit(0 if checked.sound else 1)


def _offer_corrections(
    store: "PairStore", findings: "Sequence[Finding]", place: Path, display: "Display"
) -> None:
    """Write proposed corrections to a sheet, and say how to apply it."""
    from a2ibench.curation.check_sheet import SHEET, write_check_sheet
    from a2ibench.curation.proposals import propose

    sheet = place / SHEET
    proposals = propose(store, findings)
    proposed = write_check_sheet(store, proposals, sheet, display.say)
    if not proposals:
        return
    how = (
        command("data", "clean", store.root, "--apply", sheet)
        if place.resolve() == store.root.resolve()
        else f"apply it to a copy of the store, as {store.root} is not writable"
    )
    display.say(
        f"{sheet}: corrections are proposed for {counted(proposed, 'pair')}"
        f" ({len(proposals) - proposed} more are for you to decide); change its column decision"
        f" (keep, drop or a class) where you disagree, then: {how}"
    )
