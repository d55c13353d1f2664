"""The block "what these data can answer", for a terminal."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from a2ibench.data.class_counts import Count
from a2ibench.evaluation.feasibility import Feasibility

if TYPE_CHECKING:
    import rich.table

TITLE = "What these data can answer"
LISTED = 20
"""Classes in the table; of more, those with the fewest clips."""
MOST = 8
"""Metrics that are left out for one reason and named."""
NAMED = 4
"""Metrics that a line names."""


def class_table(found: Feasibility) -> "rich.table.Table":
    """Return clips, and pairs in parentheses, of each class and in all; nothing is markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "class", "train models: clips (pairs)", "train judges", "test", title=TITLE, min_width=50
    )
    fewest = sorted(found.classes, key=lambda one: (min(one.train, one.test.clips), one.clips))
    shown = {one.label for one in fewest[:LISTED]}
    for one in found.classes:
        if one.label in shown:
            table.add_row(Text(one.label), *map(_count, (one.models, one.judges, one.test)))
    if len(found.classes) > LISTED:
        table.add_row(f"and {len(found.classes) - LISTED} classes with more clips", "", "", "")
    parts = zip(*((one.models, one.judges, one.test) for one in found.classes), strict=True)
    sums = [Count(sum(one.clips for one in part), sum(one.pairs for one in part)) for part in parts]
    table.add_section()
    table.add_row("all", *map(_count, sums))
    return table


def feasibility_lines(found: Feasibility, verbose: bool) -> Iterator[str]:
    """Say what is measured, what is left out (and why, if verbose), and how wide intervals will
    be."""
    if found.metrics:
        yield f"measured: {', '.join(found.metrics)}"
    if verbose:
        yield from left_out_lines(found.left_out)
    elif found.left_out:
        count = len(found.left_out)
        what = "one metric is" if count == 1 else f"{count} metrics are"
        yield f"{what} left out; --verbose says which, and why"
    if found.shares:
        names = ", ".join(found.shares[:NAMED]) + (", …" if len(found.shares) > NAMED else "")
        clips = f"{found.test_clips} test clips"
        if found.half_width is None:
            yield f"expected 95 % intervals: none, {clips} are too few for any"
        else:
            yield (
                f"expected 95 % intervals of shares ({names}): about ± {100 * found.half_width:.0f}"
                f" points from {clips}, by t·√(¼ / clips), as if the segments of a clip agreed;"
                " training seeds add to that"
            )


def left_out_lines(left_out: Mapping[str, str]) -> Iterator[str]:
    """Return a line for each reason, with the metrics that it keeps out."""
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        yield f"left out: {', '.join(names[:MOST])}{more}: {reason}"


def _count(count: Count) -> str:
    return f"{count.clips:,} ({count.pairs:,})"
