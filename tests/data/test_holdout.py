"""The held-out part of a split."""

import numpy as np
import pytest

from a2ibench.data.holdout import hold_out
from a2ibench.errors import UserError
from a2ibench.types import Pairs


def pairs_of(sources: list[str], labels: list[int]) -> Pairs:
    n = len(sources)
    return Pairs(
        images=np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3),
        acoustic=np.arange(n, dtype=np.float32)[:, None],
        label=np.array(labels, dtype=np.int64),
        classes=("dog", "drum"),
        source=np.array(sources),
    )


PAIRS = pairs_of(
    [f"{name}-{i % 10}" for name in ("dog", "drum") for i in range(50)], [0] * 50 + [1] * 50
)


def test_no_source_is_on_both_sides_and_none_is_lost():
    seen, held_out = hold_out(PAIRS, 0.2, seed=0)
    assert not set(seen.source) & set(held_out.source)
    assert set(seen.source) | set(held_out.source) == set(PAIRS.source)
    assert len(seen) + len(held_out) == len(PAIRS)


def test_the_share_is_of_the_sources_of_each_class():
    _, held_out = hold_out(PAIRS, 0.2, seed=0)
    for label in (0, 1):
        assert len(set(held_out.source[held_out.label == label])) == 2


def test_images_features_and_labels_stay_together():
    for part in hold_out(PAIRS, 0.2, seed=0):
        assert (part.images[:][:, 0, 0, 0] == part.acoustic[:, 0]).all()
        assert (part.images[np.array([2, 0])][:, 0, 0, 0] == part.acoustic[[2, 0], 0]).all()
        assert (part.label == PAIRS.label[part.acoustic[:, 0].astype(int)]).all()


def test_the_seed_alone_decides():
    first, again, other = (set(hold_out(PAIRS, 0.2, seed)[1].source) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_two_sources_are_one_on_each_side_whatever_the_share():
    small = pairs_of(["a", "b", "c", "d"], [0, 0, 1, 1])
    for share in (0.01, 0.99):
        seen, held_out = hold_out(small, share, seed=0)
        assert sorted(seen.label) == sorted(held_out.label) == [0, 1]


def test_a_source_with_two_classes_stays_whole():
    mixed = pairs_of(["a", "a", "a", "b", "c", "d"], [0, 0, 1, 0, 1, 1])
    for seed in range(5):
        seen, held_out = hold_out(mixed, 0.5, seed)
        assert not set(seen.source) & set(held_out.source)


def test_a_class_with_one_source_is_refused_by_name():
    with pytest.raises(UserError, match="'drum' has 1 source here; at least 2"):
        hold_out(pairs_of(["a", "b", "c"], [0, 0, 1]), 0.2, seed=0)
