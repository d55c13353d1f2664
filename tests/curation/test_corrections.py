"""Decisions on labels: done as the sheet says, refused where it makes no sense, and undone."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from a2ibench.curation.corrections import effect, undo, write_corrections
from a2ibench.curation.decisions import Auto, decide, spell
from a2ibench.curation.sheet import COLUMNS, Line, read_sheet, write_sheet
from a2ibench.data.store import PairStore, read_corrections
from a2ibench.data.store_writer import StoreWriter
from a2ibench.errors import UserError
from a2ibench.types import Pair, Part

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
HOSTILE = TEXT | st.sampled_from(
    ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", " =x", "'=x", "''", "007", "1/2", "a,b;c\td",
     'say "x"', "line\nbreak", "keep", "DROP", "class:keep", "NA", "nan", "İ", "é"]
)  # fmt: skip


def make_store(root, labels=("ant", "cat"), split=("train", "train", "test")):
    """Two pairs per source, three sources per class."""
    identity = {"dataset": "made", "version": 1, "config": {}, "sample_rate": 8_000}
    with StoreWriter(root, identity) as writer:
        writer.add(
            Part(
                Pair(
                    image=np.full((4, 4, 3), 10 * i, np.uint8),
                    audio=np.full(5, 0.1, np.float32),
                    label=label,
                    source=f"{label}-{i // 2}",
                    split=split[i // 2],
                    start=i / 2,
                )
                for label in labels
                for i in range(2 * len(split))
            )
        )
        return writer.finish()


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store")


def line(store, row, decision="", covers="segment", **changes):
    index = store.stored_index()
    made = Line(
        f"sheet.csv, line {row + 2}", row, covers, index["source"][row], index["label"][row],
        decision, True, "cat", 0.1,
    )  # fmt: skip
    return replace(made, **changes)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=4))
def test_a_sheet_comes_back_as_it_was_written(tmp_path, texts):
    empty = dict.fromkeys(COLUMNS, "")
    lines = [
        {**empty, "row": i, "covers": "clip", "source": a, "label": b, "decision": c, "suspect": 2,
         "suggested": a, "label_quality": "0.1250"}
        for i, (a, b, c) in enumerate(texts)
    ]  # fmt: skip
    path = tmp_path / "sheet.csv"
    write_sheet(path, lines)
    back = read_sheet(path)
    assert [(one.source, one.label, one.decision) for one in back] == texts
    assert [(one.row, one.covers, one.label_quality) for one in back] == [
        (i, "clip", 0.125) for i in range(len(texts))
    ]
    assert list(tmp_path.iterdir()) == [path]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.integers(0, 10**6), HOSTILE, max_size=5))
def test_corrections_come_back_as_they_were_written(tmp_path, corrections):
    (tmp_path / "store.json").write_text("{}")
    write_corrections(tmp_path, corrections)
    assert read_corrections(tmp_path) == corrections


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(HOSTILE.filter(bool), min_size=2, max_size=3, unique=True))
@example(["keep", "class:keep"])
@example(["class:class:keep", "class:keep"])
def test_classes_of_any_name_can_be_decided_on(tmp_path_factory, labels):
    store = make_store(tmp_path_factory.mktemp("any") / "store", labels=labels)
    wanted = {6 * i: labels[i - 1] for i in range(len(labels))}
    lines = [line(store, row, spell(to)) for row, to in wanted.items()]
    assert decide(store, lines).corrections == wanted
    write_corrections(store.root, wanted)
    again = PairStore(store.root)
    assert {row: again.index["label"][row] for row in wanted} == wanted


def test_keep_drop_and_a_class_are_decisions_and_an_empty_cell_is_none(store):
    lines = [
        line(store, 0, "keep"),
        line(store, 1, " Drop "),
        line(store, 2, "cat"),
        line(store, 3),
    ]
    decisions = decide(store, lines)
    assert decisions.corrections == {1: "", 2: "cat"}
    assert decisions.undecided == 1


def test_a_clip_covers_its_pairs_and_its_segments_go_first(store):
    lines = [line(store, 1, "keep"), line(store, 0, "drop", "clip"), line(store, 2, "cat", "clip")]
    assert decide(store, lines).corrections == {0: "", 2: "cat", 3: "cat"}


def test_suspects_without_a_decision_are_accepted_up_to_the_quality_that_is_given(store):
    lines = [
        line(store, 0, "", "clip"),
        line(store, 1, "keep"),
        line(store, 2, label_quality=0.5),
        line(store, 3, suspect=False),
    ]
    assert decide(store, lines).corrections == {}
    dropped = decide(store, lines, Auto("drop", 0.2))
    assert dropped.corrections == {0: ""}
    assert (dropped.automatic, dropped.undecided) == (1, 1)
    assert decide(store, lines, Auto("relabel", 0.5)).corrections == {0: "cat", 2: "cat"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"decision": "cta"}, r"line 2: unknown decision 'cta'; did you mean cat.* new class"),
        ({"row": 99}, "line 2: there is no row 99"),
        ({"label": "cat"}, "line 2: row 0 has the label 'ant' in the store, not 'cat'"),
        ({"source": "clip"}, "line 2: row 0 has the source 'ant-0' in the store, not 'clip'"),
    ],
)
def test_a_line_that_does_not_fit_the_store_is_named(store, changes, expected):
    with pytest.raises(UserError, match=expected):
        decide(store, [replace(line(store, 0, "drop"), **changes)])


def test_two_decisions_on_one_thing_are_refused(store):
    lines = [line(store, 0, "drop", "clip"), line(store, 1, "keep", "clip")]
    with pytest.raises(UserError, match=r"line 3: 'keep', but sheet.csv, line 2 decided 'drop'"):
        decide(store, lines)
    assert decide(store, [lines[0], lines[0]]).corrections == {0: "", 1: ""}


@pytest.mark.parametrize("side", [(0, 1, 2, 3), (4, 5)])
def test_a_class_never_loses_a_side_of_the_split(store, side):
    with pytest.raises(UserError, match=r"class 'ant' would lose all its \d (train|test) pairs"):
        effect(store, dict.fromkeys(side, ""))
    with pytest.raises(UserError, match="class 'ant' would lose all"):
        effect(store, dict.fromkeys(side, "cat"))


def test_the_effect_counts_pairs_before_and_after(store):
    done = effect(store, {0: "", 1: "", 4: "cat", 11: ""})
    assert done.classes == {"ant": (4, 2, 2, 1), "cat": (4, 4, 2, 2)}
    assert done.test_pairs == 2


def test_corrections_are_replaced_and_undone_to_the_last_byte(store):
    before = {path.name: path.read_bytes() for path in store.root.iterdir()}
    write_corrections(store.root, {0: "cat"})
    first = PairStore(store.root)
    write_corrections(store.root, {1: ""})
    second = PairStore(store.root)
    assert second.corrections == {1: ""}
    assert len({store.content_hash, first.content_hash, second.content_hash}) == 3
    assert first.stored_hash == second.stored_hash == store.content_hash
    assert undo(store.root)
    assert not undo(store.root)
    assert {path.name: path.read_bytes() for path in store.root.iterdir()} == before
    assert PairStore(store.root).content_hash == store.content_hash


@pytest.mark.parametrize("text", ["", "row,label\nx,cat\n", "row\n1\n", "row,label\n99,cat\n"])
def test_damaged_corrections_are_named_and_can_be_undone(store, text):
    (store.root / "corrections.csv").write_text(text)
    with pytest.raises(UserError, match=r"corrections\.csv: .* --undo` removes"):
        PairStore(store.root)
    undo(store.root)
    assert PairStore(store.root).content_hash == store.content_hash


def test_a_sheet_may_come_back_with_semicolons_without_mark_and_with_decimal_commas(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text(
        "Decision;row;covers;source;label;label_quality\ndrop;3;Clip;a;'=b;0,5\n;;;;;\n"
    )
    (only,) = read_sheet(path)
    assert (only.row, only.covers, only.decision, only.label) == (3, "clip", "drop", "=b")
    assert only.label_quality == 0.5
    assert only.where.endswith("sheet.csv, line 2")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected the columns"),
        (b"row,covers,source,label\n", "decision missing"),
        (b"row,covers,source,label,decision\n-1,clip,a,b,\n", "line 2: row: expected a row number"),
        (b"row,covers,source,label,decision\n1.5,clip,a,b,\n", "line 2: row: expected a row"),
        (b"row,covers,source,label,decision\nx,clip,a,b,\n", "line 2: row: expected a row number"),
        (b'row,covers,source,label,decision\n"1,000",clip,a,b,\n', "row: expected a row number"),
        (b"row;covers;source;label;decision\n1.000;clip;a;b;\n", "row: expected a row number"),
        (b"row,covers,source,label,decision\n,clip,a,b,\n", "line 2: row: expected a row number"),
        (b"row,covers,source,label,decision\n1,all,a,b,\n", "line 2: covers: expected clip or"),
        (b"row,covers,source,label,decision\n1,clip,\xe9,b,\n", "not UTF-8"),
        (b"row,covers,source,label,decision\n1,clip," + b"x" * 200_000 + b",b,\n", "not a csv"),
    ],
)
def test_a_sheet_that_cannot_be_read_is_refused(tmp_path, content, expected):
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=expected):
        read_sheet(path)


def test_a_written_sheet_is_marked_as_utf_8(tmp_path):
    write_sheet(tmp_path / "sheet.csv", [dict.fromkeys(COLUMNS, "é")])
    content = (tmp_path / "sheet.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfrow,")
    assert next(csv.reader([content.decode("utf-8-sig").splitlines()[1]])) == ["é"] * len(COLUMNS)
