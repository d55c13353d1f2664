"""The sections of a page, found and rendered."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from a2ibench import registry
from a2ibench.contracts.section import Section
from a2ibench.errors import PLUGIN_FAILURES, UserError, told
from a2ibench.reporting.html_page import render
from a2ibench.reporting.page.view import StudyView

if TYPE_CHECKING:
    from markupsafe import Markup

MACROS = "{% from 'macros.html.j2' import chart, claim, mark, notes, slider, table with context %}"
"""Macros that every template may use."""


class Part(NamedTuple):
    """A section as it stands on a page."""

    name: str
    title: str
    html: "Markup"


def chosen_sections() -> list[type[Section]]:
    """Return every registered section, in the order of the page."""
    found = map(registry.sections.get, registry.sections.names())
    return sorted(found, key=lambda one: (one.place, one.name))


def files_of(section: type[Section]) -> list[Path]:
    """Return the files that a section's part of a page is made by."""
    own = Path(inspect.getfile(section))
    return [own] if section.template else [own, own.with_suffix(".html.j2")]


def render_section(section: type[Section], /, **values: Any) -> "Markup":
    """Return a section's HTML, without its heading."""
    source = section.template or files_of(section)[-1].read_text(encoding="utf-8")
    return render(MACROS + source, **values)


def make_parts(study: StudyView) -> list[Part]:
    """Make the sections of a page that have something to show.

    Raises:
        UserError: a section failed.
    """
    parts = []
    for section in chosen_sections():
        try:
            values = section().collect(study)
            if values is not None:
                shared = {"said_once": study.said_once, "marks": study.marks}
                html = render_section(section, **shared, **values)
                parts.append(Part(section.name, section.title, html))
        except UserError:
            raise
        except PLUGIN_FAILURES as error:
            where = registry.sections.where(section.name)
            raise UserError(f"section {section.name!r} ({where}) failed: {told(error)}") from error
    return parts
