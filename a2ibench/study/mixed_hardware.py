"""Trainings of one study on different devices, or in different precision."""

from collections.abc import Sequence

from a2ibench.results.rows import Row


def mixed_hardware(rows: Sequence[Row]) -> str | None:
    """Return a line that says which rows were trained on what, if that is not the same for all.

    A study that goes on elsewhere may train there in another precision, so that arms differ by more
    than their definition.
    """
    found: dict[str, dict[str, list[int]]] = {}
    for row in (row for row in rows if row.arm is not None):
        for job in row.results:
            hardware = {} if job.result is None else job.result.hardware
            if hardware:
                kind = f"{hardware.get('device')} in {hardware.get('precision')}"
                found.setdefault(kind, {}).setdefault(row.label, []).append(job.seed)
    if len(found) < 2:
        return None
    everywhere = {label for of in found.values() for label in of}
    split = {label for label in everywhere if sum(label in of for of in found.values()) > 1}
    kinds = (
        f"on {kind}: "
        + ", ".join(
            f"{label} ({'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))})"
            if label in split
            else label
            for label, seeds in of.items()
        )
        for kind, of in found.items()
    )
    return (
        f"Not all were trained alike, which may make a difference of its own: {'; '.join(kinds)}."
    )
