"""Evidence is counted in clips: segments that overlap are one, and a refusal says what would do."""

from dataclasses import replace

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.data.holdout import part
from a2ibench.errors import UserError
from a2ibench.evaluation.disjoint_segments import find_disjoint
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import check_metric, default_metrics
from a2ibench.types import Pairs


def film(
    clips: dict[str, int], segments: int, hop: float, frames: int = 1, seconds: float = 1.0
) -> Pairs:
    """Clips of each class, cut alike."""
    rows = [
        (label, f"{name}-{clip}", hop * segment)
        for label, (name, count) in enumerate(clips.items())
        for clip in range(count)
        for segment in range(segments)
        for _ in range(frames)
    ]
    start = np.array([begin for *_, begin in rows])
    return Pairs(
        images=np.zeros((len(rows), 16, 16, 3), dtype=np.uint8),
        acoustic=np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32),
        label=np.array([label for label, *_ in rows]),
        classes=tuple(clips),
        source=np.array([source for _, source, _ in rows]),
        span=np.column_stack([start, start + seconds]),
    )


def metric(name: str):
    return registry.metrics.get(name)


def test_of_segments_that_overlap_as_many_are_marked_as_do_not() -> None:
    pairs = film({"a": 2}, segments=21, hop=0.2, frames=3)
    apart = find_disjoint(pairs)
    assert np.count_nonzero(apart) == 2 * 5, "5 seconds of each clip"
    for clip in np.unique(pairs.source):
        begins = pairs.span[apart & (pairs.source == clip), 0]
        assert (np.diff(begins) >= 1 - 1e-3).all()
    assert find_disjoint(film({"a": 2}, segments=21, hop=1.0)).all(), "side by side"
    assert find_disjoint(part(pairs, np.arange(4))).sum() == 1


def test_recordings_of_two_sources_do_not_overlap_though_their_names_are_alike() -> None:
    pairs = film({"a": 2}, segments=5, hop=1.0)
    named = replace(pairs, recording=np.full(len(pairs), "film"))
    assert find_disjoint(named).all()
    halves = np.repeat(["take 1", "take 2"], 5)
    one = replace(pairs, source=np.full(len(pairs), "film"), recording=halves)
    assert find_disjoint(one).all()
    assert find_disjoint(replace(one, recording=one.source)).sum() == 5


def test_where_it_is_not_known_when_a_sound_is_all_segments_count() -> None:
    pairs = film({"a": 1}, segments=9, hop=0.1)
    unknown = Pairs(pairs.images, pairs.acoustic, pairs.label, pairs.classes, pairs.source)
    assert find_disjoint(unknown).all()


def test_two_clips_in_overlapping_segments_pass_no_gate_and_are_told_how_many_would_do() -> None:
    pairs = film({"soccer": 1, "tennis": 1}, segments=61, hop=0.1, frames=3)
    assert len(pairs) == 366
    with pytest.raises(UserError) as refused:
        check_metric(metric("rprec10_i2a_lite0"), pairs)
    assert str(refused.value) == (
        "rprec10_i2a_lite0: needs at least 100 test segments, there are 14; of 366 test pairs 14 do"
        " not overlap: those count; they are of 2 clips; about 15 clips of such length would do"
    )
    for name in ("accuracy_resnet18", "cas_lite0", "rprec10_inclass_i2a_lite0"):
        with pytest.raises(UserError, match="2 or more of every class, 'soccer' has 1"):
            check_metric(metric(name), pairs)
    assert "accuracy_resnet18" in default_metrics(pairs).left_out


def test_a_class_is_told_how_many_of_its_clips_would_do() -> None:
    pairs = film({"a": 20, "b": 2}, segments=10, hop=1.0)
    with pytest.raises(UserError, match=r"'b' has 20.*22 clips; about 10 clips of every class"):
        check_metric(metric("rprec10_inclass_i2a_lite0"), pairs)
    enough = film({"a": 10, "b": 10}, segments=10, hop=1.0)
    check_metric(metric("rprec10_inclass_i2a_lite0"), enough)


def test_an_exam_knows_which_segments_are_apart() -> None:
    pairs = film({"a": 3}, segments=11, hop=0.5)
    np.testing.assert_array_equal(make_eval_set(pairs, pairs).disjoint, find_disjoint(pairs))
