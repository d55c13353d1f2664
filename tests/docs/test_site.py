"""The site builds without a network, fetches nothing, and says of metrics what is so."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.contracts.metric import OWN, JudgeOutputs

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
N = 240


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs" / "_hooks")
        return importlib.import_module("plugins_on_pages")


@pytest.fixture(scope="module")
def outputs() -> JudgeOutputs:
    """Random outputs of every judge, in two classes, with a factor that shows in all of them."""
    rng = np.random.default_rng(0)
    factor = rng.random(N).astype(np.float32)

    def outputs(*shape: int) -> dict[str, np.ndarray]:
        made = {
            "features": rng.normal(size=(*shape, 12)),
            "logits": rng.normal(size=(*shape, 2)),
            "acoustic": rng.normal(size=(*shape, 8)),
            "luma": rng.random((*shape, 32 * 32)),
            "packets": rng.normal(size=(*shape, 256 * 3)),
        }
        if shape == (N,):
            made["features"][:, 0] += 9 * factor
        return {name: value.astype(np.float32) for name, value in made.items()}

    acoustic = rng.normal(size=(N, 8)).astype(np.float32)
    acoustic[:, 0] += 9 * factor
    source = np.array([f"clip {i // 3}" for i in range(N)])
    return JudgeOutputs(
        generated=outputs(N),
        real=outputs(N),
        acoustic=acoustic,
        label=np.arange(N) % 2,
        classes=("a", "b"),
        train=outputs(N),
        train_label=np.arange(N) % 2,
        source=source,
        train_source=np.array([f"other {i // 3}" for i in range(N)]),
        train_acoustic=acoustic,
        sounds=outputs(N),
        texts={"features": rng.normal(size=(2, 12)).astype(np.float32)},
        grid=outputs(8, 4),
        grid_rows=np.arange(8),
        factors={"level": factor},
        train_factors={"level": factor},
        block=np.arange(N) // 3 % 20,
    )


def said() -> Iterator[tuple[str, str]]:
    for names, kind in re.findall(r"<!-- metrics: ([^;\n]+); interval: (\w+) -->", PAGE):
        yield from ((name, kind) for name in names.split())


@pytest.mark.parametrize(("name", "kind"), list(said()))
def test_an_interval_is_made_as_the_page_says(name: str, kind: str, outputs: JudgeOutputs) -> None:
    metric = registry.metrics.get(name)
    exact = metric.without_blocks(outputs, outputs.block) is not None
    by_segment = metric.compute(outputs).per_segment is not None
    assert kind == ("own" if exact else "segments" if by_segment else "again")


def test_every_metric_is_on_the_page_once_with_its_definition(hook: ModuleType) -> None:
    page = hook.fill(PAGE)
    assert not re.search("<!-- (?!run|parsed)", page)  # those of the blocks that tests run
    for name in registry.metrics.names():
        assert page.count(f"| `{name}` v") == 1
    assert "E_x KL(p(y|x) ‖ p(y))" in page
    for judge in {registry.metrics.get(name).judge for name in registry.metrics.names()} - {OWN}:
        assert f"| `{judge}` |" in page


@pytest.mark.parametrize("wrong", ["", "rprec1_own rprec1_own rprec10_own", "no_such_metric"])
def test_a_metric_without_its_place_stops_the_build(hook: ModuleType, wrong: str) -> None:
    from mkdocs.exceptions import PluginError

    mark = "rprec1_own rprec10_own"
    assert mark in PAGE
    text = PAGE.replace(f"<!-- metrics: {mark};", f"<!-- metrics: {wrong};")
    with pytest.raises(PluginError, match="one mark"):
        hook.fill(text)


class Fetched(HTMLParser):
    """Collects what a page loads by itself; links that a person clicks are none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"link": "href"}.get(tag, "src")
        if tag in ("link", "script", "img", "iframe", "source", "video", "audio"):
            self.addresses += [value for key, value in attrs if key == name and value]


@pytest.mark.integration
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert {path.parent.name for path in pages} >= {"data", "method", "metrics", "cli", "api"}
    for path in pages:
        found = Fetched()
        found.feed(path.read_text(encoding="utf-8"))
        elsewhere = [address for address in found.addresses if re.match(r"(https?:)?//", address)]
        assert not elsewhere, f"{path}: {elsewhere}"
    commands = (tmp_path / "cli" / "index.html").read_text()
    assert "a2ibench human-study make" in commands
    assert "--gpus-per-trial" in commands
    assert "Sentinel" not in commands, "click's mark for no default is printed"
