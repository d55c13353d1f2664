"""Cells of CSV files that a spreadsheet neither runs nor rewrites."""

from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.spreadsheet import guard, unguard

HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", " =x", "'=x", "''", "007", "1/2", "＝1", "é"]
)


@settings(deadline=None)
@given(HOSTILE)
def test_any_text_comes_back_from_its_cell_and_no_cell_is_a_formula(text):
    cell = guard(text)
    assert unguard(cell) == text
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert cell[:1] not in {"\t", "\r", "\n"}
    assert not cell[:1].isdigit()
