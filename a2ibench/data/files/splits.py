"""Choose the test sources: by class, by seed, in folds."""

import hashlib
from collections import Counter
from collections.abc import Iterable

from a2ibench.errors import UserError
from a2ibench.types import Split


def assign(clips: Iterable[tuple[str, str]], folds: int, fold: int, seed: int) -> dict[str, Split]:
    """Assign each source to one side.

    The seed and the names alone order the sources of each class; the one at position i is a test
    source when i mod ``folds`` is ``fold``. So each source is a test source in exactly one fold,
    and each class has the same share in every fold, to one source.

    Args:
        clips: source and label of each clip. A source with several labels counts for its most
            frequent one.
        folds: number of folds k ≥ 2; one source in k is a test source.
        fold: the test fold, 0 … k − 1.
        seed: of the order.

    Raises:
        UserError: there is no such fold.
    """
    if not 0 <= fold < folds:
        raise UserError(f"fold {fold}: expected one of 0 to {folds - 1}, as there are {folds}")
    labels: dict[str, Counter[str]] = {}
    for source, label in clips:
        labels.setdefault(source, Counter())[label] += 1
    by_class: dict[str, list[str]] = {}
    for source, counts in labels.items():
        most = min(counts, key=lambda label: (-counts[label], label))
        by_class.setdefault(most, []).append(source)
    sides: dict[str, Split] = {}
    for sources in by_class.values():
        order = sorted(sources, key=lambda source: (_shuffle(seed, source), source))
        alone = len(order) == 1  # a class of one source can only be trained on
        for i, source in enumerate(order):
            sides[source] = "test" if i % folds == fold and not alone else "train"
    return sides


def _shuffle(seed: int, source: str) -> bytes:
    return hashlib.sha256(f"{seed} {source}".encode()).digest()
