"""An exported file: all that is needed to compute again, nothing that names a person or a place."""

import json
import platform
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import METRICS, result, run, study

import a2ibench
from a2ibench.data.held_list import held_by
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.evaluation.statistics import difference, interval
from a2ibench.exchange.boards import make_boards
from a2ibench.exchange.export import export_study
from a2ibench.exchange.exported_file import hash_of, read_content, write_content
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study

ARMS = {"vae": 0.0, "ours": 0.05}
REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study in a folder that is named after a person, with a path among its options."""
    made = study(tmp_path / "jane" / "mine", ARMS)
    secret = str(tmp_path / "jane" / "weights.npy")
    for seed in range(3):
        path = made / "jobs" / f"ours-{seed}"
        stored = json.loads((path / "result.json").read_text())
        stored["job"]["config"] = {"weights": secret, "files": [secret], "width": 8}
        stored["encoder"]["config"] = {"weights": secret}
        stored["sources"] = {"jane.py": "0"}
        write_result(path, stored)
    about = json.loads((made / "study.json").read_text())
    about["jobs"][f"ours, weights={secret}"] = about["jobs"].pop("ours")
    about["dataset"] = str(tmp_path / "pairs")
    (made / "study.json").write_text(json.dumps(about))
    return made


def test_no_path_person_or_machine_is_in_the_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    code, text = run("results", "export", folder, "--out", out)
    assert code == 0, text
    assert "6 results by 3 metrics" in text
    written = json.dumps(json.loads(out.read_text())["content"], ensure_ascii=False)
    content = read_content(out)
    assert content.pairs["pairs1"].names == ["pairs"]
    assert [row.label.partition("-")[0] for row in content.rows] == ["vae", "ours, weights=file"]
    assert content.rows[1].config["width"] == 8
    definitions = json.dumps([one.definition for one in content.metrics.values()])
    assert len(definitions) > 500
    for metric in content.metrics.values():
        written = written.replace(json.dumps(metric.definition, ensure_ascii=False), "")
    blocks = {s.blocks or "" for r in content.rows for j in r.jobs for s in j.scores.values()}
    for block in blocks:  # by chance base64 spells a short word, and it may hold a slash
        written = written.replace(block, "")
    for word in ("jane", str(tmp_path), "weights.npy", rf"\b{re.escape(platform.node())}\b"):
        assert re.search(word, written) is None
    assert "/" not in written.replace("a2ibench/", "")
    assert "\\" not in written


def test_the_name_of_the_dataset_can_be_given(folder: Path, tmp_path: Path) -> None:
    a2ibench.open_study(folder).export(tmp_path / "out.json", name="films of /home/jane")
    names = read_content(tmp_path / "out.json").pairs["pairs1"].names
    assert len(names) == 1
    assert names[0].startswith("films of file-")


def test_intervals_and_differences_are_those_of_the_study(tmp_path: Path) -> None:
    opened = open_study(study(tmp_path / "mine", ARMS))
    write_content(export_study(opened), tmp_path / "out.json")
    (board,) = make_boards(read_content(tmp_path / "out.json"))
    for name in METRICS:
        a, b = (row.scores[name] for row in opened.scores)
        c, d = (row.scores[name] for row in board.scores)
        assert interval(a) == interval(c)
        assert difference(a, b) == difference(c, d)
        assert np.array_equal(b.blocks, d.blocks)


@pytest.mark.integration
def test_a_kept_report_is_a_small_file_with_the_same_tables(tmp_path: Path) -> None:
    opened = open_study(REPORTS / "arcade")
    write_content(export_study(opened), tmp_path / "out.json")
    assert (tmp_path / "out.json").stat().st_size < 1_000_000
    (board,) = make_boards(read_content(tmp_path / "out.json"))
    assert [row.label for row in board.scores] == [row.label for row in opened.scores]
    for mine, theirs in zip(board.scores, opened.scores, strict=True):
        assert mine.scores.keys() == theirs.scores.keys()
        assert (mine.done, mine.asked, mine.floor_of) == (
            theirs.done,
            theirs.asked,
            theirs.floor_of,
        )
        for name, scores in theirs.scores.items():
            assert interval(mine.scores[name]) == interval(scores)
    assert {one.name for one in board.usable} == {one.name for one in opened.usable}


def test_a_file_that_was_edited_is_refused_and_one_that_was_laid_out_anew_is_not(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.json"
    content = export_study(open_study(study(tmp_path / "mine", ARMS)))
    write_content(content, out)
    plain = json.loads(out.read_text())
    out.write_text(json.dumps(plain, indent=4, sort_keys=True))
    assert read_content(out) == content
    plain["content"]["rows"][0]["jobs"][0]["scores"]["kid_lite0_v2 seen1"]["value"] -= 0.01
    out.write_text(json.dumps(plain))
    for words in (
        ("results", "merge", out, "--out", tmp_path / "merged.json"),
        ("leaderboard", out, "--out", tmp_path / "board"),
    ):
        code, text = run(*words)
        assert code == 2
        assert f"error: {out}: was changed after it was exported" in text
    assert {one.name for one in tmp_path.iterdir()} == {"mine", "out.json"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "exported results of format 2; this a2ibench reads format 1"),
        ({"more": 1}, "damaged (more: Extra inputs are not permitted)"),
        ({"pairs": {}}, "damaged (Value error, rows.pairs: 'pairs1' is described nowhere)"),
        ({"metrics": {}}, "is described nowhere)"),
        (
            {"rows": [{"label": "\x1b[2J"}]},
            "damaged (rows.0.label: Value error, expected printable",
        ),
    ],
)
def test_a_signed_file_that_is_none_of_ours_is_refused(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    out = tmp_path / "out.json"
    plain = export_study(open_study(study(tmp_path / "mine", ARMS))).model_dump() | change
    out.write_text(json.dumps({"content": plain, "sha256": hash_of(plain)}))
    with pytest.raises(UserError) as error:
        read_content(out)
    assert str(error.value).startswith(f"{out}: ")
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "[1]", '{"content": {}}', "[" * 100_000, '{"a": "\\ud800"}'])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"other\.json: no file of exported results"):
        read_content(path)


def test_numbers_that_no_sum_could_hold_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    plain = export_study(open_study(study(tmp_path / "mine", ARMS))).model_dump()
    plain["rows"][0]["jobs"][0]["scores"]["kid_lite0_v2 seen1"]["value"] = 1e300
    out.write_text(json.dumps({"content": plain, "sha256": hash_of(plain)}))
    with pytest.raises(UserError, match=r"expected a number of at most 1e\+100"):
        read_content(out)
    out.write_text(out.read_text().replace("1e+300", "NaN"))
    with pytest.raises(UserError, match="was changed"):
        read_content(out)


def test_strata_are_fewer_than_blocks(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    plain = export_study(open_study(study(tmp_path / "mine", ARMS))).model_dump()
    plain["rows"][0]["jobs"][0]["strata"] = [0] * 7 + [8]
    out.write_text(json.dumps({"content": plain, "sha256": hash_of(plain)}))
    with pytest.raises(UserError, match=r"rows\.0\.jobs\.0: Value error, strata: expected numbers"):
        read_content(out)


def test_a_study_is_no_exported_file_and_other_files_are_not_overwritten(tmp_path: Path) -> None:
    made = study(tmp_path / "mine", ARMS)
    code, text = run("leaderboard", made, "--out", tmp_path / "board")
    assert code == 2
    assert "is a folder; give files that `a2ibench results export STUDY` wrote" in text
    (tmp_path / "notes.json").write_text("{}")
    code, text = run("results", "export", made, "--out", tmp_path / "notes.json")
    assert code == 2
    assert "is there already and is no file of exported results" in text
    assert (tmp_path / "notes.json").read_text() == "{}"


def test_a_study_without_a_result_has_nothing_to_export(tmp_path: Path) -> None:
    made = study(tmp_path / "mine", ARMS)
    shutil.rmtree(made / "jobs")
    code, text = run("results", "export", made, "--out", tmp_path / "out.json")
    assert code == 2
    assert "no job has a result yet" in text


def test_the_hash_of_a_list_follows_clips_times_and_labels_alone(
    small_store: Path, tmp_path: Path
) -> None:
    store = PairStore(small_store)
    whole = held_by(store).hash
    store.index = store.index.iloc[::-1]
    assert held_by(store).hash == whole
    last = store.rows("test")[-1]
    moved = store.index["start"].to_numpy(copy=True)
    moved[last] += 0.5
    store.index = store.index.assign(start=moved)
    assert held_by(store).hash != whole


def test_an_arm_without_a_result_is_exported_as_missing(tmp_path: Path) -> None:
    made = study(tmp_path / "mine", ARMS)
    for seed in range(3):
        shutil.rmtree(made / "jobs" / f"ours-{seed}")
    result(made, "ours", 1, 0.05)
    shutil.rmtree(made / "jobs" / "vae-0")
    (board,) = make_boards(export_study(open_study(made)))
    assert [(row.label, row.done, row.asked) for row in board.scores] == [
        ("vae", 2, 3),
        ("ours", 1, 3),
    ]
    shutil.rmtree(made / "jobs" / "ours-1")
    (board,) = make_boards(export_study(open_study(made)))
    assert [(row.label, row.done, row.asked) for row in board.scores] == [
        ("vae", 2, 3),
        ("ours", 0, 3),
    ]
    assert all(labels == ["ours"] for labels in board.missing.values())
    assert len(board.missing) == 3
