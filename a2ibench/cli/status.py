"""``a2ibench status``: how far a study has come."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from a2ibench.results.status import Status

EVERY = 2.0
"""Seconds between two looks."""


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
def status(study: Path) -> None:
    """Show how far a STUDY has come: jobs done, running, waiting and failed, time left, cost.

    On a terminal, the display stays until the study ends; Ctrl-C ends the display alone.
    """
    from rich.live import Live

    from a2ibench.console import Console
    from a2ibench.results.status import read_status

    console = Console()
    now = read_status(study)
    if not (console.is_terminal and now.at_work):
        console.print(_show(now))
        return
    with Live(_show(now), console=console, auto_refresh=False) as live:
        try:
            while now.at_work:
                time.sleep(EVERY)
                now = read_status(study)
                live.update(_show(now), refresh=True)
        except KeyboardInterrupt:
            sys.exit(0)


def _show(now: "Status") -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from a2ibench.results.status import STATES
    from a2ibench.runs.progress_display import clock

    table = Table("row")
    for state in STATES:
        table.add_column(state, justify="right")
    for label in now.labels:
        counts = (now.count(state, label) for state in STATES)
        table.add_row(Text(label), *(str(count or "") for count in counts))
    table.add_section()
    table.add_row("all", *(str(now.count(state)) for state in STATES))
    lines = [_who(now)]
    for job in now.jobs:
        if job.state == "running":
            at = f"step {job.step} of {job.steps}" if job.steps else "starting"
            if job.steps and job.step == job.steps:
                at = "drawing and judging"
            lines.append(f"{job.label}, seed {job.number}: {at}, {clock(job.seconds)}")
        if job.reason is not None:
            lines.append(f"{job.label}, seed {job.number}: failed: {job.reason}")
    left = "not known yet" if now.left is None else f"about {clock(now.left)}"
    open_jobs = len(now.jobs) - now.count("done") - now.count("failed")
    before = f"time left: {left}; " if open_jobs else ""
    lines.append(f"{before}cost so far: {clock(now.seconds)} of trials")
    return Group(table, *(Text(line) for line in lines))


def _who(now: "Status") -> str:
    last = now.progress
    if last is None:
        return "no command has been at work here"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(last.started))
    who = f"process {last.pid} on {last.host}, since {when}"
    if now.at_work:
        return f"at work: {who}"
    ended = {None: "was killed", "stopped": "had to stop", "interrupted": "was interrupted"}.get(
        last.ended, "done"
    )
    return f"{who}: {ended}" + (
        "" if last.ended == "done" else "; re-run the same command to resume"
    )
