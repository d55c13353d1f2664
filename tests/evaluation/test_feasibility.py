"""What data can answer: counted before any work, by the requirements of the metrics themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import check_metric
from a2ibench.evaluation.feasibility import (
    choose_metrics,
    clips_of_judges,
    feasibility,
    half_width,
)
from a2ibench.evaluation.statistics import SeedScores, interval
from a2ibench.runs.feasibility_lines import feasibility_lines


@pytest.fixture(scope="module")
def store(small_store: Path) -> PairStore:
    return PairStore(small_store)


def test_the_width_is_that_of_clips_that_are_right_or_wrong_as_a_whole() -> None:
    for clips in (10, 20):
        right = np.arange(clips) % 2.0
        found = interval(SeedScores((0,), np.array([0.5]), clips, None, right[np.newaxis]))
        assert found is not None
        assert half_width(clips) == pytest.approx((found[1] - found[0]) / 2, rel=0.06)


def test_more_clips_make_it_narrower_and_it_never_leaves_the_scale() -> None:
    wide, narrow, narrowest = map(half_width, (8, 40, 4_000))
    assert wide is not None
    assert narrow is not None
    assert narrowest is not None
    assert 1 >= wide > narrow > narrowest
    assert narrow == pytest.approx(2.0227 * np.sqrt(0.25 / 40), rel=1e-3)  # t of 40 blocks


def test_there_is_no_width_where_the_statistics_have_no_interval() -> None:
    assert half_width(0) is None
    assert half_width(1) is None


def test_what_is_measured_and_what_is_not_follow_from_the_metrics_own_checks(
    store: PairStore,
) -> None:
    found = feasibility(store)
    assert {*found.metrics, *found.left_out} == set(registry.metrics.names())
    from a2ibench.data.features import bare_pairs

    test = bare_pairs(store, "test")
    for name in found.metrics:
        check_metric(registry.metrics.get(name), test)
    assert "accuracy_resnet18" in found.shares
    assert "kid_lite0" not in found.shares
    assert found.refused is None
    assert found.test_clips == sum(one.test.clips for one in found.classes)
    said = "\n".join(feasibility_lines(found, verbose=True))
    assert found.half_width is None
    assert f"none, {found.test_clips} test clips are too few" in said
    enough = "\n".join(feasibility_lines(replace(found, half_width=0.31), verbose=False))
    assert f"± 31 points from {found.test_clips} test clips" in enough
    one_line = f"{len(found.left_out)} metrics are left out; --verbose says which, and why"
    assert one_line in enough.splitlines()
    assert "left out: " in said
    assert one_line not in said


def test_one_that_was_asked_for_and_cannot_be_computed_refuses_the_study(store: PairStore) -> None:
    found = feasibility(store, ["rprec1_i2a_lite0"])
    assert found.metrics == ()
    assert str(found.refused).startswith("metric rprec1_i2a_lite0: ")
    with pytest.raises(UserError, match="unknown metric 'kid_lite'; did you mean kid_lite0"):
        choose_metrics(["kid_lite"], None)  # type: ignore[arg-type]


def test_headline_metrics_and_others_are_asked_for_together(store: PairStore) -> None:
    usual = feasibility(store).metrics
    more = feasibility(store, ["headline", "is1_lite0", usual[0]])
    assert {*more.metrics} == {*usual, "is1_lite0"}
    assert len(more.metrics) == len(usual) + 1
    refused = feasibility(store, ["headline", "rprec1_i2a_lite0"]).refused
    assert str(refused).startswith("metric rprec1_i2a_lite0: ")


def test_judges_that_are_trained_need_clips_and_frozen_ones_do_not() -> None:
    assert clips_of_judges(["accuracy_resnet18", "kid_lite0"]) == 2
    assert clips_of_judges(["kid_lite0", "rprec1_own"]) == 1
