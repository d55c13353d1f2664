"""Record the goldens anew: ``python tests/golden/record.py``.

It refuses to replace what the same plug-in computed under the same protocol: raise PROTOCOL in
``a2ibench/protocol.py``, or the version of the metric, judge or encoder, first.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden import FILE, Golden, Goldens, differences
from measure import GROUPS, alike

from a2ibench.protocol import PROTOCOL

Kept = dict[str, Any]
"""``{"protocol": …, "groups": {group: {entry: {"identity": …, "values": …}}}}``."""


def read() -> Kept:
    """Return what was recorded; nothing under no protocol where nothing was."""
    if not FILE.is_file():
        return {"protocol": None, "groups": {}}
    kept: Kept = json.loads(FILE.read_text(encoding="utf-8"))
    return kept


def goldens_of(kept: Kept, group: str) -> Goldens:
    """Return the recorded entries of a group."""
    return {name: Golden(**one) for name, one in kept["groups"].get(group, {}).items()}


def measured(group: str) -> Goldens:
    """Return the entries of a group as they are now, as they would be read again."""
    with tempfile.TemporaryDirectory() as folder, alike(Path(folder) / "cache"):
        found = GROUPS[group].measure(Path(folder))
    return {
        name: Golden(one.identity, json.loads(json.dumps(one.values, allow_nan=False)))
        for name, one in found.items()
    }


def refused(kept: Kept, group: str, found: Mapping[str, Golden], protocol: int) -> list[str]:
    """Return the entries that may not be replaced, a line for each, with what differs in them."""
    if kept["protocol"] != protocol:
        return []
    return [
        f"{name}: {'; '.join(lines)}"
        for name, before in goldens_of(kept, group).items()
        if name in found
        and found[name].identity == before.identity
        and (lines := differences(before, found[name], GROUPS[group].near))
    ]


def record(kept: Kept, found: Mapping[str, Goldens], protocol: int) -> Kept:
    """Return what to keep: what is near to what was recorded stays, to the digit.

    Raises:
        SystemExit: an entry may not be replaced.
    """
    wrong = [line for group, one in found.items() for line in refused(kept, group, one, protocol)]
    if wrong:
        sys.exit(
            "\n".join(
                [
                    f"not recorded: under protocol {protocol} the same plug-ins compute other"
                    " numbers; raise PROTOCOL in a2ibench/protocol.py (or the version of a metric,"
                    " judge or encoder), then call this again",
                    *wrong,
                ]
            )
        )
    groups: dict[str, Any] = {}
    for group, entries in found.items():
        before = goldens_of(kept, group)
        groups[group] = {}
        for name, now in entries.items():
            old = before.get(name)
            same = old is not None and not differences(old, now, GROUPS[group].near)
            values = old.values if old is not None and same else now.values
            groups[group][name] = {"identity": now.identity, "values": values}
    return {"protocol": protocol, "groups": groups}


if __name__ == "__main__":
    new = record(read(), {group: measured(group) for group in GROUPS}, PROTOCOL)
    FILE.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{FILE}: protocol {PROTOCOL}")  # noqa: T201
