"""Clips of each class on each side: one count, and what is said where there are too few."""

from itertools import count
from typing import Any

import numpy as np
import pytest
from planted import good_pairs, noise, scene, write

from a2ibench.curation.balance import balance
from a2ibench.data.class_counts import (
    Count,
    clips_needed,
    count_classes,
    refuse_too_few_clips,
    too_few_clips,
)
from a2ibench.data.features import Standardiser, split_pairs
from a2ibench.data.holdout import reserve_for_judges
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError


def pair(label: str, source: str, split: str, seed: int) -> dict[str, Any]:
    return {"image": scene(seed), "audio": noise(seed, 0.1), "label": label, "source": source,
            "split": split, "start": 0.0}  # fmt: skip


def store_of(
    root: Any, config: dict[str, Any] | None = None, **clips: tuple[int, int]
) -> PairStore:
    """Classes with so many training and test clips, of one pair each."""
    seeds = count()
    pairs = [
        pair(label, f"{label}/{split}-{i}", split, next(seeds))
        for label, counts in clips.items()
        for split, clips_of in zip(("train", "test"), counts, strict=True)
        for i in range(clips_of)
    ]
    return write(pairs, root, config=config or {})


def test_the_judges_take_a_third_of_the_clips_and_both_counts_are_those_of_the_parts(tmp_path):
    store = write(good_pairs(), tmp_path / "store")
    counted = {one.label: one for one in count_classes(store)}
    assert counted["dog"].models == Count(clips=3, pairs=6)
    assert counted["dog"].judges == Count(clips=2, pairs=4)
    assert counted["dog"].test == Count(clips=2, pairs=4)
    raw = np.zeros((len(store), 1), dtype=np.float32)
    train, _, _ = split_pairs(store, raw, Standardiser(np.zeros(1), np.ones(1)))
    for part, name in zip(reserve_for_judges(train), ("models", "judges"), strict=True):
        assert len(part) == sum(getattr(one, name).pairs for one in counted.values())
        assert len(set(part.source)) == sum(getattr(one, name).clips for one in counted.values())


def test_a_clip_of_two_classes_counts_once_for_the_check_and_for_the_judges(tmp_path):
    pairs = good_pairs()
    for one in pairs:
        if one["source"] == "dog-0":
            one["label"] = "sea"  # now six clips say sea, and four dog
    pairs += [pair("dog", "sea-0", "train", 9_000)]  # a fifth clip with dog in it, mostly sea
    store = write(pairs, tmp_path / "store")
    assert {one.label: one.train for one in count_classes(store)} == {"dog": 4, "sea": 6}
    said = [finding.what for finding in balance(store) if finding.kind == "few_sources"]
    assert said == ["the class dog has 4 train sources; it needs 5 or more"]
    with pytest.raises(UserError, match="'dog' has 6 clips, 4 for training and 2 for the test"):
        refuse_too_few_clips(store, judges=2)


@pytest.mark.parametrize(
    ("judges", "models", "needed"), [(1, 1, 2), (2, 1, 5), (1, 2, 3), (3, 1, 8)]
)
def test_so_many_clips_leave_the_judges_what_they_need(judges, models, needed):
    assert clips_needed(judges, models) == needed


def test_the_message_counts_names_what_the_judges_take_and_says_what_helps(tmp_path):
    split = {"folds": 5, "fold": 0}
    store = store_of(tmp_path / "store", split, cat=(4, 2), dog=(5, 2))
    assert too_few_clips(store, judges=1) is None
    assert too_few_clips(store, judges=2) == (
        "too few training clips: class 'cat' has 6 clips, 4 for training and 2 for the test. A"
        " third of a class's training clips (here 1) trains the judges, which need 2 clips; no"
        " model sees those. So a class needs 5 training clips. What helps: add clips of it, or"
        " prepare the pairs again with `a2ibench data prepare … --set folds=6`, which tests on one"
        " clip in 6, or prepare them without this class."
    )


def test_folds_are_no_remedy_where_they_do_not_help_or_did_not_decide(tmp_path):
    few = store_of(tmp_path / "few", {"folds": 5, "fold": 0}, cat=(4, 1), dog=(8, 2))
    given = store_of(tmp_path / "given", {"folds": 5, "fold": 0}, cat=(3, 4), dog=(8, 2))
    other = store_of(tmp_path / "other", {}, cat=(4, 2), dog=(8, 2))
    for store in (few, given, other):
        assert "folds" not in str(too_few_clips(store, judges=2))


def test_many_short_classes_are_not_all_named(tmp_path):
    store = store_of(tmp_path / "store", **{f"class{i}": (1, 1) for i in range(9)})
    said = str(too_few_clips(store, judges=1))
    assert said.count("for training") == 5
    assert "and 4 more are as short" in said
