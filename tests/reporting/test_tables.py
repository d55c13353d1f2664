"""Tables: what a cell says, and that nothing in a name becomes markup."""

import csv
import io

import numpy as np
import pytest
from rich.console import Console

from a2ibench import registry
from a2ibench.contracts.metric import JudgeOutputs, Metric, Score
from a2ibench.evaluation.statistics import Paired, SeedScores
from a2ibench.reporting.cells import Cell, effect_text, heading, p_text
from a2ibench.reporting.render import Table, escape_latex, escape_markdown
from a2ibench.reporting.report import SPREAD
from a2ibench.reporting.tables import ablation_table, method_table, score_tables
from a2ibench.results.rows import RowScores


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "none", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: JudgeOutputs) -> Score:
        raise AssertionError("not computed here")


class Match(Accuracy):
    name, title, group, higher_is_better = "match_test", "rank", "match", False


def scores(level: float, seeds: tuple[int, ...] = (0, 1), n: int = 200) -> SeedScores:
    """Seeds × blocks around the given mean; the same scatter wherever the level is the same."""
    scatter = np.random.default_rng(int(1000 * level)).normal(0, 0.001, (len(seeds), 12))
    blocks = level + scatter - scatter.mean()
    return SeedScores(seeds, blocks.mean(axis=1), n, None, blocks)


METHODS = [
    RowScores("ground truth", True, None, 1, {"accuracy_test": scores(0.95, (0,))}),
    RowScores("ours", False, None, 2, {"accuracy_test": scores(0.8)}),
    RowScores("ours − consistency", False, "ours", 2, {"accuracy_test": scores(0.6)}),
    RowScores("ours − nothing", False, "ours", 2, {"accuracy_test": scores(0.8)}),
    RowScores("evil_|<b>&$x$", False, None, 2, {}),
]


def test_a_cell_prints_value_spread_and_interval() -> None:
    assert str(Cell(2.254, 0.221, None, None, percent=False)) == "2.25 ± 0.22"
    assert str(Cell(0.349, None, 0.31, 0.388, percent=True)) == "34.9 [31.0, 38.8]"


def test_a_difference_is_signed_and_a_score_below_its_floor_is_marked() -> None:
    assert str(Cell(-0.02, None, -0.05, 0.01, True, signed=True)) == "-2.0 [-5.0, +1.0]"
    assert str(Cell(0.02, None, 0.01, 0.03, True, below_floor=True)) == "2.0° [1.0, 3.0]"


def test_p_values_and_effects_are_short() -> None:
    assert [p_text(p) for p in (None, 0.0, 0.0312)] == ["–", "< 0.001", "0.031"]
    change = Paired(0.1, 0.0, 0.2, 0.04, 1.83, 0.95, 3)
    assert effect_text(change) == "+1.8 sd, 95 % of blocks"
    assert effect_text(Paired(0.1, None, None, None, None, None, 1)) == "–"


def test_scores_no_better_than_the_floor_are_marked_and_the_caption_names_it() -> None:
    methods = [
        RowScores("shuffled", True, None, 1, {"match_test": scores(0.5)}, frozenset({"match"})),
        RowScores("good", False, None, 2, {"match_test": scores(0.3)}),  # lower is better
        RowScores("deaf", False, None, 2, {"match_test": scores(0.6)}),
    ]
    (table,) = score_tables(methods, [Match], "data", [])
    (floor,), (good, deaf) = table.sections
    assert ["°" in row[3] for row in (floor, good, deaf)] == [False, False, True]
    assert any("no better than shuffled" in note for note in table.notes)
    assert any("95 % interval of the mean over training seeds" in note for note in table.notes)


def test_every_row_has_its_seeds_and_n_and_a_missing_result_is_a_gap() -> None:
    (table,) = score_tables(METHODS, [Accuracy], "data", ["a note"])
    references, arms = table.sections
    assert references[0][:3] == ("ground truth", "1", "200")
    assert arms[0][:3] == ("ours", "2", "200")
    assert arms[-1] == ("evil_|<b>&$x$", "0 of 2", "–", "–")
    assert "accuracy_test_v1" in table.notes[-1]


