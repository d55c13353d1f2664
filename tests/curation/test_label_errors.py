"""Label errors: planted ones are found, by source, and what cannot be checked is said."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from a2ibench.curation import label_errors
from a2ibench.curation.label_errors import MIN_LINES, Opinions, find_label_errors
from a2ibench.data.npy_files import StoredArray
from a2ibench.errors import UserError

PER_SOURCE = 4
CLASSES = np.array(["dog", "drum", "plane"])


def clips(seed, sources=30, spread=1.0):
    """Features of pairs whose sources differ more among each other than their pairs do."""
    rng = np.random.default_rng(seed)
    of_source = np.arange(sources) % len(CLASSES)
    source = np.repeat(np.arange(sources), PER_SOURCE)
    truth = of_source[source]

    def features(width):
        centres = 2 * rng.standard_normal((len(CLASSES), width))
        own = spread * rng.standard_normal((sources, width))
        noise = rng.standard_normal((len(source), width))
        return (centres[truth] + own[source] + noise).astype(np.float32)

    return features(64), features(96), truth, source


def plant(truth, source, wrong):
    y = truth.copy()
    for one in wrong:
        y[source == one] = (y[source == one] + 1) % len(CLASSES)
    return CLASSES[y]


def names(source):
    return np.array([f"clip-{i}" for i in source])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clips_with_a_planted_label_are_found_and_their_own_class_is_suggested(seed):
    audio, image, truth, source = clips(seed)
    wrong = np.random.default_rng(seed).choice(30, 3, replace=False)
    label = plant(truth, source, wrong)
    table = find_label_errors(audio, image, label, names(source)).table
    listed = table[table["covers"] == "clip"]
    assert sorted(source[listed["row"]]) == sorted(wrong)
    assert (listed["suggested"].to_numpy() == CLASSES[truth[listed["row"]]]).all()
    assert (listed["pairs"] == PER_SOURCE).all()
    assert (listed["label_quality"] < 0.3).all()
    segments = table[(table["covers"] == "segment") & (table["suspect"] > 0)]
    assert np.isin(source[segments["row"]], wrong).mean() >= 0.9


def test_a_clip_stands_before_all_its_segments_and_the_worst_comes_first():
    audio, image, truth, source = clips(0)
    label = plant(truth, source, [4, 17])
    table = find_label_errors(audio, image, label, names(source)).table
    heads = table.index[table["covers"] == "clip"]
    assert list(heads[:2]) == [0, 1 + PER_SOURCE]
    for head in heads:
        block = table.iloc[head + 1 : head + 1 + PER_SOURCE]
        assert (block["covers"] == "segment").all()
        assert len(set(source[block["row"]])) == 1
        assert block["label_quality"].is_monotonic_increasing
        assert table["suspect"][head] == block["suspect"].sum()
    assert table["label_quality"][heads].is_monotonic_increasing


def test_a_segment_that_does_not_fit_its_clip_is_listed_alone():
    audio, image, truth, source = clips(1)
    other = int(np.flatnonzero(truth != truth[10])[0])
    audio[10], image[10] = audio[other], image[other]
    table = find_label_errors(audio, image, CLASSES[truth], names(source)).table
    table = table[table["suspect"] > 0]
    assert table["covers"].tolist() == ["segment"]
    assert table["row"].tolist() == [10]
    assert table["suggested"].tolist() == [CLASSES[truth[other]]]
    assert table["audio_says"].tolist() == table["image_says"].tolist() == [CLASSES[truth[other]]]


def test_nothing_is_suspect_where_all_labels_are_right_and_the_most_doubted_are_listed():
    audio, image, truth, source = clips(2)
    table = find_label_errors(audio, image, CLASSES[truth], names(source)).table
    assert len(table) == MIN_LINES
    assert not table["suspect"].any()
    assert set(table["covers"]) == {"segment"}
    assert table["label_quality"].is_monotonic_increasing
    assert table["label_quality"].max() < 0.95, "not just any segments"


def test_suspects_come_first_and_are_filled_up_with_the_most_doubted():
    audio, image, truth, source = clips(3)
    y = plant(truth, source, [7])
    table = find_label_errors(audio, image, y, names(source)).table
    assert len(table) >= MIN_LINES
    suspect = table["suspect"].to_numpy() > 0
    assert suspect[0]
    assert table["row"].nunique() + (table["covers"] == "clip").sum() == len(table)
    rest = table[table["row"] // PER_SOURCE != 7]
    assert rest["label_quality"].is_monotonic_increasing


def test_a_source_is_judged_by_others_alone():
    # Features that tell the sources but not the classes: who had seen the source would know all.
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(24), PER_SOURCE)
    features = np.eye(24, dtype=np.float32)[source]
    label = CLASSES[rng.permutation(np.arange(24) % 3)[source]]
    table = find_label_errors(features, features, label, names(source)).table
    assert (table["p_label"] < 0.5).all()
    assert len(table)


def test_the_same_data_give_the_same_table():
    audio, image, truth, source = clips(0)
    label = plant(truth, source, [3])
    first, again = (find_label_errors(audio, image, label, names(source)).table for _ in range(2))
    assert first.equals(again)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_many_pairs_a_part_is_learned_from(seed, monkeypatch):
    audio, image, truth, source = clips(seed, sources=300)
    wrong = set(range(0, 300, 20))
    label = plant(truth, source, wrong)
    rare = np.flatnonzero(np.isin(source, [1, 4]))  # of "drum": too few for one in so many
    label[rare] = "rare"
    monkeypatch.setattr(label_errors, "LEARNED", 240)
    learned = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda self, x, y: learned.append(y) or fit(self, x, y)
    )
    findings = find_label_errors(audio, image, label, names(source))
    assert findings.folds == 2
    assert all(240 <= len(y) <= 244 and len(set(y)) == 4 for y in learned)
    heads = findings.table[findings.table["covers"] == "clip"]
    found = set(source[heads["row"][heads["suspect"] > 0]].tolist())
    assert len(found & wrong) >= 13  # as many as from all pairs
    assert found - wrong <= {1, 4}


def test_features_may_lie_on_disk_in_another_order(tmp_path):
    audio, image, truth, source = clips(0)
    label, at = plant(truth, source, [3]), np.random.default_rng(0).permutation(len(truth))
    stored = []
    for name, features in (("audio", audio), ("image", image)):
        np.save(tmp_path / f"{name}.npy", features[np.argsort(at)])
        stored.append(StoredArray(tmp_path / f"{name}.npy"))
    found = find_label_errors(*stored, label, names(source), at=at).table
    assert found.equals(find_label_errors(audio, image, label, names(source)).table)


def test_a_class_with_few_sources_lowers_the_number_of_folds():
    audio, image, truth, source = clips(0)
    kept = (truth != 2) | np.isin(source, [2, 5])
    args = (audio[kept], image[kept], CLASSES[truth[kept]], names(source[kept]))
    seen: list[tuple[int, int]] = []
    findings = find_label_errors(*args, lambda done, total: seen.append((done, total)))
    assert findings.folds == 2
    assert findings.unchecked == ()
    assert seen == [(i, 4) for i in range(5)]


def test_a_class_with_one_source_is_left_unchecked_and_named():
    audio, image, truth, source = clips(0)
    kept = (truth != 2) | (source == 2)
    label, clip = plant(truth, source, [3])[kept], names(source[kept])
    findings = find_label_errors(audio[kept], image[kept], label, clip)
    assert findings.unchecked == ("plane",)
    heads = findings.table[findings.table["covers"] == "clip"]
    assert clip[heads["row"]].tolist() == ["clip-3"]


def test_too_few_sources_are_refused_with_their_numbers():
    audio, image, truth, source = clips(0, sources=4)
    with pytest.raises(UserError, match=r"two classes have two sources .*'dog' 2, 'drum' 1"):
        find_label_errors(audio, image, CLASSES[truth], names(source))


def test_a_class_that_one_of_the_two_excludes_is_excluded_by_both_together():
    opinions = Opinions(np.array([[0.5, 0.5, 0.0]]), np.array([[0.8, 0.0, 0.2]]))
    np.testing.assert_allclose(opinions.together, [[1, 0, 0]], atol=1e-4)
    groups = Opinions(np.eye(2), np.eye(2)).of_groups(np.array([0, 0]))
    np.testing.assert_allclose(groups.audio, [[0.5, 0.5]])


def test_a_label_that_is_known_not_to_be_seen_is_a_suspect():
    audio, image, truth, source = clips(0)
    absent = np.isin(source, [4, 17])
    args = audio, image, CLASSES[truth], names(source)
    before = find_label_errors(*args).table
    assert not np.isin(source[before.loc[before["suspect"] > 0, "row"]], [4, 17]).any()
    after = find_label_errors(*args, absent=(np.zeros_like(absent), absent)).table
    listed = after[after["covers"] == "clip"]
    assert sorted(source[listed["row"]]) == [4, 17]
    assert (listed["p_label"] < 1e-4).all()
    assert (listed["image_says"] != CLASSES[truth[listed["row"]]]).all()
