"""Cost and gaps: what a study took, and what is missing in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench.contracts.section import Section
from a2ibench.reporting.cells import Label, Number
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import SPENT, Result

MEMORY = "system/process_memory_usage_megabytes"
SECONDS = (
    "Seconds and images per second: means over the seeds; all of it: the sum over them. Images are"
    " training images. Memory: the most that a sample every few seconds saw the process use."
)
MEANS = {
    "parameters": "parameters",
    "steps": "steps",
    "images/s": "images_per_second",
    "preparation (s)": SPENT[0],
    "training (s)": SPENT[1],
    "evaluation (s)": SPENT[2],
}
"""Column → what is in a result, of which it is the mean over the seeds."""
COLUMNS = ("seeds", *MEANS, "all of it (s)", "memory (MB)")


class Cost(Section):
    """Jobs without a result, and the cost of the others."""

    name, title, place = "cost", "Cost and gaps", 90

    def collect(self, study: StudyView) -> Mapping[str, Any]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        return {"gaps": gap_table(study.rows), "cost": cost_table(study.rows, study.report.about)}


def cost_table(rows: Jobs, about: str) -> Table | None:
    """Return the table of costs by row; None where nothing has a result."""
    lines = []
    for label, jobs in rows.items():
        results = [ran.result for ran in jobs if ran.result is not None]
        if not results:
            continue
        seen = [row[MEMORY] for ran in jobs for row in ran.machine if MEMORY in row]
        spent = sum(result.seconds for result in results)
        means = [_mean(results, name) for name in MEANS.values()]
        values = (len(results), *means, spent, max(seen, default=None))
        lines.append((Label(label), *map(Number, values)))
    if not lines:
        return None
    return Table(
        name="cost",
        title=f"Cost ({about})",
        columns=(
            Column("method", {"method": "text"}),
            *(Column(name, {name: "value"}) for name in COLUMNS),
        ),
        sections=(tuple(lines),),
        notes=(SECONDS,),
    )


def gap_table(rows: Jobs) -> Table | None:
    """Every job without a result, with its reason; None where there is none."""
    gaps = [
        (Label(label), Number(ran.seed), Label(ran.folder.name, "hash"), Label(reason, "words"))
        for label, jobs in rows.items()
        for ran in jobs
        if (reason := ran.gap) is not None
    ]
    if not gaps:
        return None
    return Table(
        name="gaps",
        title="Jobs without a result",
        columns=(
            Column("method", {"method": "text"}),
            Column("seed", {"seed": "value"}),
            Column("job", {"job": "text"}, left=True),
            Column("why", {"why": "text"}, left=True),
        ),
        sections=(tuple(gaps),),
    )


def _mean(results: Sequence[Result], name: str) -> float | None:
    found = [value for result in results if (value := getattr(result, name)) is not None]
    return sum(found) / len(found) if found else None
