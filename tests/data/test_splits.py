"""Splits: by source, stratified by class, fixed by seed and names, in folds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.data.files.splits import assign
from a2ibench.errors import UserError

CLIPS = st.lists(st.tuples(st.text(max_size=4), st.sampled_from("abc")), min_size=1, max_size=60)


@given(CLIPS, st.integers(2, 7), st.integers(0, 99))
def test_each_source_is_a_test_source_in_one_fold_unless_its_class_has_no_other(clips, folds, seed):
    sides = [assign(clips, folds, fold, seed) for fold in range(folds)]
    assert all(set(side) == {source for source, _ in clips} for side in sides)
    home: dict[str, list[str]] = {}
    for source in sides[0]:
        counts = Counter(label for name, label in clips if name == source)
        home.setdefault(min(counts, key=lambda c: (-counts[c], c)), []).append(source)
    for sources in home.values():
        for source in sources:
            tested = sum(side[source] == "test" for side in sides)
            assert tested == (len(sources) > 1)
        shares = [sum(side[source] == "test" for source in sources) for side in sides]
        assert max(shares) - min(shares) <= 1


@given(CLIPS, st.randoms())
def test_the_order_of_the_clips_does_not_matter(clips, random):
    shuffled = clips.copy()
    random.shuffle(shuffled)
    assert assign(clips, 3, 1, 0) == assign(shuffled, 3, 1, 0)


def test_another_seed_is_another_split():
    clips = [(f"clip {i}", "a") for i in range(50)]
    splits = {tuple(sorted(assign(clips, 5, 0, seed).items())) for seed in range(5)}
    assert len(splits) == 5


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_is_none_is_refused(fold):
    with pytest.raises(UserError, match="expected one of 0 to 4"):
        assign([("x", "a")], 5, fold, 0)
