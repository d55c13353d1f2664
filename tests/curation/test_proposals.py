"""From findings to corrections: what goes, what stays, and what only a person can say."""

import csv

import pytest
from click.testing import CliRunner
from planted import RATE, compressed, good_pairs, noise, scene, write

from a2ibench.cli import main
from a2ibench.curation.check import check_store
from a2ibench.curation.check_sheet import write_check_sheet
from a2ibench.curation.proposals import propose
from a2ibench.data.store import PairStore
from a2ibench.data.store_writer import StoreWriter
from a2ibench.types import Pair, Part


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def proposals_of(pairs, root):
    store = write(pairs, root)
    checked = check_store(root, lambda name: lambda done, total: None)
    return store, propose(store, checked.findings)


def lines_of(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def rows_of(pairs, source):
    return [row for row, pair in enumerate(pairs) if pair["source"] == source]


def copy_clip(pairs, original, **changed):
    """Adds the pairs of a clip again, under another name."""
    copies = [{**pairs[row], **changed} for row in rows_of(pairs, original)]
    pairs.extend(copies)


def still(pairs, source, picture, change):
    """Shows one picture in ten pairs of a clip."""
    first = pairs[rows_of(pairs, source)[0]]
    for i in range(10):
        seed = 10_000 + 10 * len(pairs) + i
        pairs.append(
            {**first, "image": change(picture, i), "audio": noise(seed), "start": 90.0 + i}
        )


@pytest.fixture
def pairs():
    return good_pairs()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def test_a_good_store_needs_no_correction(pairs, root):
    store, found = proposals_of(pairs, root)
    assert found == []
    assert write_check_sheet(store, found, root / "check.csv", print) == 0
    assert not (root / "check.csv").exists()


def test_of_two_recordings_of_several_files_the_file_goes_that_is_in_both(pairs, root):
    """Files begin at 0 each: those that are not alike share nothing but their times."""
    identity = {"dataset": "planted", "version": 1, "config": {}, "sample_rate": RATE}
    with StoreWriter(root, identity) as writer:
        for source, split, files in (("r1", "train", "abcd"), ("r2", "test", "efgc")):
            for number, one in enumerate(files):
                seed = 1_000 + 10 * ord(one)
                cut = [
                    Pair(scene(seed + i), noise(seed + i), "dog", source, split, float(2 * i))
                    for i in range(2)
                ]
                about = {"file": f"{source}/{number}.mp4", "sha256": 64 * one, "source": source}
                writer.add(Part(cut, source=about))
        for pair in pairs:
            if pair["label"] == "sea":
                writer.add(Part([Pair(**pair)], source={"file": "x", "source": pair["source"]}))
        store = writer.finish()
    found = check_store(root, lambda name: lambda done, total: None).findings
    (leak,) = (one for one in found if one.kind == "file_leak")
    assert leak.rows == (4, 5, 14, 15)
    assert [one.row for one in propose(store, found)] == [4, 5]


def test_the_training_side_of_a_leak_goes_and_the_test_side_stays(pairs, root):
    copy_clip(pairs, "dog-5", source="dog-again", split="train")
    _, found = proposals_of(pairs, root)
    assert [one.row for one in found] == rows_of(pairs, "dog-again")
    assert {one.decision for one in found} == {"drop"}
    assert found[0].why == "leak: also in dog-5 (test)"


def test_the_rest_of_a_clip_that_leaks_goes_with_it(pairs, root):
    leaking, rest = rows_of(pairs, "sea-0")
    tested = rows_of(pairs, "sea-6")[0]
    pairs[leaking]["image"], pairs[leaking]["audio"] = scene(7777), noise(7777)
    pairs[tested]["image"], pairs[tested]["audio"] = scene(7777), noise(7777)
    _, found = proposals_of(pairs, root)
    assert [one.row for one in found] == [leaking, rest]


def test_of_copies_on_one_side_the_first_stays_however_many_there_are(pairs, root):
    for i in range(3):
        copy_clip(pairs, "dog-0", source=f"dog-again-{i}")
    _, found = proposals_of(pairs, root)
    gone = [row for i in range(3) for row in rows_of(pairs, f"dog-again-{i}")]
    assert [one.row for one in found] == gone


def test_silence_and_pictures_of_one_colour_go(pairs, root):
    pairs[0]["audio"] = 0 * noise(0)
    pairs[2]["image"] = 0 * scene(0)
    _, found = proposals_of(pairs, root)
    assert [(one.row, one.why, one.decision) for one in found] == [
        (0, "silent", "drop"), (2, "constant", "drop"),
    ]  # fmt: skip


def test_which_of_two_classes_is_right_is_left_to_a_person_unless_most_copies_agree(pairs, root):
    copy_clip(pairs, "dog-0", source="sea-again", label="sea")
    _, found = proposals_of(pairs, root)
    said = {one.row: one.decision for one in found}
    assert said == dict.fromkeys(rows_of(pairs, "dog-0"), "") | dict.fromkeys(
        rows_of(pairs, "sea-again"), "drop"
    )
    assert "under the classes dog, sea: which is right?" in found[0].why


def test_the_label_of_most_copies_is_proposed_for_the_one_that_stays(pairs, root):
    for i in range(2):
        copy_clip(pairs, "dog-0", source=f"sea-again-{i}", label="sea")
    _, found = proposals_of(pairs, root)
    assert {one.decision for one in found if one.row in rows_of(pairs, "dog-0")} == {"sea"}


def test_a_clip_has_one_vote_on_the_class_of_its_copies(pairs, root):
    tested = rows_of(pairs, "dog-5")[0]
    pairs[tested]["image"] = scene(7777)
    still(pairs, "sea-0", scene(7777), lambda picture, i: picture)
    _, found = proposals_of(pairs, root)
    said = {one.row: one.decision for one in found}
    assert said == dict.fromkeys(rows_of(pairs, "sea-0"), "drop") | {tested: ""}


def test_no_class_loses_a_side(pairs, root):
    for row, pair in enumerate(pairs):
        if (pair["label"], pair["split"]) == ("sea", "test"):
            pair["audio"] = 0 * noise(row)
    _, found = proposals_of(pairs, root)
    assert found
    assert {one.decision for one in found} == {""}
    assert "sea would lose its test pairs" in found[0].why


@pytest.mark.parametrize(
    "change",
    [lambda x, i: x, lambda x, i: compressed(x, "JPEG", 50 + 5 * i)],
    ids=["equal", "jpeg"],
)
def test_a_picture_of_ten_pairs_of_clips_of_both_sides_is_gone_from_training_in_one_round(
    pairs, root, change
):
    still(pairs, "dog-5", scene(7777), lambda picture, i: picture)
    for source in ("dog-0", "dog-1", "sea-0"):
        still(pairs, source, scene(7777), change)
    write(pairs, root)
    assert call("data", "check", root).exit_code == 1
    assert call("data", "clean", root, "--apply", root / "check.csv").exit_code == 0
    gone = {row for name in ("dog-0", "dog-1", "sea-0") for row in rows_of(pairs, name)}
    assert set(PairStore(root).corrections) == gone  # ten of twelve pairs: the whole clips
    done = call("data", "check", root)
    assert (done.exit_code, "copies" in done.output) == (0, False), done.output


def test_all_pairs_of_a_sound_that_leaks_are_gone_from_training_in_one_round(pairs, root):
    pairs[rows_of(pairs, "dog-6")[0]]["audio"] = noise(7777)
    heard = noise(7777)
    for i in range(3):  # less than half of the clip's pairs
        pairs.append({**pairs[0], "audio": heard, "image": scene(8_000 + i)})
    for i in range(4):
        pairs.append({**pairs[0], "audio": noise(9_000 + i), "image": scene(9_000 + i)})
    _, found = proposals_of(sorted(pairs, key=lambda pair: pair["source"]), root)
    assert [one.row for one in found] == [2, 3, 4]
    assert call("data", "check", root).exit_code == 1
    assert call("data", "clean", root, "--apply", root / "check.csv").exit_code == 0
    done = call("data", "check", root)
    assert done.exit_code == 0, done.output


def test_a_sheet_is_applied_as_it_is_and_nothing_is_left_to_find(pairs, root):
    copy_clip(pairs, "dog-5", source="dog-again", split="train")
    pairs[0]["audio"] = 0 * noise(0)
    store = write(pairs, root)
    done = call("data", "check", root)
    assert done.exit_code == 1, done.output
    said = done.output.replace("\n", "")
    sheet = root / "check.csv"
    assert f"a2ibench data clean {root} --apply {sheet}" in said
    assert [(line["covers"], line["source"], line["decision"]) for line in lines_of(sheet)] == [
        ("segment", "dog-0", "drop"), ("clip", "dog-again", "drop"),
    ]  # fmt: skip
    done = call("data", "clean", root, "--apply", sheet)
    assert done.exit_code == 0, done.output
    assert set(PairStore(root).corrections) == {0, *rows_of(pairs, "dog-again")}
    done = call("data", "check", root)
    assert done.exit_code == 0, done.output
    # What is in force stands in a new sheet, so that to apply that one undoes nothing.
    assert not sheet.exists() or len(lines_of(sheet)) == 3
    assert PairStore(root).content_hash != store.content_hash


def test_a_correction_in_force_outlasts_a_proposal_that_leaves_it_to_a_person(pairs, root):
    copy_clip(pairs, "dog-0", source="sea-again", label="sea")
    write(pairs, root)
    rows = rows_of(pairs, "dog-0")
    mine = root / "mine.csv"
    mine.write_text("row,covers,source,label,decision\n" + f"{rows[0]},segment,dog-0,dog,sea\n")
    assert call("data", "clean", root, "--apply", mine).exit_code == 0
    assert PairStore(root).corrections == {rows[0]: "sea"}
    assert call("data", "check", root).exit_code in (0, 1)
    assert call("data", "clean", root, "--apply", root / "check.csv").exit_code == 0
    assert PairStore(root).corrections[rows[0]] == "sea"


def test_what_a_person_decided_otherwise_stands_and_a_sheet_of_other_pairs_is_kept(pairs, root):
    pairs[0]["audio"] = 0 * noise(0)
    pairs[2]["audio"] = 0 * noise(0)
    store, found = proposals_of(pairs, root)
    said: list[str] = []
    sheet = root / "check.csv"
    assert write_check_sheet(store, found, sheet, said.append) == 2
    text = sheet.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    lines[1] = lines[1].removesuffix("drop") + "keep"
    sheet.write_text("\n".join(lines), encoding="utf-8")
    assert write_check_sheet(store, found, sheet, said.append) == 1
    assert {line["row"]: line["decision"] for line in lines_of(sheet)} == {"0": "keep", "2": "drop"}
    sheet.write_text(text.replace("dog-0", "other"), encoding="utf-8")
    assert write_check_sheet(store, found, sheet, said.append) == 2
    assert "other" in (root / "check.csv.old").read_text(encoding="utf-8")
    sheet.write_text(text.replace("dog-0", "another"), encoding="utf-8")
    assert write_check_sheet(store, found, sheet, said.append) == 2
    assert "other" in (root / "check.csv.old").read_text(encoding="utf-8")
    assert "another" in (root / "check.csv.old-2").read_text(encoding="utf-8")
    assert ["has the source 'dog-0' in the store, not" in line for line in said] == [True, True]
    assert said[1].endswith(f"it is now {sheet}.old-2")
