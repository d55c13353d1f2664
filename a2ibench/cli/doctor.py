"""``a2ibench doctor``: examine this machine."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

from a2ibench.cli.options import FAILED
from a2ibench.cli.run import run

SIGNS = {"fine": ("✓", "green"), "lacking": ("!", "yellow"), "broken": ("✗", "bold red")}


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for a bug report, without personal names."
)
def doctor(as_json: bool) -> None:
    """Examine this machine: versions, processors, GPUs, memory, disks, codecs, weights, plug-ins.

    The exit code is 1 if a study with the default options cannot run (✗); a line marked !
    limits something else. Nothing is downloaded.
    """
    from a2ibench.console import Console
    from a2ibench.doctor.examine import examine

    defaults: dict[str | None, Any] = {option.name: option.default for option in run.params}
    (dataset,), (encoder,) = defaults["datasets"], defaults["encoders"]
    console = Console()
    lines = []
    for line in examine(Path("studies"), dataset, encoder):
        lines.append(line)
        if as_json:
            continue
        sign, style = SIGNS[line.state]
        text = f"{sign} {line.title}: {line.found}"
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        if line.advice:
            console.print(f"    {line.advice}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        plain = [dataclasses.asdict(line.anonymous()) for line in lines]
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    broken = any(line.state == "broken" for line in lines)
    if not as_json:
        verdict = "cannot run here" if broken else "can run here"
        console.print(f"a study with the default options {verdict}", style="bold", highlight=False)
    sys.exit(FAILED if broken else 0)
