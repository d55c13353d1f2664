"""The demands of the contract on a dataset."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import random
import tempfile
import warnings
from collections.abc import Generator, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from a2ibench import config
from a2ibench.conformance import options
from a2ibench.conformance.rules import Rules, expect
from a2ibench.contracts.dataset import Dataset
from a2ibench.data.store_writer import StoreWriter
from a2ibench.errors import UserError
from a2ibench.types import Pair, Part

SIZE = 32
"""Side of the images in pixels, where the user sets none."""
MAX_CHECKED = 2_000
"""Largest number of pairs that are checked."""
REPEATED = 60
"""Number of pairs that are made a second time."""
STORED = 20
"""Number of pairs of each side of the split that are written to a store."""


@dataclasses.dataclass(frozen=True)
class CheckedPairs:
    """A record of the pairs that were checked.

    Attributes:
        count: number of pairs.
        complete: whether these are all.
        sides: source → the sides of the split on which it occurs.
        digests: a hash of everything in each of the first pairs.
        first: number of pairs of the first part among them.
    """

    count: int
    complete: bool
    sides: Mapping[str, frozenset[str]]
    digests: tuple[str, ...]
    first: int


class DatasetSubject(options.Configured):
    """A dataset plug-in under examination.

    Raises:
        UserError: a layout without files, or files without a layout.
    """

    def __init__(
        self, plugin: type[Dataset], values: Mapping[str, Any], files: Path | None = None
    ) -> None:
        if (plugin.unit == "files") != (files is not None):
            need = "it cuts files: give some with --files FOLDER"
            raise UserError(f"{plugin.name}: {need if files is None else 'it takes no --files'}")
        super().__init__(plugin, {"image_size": SIZE, **values})
        self.files = () if files is None else (files,)

    def make(self) -> Dataset:
        """Make a fresh one."""
        dataset: Dataset = self.plugin(self.configure(), *self.files)
        return dataset

    @cached_property
    def checked(self) -> CheckedPairs:
        """Check each pair; raise BrokenError where one breaks the contract."""
        dataset = self.make()
        sides: dict[str, set[str]] = {}
        digests: list[str] = []
        count = first = 0
        with _reading(dataset.parts()) as found:
            for number, pair in itertools.islice(found, MAX_CHECKED):
                _check_pair(pair, dataset.config.image_size, count)
                sides.setdefault(pair.source, set()).add(pair.split)
                if count < REPEATED:
                    digests.append(_digest(pair))
                first += number == 0
                count += 1
        frozen = {source: frozenset(known) for source, known in sides.items()}
        return CheckedPairs(count, count < MAX_CHECKED, frozen, tuple(digests), first)


@contextlib.contextmanager
def _reading(parts: Iterator[Part]) -> Iterator[Iterator[tuple[int, Pair]]]:
    """Yield pairs with the number of their part; ignore the warnings of a dataset stopped early."""

    def pairs() -> Generator[tuple[int, Pair]]:
        for number, part in enumerate(parts):
            for pair in part.pairs:
                yield number, pair

    found = pairs()
    with warnings.catch_warnings(action="ignore"):
        try:
            yield found
        finally:
            found.close()


def _check_pair(pair: Pair, size: int, position: int) -> None:
    where = f"of pair {position}"
    image, audio = pair.image, pair.audio
    arrays = isinstance(image, np.ndarray) and isinstance(audio, np.ndarray)
    expect(arrays, f"NumPy arrays {where}", f"{type(image).__name__}, {type(audio).__name__}")
    expect(
        image.dtype == np.uint8 and image.shape == (size, size, 3),
        f"an image {where} of uint8 {(size, size, 3)}: image_size is {size}",
        f"{image.dtype} {image.shape}",
    )
    expect(
        audio.dtype == np.float32 and audio.ndim == 1 and len(audio) > 0,
        f"a sound {where} of float32 [T]",
        f"{audio.dtype} {audio.shape}",
    )
    peak = float(np.abs(audio).max())
    expect(peak <= 1, f"samples {where} in [−1, 1]", f"a largest one of {peak}")
    expect(pair.split in ("train", "test"), f"train or test {where}", repr(pair.split))
    for name in ("label", "source"):
        text = getattr(pair, name)
        expect(isinstance(text, str) and bool(text), f"a text as {name} {where}", repr(text))
    expect(0 <= pair.start < float("inf"), f"a start {where} in seconds", pair.start)
    for name, value in pair.factors.items():
        expect(bool(np.isfinite(value)), f"factor {name!r} {where} finite", value)


def _digest(pair: Pair) -> str:
    about = [pair.label, pair.source, pair.split, pair.start, sorted(pair.factors.items())]
    digest = hashlib.sha256(json.dumps(about, default=float).encode())
    digest.update(np.ascontiguousarray(pair.image).data)
    digest.update(np.ascontiguousarray(pair.audio).data)
    return digest.hexdigest()


rules: Rules[DatasetSubject] = Rules()


@rules.rule("add image_size: int = option(64, …) and seed: int = option(0, …)", gate=True)
def sized(subject: DatasetSubject) -> None:
    """Its Config has the options image_size and seed, whole numbers."""
    hints = get_type_hints(subject.plugin.Config)
    for name in ("image_size", "seed"):
        expect(hints.get(name) is int, f"{name}: int", hints.get(name, "no such option"))


options.add_rules(rules)


@rules.rule("see the error; an option may have to be given (--set)", gate=True)
def made(subject: DatasetSubject) -> None:
    """It can be made."""
    dataset = subject.make()
    expect(len(dataset) >= 1, "at least one pair or file", len(dataset))
    expect(dataset.sample_rate >= 1_000, "a sample rate in hertz", dataset.sample_rate)
    json.dumps(dict(dataset.provenance()), allow_nan=False)


@rules.rule("yield a2ibench.types.Pair; its docstring has types and ranges", gate=True)
def pairs(subject: DatasetSubject) -> None:
    """Each pair is an image, a sound, a class, a source and a side of the split."""
    expect(subject.checked.count >= 1, "at least one pair", 0)


@rules.rule("split sources, then cut pairs from them")
def split(subject: DatasetSubject) -> None:
    """No source clip is on both sides of the split."""
    both = sorted(source for source, sides in subject.checked.sides.items() if len(sides) > 1)
    named = f"{len(both)} on both, for example {both[0]!r}" if both else ""
    expect(not both, "each source on one side", named)


@rules.rule("give the test side sources of its own")
def sides(subject: DatasetSubject) -> None:
    """Both sides of the split have pairs."""
    found = frozenset[str]().union(*subject.checked.sides.values())
    if subject.checked.complete:
        expect(found == {"train", "test"}, "train and test", ", ".join(sorted(found)))


@rules.rule("return the largest possible number of pairs from __len__")
def length(subject: DatasetSubject) -> None:
    """It yields at most as many pairs as its length."""
    if subject.plugin.unit == "pairs":
        promised = len(subject.make())
        expect(subject.checked.count <= promised, f"at most {promised}", subject.checked.count)


@rules.rule("draw from np.random.default_rng([config.seed, …]); sort what a folder lists")
def repeats(subject: DatasetSubject) -> None:
    """The same configuration gives the same pairs in the same order, to the last bit."""
    first = subject.checked.digests
    np.random.seed(5)  # noqa: NPY002  # what a plug-in might draw from
    random.seed(5)
    with _reading(subject.make().parts()) as found:
        again = tuple(_digest(pair) for _, pair in itertools.islice(found, REPEATED))
    different = [i for i, (a, b) in enumerate(zip(first, again, strict=False)) if a != b]
    expect(len(first) == len(again), f"{len(first)} pairs", len(again))
    expect(not different, "equal pairs", f"{len(different)} that differ, first {different[:1]}")


@rules.rule("skip the first `done` parts, whole, where parts() is overridden")
def parts(subject: DatasetSubject) -> None:
    """An interrupted preparation resumes: parts(k) yields the parts of parts() after the k-th."""
    first = subject.checked.first
    if first >= REPEATED:
        return  # later pairs have no digests
    expected = subject.checked.digests[first:]
    with _reading(subject.make().parts(1)) as found:
        rest = itertools.islice(found, len(expected) or 1)
        behind = tuple(_digest(pair) for _, pair in rest)
    expect(
        len(behind) == len(expected), f"{len(expected)} pairs behind the first {first}", len(behind)
    )
    other = [i for i, (a, b) in enumerate(zip(expected, behind, strict=True)) if a != b]
    expect(not other, f"pair {first} and those behind it", f"another pair at {other[:1]}")


@rules.rule("see the error; draw every pair from a generator of its own, not the first ones only")
def prepares(subject: DatasetSubject) -> None:
    """Its pairs become a pair store, and a second preparation the same one."""
    if frozenset[str]().union(*subject.checked.sides.values()) != {"train", "test"}:
        return
    first, second = _content_hash(subject), _content_hash(subject)
    expect(first == second, f"a store with content hash {first[:12]}", second[:12])


def _content_hash(subject: DatasetSubject) -> str:
    dataset = subject.make()
    identity = {
        "dataset": dataset.name,
        "version": dataset.version,
        "config": config.to_dict(dataset.config),
        "sample_rate": dataset.sample_rate,
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        StoreWriter(Path(folder, "store"), identity) as writer,
    ):
        writer.add(Part(_of_each_side(dataset)))
        return writer.finish(dataset.licence).content_hash


def _of_each_side(dataset: Dataset) -> Iterator[Pair]:
    missing = {"train": STORED, "test": STORED}
    with _reading(dataset.parts()) as found:
        for _, pair in itertools.islice(found, MAX_CHECKED):
            if missing[pair.split]:
                missing[pair.split] -= 1
                yield pair
            if not any(missing.values()):
                return
