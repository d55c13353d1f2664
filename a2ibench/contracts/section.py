"""Section: a part of the page of a study.

Built-in and third-party sections are registered in the same way: an entry point (group
``a2ibench.sections``), ``--plugin file.py``, or the decorator::

    from a2ibench.contracts.section import Section
    from a2ibench.registry import sections

    @sections.register
    class Seeds(Section):
        name, title, place = "how_many", "Number of seeds", 45
        template = "<p>{{ seeds }} seeds were asked for.</p>"

        def collect(self, study):
            return {"seeds": study.about.seeds}
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar


class Section(ABC):
    """A section of the page."""

    name: ClassVar[str]
    """Its anchor: letters, digits, ``_`` and ``-``."""
    title: ClassVar[str]
    """Its heading, and its entry in the navigation."""
    place: ClassVar[int] = 1000
    """Sections stand in ascending order of it, then of the name."""
    template: ClassVar[str] = ""
    """Jinja's source; whatever it prints is escaped, and it may use the macros ``table``, ``chart``
    and ``notes``. Empty: the file beside the class's own with the same name, ``*.html.j2``."""

    @abstractmethod
    def collect(self, study: Any) -> Mapping[str, Any] | None:
        """Return the values that the template shows, by name; None to leave the section out.

        Args:
            study: what a page is made of, a :class:`~a2ibench.reporting.page.view.StudyView`.
        """
