"""Training batches. Each is a pure function of (seed, step), so a resumed run needs no state."""

import numpy as np
import numpy.typing as npt
import torch

from a2ibench.errors import UserError
from a2ibench.nn.supervised import to_unit_range
from a2ibench.types import Batch, IntArray, Pairs, Sampling

# Streams of random numbers that one seed gives, told apart by the first number of the spawn key.
_ORDER, _STEP = 0, 1


class Batches:
    """Draws training batches.

    - Unbalanced: the pairs in a new random order per epoch, end to end, so that every pair comes
      once per epoch; a batch may reach into the next epoch.
    - Balanced: classes uniformly, then pairs uniformly inside the class, with replacement.
    - Mismatched audio of another class: from the pairs of all other classes, uniformly; balanced,
      another class uniformly, then a pair of it.
    - Mismatched audio of another clip: from the pairs of all other sources, uniformly.

    Args:
        pairs: the training pairs.
        sampling: the method's batch size, balance, flips and mismatches.
        seed: at least 0.
        device: device of the batches.
        rank: number of this worker, from 0.
        workers: number of workers that share each batch; each gets one part of it, by rank.

    Raises:
        UserError: nothing can be mismatched, as all pairs are of one class or of one source; or the
            workers cannot share a batch evenly.
    """

    def __init__(
        self,
        pairs: Pairs,
        sampling: Sampling,
        seed: int,
        device: torch.device,
        rank: int = 0,
        workers: int = 1,
    ) -> None:
        self.pairs = pairs
        self.sampling = sampling
        self.seed = seed
        self.device = device
        share = share_of(sampling.batch_size, workers)
        self._own = slice(rank * share, (rank + 1) * share)
        self._classes = _Groups(pairs.label)
        self._others = self._classes if sampling.mismatch == "class" else _Groups(pairs.source)
        if sampling.mismatch != "none" and len(self._others) < 2:
            raise UserError(_nothing_mismatched(pairs, sampling))
        self._acoustic = torch.tensor(pairs.acoustic, dtype=torch.float32, device=device)
        self._label = torch.tensor(pairs.label, device=device)
        self._epoch: tuple[int, IntArray] | None = None

    def batch(self, step: int) -> Batch:
        """Draw the batch of one step, counted from 0."""
        rng = self._rng(_STEP, step)
        rows = self._rows(step, rng)
        mismatched = self._mismatched(rows, rng)
        mirrored = rng.random(len(rows)) < self.sampling.flip
        # The whole batch is drawn, so that it is the same however many workers share it.
        rows, mismatched, mirrored = rows[self._own], mismatched[self._own], mirrored[self._own]
        image = self.pairs.images[rows]
        right_to_left = np.arange(image.shape[2])[::-1]
        # take copies whole pixels, which a reversed slice does not: three times as fast.
        image[mirrored] = image[mirrored].take(right_to_left, axis=2)
        index = torch.from_numpy(rows).to(self.device)
        return Batch(
            image=to_unit_range(image, self.device),
            acoustic=self._acoustic[index],
            label=self._label[index],
            mismatched=self._acoustic[torch.from_numpy(mismatched).to(self.device)],
        )

    def _rng(self, stream: int, index: int) -> np.random.Generator:
        sequence = np.random.SeedSequence(self.seed, spawn_key=(stream, index))
        return np.random.default_rng(sequence)

    def _rows(self, step: int, rng: np.random.Generator) -> IntArray:
        size = self.sampling.batch_size
        if self.sampling.balanced:
            return self._classes.inside(rng.integers(0, len(self._classes), size), rng)
        epoch, position = np.divmod(np.arange(step * size, (step + 1) * size), len(self.pairs))
        return np.concatenate([self._order(e)[position[epoch == e]] for e in np.unique(epoch)])

    def _order(self, epoch: int) -> IntArray:
        """The order of the pairs in one epoch; that of the last epoch is kept."""
        if self._epoch is None or self._epoch[0] != epoch:
            order = self._rng(_ORDER, int(epoch)).permutation(len(self.pairs)).astype(np.int64)
            self._epoch = (epoch, order)
        return self._epoch[1]

    def _mismatched(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        if self.sampling.mismatch == "none":
            return rows
        own = self._others.of[rows]
        if self.sampling.balanced and self.sampling.mismatch == "class":
            n = len(self._others)
            return self._others.inside((own + rng.integers(1, n, len(rows))) % n, rng)
        return self._others.outside(own, rng)


def share_of(batch_size: int, workers: int) -> int:
    """Return the number of pairs of a batch that each worker gets.

    Raises:
        UserError: the workers cannot share it evenly.
    """
    if batch_size % workers:
        raise UserError(
            f"a batch of {batch_size} pairs cannot be shared evenly by {workers} workers; set"
            f" batch_size to a multiple of {workers}"
        )
    return batch_size // workers


class _Groups:
    """Rows grouped by a key, laid end to end so that draws need no loop.

    Args:
        key: ``[n]``, the class or the source of each row.
    """

    def __init__(self, key: IntArray | npt.NDArray[np.str_]) -> None:
        _, of, count = np.unique(key, return_inverse=True, return_counts=True)
        self.of: IntArray = of.astype(np.int64)
        """``[n]``, the group of each row."""
        self._rows: IntArray = np.argsort(self.of, kind="stable").astype(np.int64)
        self._count: IntArray = count.astype(np.int64)
        self._start: IntArray = np.cumsum(self._count) - self._count

    def __len__(self) -> int:
        return len(self._count)

    def inside(self, groups: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw one row of each of these groups, uniformly."""
        return self._rows[self._start[groups] + rng.integers(0, self._count[groups])]

    def outside(self, groups: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw one row outside each of these groups, uniformly."""
        k = rng.integers(0, len(self._rows) - self._count[groups])
        return self._rows[np.where(k < self._start[groups], k, k + self._count[groups])]


def _nothing_mismatched(pairs: Pairs, sampling: Sampling) -> str:
    if sampling.mismatch == "class":
        return (
            f"the training pairs are all of one class ({pairs.classes[int(pairs.label[0])]!r}),"
            " so no audio of another class can be mismatched with an image;"
            " set the option mismatch=clip, which takes it from another source clip"
        )
    return (
        f"the training pairs are all of one source clip ({str(pairs.source[0])!r}), so no audio of"
        " another clip can be mismatched with an image; prepare a dataset with more sources"
    )
