"""From a study's folder to its page."""

from collections.abc import Callable, Sequence
from pathlib import Path

from a2ibench import reporting
from a2ibench.data.store import PairStore
from a2ibench.reporting.html import key_of, write_html
from a2ibench.reporting.page.facts import facts
from a2ibench.reporting.page.parts import chosen_sections, files_of, make_parts
from a2ibench.reporting.page.sections.sweeps import SWEEPS
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.render import to_markdown
from a2ibench.reporting.report import PAGE, Report
from a2ibench.results.study import Study
from a2ibench.storage import content_key, file_sha256

CODE = {".py", ".j2", ".css", ".js"}
"""Suffixes of the files that make a page."""


def write_page(
    study: Study,
    made: Report,
    store: PairStore | None,
    say: Callable[[str], None],
    unseen: str = "",
    sweeps: Sequence[Path] = (),
) -> Path:
    """Writes ``STUDY/report.html``. One that shows the same is left as it is.

    Args:
        study: with its results.
        made: its tables.
        store: the pairs that it was run on; None where they are not at hand.
        say: is told what is left out.
        unseen: then why.
        sweeps: folders of sweeps beside those in ``STUDY/sweeps``.

    Raises:
        UserError: one of these folders holds no sweep, or a file of a job is damaged.
    """
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        say(line)

    view = StudyView(study, made, store, unseen, tuple(sweeps), tell)
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
        about=made.about,
        facts=facts(study),
        parts=parts,
    )
    return path


def _key(study: StudyView) -> str:
    """A hash of all that the page is made of; a job's samples are as old as its result."""
    room = Path(reporting.__file__).parent
    files = {path for path in room.rglob("*") if path.suffix in CODE}
    files |= {path for section in chosen_sections() for path in files_of(section)}
    sweeps = (study.folder / SWEEPS, *study.sweeps)
    swept = [file for one in sweeps for file in sorted(one.rglob("*"))]
    made = study.report
    return content_key(
        [
            [file_sha256(path) for path in sorted(files)],
            str(study.folder.resolve()),
            study.about.plain,
            [
                [None if job.result is None else job.result.plain, job.gap]
                for job in study.study.jobs
            ],
            [
                made.about,
                made.verdict,
                str(made.check),
                *made.check.told,
                *map(to_markdown, made.tables),
            ],
            None if study.store is None else study.store.content_hash,
            study.unseen,
            [[str(file.resolve()), file.stat().st_mtime_ns] for file in swept],
        ]
    )
