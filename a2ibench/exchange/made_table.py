"""The table of what made the scores of a leaderboard: code, options, hardware and cost."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2ibench.exchange.boards import Board
from a2ibench.exchange.records import RowEntry
from a2ibench.printable import printable
from a2ibench.reporting.cells import MISSING, Cell, Label, Number
from a2ibench.reporting.table import Column, Table
from a2ibench.results.records import SPENT


def made_table(number: int, board: Board) -> Table:
    """Return the code, options, hardware and cost of each row."""
    names = {id(row): scores.label for row, scores in zip(board.rows, board.scores, strict=True)}
    lines = tuple(tuple(_made(row, names[id(row)])) for row in board.rows)
    columns = (
        Column("method"),
        Column("seeds", left=True),
        Column("code", left=True),
        Column("options", left=True),
        Column("hardware", left=True),
        Column("parameters"),
        Column("training images/s"),
        Column("seconds per seed"),
        Column("a2ibench", left=True),
    )
    return Table(
        f"made-{number}",
        "Code, options, hardware and cost",
        columns,
        (lines,),
        ("Code: hash of the method's code, of an outside system's images. Means over the seeds.",),
    )


def _made(row: RowEntry, label: str) -> Iterator[Cell]:
    def mean(values: Sequence[float | None]) -> Number:
        found = [one for one in values if one is not None]
        return Number(sum(found) / len(found) if found else None)

    costs = [job.cost for job in row.jobs]
    hardware = dict.fromkeys(printed_options(job.hardware) for job in row.jobs if job.hardware)
    yield Label(label)
    yield Label(", ".join(str(job.seed) for job in row.jobs) or MISSING, "key")
    yield Label(", ".join(dict.fromkeys(job.source[:12] for job in row.jobs)) or MISSING, "hash")
    yield Label(printed_options(row.config) if row.jobs else MISSING, "words")
    yield Label("; ".join(hardware) or MISSING, "words")
    yield mean([cost.parameters for cost in costs])
    yield mean([cost.images_per_second for cost in costs])
    yield mean([sum(getattr(cost, part) or 0.0 for part in SPENT) for cost in costs])
    yield Label(", ".join(dict.fromkeys(job.a2ibench for job in row.jobs)) or MISSING, "key")


def printed_options(values: Mapping[str, Any]) -> str:
    """Return options as one line."""
    said = (
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in values.items()
    )
    return printable(", ".join(said)) or "none"
