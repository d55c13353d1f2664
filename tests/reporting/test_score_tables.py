"""Tables: what a cell says, and that nothing in a name becomes markup."""

import csv
import io

import html5lib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from a2ibench import registry
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.reporting.cells import (
    Cell,
    Count,
    Difference,
    Effect,
    Label,
    Mean,
    Number,
    P,
    Range,
    Seeds,
    heading,
)
from a2ibench.reporting.differences import Differences
from a2ibench.reporting.report import SPREAD
from a2ibench.reporting.score_tables import score_tables
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.terminal import rich_tables
from a2ibench.reporting.text_formats import (
    escape_latex,
    escape_markdown,
    to_csv,
    to_latex,
    to_markdown,
)
from a2ibench.results.rows import RowScores
from a2ibench.study.paired_tests import confirm, explore, explore_study


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "none", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


class Match(Accuracy):
    name, title, group, higher_is_better = "match_test", "rank", "match", False


def scores(level: float, seeds: tuple[int, ...] = (0, 1, 2), n: int = 200) -> SeedScores:
    """Seeds × blocks around the given mean; the same scatter wherever the level is the same."""
    scatter = np.random.default_rng(int(1000 * level)).normal(0, 0.001, (len(seeds), 12))
    blocks = level + scatter - scatter.mean()
    return SeedScores(seeds, blocks.mean(axis=1), n, None, blocks)


THREE = (0, 1, 2)

METHODS = [
    RowScores("ground truth", True, None, 1, {"accuracy_test": scores(0.95, (0,))}),
    RowScores("ours", False, None, 3, {"accuracy_test": scores(0.8)}),
    RowScores("ours − consistency", False, "ours", 3, {"accuracy_test": scores(0.6)}),
    RowScores("ours − nothing", False, "ours", 3, {"accuracy_test": scores(0.8)}),
    RowScores("evil_|<b>&$x$", False, None, 3, {}),
]


def ablations(rows: list[RowScores], metric: Metric) -> Table:
    return differences(rows, metric, "ablations")


def compared(rows: list[RowScores], metric: Metric) -> Table:
    return differences(rows, metric, "methods")


def differences(rows: list[RowScores], metric: Metric, name: str, primary: bool = True) -> Table:
    tests = explore_study(rows, [metric])[name]
    tests = confirm(tests, {metric.name}) if primary else tests
    return Differences(name, "title", (tests[0].base.label, "row"), tests).table


def test_a_cell_prints_value_spread_and_interval() -> None:
    assert str(Mean(2.254, spread=0.221)) == "2.25 ± 0.22"
    assert str(Mean(0.5, percent=True, spread=0.031)) == "50.0 ± 3.1"
    assert str(Mean(0.349, percent=True, low=0.31, high=0.388)) == "34.9 [31.0, 38.8]"


def test_a_difference_is_signed_and_a_score_below_its_floor_is_marked() -> None:
    assert str(Difference(-0.02, True, low=-0.05, high=0.01)) == "-2.0 [-5.0, +1.0]"
    assert str(Mean(0.02, True, low=0.01, high=0.03, below_floor=True)) == "2.0° [1.0, 3.0]"


def test_what_has_no_number_is_missing_or_struck() -> None:
    nothing = (
        Mean(None),
        Count(),
        Count(200, 3, seeds=0),
        P(None),
        Effect(None, None),
        Number(None),
    )
    assert {str(cell) for cell in nothing} == {"–"}
    assert {cell.printed.order for cell in nothing} == {None}
    assert str(Mean(None, struck=True)) == "×"


def test_p_values_and_effects_are_short() -> None:
    assert [str(P(p)) for p in (None, 0.0, 0.0312)] == ["–", "< 0.001", "0.031"]
    assert str(Effect(1.83, 0.95)) == "+1.8 sd, 95 % of blocks"
    assert str(Effect(None, 0.5)) == "50 % of blocks"


