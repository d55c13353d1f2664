"""``a2ibench check``: run the rules of the contract on plug-ins."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from a2ibench.cli.completion import kinds, names
from a2ibench.cli.options import (
    FAILED,
    load_plugins,
    make_display,
    path_option,
    plugin_option,
    read_fields,
    set_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from a2ibench.conformance.rules import Finding
    from a2ibench.runs.progress_display import Display

EVERY = "all"
SIGNS = {"met": ("✓", "green"), "broken": ("✗", "bold red"), "unreached": ("–", "dim")}


@click.command()
@click.argument("kind", metavar="[KIND]", default=EVERY, shell_complete=kinds(EVERY))
@click.argument("name", required=False, shell_complete=names())
@set_option(
    "Set an option of the plug-in, for example to make it small. Repeatable.", "FIELD=VALUE"
)
@path_option(
    "--files",
    metavar="DIR",
    help="Folder of some media files, for a dataset that cuts segments from files.",
)
@plugin_option
def check(
    kind: str,
    name: str | None,
    settings: tuple[str, ...],
    files: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Check that a plug-in (KIND: model, dataset, …) keeps its contract.

    Each rule runs on small data and takes a few seconds at most. Without a NAME, every
    plug-in of the kind is checked; without a KIND, or with all, every plug-in. The exit code is 1
    if a rule is broken.
    """
    load_plugins(plugins)
    from a2ibench import registry
    from a2ibench.errors import UserError

    display = make_display()
    if name is not None:
        one = registry.of_kind(kind)
        values = read_fields(settings)
        one.get(name)
        sys.exit(0 if _check_one(display, one.kind, name, values, files) else FAILED)
    if settings or files:
        raise UserError("--set and --files belong to one plug-in: name it")
    checked = registry.ALL if kind == EVERY else (registry.of_kind(kind),)
    sound = [_check_all(display, one) for one in checked]
    sys.exit(0 if all(sound) else FAILED)


def _check_one(
    display: "Display", kind: str, name: str, values: dict[str, Any], files: Path | None
) -> bool:
    """Print every rule as it is run; return whether none is broken."""
    from a2ibench.conformance.suite import check

    findings = check(kind, name, values, files)
    display.say(f"{kind} {name}", style="bold")
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.state] += 1
        _print(display, [finding])
    told = [f"{count} {state}" for state, count in counts.items()]
    display.say(f"rules: {', '.join(told)}", style="bold")
    return not counts["broken"]


def _check_all(display: "Display", one: Any) -> bool:
    """Print a line per plug-in of a kind, and the broken rules; return whether there are none."""
    from a2ibench.conformance.suite import check, lacks
    from a2ibench.errors import PLUGIN_FAILURES, told

    sound = True
    for name in one.names():
        title = f"{one.kind} {name}"
        begun = time.monotonic()
        try:
            if (lack := lacks(one.kind, name)) is not None:
                display.say(f"– {title}: not checked: {lack}", style="yellow")
                continue
            findings = list(check(one.kind, name))
        except PLUGIN_FAILURES as error:  # the others are checked nevertheless
            sign, style = SIGNS["broken"]
            display.say(f"{sign} {title}: cannot be checked: {told(error)}", style=style)
            sound = False
            continue
        broken = [finding for finding in findings if finding.state == "broken"]
        sign, style = SIGNS["broken" if broken else "met"]
        took = time.monotonic() - begun
        counted = f"{len(findings)} rules, {len(broken)} broken"
        display.say(f"{sign} {title}: {counted} ({took:.1f} s)", style=style)
        _print(display, broken)
        sound = sound and not broken
    return sound


def _print(display: "Display", findings: "Iterable[Finding]") -> None:
    for finding in findings:
        sign, style = SIGNS[finding.state]
        display.say(f"{sign} {finding.says}", style=style)
        if finding.state == "broken":
            for title in ("expected", "got", "fix"):
                display.say(f"    {title:10}{getattr(finding, title)}", style="")
