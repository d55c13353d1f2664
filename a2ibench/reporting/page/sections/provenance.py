"""Provenance: where everything in a study comes from, and how to compute it again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.contracts.metric import OWN
from a2ibench.contracts.section import Section
from a2ibench.data.store import PairStore
from a2ibench.reporting.cells import MISSING, Label, Number, full_name
from a2ibench.reporting.page.commands import commands, everything
from a2ibench.reporting.page.facts import Facts, scores_of
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import Report
from a2ibench.reporting.table import Column, Table
from a2ibench.results.job_state import Jobs
from a2ibench.results.records import Result
from a2ibench.results.study import Study
from a2ibench.study.study_file import file_of


class Provenance(Section):
    """Versions, hashes, configurations, jobs and commands."""

    name, title, place = "again", "Provenance", 100

    def collect(self, study: StudyView) -> Mapping[str, Any]:
        """See :class:`~a2ibench.contracts.section.Section`."""
        return {
            "provenance": provenance(study.study, study.report, study.store),
            "jobs": job_table(study.rows),
            "everything": everything(study.study, file_of(study.folder).name),
            "commands": commands(study.study),
        }


def job_table(rows: Jobs) -> Table:
    """Every job with the hash that it is known by, and the hash of what it trained."""
    lines = [
        (
            Label(label),
            Number(ran.seed),
            Label(ran.folder.name, "hash"),
            Label((ran.result and ran.result.weights) or MISSING, "hash"),
        )
        for label, jobs in rows.items()
        for ran in jobs
    ]
    return Table(
        name="jobs",
        title="Jobs",
        columns=(
            Column("method", {"method": "text"}),
            Column("seed", {"seed": "value"}),
            Column("job", {"job": "text"}, left=True),
            Column("sha256 of the weights", {"weights": "text"}, left=True),
        ),
        sections=(tuple(lines),),
        notes=(
            "A job is known by the hash of its data, encoder, configuration, code, seed and"
            " budget.",
        ),
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
    for score in scores_of(study):
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


def _options(values: Mapping[str, Any]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(str, value))}]"
        return repr(value) if value == "" else str(value)

    return ", ".join(f"{name} = {said(value)}" for name, value in values.items()) or "none"


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values))) or "–"
