"""Studies of earlier versions, whose ``study.json`` did not say which arm a row is."""

import re

from a2ibench.results.records import Arm, Study
from a2ibench.results.rows import MINUS


def arms_of(about: Study) -> dict[str, Arm]:
    """Return the arms of a study by their labels, where need be from the labels alone.

    A label begins with the name of its model: ``ours − stack``, ``ours, lambda_con=0.1``.
    """
    if about.arms is not None:
        return about.arms
    found = {}
    for label in about.jobs:
        model = re.split(f"{MINUS}|, (?=[^,]+=)", label, maxsplit=1)[0]
        if model in about.models:
            found[label] = Arm(model=model, change=label.removeprefix(model), config={})
    return found
