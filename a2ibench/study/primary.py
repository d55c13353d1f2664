"""The primary questions of a study: which metrics, and which rows against which.

They are few, and declared before there is a result: only they are tested, as one family. Every
other difference is exploratory.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from a2ibench import registry
from a2ibench.config import several
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.errors import UserError, nearest
from a2ibench.results.declaration import declaration_hash
from a2ibench.results.records import Contrast
from a2ibench.results.rows import MINUS
from a2ibench.results.study import Study

VERSUS = " vs "


class Named(Protocol):
    """A row of a study, planned or there."""

    @property
    def label(self) -> str:
        """The label as printed."""

    @property
    def full(self) -> str | None:
        """The label of the full model; None of what is no ablation."""

    @property
    def reference(self) -> bool:
        """Whether it is a reference row."""


@dataclass(frozen=True)
class Primary:
    """Primary questions: every metric of every contrast.

    Where the user names no metrics, or no contrasts, they are empty until :func:`settle_primary`
    puts the usual ones there.
    """

    metrics: tuple[str, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    declared: bool = False

    @staticmethod
    def of(metrics: Iterable[str], contrasts: Iterable[str | Sequence[str]]) -> "Primary":
        """Return what a user declares; a contrast is ``"A vs B"``, or a pair of labels.

        Raises:
            UserError: a contrast that is neither.
        """
        pairs = tuple(map(_read_contrast, contrasts))
        return Primary(tuple(metrics), pairs, bool(metrics) or bool(pairs))

    @property
    def line(self) -> str:
        """The questions in a line."""
        what = "primary questions" if self.declared else "primary questions, the usual ones"
        metrics, contrasts = ", ".join(self.metrics), ", ".join(map(str, self.contrasts))
        return f"{what}: {metrics or 'no metric'}; {contrasts or 'nothing to compare'}"

    @property
    def hash(self) -> str:
        """The hash of the questions, in whatever order."""
        return declaration_hash(self.metrics, [(one.arm, one.base) for one in self.contrasts])

    @property
    def plain(self) -> dict[str, Any]:
        """The plain values of ``study.json``."""
        contrasts = [one.model_dump() for one in self.contrasts]
        return {
            "metrics": list(self.metrics),
            "contrasts": contrasts,
            "declared": self.declared,
            "hash": self.hash,
        }

    @property
    def written(self) -> dict[str, list[str]]:
        """The same as a study's file has it; empty where the user declares nothing."""
        lists = {"metrics": list(self.metrics), "contrasts": [*map(str, self.contrasts)]}
        return {name: values for name, values in lists.items() if values}


def _read_contrast(one: str | Sequence[str]) -> Contrast:
    sides = one.split(VERSUS) if isinstance(one, str) else several(one)
    if len(sides) != 2 or not all(isinstance(side, str) and side.strip() for side in sides):
        said = one if isinstance(one, str) else list(sides)
        raise UserError(f"contrast {said!r}: expected two arms, as in 'ours vs wan2019'")
    arm, base = (side.strip().replace(" - ", MINUS) for side in sides)
    return Contrast(arm=arm, base=base)


