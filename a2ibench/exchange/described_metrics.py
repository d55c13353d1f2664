"""The metrics of exported contents, which need not be installed here."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric
from a2ibench.exchange.records import Content, RowEntry

SHOWN = 6
"""Digits of a hash that tell two things of one name apart."""


class DescribedMetric(Metric):
    """A metric by its description alone, which may be installed nowhere here."""

    title = ""
    key: str = ""
    """Key of its scores: two of them are equal by it."""
    judge = OWN
    bounds = (float("-inf"), float("inf"))

    def compute(self, outputs: JudgeOutputs) -> float:
        """Refuse: a description computes nothing."""
        raise NotImplementedError(f"{self.name}: known by its description alone")


def describe_metrics(
    content: Content, rows: Iterable[RowEntry]
) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """Return the metrics of some rows by their names on the board, and by the keys of scores; of
    a metric in several versions, or by several judges, each title says which it is."""
    keys = dict.fromkeys(key for row in rows for job in row.jobs for key in job.scores)
    entries = [(key, content.metrics[key]) for key in keys]
    entries.sort(key=lambda one: (one[1].column, one[1].name, one[1].version, one[0]))
    names = Counter(entry.name for _, entry in entries)
    versions = Counter(name for name, _ in {(one.name, one.version) for _, one in entries})
    alike = Counter((entry.name, entry.version) for _, entry in entries)
    judges = Counter(name for name, _ in {(one.judge, one.judge_fingerprint) for _, one in entries})
    by_name: dict[str, Metric] = {}
    by_key: dict[str, Metric] = {}
    number = Counter[str]()
    for key, entry in entries:
        made, title, name = DescribedMetric(key=key), entry.title, entry.name
        if names[entry.name] > 1:
            number[entry.name] += 1
            name = f"{entry.name}#{number[entry.name]}"
        if versions[entry.name] > 1:
            title += f" v{entry.version}"
        if alike[entry.name, entry.version] > 1:
            title += f" by {entry.judge} {entry.judge_fingerprint[:SHOWN]}"
        judge = entry.judge
        if judges[judge] > 1:  # what is said of one of them says nothing of the others
            judge += f" {entry.judge_fingerprint[:SHOWN]}"
        low, high = (entry.low, entry.high)
        vars(made).update(
            name=name,
            title=title,
            version=entry.version,
            judge=judge,
            group=entry.group,
            column=entry.column,
            percent=entry.percent,
            primary=entry.primary,
            higher_is_better=entry.higher_is_better,
            directed=entry.directed,
            refers_to_own_image=entry.refers_to_own_image,
            bounds=(-np.inf if low is None else low, np.inf if high is None else high),
        )
        by_name[name] = by_key[key] = made
    return by_name, by_key
