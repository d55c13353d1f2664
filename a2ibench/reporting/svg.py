"""Matplotlib's figures inside a page: text stays text, and colours follow the page's."""

import io
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

COLOURS = ("#0b5fa5", "#b3520a", "#14764b", "#8a3d9c", "#a8323e", "#5d6b1f", "#1b6d82", "#7d4b34")
"""Colours of arms, in turn; in a page ``var(--arm-1)`` … stand in their place."""
SOFT = "#6b7580"
"""The colour of what stands behind: reference rows, grids."""
ZOOM = 1.4
"""Pixels per point: text of 8 points is read as 11 pixels."""

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold; matplotlib writes those of its texts nevertheless."""
_FONT = re.compile(r"font-family: [^;]*;? ?")
_WORDS = {
    "#000000": "currentColor",
    SOFT: "var(--soft)",
    **{colour: f"var(--arm-{i})" for i, colour in enumerate(COLOURS, 1)},
}


class Chart(NamedTuple):
    """A drawing with its caption."""

    svg: "Markup"
    caption: str


def inline_svg(figure: "Figure", name: str, description: str) -> "Markup":
    """Return a figure, drawn in black, :data:`SOFT` and :data:`COLOURS`, as an SVG element.

    The name is of letters, digits and hyphens, unlike that of any other figure of the page; the
    description says what is seen, for who cannot see it.
    """
    import matplotlib
    from markupsafe import Markup

    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = _NO_XML.sub("\ufffd", stream.getvalue())
    root = ElementTree.fromstring(text)  # noqa: S314 (matplotlib's, not a stranger's)
    for child in list(root):
        # How lines are joined is said by the page, once for all figures.
        if child.find(f"{{{_SVG}}}style") is not None:
            root.remove(child)
    width = float(root.attrib.pop("width").removesuffix("pt"))
    del root.attrib["height"]
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == f"{{{_XLINK}}}href":
                del element.attrib[key]
                element.set("href", value.replace("#", f"#{name}-"))
            else:
                value = value.replace("url(#", f"url(#{name}-")
                value = _FONT.sub("", value)  # the page's own
                element.set(key, re.sub(r"#[0-9a-f]{6}", lambda m: _WORDS.get(m[0], m[0]), value))
    root.attrib |= {
        "role": "img",
        "aria-label": _NO_XML.sub("\ufffd", description),
        "style": f"--width: {ZOOM * width:.0f}px",
    }
    ElementTree.register_namespace("", _SVG)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 (escaped by the writer)