def usual_metrics(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Choose one metric of each group, that is of each table of scores, by which one is better.

    It is the one that is declared as :attr:`~a2ibench.contracts.metric.Metric.primary`, else that
    of the first column. None is by the network that a method trains against. Variety has none while
    there is another group: part of it holds by construction (a method without noise has no
    diversity), part of it is the same on another scale, and memorisation is a guard.
    """
    independent = [one for one in metrics if one.judge != OWN and one.directed]
    asked = [one for one in independent if one.group != "variety"] or independent
    chosen: dict[str, Metric] = {}
    for metric in sorted(asked, key=lambda one: (not one.primary, one.column, one.name)):
        chosen.setdefault(metric.group, metric)
    return tuple(one.name for one in metrics if one in chosen.values())


def usual_contrasts(rows: Sequence[Named]) -> tuple[Contrast, ...]:
    """Compare every full model with the last one, then each ablated arm with its full model.

    Rows of several budgets have one label, and are one side of a comparison.
    """
    labels = {row.label for row in rows}
    full = list(dict.fromkeys(row.label for row in rows if row.full is None and not row.reference))
    ablated = dict.fromkeys((row.label, row.full) for row in rows if row.full is not None)
    pairs = [(label, full[-1]) for label in full[:-1]] + [
        (label, base) for label, base in ablated if base in labels
    ]
    return tuple(Contrast(arm=arm, base=base) for arm, base in pairs)


def declared_in(study: Study | None) -> Primary:
    """Return the questions that the user declared for a study, if there is one."""
    record = None if study is None else study.about.primary
    if record is None or not record.declared:
        return Primary()
    return Primary(tuple(record.metrics), tuple(record.contrasts), declared=True)


def settle_primary(
    asked: Primary,
    metrics: Sequence[str],
    rows: Sequence[Named],
    left_out: Mapping[str, str] | None = None,
) -> Primary:
    """Check primary questions, and put the usual ones where nothing was declared.

    Args:
        metrics: names of those that are computed, in the order of the columns.
        left_out: the other metrics → why they are not computed.

    Raises:
        UserError: as :func:`check_metrics` and :func:`check_contrasts`.
    """
    declared = check_metrics(asked.metrics, metrics, left_out)
    references = [row.label for row in rows if row.reference]
    check_contrasts(asked.contrasts, [row.label for row in rows if not row.reference], references)
    return Primary(
        declared or usual_metrics([registry.metrics.get(name) for name in metrics]),
        asked.contrasts or usual_contrasts(rows),
        asked.declared,
    )


def check_metrics(
    names: Sequence[str], computed: Collection[str], left_out: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the names of primary metrics in the one way in which they are written.

    Raises:
        UserError: one that is not registered, not computed, named twice, without a better end, or
            scored by the network that a method trains against.
    """
    found = [registry.metrics.get(name).name for name in names]
    for name in found:
        if found.count(name) > 1:
            raise UserError(f"primary metric {name!r} is named twice")
        if registry.metrics.get(name).judge == OWN:
            raise UserError(
                f"primary metric {name!r}: by the network that a method trains against, which"
                " measures nothing; choose one of an independent judge"
            )
        if not registry.metrics.get(name).directed:
            raise UserError(
                f"primary metric {name!r}: neither a higher nor a lower score is better; it is read"
                " beside the ground truth: choose another one"
            )
        if name not in computed:
            why = (left_out or {}).get(name, f"ask for it: --metric {name}")
            raise UserError(
                f"primary metric {name!r} is not computed ({why}); {nearest(name, computed)}"
            )
    return tuple(found)


def check_contrasts(
    contrasts: Sequence[Contrast], methods: Sequence[str], references: Sequence[str]
) -> None:
    """Refuse contrasts that are no question.

    Args:
        methods: labels of arms and outside systems.
        references: labels of reference rows, which may be the second of the two.

    Raises:
        UserError: an unknown row, one against itself, the same two rows twice, or a reference row
            that is asked to be better.
    """
    seen: set[frozenset[str]] = set()
    for one in contrasts:
        for label in (one.arm, one.base):
            if label not in methods and label not in references:
                known = methods if label == one.arm else [*methods, *references]
                raise UserError(f"contrast '{one}': no arm {label!r}; {nearest(label, known)}")
        pair = frozenset((one.arm, one.base))
        if len(pair) == 1:
            raise UserError(f"contrast '{one}': an arm against itself; expected two arms")
        if pair in seen:
            raise UserError(f"contrast '{one}': these two are compared twice")
        if one.arm in references:
            raise UserError(
                f"contrast '{one}': {one.arm} is a reference row; write '{one.base} vs {one.arm}'"
            )
        seen.add(pair)
