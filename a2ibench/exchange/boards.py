"""The leaderboards in exported contents: rows that may stand in one table, ranked."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from a2ibench.contracts.metric import OWN, Metric
from a2ibench.errors import UserError
from a2ibench.evaluation.judge_health import Health
from a2ibench.evaluation.rank_intervals import RankInterval, rank_intervals
from a2ibench.exchange.described_metrics import SHOWN, describe_metrics
from a2ibench.exchange.merge import board_of
from a2ibench.exchange.records import Content, JudgeEntry, MetricEntry, PairsEntry, RowEntry, unpack
from a2ibench.results.rows import RowScores, seed_scores, why_undefined
from a2ibench.results.struck_metrics import find_health, usable
from a2ibench.study.primary import usual_metrics

MAX_METHODS = 200
"""Largest number of methods that are ranked: each pair is tested by each metric."""


@dataclass(frozen=True)
class Board:
    """Rows that may stand in one table.

    Attributes:
        rows: reference rows, then outside systems and methods, as they were exported.
        scores: those of each row, in the same order, with labels that are unlike each other.
        metrics: name on this board → metric, in the order of the columns.
        definitions: the same → how it was exported.
        ablations: whether these are ranked, too.
        apart: what tells it from another board of its title.
    """

    protocol: int
    pairs_hash: str
    pairs: PairsEntry
    budget: int | None
    rows: tuple[RowEntry, ...]
    scores: tuple[RowScores, ...]
    metrics: Mapping[str, Metric]
    definitions: Mapping[str, MetricEntry]
    ablations: bool = False
    apart: str = ""

    @property
    def dataset(self) -> str:
        """Its name, or names."""
        return " / ".join(self.pairs.names)

    @property
    def encoder(self) -> str:
        """The name of the encoder."""
        return self.rows[0].encoder.name

    @property
    def title(self) -> str:
        """The data, as headings name them."""
        budget = "" if self.budget is None else f", {self.budget:,} training images"
        return f"{self.dataset}, {self.encoder}{budget}{self.apart}"

    @cached_property
    def health(self) -> tuple[Health, ...]:
        """The marks of the judges."""
        return find_health(self.scores, [*self.metrics.values()])

    @cached_property
    def usable(self) -> tuple[Metric, ...]:
        """The metrics whose judges can judge."""
        return usable([*self.metrics.values()], self.health)

    def _is_ranked(self, row: RowScores) -> bool:
        return not row.reference and (self.ablations or row.full is None)

    @cached_property
    def methods(self) -> list[RowScores]:
        """The rows that are ranked, the best by the first headline metric first: no reference
        rows, and ablations only if asked for."""
        by = next((one for one in self.usable if one.name in self.headline), None)

        def place(row: RowScores) -> float:
            if by is None or by.name not in row.scores:
                return np.inf
            return row.scores[by.name].mean * (-1 if by.higher_is_better else 1)

        return sorted(filter(self._is_ranked, self.scores), key=place)

    @property
    def ordered(self) -> list[RowScores]:
        """The reference rows, what is ranked, then the ablations that are not."""
        references = [row for row in self.scores if row.reference]
        rest = [row for row in self.scores if not (row.reference or self._is_ranked(row))]
        return [*references, *self.methods, *rest]

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """One metric for each group, as studies choose them; where a metric has several columns,
        by that which ranks the most methods, or is the newest of these."""

        def weight(metric: Metric) -> tuple[int, int]:
            return sum(metric.name in row.scores for row in ranked), metric.version

        ranked = [row for row in self.scores if self._is_ranked(row)]
        chosen: dict[str, Metric] = {}
        for metric in self.usable:
            name = self.definitions[metric.name].name
            if name not in chosen or weight(metric) > weight(chosen[name]):
                chosen[name] = metric
        return usual_metrics([metric for metric in self.usable if metric in chosen.values()])

    @cached_property
    def ranks(self) -> dict[str, dict[str, RankInterval]]:
        """Metric → label of a method → its ranks among the methods that have a score by it; none
        by a metric without a better end.

        Raises:
            UserError: two rows were judged on different blocks of test clips, or there are more
                than :data:`MAX_METHODS`.
        """
        if len(self.methods) > MAX_METHODS:
            raise UserError(
                f"{self.title}: {len(self.methods):,} methods; at most {MAX_METHODS} are ranked"
                " together, since each pair is tested: give fewer files"
            )
        found = {}
        for metric in self.usable:
            there = [row for row in self.methods if metric.directed and metric.name in row.scores]
            try:
                ranks = rank_intervals(
                    [row.scores[metric.name] for row in there], metric.higher_is_better
                )
            except ValueError as error:
                raise UserError(
                    f"{self.title}, {metric.title}: rows that claim the same pairs cannot be"
                    f" compared ({error}); export their studies again"
                ) from error
            found[metric.name] = {row.label: r for row, r in zip(there, ranks, strict=True)}
        return found

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """Title of a metric → the labels of methods of which a score by it is in no file, with
        their seeds where others are there."""
        found: dict[str, list[str]] = {}
        for name, metric in self.metrics.items():
            for row, scores in zip(self.rows, self.scores, strict=True):
                if scores.reference:
                    continue
                key = self.definitions[name].id
                lacks = [str(job.seed) for job in row.jobs if key not in job.scores]
                some = f" (seed {', '.join(lacks)})" * (0 < len(lacks) < len(row.jobs))
                if lacks or not row.jobs:
                    found.setdefault(metric.title, []).append(scores.label + some)
        return found


def make_boards(content: Content, ablations: bool = False) -> list[Board]:
    """Return the leaderboards of a content: one for each protocol, set of pairs, encoder and
    budget. What has no budget, a reference row or an outside system, is on those of all.

    Args:
        ablations: whether to rank ablations, too. Each adds to the number of tests.
    """
    groups: dict[tuple[int, str, str], list[RowEntry]] = defaultdict(list)
    for row in content.rows:
        protocol, pairs, encoder, _ = board_of(row)
        groups[protocol, pairs, encoder].append(row)
    boards = []
    for (protocol, pairs, _), rows in groups.items():
        trained = {row.budget for row in rows if row.budget is not None}
        budgets: list[int | None] = [*sorted(trained)]
        for budget in budgets or [None]:
            chosen = [row for row in rows if row.budget in (None, budget)]
            chosen.sort(key=lambda row: row.kind != "reference")
            metrics, columns = describe_metrics(content, chosen)
            scores = tuple(
                _scores(row, label, columns, content.judges)
                for row, label in zip(chosen, _labels(chosen), strict=True)
            )
            definitions = {columns[key].name: content.metrics[key] for key in columns}
            board = Board(
                protocol,
                pairs,
                content.pairs[pairs],
                budget,
                tuple(chosen),
                scores,
                metrics,
                definitions,
                ablations,
            )
            boards.append(board)
    boards.sort(key=lambda one: (one.dataset, one.encoder, one.budget or 0, one.protocol))
    count = Counter(board.title for board in boards)
    return [
        replace(board, apart=f", protocol {board.protocol}, pairs {board.pairs_hash[:SHOWN]}")
        if count[board.title] > 1
        else board
        for board in boards
    ]


def _labels(rows: Sequence[RowEntry]) -> list[str]:
    """Tell rows of one label apart: other options or code, or other images."""
    count = Counter(row.label for row in rows)
    return [
        row.label if count[row.label] == 1 else f"{row.label} ({row.definition[:SHOWN] or 'none'})"
        for row in rows
    ]


def _scores(
    row: RowEntry, label: str, columns: Mapping[str, Metric], judges: Mapping[str, JudgeEntry]
) -> RowScores:
    found, undefined, seen = {}, {}, dict[str, Health]()
    for key, metric in columns.items():
        jobs = [job for job in row.jobs if key in job.scores]
        valued = [job for job in jobs if job.scores[key].value is not None]
        reasons = [why for job in jobs if (why := job.scores[key].undefined) is not None]
        if valued:
            if (
                len({(*(job.strata or ()), len(job.scores[key].blocks or "")) for job in valued})
                > 1
            ):
                raise UserError(
                    f"{label}, {metric.title}: its seeds were judged on different blocks of test"
                    " clips, although they claim the same pairs; export the study again"
                )
            found[metric.name] = seed_scores(
                [job.seed for job in valued],
                [job.scores[key] for job in valued],
                [unpack(job.scores[key].blocks or "") for job in valued],
                None if valued[0].strata is None else np.array(valued[0].strata, np.int64),
                len(reasons),
                valued[0].scores[key].pooled,
            )
            fingerprint = key.rpartition(" ")[2]
            if fingerprint != OWN and (health := judges[fingerprint].held_out) is not None:
                about = health.model_dump()
                seen[fingerprint] = Health(judge=metric.judge, metric=None, **about)
        if reasons:
            undefined[metric.name] = why_undefined(reasons, len(jobs))
    return RowScores(
        label,
        row.kind == "reference",
        row.model if row.change else None,
        row.asked,
        found,
        frozenset(row.floor_of),
        row.ceiling,
        tuple(seen.values()),
        row.model,
        undefined,
    )
