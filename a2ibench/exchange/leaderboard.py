"""The page of leaderboards: ranks as intervals, scores, and what made them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.evaluation.rank_intervals import RankInterval
from a2ibench.evaluation.statistics import MIN_SEEDS
from a2ibench.exchange.boards import Board, make_boards
from a2ibench.exchange.exported_file import write_content
from a2ibench.exchange.made_table import made_table, printed_options
from a2ibench.exchange.rank_chart import draw_ranks
from a2ibench.exchange.records import Content
from a2ibench.reporting.cells import (
    MISSING,
    Cell,
    Count,
    Label,
    Printed,
    Seeds,
    full_name,
    heading,
)
from a2ibench.reporting.html_page import write_html
from a2ibench.reporting.score_tables import TITLES, score_tables
from a2ibench.reporting.svg import Chart, inline_svg
from a2ibench.reporting.table import Column, Table
from a2ibench.results.recorded_files import writing
from a2ibench.results.rows import RowScores
from a2ibench.results.struck_metrics import struck_reasons

PAGE = "index.html"
MERGED = "results.json"
RECORD = "leaderboard.json"
"""In the folder of a leaderboard: which of its files were written there."""
RANKS = (
    "The places that a method may hold, 1 being the best: by each metric 95 % intervals that hold"
    " for all methods of the table together. Every pair is tested by its difference, paired by test"
    " clips, and all pairs are corrected by Holm's method; a method stands behind those that are"
    " shown to be better, and before those that are shown to be worse (Mogstad, Romano, Shaikh,"
    " Wilhelm 2024). Methods whose places overlap are tied."
)
NOT_RANKED = "Reference rows are not ranked: they are the ceiling and the floors."
FEW_SEEDS = (
    "With fewer than three seeds nothing is tested, and a method is tied with all others: {}."
)
ALONE = "There is one method, {}: it is compared with nothing, and has no rank."
ABLATIONS = (
    "Ablations stand in the tables of scores alone; `a2ibench leaderboard --ablations` ranks them,"
    " too."
)
NONE = "There is no method here, only reference rows."


@dataclass(frozen=True)
class Places(Cell):
    """``2``, or ``1–3`` where methods are tied; bold where it may be first and cannot be last."""

    ranks: RankInterval
    of: int

    def _print(self) -> Printed:
        low, high = self.ranks
        text = f"{low}–{high}" if self.ranks.tied else str(low)
        return Printed(text, "", low + high / 1000, "first" * (low == 1 and high < self.of))


def write_leaderboard(content: Content, folder: Path, ablations: bool = False) -> list[Board]:
    """Write ``index.html``, and the content as ``results.json``, and return what is shown.

    Args:
        ablations: whether to rank ablations, too.

    Raises:
        UserError: the folder holds files of others by these names, or rows of one leaderboard were
            judged on different test clips.
    """
    boards = make_boards(content, ablations)
    views = [_view(i, board) for i, board in enumerate(boards, 1)]
    facets = {
        name: list(dict.fromkeys(view["facets"][name] for view in views))
        for name in ("protocol", "dataset", "encoder", "budget")
    }
    with writing(folder, RECORD, (PAGE, MERGED), {}):
        digest = write_content(content, folder / MERGED)
        write_html(
            "leaderboard.html.j2",
            folder / PAGE,
            script="leaderboard.js",
            boards=views,
            facets=facets,
            metrics=_definitions(boards),
            notes=(RANKS, NOT_RANKED),
            digest=digest,
            parts=content.parts,
        )
    return boards


def claims(board: Board) -> list[str]:
    """Say in a line for each headline metric who is first."""
    if len(board.methods) < 2:
        return [ALONE.format(board.methods[0].label) if board.methods else NONE]
    by_name = {metric.name: metric for metric in board.usable}
    said = []
    for name in board.headline:
        if len(ranks := board.ranks[name]) > 1:
            said.append(f"{by_name[name].title}: {_who_leads(ranks)}.")
    return said or ["No metric ranks two methods."]


def _who_leads(ranks: Mapping[str, RankInterval]) -> str:
    k = len(ranks)
    first = [label for label, one in ranks.items() if one.low == 1]
    if all(one == (1, k) for one in ranks.values()):
        return f"nothing separates the {k} methods"
    if len(first) == 1:
        return f"{first[0]} is first of {k}"
    return f"the first place of {k} is shared by {', '.join(first)}"


def _view(number: int, board: Board) -> dict[str, Any]:
    budget = "–" if board.budget is None else f"{board.budget:,}"
    metrics = [*board.metrics.values()]
    listed = "not known: the pairs were not at hand at the export"
    return {
        "id": f"board-{number}",
        "title": board.title,
        "claims": claims(board),
        "facets": {
            "protocol": str(board.protocol),
            "dataset": board.dataset,
            "encoder": board.encoder,
            "budget": budget,
        },
        "facts": [
            ("methods", str(len(board.methods))),
            ("protocol", str(board.protocol)),
            ("test segments", str(_widest(board))),
            ("pictures", f"{board.pairs.image_size} px" if board.pairs.image_size else MISSING),
            ("classes", str(board.pairs.classes or MISSING)),
        ],
        "chart": _chart(number, board),
        "tables": [
            _rank_table(number, board),
            *_score_tables(number, board, metrics),
        ],
        "made": made_table(number, board),
        "provenance": [
            ("pairs, content hash", board.pairs_hash),
            ("list of test segments, sha256", board.pairs.list_hash or listed),
            ("encoder, fingerprint", board.rows[0].encoder.fingerprint),
            ("encoder, options", printed_options(board.rows[0].encoder.config)),
        ],
    }


def _widest(board: Board) -> Count:
    scores = [one for row in board.scores for one in row.scores.values()]
    widest = max(scores, key=lambda one: one.n, default=None)
    return Count() if widest is None else Count(widest.n, widest.clips)


def _chart(number: int, board: Board) -> Chart | None:
    shown = [one for one in board.usable if one.name in board.headline]
    if len(board.methods) < 2 or not shown:
        return None
    labels = [row.label for row in board.methods]
    caption = "From the first to the last place that each method may hold (95 %)."
    figure = draw_ranks(labels, shown, board.ranks)
    return Chart(inline_svg(figure, f"ranks-{number}", " ".join(claims(board))), caption)


def _rank_table(number: int, board: Board) -> Table:
    def place(row: RowScores, name: str, group: str) -> Cell:
        if row.reference:
            role = "ceiling" if row.ceiling else "floor" if group in row.floor_of else MISSING
            return Label(role, "soft")
        ranks = board.ranks[name]
        if row.label not in ranks or len(ranks) < 2:
            return Label(MISSING)
        return Places(ranks[row.label], len(ranks))

    references = [row for row in board.scores if row.reference]
    metrics = [metric for metric in board.usable if metric.directed]
    sections = [
        tuple(
            (
                Label(row.label),
                Seeds(row.done, row.asked),
                *(place(row, metric.name, metric.group) for metric in metrics),
            )
            for row in rows
        )
        for rows in (board.methods, references)
    ]
    return Table(
        name=f"ranks-{number}",
        title="Ranks",
        columns=(
            Column("method"),
            Column("seeds"),
            *(Column(heading(metric)) for metric in metrics),
        ),
        sections=tuple(section for section in sections if section),
        notes=tuple(_gaps(board)),
    )


def _gaps(board: Board) -> Iterator[str]:
    """Say what is missing, of few seeds, or struck."""
    few = [row.label for row in board.methods if row.done < MIN_SEEDS]
    if any(row.full for row in board.scores) and not board.ablations:
        yield ABLATIONS
    if few and len(board.methods) > 1:
        yield FEW_SEEDS.format(", ".join(few))
    for title, labels in board.missing.items():
        yield f"{MISSING} {title} is missing for {', '.join(labels)}: the files hold no such score."
    yield from struck_reasons([*board.metrics.values()], board.health)


def _score_tables(number: int, board: Board, metrics: Sequence[Any]) -> list[Table]:
    made = score_tables(board.ordered, metrics, board.title, ())
    return [
        Table(
            f"{one.name}-{number}",
            TITLES[one.name].partition(". ")[2],
            one.columns,
            one.sections,
            one.notes,
        )
        for one in made
    ]


def _definitions(boards: Sequence[Board]) -> list[dict[str, Any]]:
    """Return every metric once, as it is described."""
    found: dict[str, dict[str, Any]] = {}
    for board in boards:
        for name, metric in board.metrics.items():
            entry = board.definitions[name]
            found.setdefault(
                entry.id,
                {
                    "title": metric.title,
                    "name": full_name(metric) if name == entry.name else entry.id.partition(" ")[0],
                    "about": f"{metric.better} is better; judge {entry.judge}, fingerprint"
                    f" {entry.judge_fingerprint}",
                    "text": entry.definition,
                },
            )
    return [*found.values()]
