"""Two sides from two holders of pairs, on the test segments that both hold."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from a2ibench.data.held_list import HeldList, held_by, in_common, nothing_in_common, read_list
from a2ibench.errors import UserError, counted
from a2ibench.results.comparability import check_alike
from a2ibench.results.job_images import read_samples
from a2ibench.results.rescoring import make_scoring, score_again
from a2ibench.results.rows import Row
from a2ibench.results.sides import Side
from a2ibench.results.study import Study
from a2ibench.results.study_pairs import open_store
from a2ibench.types import Images, IntArray

LENGTH = 0.01
"""Share by which the lengths of two studies' sounds may differ: decoders round."""


@dataclasses.dataclass(frozen=True)
class OnCommon:
    """Two sides as if both had been asked about the test segments that both hold.

    Attributes:
        first: the pictures of A, scored again.
        second: those of B.
        notes: what was done, line by line.
    """

    first: Side
    second: Side
    notes: tuple[str, ...]


def score_on_common(
    sides: tuple[Side, Side],
    pairs: tuple[str | None, str | None] = (None, None),
    metrics: Sequence[str] = (),
    needed: str | None = None,
    progress: Callable[[str], Callable[[int, int], None]] = lambda name: lambda done, total: None,
) -> OnCommon:
    """Score two sides again on the test segments that the pairs of both hold.

    The real pictures and sounds of the first side's pairs count for both, so that another decoder
    makes no difference between the methods.

    Args:
        sides: A and B.
        pairs: the folder where A's pairs are now, None for that named in its study; the same of
            B's, or a file that lists their test segments.
        metrics: names; empty for all that both have.
        needed: one more.
        progress: makes a progress function from the name of a step.

    Raises:
        UserError: the sides do not belong together, have no segment in common, or lack pairs or
            pictures; or a metric that is named, or every one, is not fair
            (:func:`~a2ibench.results.rescoring.make_scoring`).
    """
    first, second = sides
    a, b = _study_of(first, "A"), _study_of(second, "B")
    if a.about.content_hash == b.about.content_hash:
        raise UserError("A and B were run on the same pairs: compare them without --common")
    _check_alike(first.row, second.row)
    store = open_store(a, pairs[0], make=False, option="--dataset-a")
    own, other = held_by(store), _list_of(b, pairs[1])
    common = in_common(own, other)
    if not len(common.first):
        raise nothing_in_common(own, other, "B")
    asked = [name for name in (*metrics, needed) if name is not None]
    usual = [] if metrics else sorted(first.row.metrics & second.row.metrics)
    scoring = make_scoring(store, common.first, usual, asked)
    real = tuple(row for row in a.rows if row.is_ceiling)  # it tells of the judges
    scored = []
    for letter, study, row, rows, drawn, more in (
        ("A", a, first.row, common.first, len(own), real),
        ("B", b, second.row, common.second, len(other), ()),
    ):
        few = dataclasses.replace(study, rows=(*more, row), all_rows=(*more, row))
        show = progress(f"scoring {letter} again")
        again = score_again(few, rows, drawn, scoring, show)
        scored.append(Side(again.rows[-1], again))
    clips = len(np.unique(scoring.eval_set.test.source))
    notes = [
        f"in common: {counted(len(common.first), 'test segment')} of {counted(clips, 'clip')};"
        f" A holds {len(own):,} and B {len(other):,} test segments",
        *[f"under another class in B, left out: {common.relabelled:,}"] * bool(common.relabelled),
        _compare_real(scoring.eval_set.test.images, b, common.second, own.take(common.first)),
        *scoring.notes,
    ]
    return OnCommon(scored[0], scored[1], tuple(notes))


def _study_of(side: Side, letter: str) -> Study:
    if side.study is None:
        raise UserError(f"{letter}: --common needs the whole study, not the folder of a single job")
    return side.study


def _check_alike(first: Row, second: Row) -> None:
    """Refuse sides that differ in more than their pairs."""
    check_alike([first, second], [], same_pairs=False)
    a, b = (row.results[0].result for row in (first, second))
    assert a is not None
    assert b is not None
    if a.spec and b.spec and a.spec.image_size != b.spec.image_size:
        raise UserError(
            f"not comparable: A draws pictures of {a.spec.image_size} px, B of"
            f" {b.spec.image_size} px; prepare both pairs with one image_size"
        )
    one, two = a.segment_seconds, b.segment_seconds
    if one and two and abs(one - two) > LENGTH * one:
        raise UserError(
            f"not comparable: the sounds of A last {one:g} s, those of B {two:g} s; prepare both"
            " pairs with one length"
        )


def _list_of(study: Study, pairs: str | None) -> HeldList:
    """Return the test segments of B's pairs, from the pairs or from a list of them."""
    if pairs is not None and Path(pairs).is_file():
        return read_list(Path(pairs))
    try:
        return held_by(open_store(study, pairs, make=False, option="--dataset-b"))
    except UserError as error:
        raise UserError(
            f"B: {error}. A list of its test segments will do: --dataset-b LIST.csv, as `a2ibench"
            " evaluate --dataset DIR --export-list LIST.csv` writes it where the pairs are"
        ) from error


def _compare_real(real: Images, study: Study, rows: IntArray, held: HeldList) -> str:
    """Say how many real pictures differ from those that the other study kept."""
    kept = next((row for row in study.rows if row.is_ceiling and row.results), None)
    said = "the real pictures of A's pairs count for both"
    try:
        theirs = None if kept is None else read_samples(kept.results[0].folder).images
    except UserError:
        theirs = None
    if theirs is None or len(theirs) <= rows.max() or theirs.shape[1:] != real[:1].shape[1:]:
        return f"{said}; those of B were not kept, and it is not known how many differ"
    off = np.array([
        np.abs(real[np.array([i])][0].astype(np.int16) - theirs[row]).mean()
        for i, row in enumerate(rows.tolist())
    ])  # fmt: skip
    if not off.any():
        return f"{said}; they are those of B"
    most = int(off.argmax())
    return (
        f"{said}; {np.count_nonzero(off):,} of {len(off):,} differ from B's, by"
        f" {off.mean():.2g} of 255 levels on average, at most {off[most]:.2g}"
        f" ({held.source[most]} at {held.start[most] / 1000:g} s)"
    )
