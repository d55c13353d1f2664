"""Notes on the outside systems of a study, for the captions of its tables."""

from a2ibench.results.study import Study


def outside_notes(study: Study) -> list[str]:
    """Return a line for each outside system of a study."""
    lines = []
    for row in study.rows:
        found = [job.result for job in row.results if job.result and job.result.outside]
        if row.kind != "outside" or not found:
            continue
        said: dict[str, list[int]] = {}
        for result in found:
            for note in result.outside.notes if result.outside is not None else ():
                said.setdefault(note, []).append(result.job.seed)
        count = len(found)
        notes = [
            note if len(seeds) == count else f"{note} (seed {', '.join(map(str, seeds))})"
            for note, seeds in said.items()
        ]
        runs = "one seed" if count == 1 else f"{count} seeds"
        lines.append(
            f"{row.label}: images from outside, {runs}; what it was trained on is not known here."
            + "".join(f" {note[0].upper()}{note[1:]}." for note in notes)
        )
    return lines
