"""The table of published metrics: a row for each, from a study, in its place on the page."""

import sys
from itertools import pairwise

import pytest
import yaml
from pages import ROOT, blocks

from a2ibench import registry
from a2ibench.errors import UserError
from a2ibench.results.study import open_study

sys.path.insert(0, str(ROOT / "benchmarks"))

import published_metrics
from published_metrics import ABSENT, BEGIN, END, UNLISTED, published

PAGE = ROOT / "docs" / "published.md"


@pytest.fixture
def no_files(monkeypatch):
    for variable in ("CLIP", "CLIP_B32", "CLIP_L14", "DINOV2", "INCEPTION", "WAV2CLIP"):
        monkeypatch.delenv(f"A2IBENCH_{variable}_WEIGHTS", raising=False)


def rows_of_the_page() -> dict[str, list[str]]:
    table = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {first.split()[0]: others for first, *others in cells}


def test_whatever_can_be_compared_with_a_paper_has_a_row_and_so_has_all_that_the_study_asks_for():
    rows = rows_of_the_page()
    (file,) = (block for block in blocks(PAGE) if block.why == "published.yaml")
    asked = yaml.safe_load(file.code)["metrics"]
    assert [registry.metrics.get(name).name for name in asked] == asked
    assert {name for name, cells in rows.items() if ABSENT not in cells} == {
        "metric",
        "---",
        *asked,
    }
    protocols = [registry.protocols.get(name) for name in registry.protocols.names()]
    by_protocol = {name for protocol in protocols for name in protocol.metrics}
    assert {*UNLISTED, *by_protocol} <= set(rows)


def test_each_metric_of_a_study_is_a_row_and_so_is_each_that_waits_for_a_file(
    small_study, no_files
):
    study = open_study(small_study)
    table = published(study)
    heads = [column.heading for column in table.columns]
    assert heads[:2] == ["metric", "ground truth (1 seed)"]
    assert heads[-1] == "vae (1 seed)"
    rows = {str(first): [str(cell) for cell in cells] for first, *cells in table.rows}
    assert len(rows) == len(list(table.rows))
    waiting = {name for name, cells in rows.items() if ABSENT in cells}
    assert {"ais_rate_wav2clip_44k % ↑", "fid[judge=dinov2] ↓", "is1_inceptionv3 ↑"} <= waiting
    assert {*rows} - waiting == {"is1_lite0 ↑", "accuracy_resnet18 % ↑"}
    (mine,) = (row for row in study.scores if row.label == "vae")
    assert rows["is1_lite0 ↑"][-1].startswith(f"{mine.scores['is1_lite0'].mean:.3g}")
    kinds = [registry.metrics.get(name.split()[0]).__class__ for name in rows]
    assert len(set(kinds)) == 1 + sum(a is not b for a, b in pairwise(kinds)), "kinds together"


def test_the_table_is_put_in_its_place(small_study, no_files, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\n\nold\n{END}\n\nafter\n")
    monkeypatch.setattr(sys, "argv", ["_", str(small_study), "--into", str(page)])
    published_metrics.main()
    written = page.read_text()
    assert written.startswith(f"before\n\n{BEGIN}\n\n**")
    assert written.endswith(f"\n{END}\n\nafter\n")
    assert "old" not in written
    published_metrics.main()
    assert page.read_text() == written
    page.write_text("nothing")
    with pytest.raises(UserError, match="expected one table between"):
        published_metrics.main()
