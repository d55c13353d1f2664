"""Trainings of one study on different devices, or in different precision."""

from collections import Counter
from collections.abc import Sequence

from a2ibench.results.rows import Row


def mixed_hardware(rows: Sequence[Row]) -> list[str]:
    """Return a line that says which rows were trained on what, unless that is the same for all.

    A study that goes on elsewhere may train there in another precision, so that arms differ by more
    than their definition.
    """
    found: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        for job in row.results:
            # Only a training records it: neither reference rows nor images from outside do.
            if job.result is not None and (hardware := job.result.hardware):
                kind = f"{hardware.get('device')} in {hardware.get('precision')}"
                found.setdefault(kind, {}).setdefault(row.label, []).append(job.seed)
    if len(found) < 2:
        return []
    places = Counter(label for of in found.values() for label in of)
    kinds = (
        f"on {kind}: "
        + ", ".join(
            f"{label} ({'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))})"
            if places[label] > 1
            else label
            for label, seeds in of.items()
        )
        for kind, of in found.items()
    )
    return [
        f"Not all were trained alike, which may make a difference of its own: {'; '.join(kinds)}."
    ]