@pytest.mark.parametrize(
    ("cell", "main", "beside", "order"),
    [
        (Mean(-4.72, low=-5.34, high=-4.1), "-4.72", "[-5.34, -4.10]", -4.72),
        (Difference(0.056, True, low=0.02, high=0.091), "+5.6", "[+2.0, +9.1]", 5.6),
        (Mean(2.25, spread=0.22, low=2.1, high=2.4), "2.25 ± 0.22", "[2.10, 2.40]", 2.25),
        (Range(np.array([0.81, 0.86]), True), "83.5", "(81.0 to 86.0)", 83.5),
        (Range(np.array([0.81]), False), "0.81", "", 0.81),
        (Effect(-2.0, 0.1), "-2.0 sd,", "10 % of blocks", -2.0),
        (Effect(None, 0.5), "50 % of blocks", "", 50),
        (Number(1_517_276), "1,517,276", "", 1_517_276),
        (Number(3.25), "3.2", "", 3.2),
        (Seeds(2, 3), "2 of 3", "", 2),
        (Count(233, 3), "233", "(3 clips)", 233),
        (Count(233, 1, seeds=3), "3 × 233", "(1 clip)", 3),
        (Label("9058", "hash"), "9058", "", None),
        (Label("3 of them failed (nan)", "words"), "3 of them failed (nan)", "", None),
        (P(0.0004), "< 0.001", "", 0.0),
        (Mean(float("inf")), "inf", "", None),
    ],
)
def test_a_cell_is_sorted_by_what_it_prints(
    cell: Cell, main: str, beside: str, order: float | None
) -> None:
    printed = cell.printed
    assert (printed.main, printed.beside, printed.order) == (main, beside, order)
    assert str(cell) == f"{main} {beside}".strip()


def test_scores_no_better_than_the_floor_are_marked_and_the_caption_names_it() -> None:
    methods = [
        RowScores("shuffled", True, None, 1, {"match_test": scores(0.5)}, frozenset({"match"})),
        RowScores("good", False, None, 3, {"match_test": scores(0.3)}),  # lower is better
        RowScores("deaf", False, None, 3, {"match_test": scores(0.6)}),
    ]
    (table,) = score_tables(methods, [Match()], "data", [])
    (floor,), (good, deaf) = table.texts
    assert ["°" in row[3] for row in (floor, good, deaf)] == [False, False, True]
    assert any("no better than shuffled" in note for note in table.notes)
    assert any("95 % interval of the mean over training seeds" in note for note in table.notes)


def test_every_row_has_its_seeds_and_n_and_a_missing_result_is_a_gap() -> None:
    (table,) = score_tables(METHODS, [Accuracy()], "data", ["a note"])
    references, arms = table.texts
    assert references[0][:3] == ["ground truth", "1", "200"]
    assert arms[0][:3] == ["ours", "3", "200"]
    assert arms[-1] == ["evil_|<b>&$x$", "0 of 3", "–", "–"]
    assert "accuracy_test_v1" in table.notes[-1]


def test_ablations_are_paired_differences_to_the_full_model() -> None:
    rows = [
        RowScores(label, False, full, 3, {"accuracy_test": scores(level, THREE)})
        for label, full, level in (
            ("ours", None, 0.8),
            ("ours − consistency", "ours", 0.6),
            ("ours − nothing", "ours", 0.8),
        )
    ]
    table = ablations(rows, Accuracy())
    (worse,), (same,) = table.texts
    assert worse[0] == "ours − consistency"
    assert worse[2] == "3 × 200"
    assert worse[5].startswith("-20.0 [")
    assert (worse[6], worse[8]) == ("< 0.001", "worse")
    assert same[5:7] == ["+0.0 [-0.0, +0.0]", "1.000"]
    assert same[8] == "not separable"
    assert table.printed[6].heading == "p (2 tests)"
    assert any("Holm" in note for note in table.notes)


def test_an_exploratory_table_has_intervals_and_neither_p_nor_verdict() -> None:
    table = differences(METHODS, Accuracy(), "ablations", primary=False)
    headings = [column.heading for column in table.printed]
    assert headings == ["method", "metric", "seeds × n", "ours", "row", "difference", "effect"]
    assert table.texts[0][0][5].startswith("-20.0 [")
    assert table.notes[0].startswith("Exploratory: no primary question of the study.")
    assert not any("Holm" in note for note in table.notes)
    assert {row["verdict"] for row in table.records} == {"exploratory"}
    assert {row["p holm"] for row in table.records} == {None}
    for text in (to_markdown(table), to_latex(table)):
        assert "Exploratory: no primary question" in text
        assert "better" not in text.replace("is better", "")
    assert "exploratory" in to_csv(table)


def test_the_direction_of_a_verdict_is_the_metrics() -> None:
    methods = [
        RowScores("ours", False, None, 3, {"match_test": scores(0.5, THREE)}),
        RowScores("ours − x", False, "ours", 3, {"match_test": scores(0.3, THREE)}),
    ]
    assert ablations(methods, Match()).records[0]["verdict"] == "better"


def test_one_seed_a_side_separates_no_methods() -> None:
    one = [
        RowScores("a", False, None, 1, {"accuracy_test": scores(0.6, (0,))}),
        RowScores("b", False, None, 1, {"accuracy_test": scores(0.8, (0,))}),
    ]
    table = compared(one, Accuracy())
    (((label, *_, difference, p, _, verdict),),) = table.texts
    assert (label, p, verdict) == ("a", "–", "one seed")
    assert difference.startswith("-20.0 [")


