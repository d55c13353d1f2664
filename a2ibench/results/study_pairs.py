"""The pairs that a study was run on, where they are at hand."""

from collections.abc import Mapping
from typing import Any

from a2ibench import registry
from a2ibench.data.prepare import open_dataset
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.results.study import Study


def find_store(study: Study, dataset: str | None) -> tuple[PairStore | None, str]:
    """Find the pairs that a study was run on, or why they are not at hand; nothing is prepared.

    Raises:
        UserError: ``dataset``, where the pairs lie now, is none of its own.
    """
    try:
        return open_store(study, dataset, make=False), ""
    except UserError as error:
        if dataset is not None:
            raise
        return None, str(error)


def options_of_dataset(study: Study) -> Mapping[str, Any]:
    """Return the options of a study's dataset that has a name; none for a folder of pairs."""
    return study.about.dataset_config if study.about.dataset in registry.datasets else {}


def open_store(
    study: Study, dataset: str | None, make: bool = True, option: str = "--dataset"
) -> PairStore:
    """Open the pairs that a study was run on, in ``dataset`` or where the study says.

    With ``make``, a named dataset is prepared where it is not in the cache. ``option`` is the one
    that names ``dataset``.

    Raises:
        UserError: the pairs are not at hand, or not its own any more.
    """
    name, options = study.about.dataset, options_of_dataset(study)
    store = open_dataset(dataset or name, {} if dataset else options, make=make)
    if store.content_hash != study.about.content_hash:
        raise UserError(
            f"{store.root}: its pairs or labels are not those of the study; {option} DIR names"
            " the folder that holds them"
        )
    return store
