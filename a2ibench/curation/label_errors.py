"""Find labels that neither the sound nor the picture supports.

Two classifiers, one of sounds and one of pictures, predict the class of every pair after training
on *other sources*: a classifier that has seen a clip with its wrong label would repeat the
mistake. Confident learning (Northcutt et al. 2021, ``cleanlab``) then estimates the number of wrong
labels, and those with the smallest margin are the suspects. As labels are mostly given to whole
clips, the same is done for clips, over the mean prediction of their pairs. Where a store knows that
a label is not heard, or not seen, the classifier of sounds, or of pictures, excludes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from a2ibench.data.npy_files import StoredArray
from a2ibench.errors import UserError
from a2ibench.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

MAX_FOLDS = 5
"""Number of folds; fewer if a class has fewer sources."""
MIN_LINES = 10
"""Smallest number of lines: after the suspects come the most doubtful of the other labels."""
SEED = 2020
"""Seed of the folds."""
ATTEMPTS = 20
"""Largest number of draws of the folds until each training part holds every class."""
REGULARISATION = 0.01
"""C of the logistic regressions. Features are many and clips few: at 1 the regressions are
overconfident, and 8 % of their suspects are false; at 0.01, 3 % (with 10 % of the sources of
``arcade`` and ``synthetic`` mislabelled, and at the same recall)."""
LEARNED = 20_000
"""Number of pairs beyond which a classifier learns from about so many, spread over classes and
sources: more do not repay their time and memory (of 10 % wrong labels among 12,600 pairs, 95.4 %
were found by all 10,080 others, 94.7 % by 5,000 and 92.8 % by 2,000)."""
PREDICTED = 4_096
"""Number of pairs whose features are in memory at once when their classes are predicted."""

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]
Features = FloatArray | StoredArray
"""float32 ``[n, d]``, in memory or on disk."""


@dataclass(frozen=True)
class Opinions:
    """Out-of-sample probabilities of the classes, float64 ``[n, K]``, rows adding up to 1.

    Attributes:
        audio: from the classifier of sounds.
        image: from the classifier of pictures.
    """

    audio: Probabilities
    image: Probabilities

    def denying(self, y: IntArray, unheard: Flags, unseen: Flags) -> "Opinions":
        """Return the opinions where labels, int64 ``[n]``, that are known to be absent have none.

        ``unheard`` and ``unseen`` are bool ``[n]``.
        """
        denied = Opinions(self.audio.copy(), self.image.copy())
        for opinion, absent in ((denied.audio, unheard), (denied.image, unseen)):
            rows = np.flatnonzero(absent)
            opinion[rows, y[rows]] = 0
            opinion[rows] /= np.maximum(opinion[rows].sum(axis=1, keepdims=True), 1e-12)
        return denied

    @property
    def together(self) -> Probabilities:
        """Geometric mean of the two: a class that one of them excludes is excluded."""
        product = np.sqrt(np.maximum(self.audio, 1e-12) * np.maximum(self.image, 1e-12))
        return product / product.sum(axis=1, keepdims=True)

    def of_groups(self, group: IntArray) -> "Opinions":
        """Average over groups, given as int64 ``[n]``: ``[groups, K]``."""
        number = np.bincount(group)[:, np.newaxis]
        sums = [np.zeros((len(number), self.audio.shape[1])) for _ in range(2)]
        np.add.at(sums[0], group, self.audio)
        np.add.at(sums[1], group, self.image)
        return Opinions(sums[0] / number, sums[1] / number)


@dataclass(frozen=True)
class Findings:
    """Labels that are probably wrong.

    Attributes:
        table: one line per suspect, the worst source first, all lines of a source together; a clip
            that is suspect as a whole precedes its segments, all of which are listed. The segments
            of the lowest quality, not suspects, fill the table up to :data:`MIN_LINES`.
            Columns: ``covers`` (``"clip"``: all pairs of this source and label; ``"segment"``: one
            pair), ``row`` (position of the pair, or of the clip's first), ``pairs`` (number of
            pairs covered), ``suspect`` (number of them that are suspects themselves),
            ``suggested``, ``label_quality`` (0 to 1, higher is better: ½ + ½ · the probability of
            the label − that of the likeliest other class), ``p_label``, ``audio_says``,
            ``image_says``.
        unchecked: classes with one source, which cannot be checked.
        folds: number of folds of the cross-validation.
    """

    table: "pd.DataFrame"
    unchecked: tuple[str, ...]
    folds: int


def find_label_errors(
    audio: Features,
    image: Features,
    label: Labels,
    source: Labels,
    progress: Callable[[int, int], None] = lambda done, total: None,
    absent: tuple[Flags, Flags] | None = None,
    at: IntArray | None = None,
) -> Findings:
    """Rank the pairs and clips whose label is probably wrong.

    No more features are in memory than those of about :data:`LEARNED` pairs.

    Args:
        audio: float32 ``[m, d]``, features of the sounds.
        image: float32 ``[m, k]``, features of the pictures.
        label: ``[n]``, class names.
        source: ``[n]``, source clips.
        progress: called with the number of classifiers trained so far and in total.
        absent: labels that are known not to be heard, and not to be seen, bool ``[n]`` each.
        at: int64 ``[n]``, where the features of each pair are; None for m = n, in order.

    Raises:
        UserError: fewer than two classes have two sources, or a class has so few sources that no
            cross-validation leaves it on the training side.
    """
    names, sources = np.unique(label), {}
    for name in names:
        sources[str(name)] = len(np.unique(source[label == name]))
    unchecked = tuple(name for name, number in sources.items() if number < 2)
    if len(sources) - len(unchecked) < 2:
        counted = ", ".join(f"{name!r} {number}" for name, number in sources.items())
        raise UserError(
            "labels can be checked only if at least two classes have two sources each; the numbers"
            f" of sources are: {counted}"
        )
    rows = np.flatnonzero(~np.isin(label, unchecked)).astype(np.int64)
    classes, y = np.unique(label[rows], return_inverse=True)
    folds = min(MAX_FOLDS, *(sources[str(name)] for name in classes))
    parts = _fold(y, source[rows], folds)
    at = rows if at is None else at[rows]
    parts = [(train[_spread(y[train], source[rows[train]])], held) for train, held in parts]
    opinions = _predict(audio, image, at, y, parts, progress)
    if absent is not None:
        opinions = opinions.denying(y, absent[0][rows], absent[1][rows])
    return Findings(_rank(opinions, y, source[rows], rows, classes), unchecked, folds)


def _fold(y: IntArray, source: Labels, folds: int) -> list[tuple[IntArray, IntArray]]:
    """Return training and validation positions: no source is in both, every class in the first."""
    from sklearn.model_selection import StratifiedGroupKFold

    for attempt in range(ATTEMPTS):
        folding = StratifiedGroupKFold(folds, shuffle=True, random_state=SEED + attempt)
        parts = list(folding.split(y, y, source))
        if all(len(np.unique(y[train])) == y.max() + 1 and len(held) for train, held in parts):
            return parts
    raise UserError(
        "the labels cannot be checked: a class has too few sources for a"
        " cross-validation by source; give that class more source clips"
    )


def _spread(y: IntArray, source: Labels) -> IntArray:
    """Choose about :data:`LEARNED` pairs, of all classes and sources: int64, ascending."""
    if len(y) <= LEARNED:
        return np.arange(len(y))
    order = np.lexsort((source, y))
    every = np.linspace(0, len(y) - 1, LEARNED).round().astype(np.int64)
    _, first = np.unique(y, return_index=True)  # a class may be rarer than one in so many
    return np.unique(np.concatenate([order[every], first]))


def _predict(
    audio: Features,
    image: Features,
    at: IntArray,
    y: IntArray,
    parts: list[tuple[IntArray, IntArray]],
    progress: Callable[[int, int], None],
) -> Opinions:
    """Predict the second positions of each part with classifiers that learn from the first."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    done, total = 0, 2 * len(parts)
    progress(done, total)
    given = []
    for features in (audio, image):
        opinion = np.empty((len(y), y.max() + 1))
        for train, held in parts:
            # One copy of the rows, scaled where it is.
            scaler = StandardScaler(copy=False)
            classifier = LogisticRegression(C=REGULARISATION, max_iter=1000)
            classifier.fit(scaler.fit_transform(features[at[train]]), y[train])
            for start in range(0, len(held), PREDICTED):
                some = held[start : start + PREDICTED]
                opinion[some] = classifier.predict_proba(scaler.transform(features[at[some]]))
            done += 1
            progress(done, total)
        given.append(opinion)
    return Opinions(*given)


