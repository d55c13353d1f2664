"""Open a pair store by a dataset's name or a folder; prepare it at most once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from a2ibench import config, registry, storage
from a2ibench.code_hash import source_hash
from a2ibench.contracts.dataset import Dataset
from a2ibench.data.store import PairStore
from a2ibench.data.store_writer import StoreWriter
from a2ibench.data.verification import verify
from a2ibench.errors import UserError, unknown
from a2ibench.protocol import PROTOCOL

Progress = Callable[[int, int], None]
"""Called with the number of pairs (or files) done so far and the largest number expected."""


class NotPreparedError(UserError):
    """The pairs of a named dataset are not in the cache and must not be made."""


def prepare(
    dataset: Dataset,
    root: Path,
    progress: Progress = lambda done, total: None,
    licence: str = "",
    complete: bool = False,
) -> PairStore:
    """Write a dataset to a new folder, atomically.

    An interrupted preparation resumes behind the last part that the dataset yielded whole.

    Args:
        dataset: the dataset.
        root: the folder to make.
        progress: called at the beginning, and after each pair or file.
        licence: of the pairs; by default that of the dataset.
        complete: whether anything that would be left out is an error.

    Raises:
        UserError: something is left out and ``complete`` is set, the dataset refuses, or
            :class:`~a2ibench.data.store_writer.StoreWriter` does.
    """
    total = len(dataset)
    by_pair = dataset.unit == "pairs"
    with StoreWriter(root, _identity(dataset)) as writer:
        progress(writer.pairs if by_pair else writer.parts, total)
        for part in dataset.parts(writer.parts):
            writer.add(part, (lambda done: progress(done, total)) if by_pair else lambda done: None)
            if complete and writer.rejected:
                first = writer.rejected[0]
                raise UserError(
                    f"{dataset.name}: {first['file']}: {first['reason']}; leave it out by its"
                    " options, or prepare a store without it (`a2ibench data prepare`)"
                )
            if not by_pair:
                progress(writer.parts, total)
        return writer.finish(
            licence or dataset.licence,
            sides=dataset.sides,
            missing=dataset.missing,
            notes=dataset.notes(writer.sources),
        )


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "version": dataset.version,
        "config": config.to_dict(dataset.config),
        "sample_rate": dataset.sample_rate,
        "code": source_hash(type(dataset)),
        "protocol": PROTOCOL,
        **dataset.provenance(),
    }


def open_dataset(
    reference: str,
    options: Mapping[str, Any],
    progress: Progress = lambda done, total: None,
    make: bool = True,
) -> PairStore:
    """Open a pair store by its folder, or a dataset by its name.

    A named dataset is prepared once, into a folder of the cache named after the hash of its name,
    version, code, whole configuration and the bench's protocol, and reopened from there. Two stores
    hold the same pairs if and only if their ``content_hash`` is the same, wherever they lie and
    whatever made them; features and results are kept under that hash.

    Args:
        reference: a folder that holds a pair store, or a registered name. If both exist, the
            dataset is meant; write ``./name`` for the folder.
        options: the dataset's options that differ from the defaults; empty for a folder.
        progress: called after each pair while it is prepared.
        make: whether to prepare a named dataset that is not in the cache.

    Raises:
        NotPreparedError: the dataset is not in the cache, and ``make`` is not set.
        UserError: ``reference`` is neither a pair store nor a known name, the store is damaged, the
            options are refused, or the preparation fails.
    """
    if reference not in registry.datasets.names():
        return _open_folder(reference, options)
    plugin, chosen = _configure(reference, options)
    dataset = plugin(chosen)
    key = storage.content_key(
        {
            "name": plugin.name,
            "version": plugin.version,
            "config": config.to_dict(dataset.config),
            "code": source_hash(plugin),
            "protocol": PROTOCOL,
        }
    )
    root = storage.cache_dir("stores") / f"{plugin.name}-{key}"
    if not (root.exists() or make):
        raise NotPreparedError(
            f"{reference}: its pairs are not in the cache (stores/{root.name}). Either"
            " A2IBENCH_CACHE names another cache than before, or the code of the dataset has"
            " changed; `a2ibench data prepare` makes the pairs again"
        )
    if not root.exists():  # without a lock, so that a read-only cache can be used
        with storage.lock(root):
            if not root.exists():
                # The same key means the same pairs on every machine.
                return prepare(dataset, root, progress, complete=True)
    store = PairStore(root)
    verify(store)
    return store


def check_dataset(reference: str, options: Mapping[str, Any]) -> None:
    """Make the checks of :func:`open_dataset` that come before any preparation.

    Raises:
        UserError: ``reference`` is neither a pair store nor a known name, or is a layout of files;
            or the options are refused.
    """
    if reference in registry.datasets.names():
        _configure(reference, options)
    else:
        _open_folder(reference, options)


def _configure(reference: str, options: Mapping[str, Any]) -> tuple[type[Dataset], Any]:
    plugin = registry.datasets.get(reference)
    if plugin.unit == "files":
        raise UserError(
            f"{reference} is a layout of files of your own: prepare a store first"
            f" (`a2ibench data prepare FOLDER --layout {reference} --out DIR`), then give DIR"
        )
    return plugin, config.build(plugin.Config, options, reference)


def _open_folder(reference: str, options: Mapping[str, Any]) -> PairStore:
    folder = storage.expanded(reference)
    if not folder.exists():
        if "/" not in reference and "\\" not in reference:
            raise unknown(
                "dataset",
                reference,
                registry.datasets.names(),
                "A folder that holds a pair store may be given as well.",
            )
        raise UserError(
            f"{reference}: no such folder; give one that holds a pair store, or a dataset's name"
            f" ({', '.join(registry.datasets.names())})"
        )
    store = PairStore(folder.resolve())  # workers have other working folders
    if options:
        raise UserError(
            f"{reference}: a pair store is already prepared and takes no options"
            f" (got {', '.join(sorted(options))}); it was made with {dict(store.about['config'])}"
        )
    verify(store)
    return store
