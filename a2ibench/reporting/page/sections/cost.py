"""Cost and gaps: the seconds and the memory of a study, and what is missing in it."""

from a2ibench.contracts.section import Section
from a2ibench.reporting.cells import Label, Number
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import SPENT

MEMORY = "system/process_memory_usage_megabytes"
SECONDS = (
    "Seconds and images per second: means over the seeds; all of it: the sum over them. Images are"
    " training images; preparation: those that a method's own pretraining read in addition; frozen:"
    " those that trained a part which was then frozen; elsewhere: those that a frozen part had been"
    " trained on, as far as its user says. Memory: the most that a sample every few seconds saw the"
    " process use."
)
MEANS = {
    "parameters": "parameters",
    "steps": "steps",
    "images/s": "images_per_second",
    "preparation (images)": "preparation_images",
    "frozen (images)": "frozen_images",
    "elsewhere (images)": "outside_images",
    "preparation (s)": SPENT[0],
    "training (s)": SPENT[1],
    "evaluation (s)": SPENT[2],
}
"""Column → what is in a result, of which it is the mean over the seeds."""
COLUMNS = ("seeds", *MEANS, "all of it (s)", "memory (MB)")


class Cost(Section):
    """Jobs without a result, and the cost of the others."""

    name, title, place = "cost", "Cost and gaps", 90

    def collect(self, study: StudyView) -> dict[str, object]:
        every = {row.name: row.jobs for row in study.study.all_rows}
        return {"gaps": _gap_table(every), "cost": _cost_table(study.rows, study.report.about)}


def _cost_table(rows: Jobs, about: str) -> Table | None:
    lines = []
    for label, jobs in rows.items():
        results = [ran.result for ran in jobs if ran.result is not None]
        if not results:
            continue
        means = []
        for name in MEANS.values():
            found = [value for one in results if (value := getattr(one, name)) is not None]
            means.append(sum(found) / len(found) if found else None)
        spent = sum(result.seconds for result in results)
        seen = [row[MEMORY] for ran in jobs for row in ran.machine if MEMORY in row]
        values = (len(results), *means, spent, max(seen, default=None))
        lines.append((Label(label, "method"), *map(Number, values)))
    columns = (Column.text("method"), *map(Column.value, COLUMNS))
    return Table("cost", f"Cost ({about})", columns, (tuple(lines),), (SECONDS,)) if lines else None


def _gap_table(rows: Jobs) -> Table | None:
    """List every job without a result, with its reason."""
    gaps = [
        (
            Label(label, "method"),
            Number(ran.seed),
            Label(ran.folder.name, "hash"),
            Label(reason, "words"),
        )
        for label, jobs in rows.items()
        for ran in jobs
        if (reason := ran.gap) is not None
    ]
    columns = (
        Column.text("method"),
        Column.value("seed"),
        Column.text("job", left=True),
        Column.text("why", left=True),
    )
    return Table("gaps", "Jobs without a result", columns, (tuple(gaps),)) if gaps else None