def test_a_metric_without_a_better_end_has_no_arrow_mark_or_verdict() -> None:
    plain, beside = Accuracy(), Accuracy()
    beside.directed = False
    assert [heading(plain), heading(beside)] == ["accuracy % ↑", "accuracy %"]
    assert (plain.better, beside.better) == ("higher", "neither")
    floor = RowScores(
        "shuffled", True, None, 3, {"accuracy_test": scores(0.7)}, floor_of=("quality",)
    )
    for metric, marked, verdict in ((plain, True, "worse"), (beside, False, "exploratory")):
        (table,) = score_tables([*METHODS, floor], [metric], "data", [])
        (cell,) = (r["accuracy_test_v1:value"] for r in table.records if "cons" in r["method"])
        assert cell == pytest.approx(0.6)
        assert ("60.0°" in to_markdown(table)) == marked
        (test,) = confirm(explore([(METHODS[1], METHODS[2])], [metric]), {metric.name})
        assert test.verdict == verdict


def test_csv_holds_plain_numbers() -> None:
    (table,) = score_tables(METHODS, [Accuracy()], "data", [])
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert float(rows[1]["accuracy_test_v1:value"]) == pytest.approx(0.8)
    assert rows[-1]["accuracy_test_v1:value"] == ""


def test_names_are_escaped_in_markdown_and_latex() -> None:
    (table,) = score_tables(METHODS, [Accuracy()], "data", [])
    assert r"evil_\|&lt;b>&$x$" in to_markdown(table)
    assert escape_markdown("p < 0.05, a</b><!-- c") == "p < 0.05, a&lt;/b>&lt;!-- c"
    assert escape_markdown("[a](b) ![c](d) `e`\n| f") == r"[a]\(b) ![c]\(d) \`e\` \| f"
    assert r"evil\_\textbar{}$<$b$>$\&\$x\$ & 0 of 3" in to_latex(table)
    assert escape_latex(r"\input{x}") == r"\textbackslash{}input\{x\}"
    assert escape_latex("[3em] < 0.001") == "{[}3em] $<$ 0.001", "an option of the row's end"
    assert escape_latex("1–5, 2 – 3") == "1--5, 2 -- 3"
    assert escape_latex("-0.5 [-1.2, 3.4] i2a-1 a-b") == "$-$0.5 {[}$-$1.2, 3.4] i2a-1 a-b"


def test_every_installed_metric_has_a_column_that_plain_latex_can_set() -> None:
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)
        assert escape_latex(heading(metric)).isascii(), heading(metric)
    for table in (
        *score_tables(METHODS, [Accuracy()], "data", [SPREAD]),
        compared(METHODS, Accuracy()),
    ):
        assert to_latex(table).isascii()


def test_no_number_is_cut_off_in_a_narrow_terminal() -> None:
    scores = [Mean(10.0**i + 0.25, low=i + 0.12, high=i + 0.65) for i in range(7)]
    table = Table(
        "t",
        "title",
        (Column("method"), *(Column(f"metric {i}") for i in range(7))),
        (((Label("a method with a long name"), *scores),),),
    )
    console = Console(width=60, file=io.StringIO())
    parts = rich_tables(table, 60)
    console.print(*parts, sep="\n")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(parts) > 1
    assert "…" not in text
    for score in scores:
        for line in (score.printed.main, score.printed.beside):
            assert line in text


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(NAMES, NUMBERS, st.none() | NUMBERS), min_size=1, max_size=5))
def test_csv_is_read_back_by_pandas_to_the_last_bit(rows: list[tuple[str, float, float]]) -> None:
    columns = (
        Column("method", {"method": "text"}),
        Column("score", {"value": "value", "low": "low"}),
    )
    cells = tuple((Label(name), Mean(value, low=low)) for name, value, low in rows)
    table = Table("t", "title", columns, (cells,))
    read = pd.read_csv(
        io.StringIO(to_csv(table)),
        dtype={"method": str},
        na_values={"value": "", "low": ""},
        keep_default_na=False,
    )
    assert read["method"].tolist() == [name for name, _, _ in rows]
    assert read["value"].tolist() == [value for _, value, _ in rows]
    missing = [low is None for _, _, low in rows]
    assert read["low"].isna().tolist() == missing
    assert read["low"].dropna().tolist() == [low for _, _, low in rows if low is not None]


def test_a_notebook_shows_the_table_of_the_page() -> None:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    table = compared(METHODS, Accuracy())
    root = parser.parseFragment(table._repr_html_())
    (rows,) = root.findall(".//tbody")
    shown = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in rows]
    assert [row[1:] for row in shown] == [row[1:] for section in table.texts for row in section]
    assert "evil_|<b>&$x$" in " ".join(root.itertext())
