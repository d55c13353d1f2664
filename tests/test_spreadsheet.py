"""Cells of CSV files that a spreadsheet neither runs nor rewrites."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.spreadsheet import guard, unguard

HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", " =x", "'=x", "''", "007", "1/2", "＝1", "é",
     "mar-01", "'TRUE", "(5)"]
)  # fmt: skip


@settings(deadline=None)
@given(HOSTILE)
def test_any_text_comes_back_from_its_cell_and_no_cell_is_a_formula(text):
    cell = guard(text)
    assert unguard(cell) == text
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert cell[:1] not in {"\t", "\r", "\n"}
    assert not cell[:1].isdecimal()


@pytest.mark.parametrize(
    "text",
    [
        "007", "1/2", "3 May", "1e5", "12%", ".5", ",5", "(5)", "$5", "€ 5", " 5", "\u0661",
        "mar-01", "dec 12", "SEPT2", "MARCH1", "Jan.5", "May 5, 2026", "Monday, March 5",
        "mär 3", "okt-01", "août 2", "DÉC 1", "ene 5", "gennaio 1", "maj 2",
        "TRUE", "true", "False", " FALSE ", "WAHR", "falsch", "VRAI", "faux", "VERO",
    ],
)  # fmt: skip
def test_what_may_be_read_as_a_number_a_date_or_a_boolean_is_guarded(text):
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "dog", "dog-5", "baseball/train-3", "bell/00.png", "film 000123", "May", "marimba", "true"
     " crime", "summary 5", "é", "犬"],
)  # fmt: skip
def test_a_plain_name_is_left_as_it_is(text):
    assert guard(text) == text
