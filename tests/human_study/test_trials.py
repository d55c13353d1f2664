"""Trials of a study for people: attention checks that an attentive person passes."""

import numpy as np
import pytest
from planted import good_pairs, write

from a2ibench.errors import UserError
from a2ibench.human_study.trials import ArmImages, make_trials

FURTHER = {"dog-5": ("sea",), "sea-5": ("dog",)}
"""Test clips with a class besides their own: only those of dog-6 and sea-6 share none."""


def trials_of(pairs, root, checks):
    store = write(pairs, root)
    images = np.zeros((len(store.rows("test")), 64, 64, 3), dtype=np.uint8)
    arms = [ArmImages(name, (images,)) for name in "ab"]
    return store, make_trials(store, arms, count=2, checks=checks, repeats=0, seed=0)


def test_the_other_picture_of_an_attention_check_shares_no_class_with_the_sound(tmp_path):
    pairs = [pair | {"labels": FURTHER.get(pair["source"], ())} for pair in good_pairs()]
    store, made = trials_of(pairs, tmp_path / "store", checks=4)
    checks = [trial for trial in made.key.trials if trial.kind == "attention"]
    assert {trial.clip for trial in checks} == {"dog-6", "sea-6"}
    for trial in checks:
        shown = made.pictures[trial.id][int(trial.right == "other")]
        (row,) = [i for i in range(len(store)) if np.array_equal(store.images[i], shown)]
        assert {trial.clip, store.index["source"][row]} == {"dog-6", "sea-6"}


def test_more_attention_checks_than_sounds_with_a_picture_of_other_classes_are_refused(tmp_path):
    pairs = [pair | {"labels": FURTHER.get(pair["source"], ())} for pair in good_pairs()]
    with pytest.raises(UserError, match=r"--checks 5: expected at most 4, .* no class"):
        trials_of(pairs, tmp_path / "some", checks=5)
    pairs = [pair | {"labels": ("dog", "sea")} for pair in good_pairs()]
    with pytest.raises(UserError, match=r"--checks 1: expected at most 0, .* no class"):
        trials_of(pairs, tmp_path / "none", checks=1)
    trials_of(pairs, tmp_path / "without", checks=0)


def test_a_trial_is_of_one_study_and_a_study_of_its_pictures(tmp_path):
    store = write(good_pairs(), tmp_path / "store")
    n = len(store.rows("test"))

    def made(labels, shade):
        images = np.full((n, 64, 64, 3), shade, dtype=np.uint8)
        arms = [ArmImages(label, (images,)) for label in labels]
        return make_trials(store, arms, count=4, checks=1, repeats=2, seed=0)

    first = made("ab", 0)
    assert first.key == made("ab", 0).key
    ids = {trial.id for trial in first.key.trials}
    assert ids == first.pictures.keys()
    assert {trial.of for trial in first.key.trials} - ids == {None}
    for other in (made("cd", 0), made("ab", 1)):
        assert other.key.study != first.key.study
        assert not ids & {trial.id for trial in other.key.trials}
