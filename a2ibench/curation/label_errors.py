"""Labels that neither the sound nor the picture bears out.

Two classifiers, one that only hears and one that only sees, give their opinion of every pair after
having been trained on *other sources*: a classifier that has seen a clip with its wrong label would
repeat the mistake. Confident learning (Northcutt et al. 2021, ``cleanlab``) then says how many
labels are wrong, and those with the smallest margin are the suspects. Labels are mostly given to
whole clips, so the same is done for clips, whose pairs' opinions are averaged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.errors import UserError
from a2ibench.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
"""At most; a class with fewer sources lowers it."""
LISTED = 10
"""Lines that there are at least: after the suspects come the labels that were doubted most."""
SEED = 2020
"""Of the folds."""
ATTEMPTS = 20
"""Ways to deal out the folds that are tried until each training part holds every class."""
REGULARISATION = 0.01
"""C of the logistic regressions. Features are many and clips few: at 1 they are too sure of
themselves, and 8 % of the segments they name are named wrongly; at 0.01, 3 % (with 10 % of the
sources of ``arcade`` and ``synthetic`` mislabelled, and at the same recall)."""

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Opinions:
    """Out-of-sample probabilities of the classes, float64 ``[n, K]``, rows adding up to 1.

    Attributes:
        audio: of the classifier that hears.
        image: of the one that sees.
    """

    audio: Probabilities
    image: Probabilities

    @property
    def together(self) -> Probabilities:
        """Their geometric mean: a class that one of the two excludes is excluded."""
        product = np.sqrt(np.maximum(self.audio, 1e-12) * np.maximum(self.image, 1e-12))
        return product / product.sum(axis=1, keepdims=True)

    def of_groups(self, group: IntArray) -> "Opinions":
        """The mean of each group: ``[groups, K]``, where ``group`` is int64 ``[n]``."""
        number = np.bincount(group)[:, np.newaxis]
        sums = [np.zeros((len(number), self.audio.shape[1])) for _ in range(2)]
        np.add.at(sums[0], group, self.audio)
        np.add.at(sums[1], group, self.image)
        return Opinions(sums[0] / number, sums[1] / number)


@dataclass(frozen=True)
class Findings:
    """What :func:`find_label_errors` found.

    Attributes:
        table: one line a suspect, the worst source first, all lines of a source together; a clip
            that is suspect as a whole stands before its segments, all of which are listed. With
            fewer lines than :data:`LISTED`, the segments of the lowest quality follow, which are
            no suspects.
            Columns: ``covers`` (``"clip"``: all pairs of this source and label; ``"segment"``: one
            pair), ``row`` (the position of the pair; of a clip, its first), ``pairs`` (how many are
            covered), ``suspect`` (how many of them are suspects themselves), ``suggested``,
            ``label_quality`` (0 to 1, the smaller the worse: ½ + ½ · the probability of the label
            − that of the likeliest other class), ``p_label``, ``audio_says``, ``image_says``.
        unchecked: classes with one source: nothing is known of them but that one.
        folds: parts of the cross-validation.
    """

    table: "pd.DataFrame"
    unchecked: tuple[str, ...]
    folds: int


def find_label_errors(
    audio: FloatArray,
    image: FloatArray,
    label: Labels,
    source: Labels,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Findings:
    """Ranks the pairs and clips whose label is probably wrong.

    Args:
        audio: float32 ``[n, d]``, what is heard of each pair.
        image: float32 ``[n, k]``, what is seen.
        label: ``[n]``, the class names as they stand.
        source: ``[n]``, the source clips.
        progress: called with the number of classifiers trained so far and in total.

    Raises:
        UserError: fewer than two classes have two sources, or a class lies in so few of them that
            no cross-validation leaves it on the training side.
    """
    names, sources = np.unique(label), {}
    for name in names:
        sources[str(name)] = len(np.unique(source[label == name]))
    unchecked = tuple(name for name, number in sources.items() if number < 2)
    if len(sources) - len(unchecked) < 2:
        counted = ", ".join(f"{name!r} {number}" for name, number in sources.items())
        raise UserError(
            "labels can be checked from two classes of two sources each on; the number of sources"
            f" is: {counted}"
        )
    rows = np.flatnonzero(~np.isin(label, unchecked)).astype(np.int64)
    classes, y = np.unique(label[rows], return_inverse=True)
    folds = min(FOLDS, *(sources[str(name)] for name in classes))
    parts = _deal(y, source[rows], folds)
    opinions = _ask(audio[rows], image[rows], y, parts, progress)
    return Findings(_rank(opinions, y, source[rows], rows, classes), unchecked, folds)


def _deal(y: IntArray, source: Labels, folds: int) -> list[tuple[IntArray, IntArray]]:
    """Training and validation positions: no source is in both, every class is in the first."""
    from sklearn.model_selection import StratifiedGroupKFold

    for attempt in range(ATTEMPTS):
        dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=SEED + attempt)
        parts = list(dealer.split(y, y, source))
        if all(len(np.unique(y[train])) == y.max() + 1 and len(held) for train, held in parts):
            return parts
    raise UserError(
        "the labels cannot be checked: the pairs of some class lie in too few sources for a"
        " cross-validation by source; give that class more source clips"
    )


def _ask(
    audio: FloatArray,
    image: FloatArray,
    y: IntArray,
    parts: list[tuple[IntArray, IntArray]],
    progress: Callable[[int, int], None],
) -> Opinions:
    """The opinion on each part of a classifier that was trained on the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    done, total = 0, 2 * len(parts)
    progress(done, total)
    given = []
    for features in (audio, image):
        opinion = np.empty((len(y), y.max() + 1))
        for train, held in parts:
            classifier = make_pipeline(
                StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=1000)
            )
            classifier.fit(features[train].astype(np.float64), y[train])
            opinion[held] = classifier.predict_proba(features[held].astype(np.float64))
            done += 1
            progress(done, total)
        given.append(opinion)
    return Opinions(*given)


