"""The page of a checked store: one file, no script, and names that stay text."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from a2ibench.curation.check import Checked, check_store
from a2ibench.curation.finding import Finding
from a2ibench.data.store_writer import StoreWriter
from a2ibench.reporting import data_page
from a2ibench.reporting.data_page import verdict, write_page
from a2ibench.types import Pair, Part

HOSTILE = (
    "</script><script>hacked()</script>",
    '"><img src=x onerror=hacked()>',
    "' onload='hacked()",
    "{{ 7 * 7 }}",
)
VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """The elements of a page; fails where they are not well nested."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def store(root: Path, labels: tuple[str, ...], per_class: int, rate: int = 16_000) -> Path:
    """Clips of noise; the first picture of each class is on both sides."""
    rng = np.random.default_rng(0)
    identity = {"dataset": "<b>made</b>", "version": 1, "config": {}, "sample_rate": rate}
    pairs = []
    for label in labels:
        shared = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        for i in range(per_class):
            image = shared if i in (0, 1) else rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            sound = rng.uniform(-0.5, 0.5, rate).astype(np.float32)
            split = "test" if i % 2 else "train"
            pairs.append(Pair(image, sound, label, f"{label}/clip-{i}", split, float(i)))
    with StoreWriter(root, identity) as writer:
        writer.add(Part(pairs))
        writer.finish()
    return root


def read(checked: Checked, path: Path) -> Reader:
    write_page(checked, path)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader


def check(root: Path) -> Checked:
    return check_store(root, lambda name: lambda done, total: None)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("page")
    return read(check(store(folder / "store", HOSTILE, 6)), folder / "page.html")


def test_hostile_names_are_text(hostile):
    for name in HOSTILE:
        assert name in hostile.text
    assert "<b>made</b>" in hostile.text
    assert hostile.all("script") == []
    assert hostile.all("b") == []
    for _, attributes in hostile.elements:
        assert not [name for name in attributes if name.startswith("on")]


def test_the_page_asks_the_network_for_nothing(hostile):
    for _, attributes in hostile.elements:
        for name in ("src", "href", "srcset", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:", "#")), value
    (policy,) = [m for m in hostile.all("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in (policy["content"] or "")


def test_every_pair_can_be_seen_and_heard(hostile):
    images, players = hostile.all("img"), hostile.all("audio")
    # Four leaks of two pairs, and all 24 pairs on their sheets.
    assert len(images) == len(players) == 2 * 4 + 24
    for image in images:
        assert (image["alt"] or "").startswith("Picture of pair ")
        kind, content = (image["src"] or "").split(",")
        assert kind == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(content))).size == (16, 16)
    for player in players:
        assert "controls" in player
        assert player["preload"] == "none"
        assert player["aria-label"]
    sound, rate = soundfile.read(
        io.BytesIO(base64.b64decode((players[0]["src"] or "").split(",")[1]))
    )
    assert len(sound) / rate == pytest.approx(1, abs=0.1)


def test_the_verdict_comes_first(hostile):
    assert hostile.text.index("This store leaks") < hostile.text.index("Findings")
    assert len(re.findall(r"picture leak: ?\n?", hostile.text)) >= 1


def test_a_sheet_is_a_sample_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(data_page, "MAX_PER_CLASS", 5)
    root = store(tmp_path / "store", ("bee", "cow"), 12)
    checked = Checked(root, check(root).store, (), {})
    page = read(checked, tmp_path / "page.html")
    assert len(page.all("audio")) == 10
    assert page.text.count("Shown: 5 drawn at random, always the same ones.") == 2
    first = (tmp_path / "page.html").read_bytes()
    write_page(checked, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == first


def test_a_rate_that_mp3_does_not_know_is_played_all_the_same(tmp_path):
    root = store(tmp_path / "store", ("bee",), 2, rate=13_000)
    page = read(check(root), tmp_path / "page.html")
    content = base64.b64decode((page.all("audio")[0]["src"] or "").split(",")[1])
    assert soundfile.read(io.BytesIO(content))[1] == 22_050


def test_a_store_that_cannot_be_opened_has_a_page_as_well(tmp_path):
    damage = Finding("unreadable", "damage", "images.npy is <gone>", "Prepare it again.")
    page = read(Checked(tmp_path / "store", None, (damage,), {}), tmp_path / "page.html")
    assert "This store is damaged" in page.text
    assert "images.npy is <gone>" in page.text


def test_the_verdict_names_the_worst():
    def said(*severities):
        findings = tuple(Finding("x", severity, "", "") for severity in severities)
        return verdict(Checked(Path(), None, findings, {}))

    assert said("leak", "damage").startswith("This store is damaged")
    assert said("warning", "leak").startswith("This store leaks")
    assert said("warning").startswith("No damage and no leak was found.")
    assert said() == "Nothing was found: no damage, no leak, no warning."
