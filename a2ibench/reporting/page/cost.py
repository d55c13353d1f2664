"""What a study cost, what is missing in it, and where everything in it comes from."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.contracts.metric import OWN
from a2ibench.data.store import PairStore
from a2ibench.reporting.cells import full_name, with_clips
from a2ibench.reporting.render import Table
from a2ibench.reporting.report import Report
from a2ibench.reporting.study_page import Facts
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import SPENT, Result, Score
from a2ibench.results.study import Study

MEMORY = "system/process_memory_usage_megabytes"
SECONDS = (
    "Seconds and images per second: means over the seeds; all of it: the sum over them. Images are"
    " training images. Memory: the most that a sample every few seconds saw the process use."
)


def cost_table(rows: Jobs, about: str) -> Table | None:
    """What each row took; None where nothing has a result."""
    lines: list[tuple[str, ...]] = []
    numbers: list[dict[str, str | int | float | None]] = []
    for label, jobs in rows.items():
        results = [ran.result for ran in jobs if ran.result is not None]
        if not results:
            continue
        seen = [row[MEMORY] for ran in jobs for row in ran.machine if MEMORY in row]
        values: dict[str, str | int | float | None] = {
            "method": label,
            "seeds": len(results),
            "parameters": _mean(results, "parameters"),
            "steps": _mean(results, "steps"),
            "images/s": _mean(results, "images_per_second"),
            "preparation (s)": _mean(results, SPENT[0]),
            "training (s)": _mean(results, SPENT[1]),
            "evaluation (s)": _mean(results, SPENT[2]),
            "all of it (s)": sum(result.seconds for result in results),
            "memory (MB)": max(seen, default=None),
        }
        numbers.append(values)
        lines.append(tuple(map(_text, values.values())))
    if not numbers:
        return None
    return Table(
        "cost", f"Cost ({about})", tuple(numbers[0]), (tuple(lines),), (SECONDS,), tuple(numbers)
    )


def gap_table(rows: Jobs) -> Table | None:
    """Every job without a result, with its reason; None where there is none."""
    gaps = [
        (label, str(ran.seed), ran.folder.name, reason)
        for label, jobs in rows.items()
        for ran in jobs
        if (reason := ran.gap) is not None
    ]
    if not gaps:
        return None
    return Table(
        "gaps", "Jobs without a result", ("method", "seed", "job", "why"), (tuple(gaps),), (), ()
    )


def job_table(rows: Jobs) -> Table:
    """Every job with the hash that it is known by, and the hash of what it trained."""
    lines = tuple(
        (
            label,
            str(ran.seed),
            ran.folder.name,
            "–" if ran.result is None else (ran.result.weights or "–"),
        )
        for label, jobs in rows.items()
        for ran in jobs
    )
    heading = ("method", "seed", "job", "sha256 of the weights")
    note = "A job is known by the hash of its data, encoder, configuration, code, seed and budget."
    return Table("jobs", "Jobs", heading, (lines,), (note,), ())


def training_notes(rows: Jobs) -> list[str]:
    """What a user should know of single trainings."""
    return [
        f"{label}, seed {ran.seed}: {note}"
        for label, jobs in rows.items()
        for ran in jobs
        if ran.result is not None
        for note in ran.result.notes
    ]


def facts(study: Study) -> Facts:
    """The size of a study, for its head."""
    widest = max(_scores(study), key=lambda score: score.n, default=None)
    segments = "0" if widest is None else with_clips(widest.n, widest.clips)
    return (
        ("seeds", str(study.about.seeds)),
        ("training images a trial", f"{study.about.images:,}"),
        ("test segments", segments),
        ("jobs with a result", f"{len(study.results)} of {len(study.jobs)}"),
    )


def provenance(study: Study, made: Report, store: PairStore | None) -> list[tuple[str, Facts]]:
    """Versions, hashes, seeds, budget and configurations, in groups."""
    about, results = study.about, study.results
    encoders = {_options(one.encoder.config) for one in results}
    pairs = [
        ("dataset", about.dataset),
        ("options", _options(about.dataset_config)),
        ("content sha256", about.content_hash),
        ("last check", "; ".join([str(made.check), *made.check.told])),
    ]
    if store is not None:
        counts = store.counts
        pairs += [
            (
                "pairs",
                f"{counts['train']:,} for training and judges, {counts['test']:,} for the test",
            ),
            ("classes", ", ".join(store.classes)),
            ("pictures", f"{store.image_size} × {store.image_size} px"),
        ]
    protocol = [
        ("a2ibench", _distinct(one.version for one in results)),
        ("protocol", _distinct(one.protocol for one in results)),
        ("scale", about.scale),
        ("budget", f"{about.images:,} training images a trial"),
        ("seeds", ", ".join(map(str, range(about.seeds)))),
        ("metrics", ", ".join(map(full_name, made.metrics))),
    ]
    groups = [
        ("Protocol", protocol),
        ("Pairs", pairs),
        (
            "Encoder",
            [
                ("name", about.encoder),
                ("options", "; ".join(sorted(encoders))),
                ("fingerprint", _distinct(one.job.encoder for one in results)),
            ],
        ),
        ("Judges", list(_judges(study))),
        ("Code of the methods, sha256", list(_sources(study))),
        ("Configurations", [(n, _options(arm.config)) for n, arm in (about.arms or {}).items()]),
        ("Hardware of the trials", list(_hardware(results))),
    ]
    return [(title, tuple(values)) for title, values in groups if values]


def _judges(study: Study) -> Iterator[tuple[str, str]]:
    seen = {}
    for score in _scores(study):
        if score.judge != OWN:
            said = ", ".join(
                f"{name.replace('_', ' ')} {value:.4g}"
                for name, value in score.judge_figures.items()
            )
            seen[score.judge, score.judge_fingerprint] = said
    for (name, fingerprint), figures in sorted(seen.items()):
        yield name, f"fingerprint {fingerprint}{'; ' if figures else ''}{figures}"


def _sources(study: Study) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys(
        (one.job.method, one.job.source) for one in study.results if one.job.source
    )


def _hardware(results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    counted = Counter(_options(one.hardware) for one in results if one.hardware)
    for said, count in counted.items():
        yield f"{count} trial{'' if count == 1 else 's'}", said


def _scores(study: Study) -> Iterator[Score]:
    for result in study.results:
        yield from (score for score in result.metrics.values() if score.value is not None)


def _options(values: Mapping[str, Any]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(str, value))}]"
        return repr(value) if value == "" else str(value)

    return ", ".join(f"{name} = {said(value)}" for name, value in values.items()) or "none"


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values))) or "–"


def _mean(results: Sequence[Result], name: str) -> float | None:
    found = [value for result in results if (value := getattr(result, name)) is not None]
    return sum(found) / len(found) if found else None


def _text(value: str | int | float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
