"""Tables: what a cell says, and that nothing in a name becomes markup."""

import csv
import io

import numpy as np

from a2ibench.contracts.metric import Looks, Metric, Score
from a2ibench.evaluation.statistics import SeedScores
from a2ibench.reporting.tables import (
    Cell,
    Method,
    ablation_table,
    escape_latex,
    method_table,
    score_tables,
)


class Accuracy(Metric):
    name, judge, title = "accuracy_test", "none", "accuracy"
    group, percent, bounds = "quality", True, (0.0, 1.0)

    def compute(self, looks: Looks) -> Score:
        raise AssertionError("not computed here")


def scores(level: float, seeds: tuple[int, ...] = (0, 1), n: int = 200) -> SeedScores:
    """Seeds × segments of zeros and ones with the given mean."""
    per_segment = np.zeros((len(seeds), n), dtype=np.float32)
    per_segment[:, : round(level * n)] = 1
    return SeedScores(seeds, per_segment.mean(axis=1), n, None, per_segment)


METHODS = [
    Method("ground truth", True, None, 1, {"accuracy_test": scores(0.95, (0,))}),
    Method("ours", False, None, 2, {"accuracy_test": scores(0.8)}),
    Method("ours − consistency", False, "ours", 2, {"accuracy_test": scores(0.6)}),
    Method("ours − nothing", False, "ours", 2, {"accuracy_test": scores(0.8)}),
    Method("evil_|<b>&$x$", False, None, 2, {}),
]


def test_a_cell_prints_value_spread_and_interval() -> None:
    assert str(Cell(2.254, 0.221, None, None, percent=False)) == "2.25 ± 0.22"
    assert str(Cell(0.349, None, 0.31, 0.388, percent=True)) == "34.9 [31.0, 38.8]"


def test_a_difference_whose_interval_holds_zero_is_not_separable() -> None:
    tie = Cell(-0.02, None, -0.05, 0.01, True, signed=True)
    assert (str(tie), tie.separable) == ("-2.0 [-5.0, +1.0]", False)
    assert Cell(-0.20, None, -0.25, -0.1, True, signed=True).separable is True
    assert Cell(-0.20, None, None, None, True, signed=True).separable is None


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
    assert worse[4].startswith("-20.0 [")
    assert worse[5] == "differs"
    assert same[4:] == ("+0.0 [+0.0, +0.0]", "not separable")


def test_one_seed_a_side_separates_no_methods() -> None:
    one = [
        Method("a", False, None, 1, {"accuracy_test": scores(0.6, (0,))}),
        Method("b", False, None, 1, {"accuracy_test": scores(0.8, (0,))}),
    ]
    table = method_table(one, [Accuracy], "data", [])
    assert table is not None
    (((label, *_, difference, verdict),),) = table.sections
    assert (label, verdict) == ("a", "one seed")
    assert difference.startswith("-20.0 [")


def test_csv_holds_plain_numbers() -> None:
    (table,) = score_tables(METHODS, [Accuracy], "data", [])
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert float(rows[1]["accuracy_test_v1:value"]) == np.float32(0.8)
    assert rows[-1]["accuracy_test_v1:value"] == ""


def test_names_are_escaped_in_markdown_and_latex() -> None:
    (table,) = score_tables(METHODS, [Accuracy], "data", [])
    assert r"evil_\|<b>&$x$" in table.to_markdown()
    assert r"evil\_|<b>\&\$x\$ & 0 of 2" in table.to_latex()
    assert escape_latex(r"\input{x}") == r"\textbackslash{}input\{x\}"
