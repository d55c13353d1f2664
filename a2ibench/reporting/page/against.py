"""The methods of a study against its floors and its ceiling."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.contracts.reference import CEILING
from a2ibench.reporting.differences import Family
from a2ibench.reporting.report import Report
from a2ibench.reporting.table import Table
from a2ibench.reporting.verdict_text import Comparison, comparisons
from a2ibench.results.rows import RowScores

CONSTANT = (
    "A reference row without chance is the same for every seed; it is compared with each seed of"
    " the method."
)


class Against(NamedTuple):
    """The methods against one reference row, ``"floor"`` or ``"ceiling"``, in a table and in
    words."""

    row: str
    what: str
    table: Table
    compared: list[Comparison]


def against_references(made: Report) -> list[Against]:
    """Compare every arm with the ceiling, and with the floor of each group of metrics that has one.

    These tests are in no table of the study: each table here is a family of its own for Holm's
    correction.
    """
    found = []
    for row in (method for method in made.methods if method.reference):
        if row.model not in registry.references.names():
            continue
        plugin = registry.references.get(row.model)
        metrics = [m for m in made.usable if m.group in plugin.floor_of]
        what = "floor"
        if plugin.row == CEILING:
            # Real test images have memorised nothing, by construction.
            metrics = [m for m in made.usable if m.judge != OWN and "train" not in m.needs]
            what = "ceiling"
        if not plugin.random:  # it has no chance by construction: nobody has less, or better
            metrics = [m for m in metrics if "noise" not in m.needs]
        if metrics and made.scored and row.scores:
            family = Family(
                f"against_{plugin.name}",
                f"Methods against {row.label}, the {what} ({made.about})",
                (row.label, "method"),
                [(row if plugin.random else _for_seeds_of(arm, row), arm) for arm in made.scored],
                metrics,
                made.health,
                [] if plugin.random else [CONSTANT],
            )
            found.append(Against(row.label, what, family.table, comparisons(family)))
    return found


def _for_seeds_of(arm: RowScores, row: RowScores) -> RowScores:
    """Give a row that has one seed because nothing in it is random the seeds of an arm."""
    scores = {}
    for name, own in arm.scores.items():
        if (there := row.scores.get(name)) is not None:
            scores[name] = replace(
                there,
                seeds=own.seeds,
                values=np.repeat(there.values[:1], len(own.seeds)),
                spread=None,
                blocks=np.repeat(there.blocks[:1], len(own.seeds), axis=0),
            )
    return replace(row, scores=scores)
