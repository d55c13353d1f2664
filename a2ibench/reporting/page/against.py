"""The methods of a study against its floors and its ceiling: exploratory."""

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.contracts.reference import CEILING
from a2ibench.reporting.differences import Differences
from a2ibench.reporting.report import Report
from a2ibench.study.paired_tests import explore


def against_references(made: Report) -> list[Differences]:
    """Compare every arm with the ceiling, and with the floor of each group of metrics that has one.

    These differences are in no table of the study. One that is a question belongs among its primary
    contrasts.
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
            found.append(
                Differences(
                    f"against_{plugin.name}",
                    f"Methods against {row.label}, the {what}, exploratory ({made.about})",
                    (row.label, "method"),
                    explore([(row, arm) for arm in made.scored], metrics),
                    made.health,
                )
            )
    return found
