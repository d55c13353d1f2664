"""The page of a study: strict HTML, one script that is known by its hash, names that stay text."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from markupsafe import Markup

from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.contracts.section import Section
from a2ibench.evaluation.statistics import Paired
from a2ibench.reporting.cells import Label, Mean, P
from a2ibench.reporting.html_page import write_html
from a2ibench.reporting.page.parts import Part, render_section
from a2ibench.reporting.page.sections.budgets import Budgets
from a2ibench.reporting.page.sections.by_class import ByClass
from a2ibench.reporting.page.sections.cost import Cost
from a2ibench.reporting.page.sections.differences import Differences
from a2ibench.reporting.page.sections.pictures import Pictures
from a2ibench.reporting.page.sections.provenance import Provenance
from a2ibench.reporting.page.sections.scores import Scores
from a2ibench.reporting.page.sections.seeds import Seeds
from a2ibench.reporting.page.sections.sweeps import Sweep, Sweeps
from a2ibench.reporting.page.sections.training import Training
from a2ibench.reporting.page.sections.verdict import Verdict
from a2ibench.reporting.svg import Chart
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.verdict_text import Comparison
from a2ibench.results.drawings import AtBudget, Drawing, Drawings, Draws, Sound
from a2ibench.results.rows import RowScores
from a2ibench.study.commands import Command
from a2ibench.study.paired_tests import PairedTest

HOSTILE = "</script><script>hacked()</script><img src=x onerror=hacked()>\"' {{ 7 * 7 }}"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
NOTE, OTHER = "said of all", "said of one"


class Hostile(Metric):
    name, judge, title, bounds = "hostile", "none", HOSTILE, (0.0, 1.0)

    def compute(self, outputs: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


def table(name: str, notes: tuple[str, ...] = (NOTE,), keys: int = 1) -> Table:
    key = "" if name.startswith("class") else "method"
    rows = (
        (Label(HOSTILE, key), Label("b"), Mean(1.5, low=1.0, high=2.0), Label("better", "better")),
        (Label(HOSTILE, key), Label("a"), P(0.0), Label("not separable")),
        (Label("last"), Label("a"), Mean(None), Label("worse", "worse")),
    )
    headings = ("method", "metric", HOSTILE, "verdict")
    columns = tuple(map(Column, headings))
    return Table(name, f"{HOSTILE} {name}", columns, (rows[:2], rows[2:]), notes, keys)


def parts() -> dict[type[Section], dict[str, Any]]:
    """The values of each section for a study in which every text is hostile."""
    row = RowScores(HOSTILE, False, None, 3, {})
    change = Paired(1.0, 0.5, 1.5, 0.0001, None, 0.5, 3)
    better = PairedTest(row, row, Hostile(), change, 0.0001, "better")
    compared = Comparison(HOSTILE, HOSTILE, (better, replace(better, verdict="worse")))
    sound = Sound(HOSTILE, HOSTILE, "data:audio/mpeg;base64,", PIXEL)
    one, failed = Drawing(HOSTILE, 0, (PIXEL,)), Drawing("failed", 0, ())
    budgets = (AtBudget("1 images", (one, failed)), AtBudget("3 images", (one, failed)))
    drawn = Drawings((sound,), (one,), budgets, 1)
    chart = Chart(Markup('<svg viewBox="0 0 1 1" role="img" aria-label="x"></svg>'), HOSTILE)
    facts = ((HOSTILE, HOSTILE),)
    sweep = Sweep(HOSTILE, PIXEL, ((HOSTILE, PIXEL),), table("sweep_1"), 2)
    return {
        Verdict: {
            "lead": HOSTILE, "gaps": True, "compared": [compared], "about": [HOSTILE],
            "several": True, "tested": True, "over_budgets": [(HOSTILE, HOSTILE)],
            "drawn": drawn, "looks": [("1", 1), ("3", 2)],
        },
        Scores: {"tables": [table("quality"), table("match", (NOTE, OTHER))], "shared": [NOTE]},
        Differences: {
            "tables": [table("ablations", keys=2), table("floor")], "shared": [], "diagram": chart,
        },
        Pictures: {
            "unseen": HOSTILE, "longest": 10.0, "drawn": drawn, "budget": "3 images",
            "several": [Draws(sound, (one, one))],
        },
        Budgets: {"charts": [(HOSTILE, chart)]},
        Seeds: {"made": chart},
        ByClass: {"tables": [table("class_x"), table("part_x")]},
        Training: {"curves": [chart], "notes_of_trainings": [HOSTILE]},
        Sweeps: {"sweeps": [sweep], "damaged": [HOSTILE]},
        Cost: {"cost": table("cost"), "gaps": table("gaps")},
        Provenance: {
            "provenance": [(HOSTILE, facts)], "jobs": table("jobs"), "everything": HOSTILE,
            "commands": [Command(HOSTILE, HOSTILE), Command(HOSTILE, "")],
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    made = [
        Part(
            section.name, section.title,
            render_section(section, said_once={NOTE}, marks={HOSTILE: 2}, **values),
        )
        for section, values in parts().items()
    ]  # fmt: skip
    head = {"name": HOSTILE, "about": HOSTILE, "facts": ((HOSTILE, HOSTILE),), "key": ""}
    write_html("study.html.j2", path, script="study.js", parts=made, **head)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def root(text: str) -> Any:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def test_the_page_is_strict_html_with_one_title_and_one_first_heading(root: Any) -> None:
    assert root.get("lang") == "en"
    assert len(root.findall(".//title")) == len(root.findall(".//h1")) == 1
    assert len(root.findall(".//main")) == 1


def test_hostile_names_are_text(root: Any, text: str) -> None:
    assert len(root.findall(".//script")) == 1
    assert "<img src=x" not in text
    for element in root.iter():
        assert not [name for name in element.attrib if str(name).startswith("on")]
        assert element.get("src") != "x"
    assert "".join(root.find(".//h1").itertext()) == HOSTILE


def test_the_policy_allows_the_pages_own_script_and_no_network(root: Any) -> None:
    (policy,) = [
        meta.get("content")
        for meta in root.iter("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    script = root.find(".//script").text
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    for element in root.iter():
        for name in ("src", "href"):
            assert element.get(name, "#").startswith(("data:", "#"))


def test_every_table_says_what_its_cells_are(root: Any) -> None:
    tables = [one for one in root.iter("table") if "sortable" in (one.get("class") or "")]
    assert len(tables) == 10
    for one in tables:
        assert "".join(one.find("caption").itertext()).strip()
        assert all(th.get("scope") == "col" for th in one.findall("thead/tr/th"))
        for row in one.findall("tbody/tr"):
            assert row.findall("th")
            assert all(th.get("scope") == "row" for th in row.findall("th"))


def test_every_name_stands_once_and_every_reference_has_its_target(root: Any) -> None:
    names = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(set(names)) == len(names)
    for one in root.iter():
        for attribute in ("aria-labelledby", "aria-describedby"):
            if one.get(attribute):
                assert one.get(attribute) in names
        if (one.get("href") or "").startswith("#"):
            assert one.get("href")[1:] in names


def test_pictures_players_and_boxes_have_names(root: Any) -> None:
    assert all(image.get("alt") for image in root.iter("img"))
    for player in root.iter("audio"):
        assert player.get("aria-label")
        assert "controls" in player.attrib
    boxes = [one for one in root.iter("div") if "wide" in (one.get("class") or "").split()]
    assert boxes
    for box in boxes:
        assert box.get("tabindex") == "0"
        assert box.get("role") == "region"
        assert box.get("aria-label") or box.get("aria-labelledby")


def test_a_gap_and_missing_pictures_are_said(text: str) -> None:
    assert "Not complete: some jobs have no result." in text
    assert "Pictures, sounds and scores by class are left out: " in text
    assert ">no result<" in text


def test_a_note_of_all_tables_is_said_once(text: str) -> None:
    before = text.split('id="differences"')[0]
    assert before.count(NOTE) == 1
    assert before.count(OTHER) == 1


def test_rows_of_a_table_of_differences_say_what_they_are_and_are_sorted_together(
    root: Any,
) -> None:
    (found,) = [one for one in root.iter("table") if one.get("id") == "table-ablations"]
    (body,) = found.findall("tbody")
    assert ["".join(row[0].itertext()) for row in body] == [HOSTILE, HOSTILE, "last"]
    assert [row.get("class") for row in body] == [None, "repeated", "begins"]
    number, p, none = (row[2] for row in body)
    assert (number.get("data-order"), p.get("data-order"), none.get("data-order")) == (
        "1.5", "0.0", None,
    )  # fmt: skip
    (beside,) = number
    assert (beside.get("class"), beside.text) == ("beside", "[1.00, 2.00]")
    assert [row[3].get("class") for row in body] == ["better", None, "worse"]


def test_a_method_has_its_colour_wherever_it_is_named_and_a_class_of_its_name_has_none(
    root: Any,
) -> None:
    marked = [one for one in root.iter() if one.get("class") == "arm"]
    assert {one.get("style") for one in marked} == {"--arm: var(--arm-2)"}
    assert {"".join(one.itertext()) for one in marked} == {HOSTILE}
    assert {one.tag for one in marked} == {"strong", "b", "span", "th"}
    (table,) = [one for one in root.iter("table") if one.get("id") == "table-class_x"]
    assert "arm" not in [one.get("class") for one in table.iter()]


def test_without_a_script_the_pictures_are_of_one_budget_and_there_is_no_slider(root: Any) -> None:
    parts = [one for one in root.iter() if "data-budget" in one.attrib]
    assert [(one.tag, one.get("data-budget"), "hidden" in one.attrib) for one in parts] == [
        (tag, budget, budget == "1 images")
        for tag in ("div", "tbody")
        for budget in ("1 images", "3 images")
    ]
    sliders = [one for one in root.iter("p") if one.get("class") == "slider"]
    assert [("hidden" in one.attrib, one.get("data-names")) for one in sliders] == [
        (True, "1 images|3 images")
    ] * 2


@pytest.mark.parametrize(
    ("tested", "said"),
    [
        (True, "No method is separable from another at any budget."),
        (False, "No difference is tested at any budget."),
    ],
)
def test_several_budgets_without_a_test_are_not_said_to_show_no_difference(
    tested: bool, said: str
) -> None:
    values = parts()[Verdict] | {"tested": tested, "over_budgets": []}
    found = str(render_section(Verdict, said_once=set(), **values))
    assert ("at any budget" in found, said in found) == (True, True)