def _rank(
    opinions: Opinions, y: IntArray, source: Labels, rows: IntArray, classes: Labels
) -> "pd.DataFrame":
    import pandas as pd

    # A source may hold pairs of several labels; the clip of a label is what shares both.
    keys = pd.DataFrame({"source": source, "y": y})
    group: IntArray = np.asarray(keys.groupby(["source", "y"]).ngroup(), dtype=np.int64)
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    segments = _judge(opinions, y, classes)
    clips = _judge(opinions.of_groups(group), y[first], classes)
    segments["row"], segments["pairs"], segments["covers"] = rows, 1, "segment"
    clips["row"], clips["pairs"], clips["covers"] = rows[first], size, "clip"

    suspects = np.bincount(group, weights=segments["suspect"]).astype(np.int64)
    listed_whole = clips["suspect"].to_numpy() | (2 * suspects > size)
    clips["suspect"], clips["group"], segments["group"] = suspects, np.arange(len(size)), group
    in_listed = listed_whole[group]
    # The clip of one pair is that pair: one line.
    alone = size[group] == 1
    segments["suspect"] = segments["suspect"] | (alone & in_listed)
    chosen = pd.concat(
        [clips[listed_whole & (size > 1)], segments[segments["suspect"] | in_listed]],
        ignore_index=True,
    )
    worst = segments[segments["suspect"]].groupby("group")["label_quality"].min()
    order = {g: clips["label_quality"].iloc[g] if listed_whole[g] else worst[g]
             for g in chosen["group"].unique()}  # fmt: skip
    chosen["single"] = ~listed_whole[chosen["group"]]
    chosen["worst"] = chosen["group"].map(order)
    chosen["suspect"] = chosen["suspect"].astype(np.int64)
    chosen = chosen.sort_values(
        ["single", "worst", "group", "covers", "label_quality", "row"], kind="stable"
    )
    lines = chosen.drop(columns=["single", "worst", "group"])
    rest = segments[~segments["row"].isin(chosen["row"]) & ~in_listed]
    lowest = rest.nsmallest(max(0, LISTED - len(lines)), ["label_quality", "row"])
    lowest = lowest.assign(suspect=0)[lines.columns]
    return (
        pd.concat([lines, lowest], ignore_index=True)
        if len(lines)
        else lowest.reset_index(drop=True)
    )


def _judge(opinions: Opinions, y: IntArray, classes: Labels) -> "pd.DataFrame":
    """Quality, suspicion and suggestion of each of ``[n]`` labels."""
    import pandas as pd
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    together = opinions.together
    found: Any = find_label_issues(y, together, filter_by="low_normalized_margin", n_jobs=1)
    likeliest = together.argmax(axis=1)
    return pd.DataFrame(
        {
            # A label that both agree with is no error, however many the estimate wants.
            "suspect": found & (likeliest != y),
            "suggested": classes[likeliest],
            "label_quality": get_label_quality_scores(y, together, method="normalized_margin"),
            "p_label": together[np.arange(len(y)), y],
            "audio_says": classes[opinions.audio.argmax(axis=1)],
            "image_says": classes[opinions.image.argmax(axis=1)],
        }
    )