def test_ablations_are_paired_differences_to_the_full_model() -> None:
    table = ablation_table(METHODS, [Accuracy], "data", [])
    assert table is not None
    (worse,), (same,) = table.sections
    assert worse[0] == "ours − consistency"
    assert worse[2] == "2 × 200"
    assert worse[5].startswith("-20.0 [")
    assert (float(worse[6]) < 0.01, worse[8]) == (True, "worse")
    assert same[5:7] == ("+0.0 [+0.0, +0.0]", "1.000")
    assert same[8] == "not separable"
    assert table.heading[6] == "p (2 tests)"
    assert any("Holm" in note for note in table.notes)


def test_the_direction_of_a_verdict_is_the_metrics() -> None:
    methods = [
        RowScores("ours", False, None, 2, {"match_test": scores(0.5)}),
        RowScores("ours − x", False, "ours", 2, {"match_test": scores(0.3)}),
    ]
    table = ablation_table(methods, [Match], "data", [])
    assert table is not None
    assert table.numbers[0]["verdict"] == "better"


def test_one_seed_a_side_separates_no_methods() -> None:
    one = [
        RowScores("a", False, None, 1, {"accuracy_test": scores(0.6, (0,))}),
        RowScores("b", False, None, 1, {"accuracy_test": scores(0.8, (0,))}),
    ]
    table = method_table(one, [Accuracy], "data", [])
    assert table is not None
    (((label, *_, difference, p, _, verdict),),) = table.sections
    assert (label, p, verdict) == ("a", "–", "one seed")
    assert difference.startswith("-20.0 [")


def test_csv_holds_plain_numbers() -> None:
    (table,) = score_tables(METHODS, [Accuracy], "data", [])
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert float(rows[1]["accuracy_test_v1:value"]) == pytest.approx(0.8)
    assert rows[-1]["accuracy_test_v1:value"] == ""


def test_names_are_escaped_in_markdown_and_latex() -> None:
    (table,) = score_tables(METHODS, [Accuracy], "data", [])
    assert r"evil_\|&lt;b>&$x$" in table.to_markdown()
    assert escape_markdown("p < 0.05, a</b><!-- c") == "p < 0.05, a&lt;/b>&lt;!-- c"
    assert escape_markdown("[a](b) ![c](d) `e`\n| f") == r"[a]\(b) ![c]\(d) \`e\` \| f"
    assert r"evil\_\textbar{}$<$b$>$\&\$x\$ & 0 of 2" in table.to_latex()
    assert escape_latex(r"\input{x}") == r"\textbackslash{}input\{x\}"
    assert escape_latex("[3em] < 0.001") == "{[}3em] $<$ 0.001", "an option of the row's end"
    assert escape_latex("1–5, 2 – 3") == "1--5, 2 -- 3"
    assert escape_latex("-0.5 [-1.2, 3.4] i2a-1 a-b") == "$-$0.5 {[}$-$1.2, 3.4] i2a-1 a-b"


def test_every_installed_metric_has_a_column_that_plain_latex_can_set() -> None:
    for name in registry.metrics.names():
        metric = registry.metrics.get(name)
        assert escape_latex(heading(metric)).isascii(), heading(metric)
    for table in (
        *score_tables(METHODS, [Accuracy], "data", [SPREAD]),
        method_table(METHODS, [Accuracy], "data", []),
    ):
        assert table is not None
        assert table.to_latex().isascii()


def test_no_number_is_cut_off_in_a_narrow_terminal() -> None:
    row = ("a method with a long name", *(f"{10**i}.25 [{i}.123456, {i}.654321]" for i in range(7)))
    table = Table(
        "t", "title", ("method", *(f"metric {i}" for i in range(7))), ((row,),), (), (), keys=1
    )
    console = Console(width=60, file=io.StringIO())
    parts = table.to_rich(60)
    console.print(*parts, sep="\n")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(parts) > 1
    assert "…" not in text
    for cell in row[1:]:
        for line in cell.split(" ", 1):
            assert line in text
