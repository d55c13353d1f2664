"""Provenance: where everything in a study comes from, and how to compute it again."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from a2ibench.contracts.metric import OWN
from a2ibench.contracts.section import Section
from a2ibench.data.data_card import facts_of
from a2ibench.errors import command
from a2ibench.reporting.cells import MISSING, Label, Number, full_name
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.study.commands import commands, kept_plugins
from a2ibench.study.study_file import file_of

KNOWN = "A job is known by the hash of its data, encoder, configuration, code, seed and budget."

Facts = list[tuple[str, str]]
"""Names and values."""


class Provenance(Section):
    """Versions, hashes, configurations, jobs and commands."""

    name, title, place = "provenance", "Provenance", 100

    def collect(self, study: StudyView) -> dict[str, object]:
        return {
            "provenance": [(title, facts) for title, facts in _groups(study).items() if facts],
            "jobs": _job_table({row.name: row.jobs for row in study.study.all_rows}),
            "everything": command(
                "run", file_of(study.folder).name, *kept_plugins(study.study.jobs)
            ),
            "commands": commands(study.study),
        }


def _job_table(rows: Jobs) -> Table:
    """List every job with the hash that it is known by, and the hash of its weights."""
    lines = [
        (
            Label(label, "method"),
            Number(ran.seed),
            Label(ran.folder.name, "hash"),
            Label((ran.result and ran.result.weights) or MISSING, "hash"),
        )
        for label, jobs in rows.items()
        for ran in jobs
    ]
    columns = (
        Column.text("method"),
        Column.value("seed"),
        Column.text("job", left=True),
        Column("sha256 of the weights", {"weights": "text"}, left=True),
    )
    return Table("jobs", "Jobs", columns, (tuple(lines),), (KNOWN,))


def _groups(study: StudyView) -> dict[str, Facts]:
    """Return versions, hashes, seeds, budget and configurations, in groups."""
    about, results, made = study.about, study.study.results, study.report
    budgets = "; ".join(f"{images:,}" for images in study.study.budgets)
    pairs = [
        ("dataset", about.dataset),
        ("options", _options(about.dataset_config)),
        ("content sha256", about.content_hash),
        ("last check", "; ".join([str(made.check), *made.check.told])),
    ]
    if study.store is not None:
        pairs += facts_of(study.store)
    judges = {
        (score.judge, score.judge_fingerprint): ", ".join(
            [f"{name} sha256 {sha256}" for name, sha256 in score.judge_files.items()]
            + [f"{key.replace('_', ' ')} {value:.4g}" for key, value in score.judge_figures.items()]
        )
        for score in study.scores
        if score.judge != OWN
    }
    sources = [(one.job.method, one.job.source) for one in results if one.job.source]
    hardware = Counter(_options(one.hardware) for one in results if one.hardware)
    return {
        "Protocol": [
            ("a2ibench", _distinct(one.version for one in results)),
            ("protocol", _distinct(one.protocol for one in results)),
            ("scale", about.scale),
            ("budget", f"{budgets} training images per trial"),
            ("seeds", ", ".join(map(str, range(about.seeds)))),
            ("metrics", ", ".join(map(full_name, made.metrics))),
        ],
        "Primary questions": [
            ("metrics", ", ".join(made.standing.primary.metrics)),
            ("contrasts", ", ".join(map(str, made.standing.primary.contrasts))),
            ("sha256", made.standing.primary.hash),
            *(("declared", line) for line in made.standing.notes[:1]),
            *(("changed", line) for line in made.standing.changes),
        ],
        "Pairs": pairs,
        "Encoder": [
            ("name", about.encoder),
            ("options", "; ".join(sorted({_options(one.encoder.config) for one in results}))),
            ("fingerprint", _distinct(one.job.encoder for one in results)),
        ],
        "Judges": [
            (name, f"fingerprint {fingerprint}{'; ' if told else ''}{told}")
            for (name, fingerprint), told in sorted(judges.items())
        ],
        "Code of the methods, sha256": [*dict.fromkeys(sources)],
        "Configurations": [(n, _options(arm.config)) for n, arm in (about.arms or {}).items()],
        "Hardware of the trials": [
            (f"{count} trial{'' if count == 1 else 's'}", said) for said, count in hardware.items()
        ],
    }


def _options(values: Mapping[str, Any]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(str, value))}]"
        return repr(value) if value == "" else str(value)

    return ", ".join(f"{name} = {said(value)}" for name, value in values.items()) or "none"


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values))) or "–"
