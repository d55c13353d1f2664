"""A study at the end of a run: one table that fits the terminal, the verdict, and what is wrong."""

import io
import json
import shutil
from pathlib import Path

import pytest
from made_up import run, study
from rich.cells import cell_len

from a2ibench.console import Console
from a2ibench.reporting.report import Report, report
from a2ibench.reporting.terminal import show_report
from a2ibench.results.study import open_study

LONG = "ours − consistency − auxiliary − mismatch − stack − noise"
ARMS = {"ground truth": 0.5, "vae": 0.0, "ours": 0.05, LONG: 0.04, "ours, lambda_con=0.1": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study(tmp_path_factory.mktemp("terminal") / "s", ARMS)


@pytest.fixture(scope="module")
def made(folder: Path) -> Report:
    return report(open_study(folder))


def printed(made: Report, width: int, terminal: bool = True, verbose: bool = False) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, no_color=True)
    show_report(made, console, verbose)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [
        line.rstrip() for line in text.replace("\x1b[1m", "").replace("\x1b[0m", "").split("\n")
    ]


@pytest.mark.parametrize("width", [60, 72, 80, 100, 132, 200])
def test_every_line_fits_and_no_number_or_name_is_cut_off(made: Report, width: int) -> None:
    lines = printed(made, width)
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    assert "verdict: " in text
    words = {word for line in lines for word in line.split()}
    assert {word for label in ARMS for word in label.split()} <= words


def test_a_row_is_a_line_of_the_primary_metrics_unless_its_name_is_long(made: Report) -> None:
    lines = printed(made, 80)
    (row,) = [line for line in lines if line.startswith("│ vae ")]
    primary = made.standing.primary.metrics
    assert row.count("[") == row.count("]") == len(primary) == 2
    assert any("15 of 15 jobs have a result" in line for line in lines)
    said = " ".join(lines)
    assert f"Primary metrics, 2 of {len(made.metrics)}: --verbose prints all tables" in said
    assert "Primary questions: not declared beforehand; the usual ones" in said


def test_a_log_file_keeps_each_sentence_in_one_line(made: Report) -> None:
    lines = printed(made, 80, terminal=False)
    (verdict,) = [line for line in lines if line.startswith("verdict: ")]
    assert verdict == f"verdict: {made.said}"
    table = lines[: next(i for i, line in enumerate(lines) if "test segments" in line)]
    assert max(map(cell_len, table)) <= 80


def test_all_tables_and_captions_are_printed_on_request(folder: Path, made: Report) -> None:
    text = "\n".join(printed(made, 80, terminal=False, verbose=True))
    for table in made.tables:
        assert table.title.split(".")[0] in text
        for note in table.notes:
            assert note in text
    code, output = run("report", folder, "--verbose")
    assert (
        code,
        "Table V. Methods, exploratory: difference from ours" in " ".join(output.split()),
    ) == (0, True)
    code, output = run("report", folder)
    assert (code, "Table V" in output, f"page: {folder / 'report.html'}" in output) == (
        0, False, True,
    )  # fmt: skip


def test_what_failed_and_what_is_struck_is_said_under_the_table(
    folder: Path, tmp_path: Path
) -> None:
    again = Path(shutil.copytree(folder, tmp_path / "s"))
    keys = json.loads((again / "study.json").read_text())["jobs"]["vae"]
    (again / "jobs" / keys[0] / "result.json").write_text("{")
    for path in again.glob("jobs/*/result.json"):
        text = path.read_text()
        if text != "{":
            stored = json.loads(text)
            stored["metrics"]["rprec1_i2a_lite0"] |= {
                "judge": "i2a_lite0",
                "judge_figures": {"held_out_r2": -0.58, "held_out_images": 90},
            }
            path.write_text(json.dumps(stored))
    lines = printed(report(open_study(again)), 80, terminal=False)
    assert any(line.startswith("Failed: vae, seed 0: result.json is damaged") for line in lines)
    assert any(line.startswith("Left out: R-prec@1: struck, judge i2a_lite0") for line in lines)
    assert any("14 of 15 jobs have a result" in line for line in lines)
    assert not any("R-prec@1 %" in line for line in lines)


def test_markup_in_a_name_stays_text(tmp_path: Path) -> None:
    arms = {"[red]vae": 0.0, "ours": 0.05}
    made = report(open_study(study(tmp_path / "s", arms, seeds=2)))
    assert any(line.startswith("│ [red]vae ") for line in printed(made, 80))