def _rank(
    opinions: Opinions, y: IntArray, source: Labels, rows: IntArray, classes: Labels
) -> "pd.DataFrame":
    import pandas as pd

    # A source may hold pairs of several labels; a clip shares both source and label.
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
    # A clip of one pair takes one line, not two.
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
    lowest = rest.nsmallest(max(0, MIN_LINES - len(lines)), ["label_quality", "row"])
    lowest = lowest.assign(suspect=0)[lines.columns]
    return (
        pd.concat([lines, lowest], ignore_index=True)
        if len(lines)
        else lowest.reset_index(drop=True)
    )


def _judge(opinions: Opinions, y: IntArray, classes: Labels) -> "pd.DataFrame":
    """Return quality, suspicion and suggestion for each of ``[n]`` labels."""
    import pandas as pd
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    together = opinions.together
    found: Any = find_label_issues(y, together, filter_by="low_normalized_margin", n_jobs=1)
    likeliest = together.argmax(axis=1)
    own = np.arange(len(y)), y
    excluded = (opinions.audio[own] == 0) | (opinions.image[own] == 0)
    return pd.DataFrame(
        {
            # A label that both classifiers support is not an error, whatever number is estimated.
            "suspect": (found | excluded) & (likeliest != y),
            "suggested": classes[likeliest],
            "label_quality": get_label_quality_scores(y, together, method="normalized_margin"),
            "p_label": together[own],
            "audio_says": classes[opinions.audio.argmax(axis=1)],
            "image_says": classes[opinions.image.argmax(axis=1)],
        }
    )
