"""The page of a study: strict HTML, one script that is known by its hash, names that stay text."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from a2ibench.reporting.study_page import (
    Against,
    Chart,
    Command,
    Drawing,
    Drawings,
    Sound,
    StudyPage,
    Sweep,
    see,
    write_study_page,
)
from markupsafe import Markup

from a2ibench.reporting.render import Table
from a2ibench.reporting.words import Comparison, Difference

HOSTILE = "</script><script>hacked()</script><img src=x onerror=hacked()>\"' {{ 7 * 7 }}"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
NOTE, OTHER = "said of all", "said of one"


def table(name: str, notes: tuple[str, ...] = (NOTE,), keys: int = 1) -> Table:
    rows = (
        (HOSTILE, "b", "1.5 [1.0, 2.0]", "better"),
        ("", "a", "< 0.001", "not separable"),
        ("last", "a", "–", "worse"),
    )
    heading = ("method", "metric", HOSTILE, "verdict")
    return Table(name, f"{HOSTILE} {name}", heading, (rows[:2], rows[2:]), notes, (), keys)


def page() -> StudyPage:
    """A page on which every text is hostile."""
    test = Difference(HOSTILE, "+1", "< 0.001", "better")
    compared = Comparison(HOSTILE, HOSTILE, (test, replace(test, verdict="worse")))
    sound = Sound(HOSTILE, HOSTILE, "data:audio/mpeg;base64,", PIXEL)
    row = Drawing(HOSTILE, 0, (PIXEL,))
    chart = Chart(Markup('<svg viewBox="0 0 1 1" role="img" aria-label="x"></svg>'), HOSTILE)
    return StudyPage(
        name=HOSTILE,
        about=HOSTILE,
        facts=((HOSTILE, HOSTILE),),
        lead=HOSTILE,
        compared=(compared,),
        against=(Against(HOSTILE, "floor", table("floor"), (compared,)),),
        scores=(table("quality"), table("match", (NOTE, OTHER))),
        differences=(table("ablations", keys=2),),
        diagram=chart,
        pictures=Drawings((sound,), (row, Drawing("failed", 0, ()))),
        several=(Drawings((sound,), (row, row)),),
        unseen=HOSTILE,
        seeds=chart,
        curves=(chart,),
        classes=(table("class_x"),),
        parts=(table("part_x"),),
        sweeps=(Sweep(HOSTILE, PIXEL, ((HOSTILE, PIXEL),), table("sweep_1"), 2),),
        damaged_sweeps=(HOSTILE,),
        cost=table("cost"),
        gaps=table("gaps"),
        notes=(HOSTILE,),
        provenance=((HOSTILE, ((HOSTILE, HOSTILE),)),),
        jobs=table("jobs"),
        everything=HOSTILE,
        commands=(Command(HOSTILE, HOSTILE), Command(HOSTILE, "")),
    )


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_study_page(page(), path)
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


def test_a_cell_is_a_number_with_what_stands_beside_it() -> None:
    seen = see(table("x"))
    first, second = seen.sections[0]
    assert (first[2].text, first[2].beside, first[2].order) == ("1.5", "[1.0, 2.0]", 1.5)
    assert second[2].order == 0.0
    assert seen.sections[1][0][2].order is None
    assert first[3].order is None


@pytest.mark.parametrize(
    ("cell", "order", "beside"),
    [
        ("-4.72 [-5.34, -4.10]", -4.72, "[-5.34, -4.10]"),
        ("+5.6 [+2.0, +9.1]", 5.6, "[+2.0, +9.1]"),
        ("2.25 ± 0.22 [2.1, 2.4]", 2.25, "[2.1, 2.4]"),
        ("10.3° [8.1, 12.5]", 10.3, "[8.1, 12.5]"),
        ("83.9 (81.0 to 86.0)", 83.9, "(81.0 to 86.0)"),
        ("-2.0 sd, 10 % of blocks", -2.0, "10 % of blocks"),
        ("50 % of blocks", 50, ""),
        ("1,517,276", 1_517_276, ""),
        ("2 of 3", 2, ""),
        ("9d58c0aca2b202b3526e", None, ""),
        ("–", None, ""),
    ],
)
def test_numbers_are_sorted_by_their_value(cell: str, order: float | None, beside: str) -> None:
    made = Table("x", "x", ("a", "b"), ((("name", cell),),), (), ())
    ((row,),) = see(made).sections
    assert (row[1].order, row[1].beside) == (order, beside)


def test_rows_of_a_table_of_differences_say_what_they_are() -> None:
    (rows,) = see(table("x", keys=2)).sections
    assert [row[0].text for row in rows] == [HOSTILE, HOSTILE, "last"]
