"""What a study cost, what is missing in it, and where everything in it comes from."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.contracts.metric import OWN
from a2ibench.data.store import PairStore
from a2ibench.reporting.cells import full_name, with_clips
from a2ibench.reporting.page.files import Rows
from a2ibench.reporting.render import Table
from a2ibench.reporting.report import Report
from a2ibench.reporting.study_page import Facts
from a2ibench.results.outcome import SPENT
from a2ibench.results.watch import read_rows

MEMORY = "system/process_memory_usage_megabytes"
SECONDS = (
    "Seconds and images per second: means over the seeds; all of it: the sum over them. Images are"
    " training images. Memory: the most that a sample every few seconds saw the process use."
)


def cost_table(rows: Rows, about: str) -> Table | None:
    """What each row took; None where nothing has a result."""
    lines: list[tuple[str, ...]] = []
    numbers: list[dict[str, str | int | float | None]] = []
    for label, jobs in rows.items():
        results = [ran.result for ran in jobs if ran.result is not None]
        if not results:
            continue
        seen = [row[MEMORY] for ran in jobs for row in read_rows(ran.folder) if MEMORY in row]
        values: dict[str, str | int | float | None] = {
            "method": label,
            "seeds": len(results),
            "parameters": _mean(results, "parameters"),
            "steps": _mean(results, "steps"),
            "images/s": _mean(results, "images_per_second"),
            "preparation (s)": _mean(results, SPENT[0]),
            "training (s)": _mean(results, SPENT[1]),
            "evaluation (s)": _mean(results, SPENT[2]),
            "all of it (s)": sum(result.get(part, 0.0) for result in results for part in SPENT),
            "memory (MB)": max(seen, default=None),
        }
        numbers.append(values)
        lines.append(tuple(map(_text, values.values())))
    if not numbers:
        return None
    return Table(
        "cost", f"Cost ({about})", tuple(numbers[0]), (tuple(lines),), (SECONDS,), tuple(numbers)
    )


def gap_table(rows: Rows) -> Table | None:
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


def job_table(rows: Rows) -> Table:
    """Every job with the hash that it is known by, and the hash of what it trained."""
    lines = tuple(
        (
            label,
            str(ran.seed),
            ran.folder.name,
            "–" if ran.result is None else str(ran.result.get("weights", "–")),
        )
        for label, jobs in rows.items()
        for ran in jobs
    )
    heading = ("method", "seed", "job", "sha256 of the weights")
    note = "A job is known by the hash of its data, encoder, configuration, code, seed and budget."
    return Table("jobs", "Jobs", heading, (lines,), (note,), ())


def training_notes(rows: Rows) -> list[str]:
    """What a user should know of single trainings."""
    return [
        f"{label}, seed {ran.seed}: {note}"
        for label, jobs in rows.items()
        for ran in jobs
        if ran.result is not None
        for note in ran.result.get("notes", ())
    ]


def facts(about: Mapping[str, Any], rows: Rows) -> Facts:
    """The size of a study, for its head."""
    jobs = [ran for row in rows.values() for ran in row]
    done = sum(ran.result is not None for ran in jobs)
    widest = max(_scores(rows), key=lambda score: int(score["n"]), default={"n": 0})
    return (
        ("seeds", str(about["seeds"])),
        ("training images a trial", f"{about['images']:,}"),
        ("test segments", with_clips(widest["n"], widest.get("clips"))),
        ("jobs with a result", f"{done} of {len(jobs)}"),
    )


def provenance(
    about: Mapping[str, Any], rows: Rows, made: Report, store: PairStore | None
) -> list[tuple[str, Facts]]:
    """Versions, hashes, seeds, budget and configurations, in groups."""
    results = [ran.result for row in rows.values() for ran in row if ran.result is not None]
    encoders = {_options(one["encoder"]["config"]) for one in results}
    pairs = [
        ("dataset", str(about["dataset"])),
        ("options", _options(about.get("dataset_config", {}))),
        ("content sha256", str(about["content_hash"])),
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
        ("a2ibench", _distinct(one["version"] for one in results)),
        ("protocol", _distinct(one["protocol"] for one in results)),
        ("scale", str(about["scale"])),
        ("budget", f"{about['images']:,} training images a trial"),
        ("seeds", ", ".join(map(str, range(about["seeds"])))),
        ("metrics", ", ".join(map(full_name, made.metrics))),
    ]
    arms: Mapping[str, Any] = about.get("arms", {})
    groups = [
        ("Protocol", protocol),
        ("Pairs", pairs),
        (
            "Encoder",
            [
                ("name", str(about["encoder"])),
                ("options", "; ".join(sorted(encoders))),
                ("fingerprint", _distinct(one["job"]["encoder"] for one in results)),
            ],
        ),
        ("Judges", list(_judges(rows))),
        ("Code of the methods, sha256", list(_sources(rows))),
        ("Configurations", [(label, _options(arm["config"])) for label, arm in arms.items()]),
        ("Hardware of the trials", list(_hardware(results))),
    ]
    return [(title, tuple(values)) for title, values in groups if values]


def _judges(rows: Rows) -> Iterator[tuple[str, str]]:
    seen = {}
    for score in _scores(rows):
        if score["judge"] != OWN:
            figures = score.get("judge_figures", {})
            said = ", ".join(
                f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items()
            )
            seen[score["judge"], score["judge_fingerprint"]] = said
    for (name, fingerprint), figures in sorted(seen.items()):
        yield name, f"fingerprint {fingerprint}{'; ' if figures else ''}{figures}"


def _sources(rows: Rows) -> Iterator[tuple[str, str]]:
    seen = dict.fromkeys(
        (ran.result["job"]["method"], ran.result["job"]["source"])
        for row in rows.values()
        for ran in row
        if ran.result is not None and ran.result["job"]["source"]
    )
    yield from seen


def _hardware(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    counted = Counter(_options(one["hardware"]) for one in results if "hardware" in one)
    for said, count in counted.items():
        yield f"{count} trial{'' if count == 1 else 's'}", said


def _scores(rows: Rows) -> Iterator[Mapping[str, Any]]:
    for row in rows.values():
        for ran in row:
            for score in (ran.result or {"metrics": {}})["metrics"].values():
                if score["value"] is not None:
                    yield score


def _options(values: Mapping[str, Any]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(str, value))}]"
        return repr(value) if value == "" else str(value)

    return ", ".join(f"{name} = {said(value)}" for name, value in values.items()) or "none"


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values))) or "–"


def _mean(results: Sequence[Mapping[str, Any]], name: str) -> float | None:
    found = [result[name] for result in results if name in result]
    return sum(found) / len(found) if found else None


def _text(value: str | int | float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
