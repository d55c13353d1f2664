"""Several datasets and encoders: a study for each combination.

Judges depend on the pairs and, where they listen, on the encoder. Scores of two combinations are
scores by two protocols: each combination has a folder and tables of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from a2ibench import config
from a2ibench.errors import UserError
from a2ibench.study.request import Request


def expand_axes(
    request: Request, datasets: Sequence[str], encoders: Sequence[str]
) -> tuple[Path, list[Request]]:
    """Return the root, and a request for each combination in a folder of the root's.

    A single combination is the study itself. Each request holds the settings of what it uses.

    Args:
        request: what is asked of each; its folder is the root.

    Raises:
        UserError: one twice, two folders of one name, or settings that none of them uses.
    """
    for what, names in (("datasets", [Path(one).name for one in datasets]), ("encoders", encoders)):
        if len(set(names)) < len(names):
            raise UserError(f"two {what} of one name: {', '.join(names)}")
    used = {*request.models, request.executor, *datasets, *encoders}
    config.check_owners(request.settings, used)
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
            settings={
                owner: values
                for owner, values in request.settings.items()
                if owner in {*request.models, dataset, encoder, request.executor}
            },
            folder=root / f"{Path(dataset).name}-{encoder}" if several else root,
        )
        for dataset, encoder in combinations
    ]
