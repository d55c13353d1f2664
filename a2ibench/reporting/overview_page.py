"""The page of several studies: where each has its own, and what can be said of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from a2ibench.reporting.html import write_html
from a2ibench.reporting.svg import Chart
from a2ibench.reporting.table import Table


@dataclass(frozen=True)
class Listed:
    """A study among others.

    Attributes:
        name: of its folder.
        page: of its page in that folder.
        dataset: on what.
        encoder: heard by what.
        lead: its first sentence.
    """

    name: str
    page: str
    dataset: str
    encoder: str
    lead: str

    @property
    def link(self) -> str:
        """From the page of all of them."""
        return f"{quote(self.name)}/{self.page}"


@dataclass(frozen=True)
class Between:
    """A dataset that was heard by several encoders.

    Attributes:
        dataset: on what.
        verdict: what the tests say, in a sentence; empty where there is nothing to test.
        notes: which metrics are comparable between encoders, and which are not.
        tables: scores by those that are, and differences to the first encoder; none where no
            metric is, or no method was trained with each of them.
    """

    dataset: str
    verdict: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]


def write_overview_page(
    name: str,
    studies: Sequence[Listed],
    between: Sequence[Between],
    notes: Sequence[str],
    charts: Sequence[Chart],
    path: Path,
) -> None:
    """Writes one HTML file beside the folders of the studies.

    Args:
        name: of the folder.
        studies: in order.
        between: encoders that are compared, by dataset; their notes are among the notes.
        notes: what can be compared between them.
        charts: the diagrams over datasets.
        path: the file.
    """
    write_html(
        "overview.html.j2",
        path,
        script="study.js",
        name=name,
        studies=studies,
        between=between,
        notes=notes,
        charts=charts,
    )
