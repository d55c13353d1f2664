"""Figures inside a page: text stays text, colours are the page's, and no name stands twice."""

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from a2ibench.reporting.svg import COLOURS, SOFT, inline_svg

HOSTILE = '<script>x</script>"&$'


def draw() -> str:
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], color=COLOURS[1])
    axes.plot([1, 0], color=SOFT)
    axes.set_title(HOSTILE.replace("$", r"\$"))
    return str(inline_svg(figure, "first", 'said "so" <b>'))


@pytest.fixture(scope="module")
def svg() -> str:
    return draw()


def test_names_are_escaped_and_readable(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert HOSTILE in words
    assert root.get("aria-label") == 'said "so" <b>'
    assert root.get("role") == "img"
    assert "<script" not in svg


@pytest.mark.filterwarnings("ignore:Glyph")
def test_characters_that_no_xml_may_hold_are_replaced() -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "a\x01b\x0bc")
    root = ElementTree.fromstring(str(inline_svg(figure, "first", "d\x00e")))
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ["a\ufffdb\ufffdc"]
    assert root.get("aria-label") == "d\ufffde"


def test_colours_are_the_pages(svg: str) -> None:
    assert "var(--arm-2)" in svg
    assert "var(--soft)" in svg
    assert "currentColor" in svg
    assert not re.search("#000000|#ffffff", svg)


def test_names_of_two_figures_differ_and_every_reference_is_kept(svg: str) -> None:
    names = re.findall(r'\bid="([^"]+)"', svg)
    assert len(set(names)) == len(names)
    assert all(name.startswith("first-") for name in names)
    wanted = re.findall(r'(?:url\(|href=")#([^")]+)', svg)
    assert wanted
    assert set(wanted) <= set(names)


def test_the_same_figure_gives_the_same_bytes(svg: str) -> None:
    assert draw() == svg
