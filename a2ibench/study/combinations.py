"""Several datasets and encoders: a study for each combination.

Judges depend on the pairs and, where they listen, on the encoder. Scores of two combinations are
scores by two protocols: each combination has a folder and tables of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench import config
from a2ibench.errors import UserError, unknown
from a2ibench.study.request import Request

WITH = "@"
"""Between an owner and a dataset or encoder, in ``ours@mfcc``: options of the owner there alone."""


def expand_axes(
    request: Request, datasets: Sequence[str], encoders: Sequence[str]
) -> tuple[Path, list[Request]]:
    """Return the root, and a request for each combination in a folder of the root's.

    A single combination is the study itself. Each request holds the settings of what it uses.

    Args:
        request: what is asked of each; its folder is the root. In its settings, those of
            ``OWNER@NAME`` are the owner's with the dataset or encoder of that name alone.

    Raises:
        UserError: one twice, two folders of one name, or settings that none of them uses.
    """
    for what, names in (("datasets", [Path(one).name for one in datasets]), ("encoders", encoders)):
        if len(set(names)) < len(names):
            raise UserError(f"two {what} of one name: {', '.join(names)}")
    used = {*request.models, request.executor, *datasets, *encoders}
    _check_owners(request.settings, used, [*(Path(one).name for one in datasets), *encoders])
    combinations = [(dataset, encoder) for dataset in datasets for encoder in encoders]
    several = len(combinations) > 1
    name = "+".join(Path(one).name for one in datasets)
    if len(encoders) > 1:
        name += f"-{'+'.join(encoders)}"
    root = (request.folder or Path("studies") / name).resolve()
    return root, [
        replace(
            request,
            dataset=dataset,
            encoder=encoder,
            settings=_settings_with(
                (Path(dataset).name, encoder),
                request.settings,
                (*request.models, dataset, encoder, request.executor),
            ),
            folder=root / f"{Path(dataset).name}-{encoder}" if several else root,
        )
        for dataset, encoder in combinations
    ]


def _check_owners(settings: Iterable[str], used: Collection[str], axes: Collection[str]) -> None:
    for key in settings:
        owner, name = _split(key)
        config.check_owners([owner], used)
        if name and name not in axes:
            hint = f"{key} has options of {owner} for that one alone."
            raise unknown("dataset or encoder", name, axes, hint)


def _settings_with(
    axes: Collection[str], settings: Mapping[str, Mapping[str, Any]], used: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return the settings of what a combination uses, those with its dataset or encoder last."""
    found: dict[str, dict[str, Any]] = {}
    for key, values in sorted(settings.items(), key=lambda item: WITH in item[0]):
        owner, name = _split(key)
        if owner in used and (not name or name in axes):
            found[owner] = {**found.get(owner, {}), **values}
    return found


def _split(key: str) -> tuple[str, str]:
    """Return the owner of settings, and the dataset or encoder; empty where they hold with all."""
    owner, _, name = key.partition(WITH)
    return owner, name
