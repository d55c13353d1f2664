"""The page of a study, written."""

from dataclasses import replace
from pathlib import Path

import a2ibench
from a2ibench.reporting.cells import Count
from a2ibench.reporting.html_page import key_of, write_html
from a2ibench.reporting.page.parts import chosen_sections, files_of, make_parts
from a2ibench.reporting.page.sections.sweeps import SWEEPS
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import PAGE
from a2ibench.reporting.text_formats import to_markdown
from a2ibench.storage import content_key, file_sha256
from a2ibench.study.looks import note_looks, standing

CODE = {".py", ".j2", ".css", ".js"}
"""Suffixes of the files that make a page."""


def write_page(study: StudyView) -> Path:
    """Write ``STUDY/report.html``; one that shows the same is left as it is.

    Raises:
        UserError: a folder of sweeps holds none, or a file of a job is damaged.
    """
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        study.say(line)

    view = replace(study, say=tell)
    path = study.folder / PAGE
    key = _key(view)
    if key_of(path) == key:
        return path
    parts = make_parts(view)
    write_html(
        "study.html.j2",
        path,
        script="study.js",
        # What is left out is said each time: such a page has no key, and is written again.
        key="" if said else key,
        name=study.folder.resolve().name,
        about=study.report.about,
        facts=_facts(view),
        parts=parts,
    )
    tested = [one.standing for one in view.budgets.values() if one.tested]
    note_looks(study.folder, tested)  # the verdict is about every budget
    return path


def _facts(view: StudyView) -> list[tuple[str, str]]:
    """Return the size of a study by name, for the head of its page."""
    study = view.study
    widest = max(view.scores, key=lambda score: score.n, default=None)
    return [
        ("seeds", str(study.about.seeds)),
        ("training images per trial", f"{study.budget:,}"),
        ("test segments", "0" if widest is None else str(Count(widest.n, widest.clips))),
        ("jobs with a result", f"{len(study.results)} of {len(study.jobs)}"),
    ]


def _key(study: StudyView) -> str:
    """Hash all that the page is made of; a job's samples are as old as its result."""
    core = Path(a2ibench.__file__).parent
    files = {path for path in core.rglob("*") if path.suffix in CODE}
    files |= {path for section in chosen_sections() for path in files_of(section)}
    sweeps = (study.folder / SWEEPS, *study.sweeps)
    swept = [file for one in sweeps for file in sorted(one.rglob("*"))]
    made = study.report
    looks = [standing(study.study.at(budget)).notes for budget in study.study.budgets]
    return content_key(
        [
            [file_sha256(path) for path in sorted(files)],
            str(study.folder.resolve()),
            {**study.about.plain, "looks": looks},
            [[job.result and job.result.plain, job.gap] for job in study.study.all_jobs],
            study.study.budget,
            [made.about, made.verdict, str(made.check), *made.check.told],
            [to_markdown(table) for table in made.tables],
            None if study.store is None else study.store.content_hash,
            study.unseen,
            [[str(file.resolve()), file.stat().st_mtime_ns] for file in swept],
        ]
    )
