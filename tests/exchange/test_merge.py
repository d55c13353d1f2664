"""Exports of several folders as one: union, and refusal of what disagrees."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up import result, run, study

from a2ibench.errors import UserError
from a2ibench.exchange.boards import make_boards
from a2ibench.exchange.export import export_study
from a2ibench.exchange.merge import merge
from a2ibench.exchange.records import Content, outside_definition
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study

KID = "kid_lite0_v2 seen1"


def exported(folder: Path) -> Content:
    return export_study(open_study(folder))


def edit(folder: Path, job: str, **changed: Any) -> None:
    """Changes the KID of a job."""
    path = folder / "jobs" / job
    stored = json.loads((path / "result.json").read_text())
    stored["metrics"]["kid_lite0"] |= changed
    write_result(path, stored)


def test_the_same_study_twice_is_that_study(tmp_path: Path) -> None:
    one = exported(study(tmp_path / "a", {"vae": 0.0, "ours": 0.05}))
    assert merge({"a": one, "b": one}) == one


def test_seeds_rows_and_metrics_of_all_are_kept(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"vae": 0.0, "ours": 0.05}, seeds=2))
    b = exported(study(tmp_path / "b", {"ours": 0.05, "flow": 0.1}, seeds=3))
    first = a.rows[1].jobs[0]
    less = first.model_copy(update={"scores": {KID: first.scores[KID]}})
    a.rows[1].jobs[0] = less
    made = merge({"a": a, "b": b})
    assert [(row.label, len(row.jobs)) for row in made.rows] == [
        ("vae", 2),
        ("ours", 3),
        ("flow", 3),
    ]
    assert {*made.rows[1].jobs[0].scores} == {*first.scores}
    again = merge({"b": b, "a": a})
    assert {row.definition: row.jobs for row in again.rows} == {
        row.definition: row.jobs for row in made.rows
    }


def test_jobs_that_disagree_are_refused_by_job_and_metric(tmp_path: Path) -> None:
    files = []
    for name in "ab":
        folder = study(tmp_path / name, {"vae": 0.0, "ours": 0.05})
        if name == "b":
            edit(folder, "ours-1", value=0.5)
        files.append(tmp_path / f"{name}.json")
        assert run("results", "export", folder, "--out", files[-1])[0] == 0
    out = tmp_path / "merged.json"
    code, text = run("results", "merge", *files, "--out", out)
    assert code == 2
    assert (
        f"error: {files[0]} and {files[1]}: disagree on job ours-1 (ours, seed 1), metric"
        " kid_lite0_v2: 0.0" in text
    )
    assert "and 0.5; a job has one result" in text
    assert not out.exists()
    assert run("leaderboard", *files, "--out", tmp_path / "board")[0] == 2


def test_other_blocks_behind_one_value_disagree(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"vae": 0.0}))
    b = exported(study(tmp_path / "b", {"vae": 0.0}))
    scores = b.rows[0].jobs[0].scores
    scores[KID] = scores[KID].model_copy(update={"blocks": b.rows[0].jobs[1].scores[KID].blocks})
    with pytest.raises(UserError, match="in both, from other scores by block of test clips"):
        merge({"a": a, "b": b})


def test_versions_of_a_metric_are_columns_apart_that_name_them(tmp_path: Path) -> None:
    new = exported(study(tmp_path / "a", {"vae": 0.0}))
    folder = study(tmp_path / "b", {"ours": 0.05})
    for seed in range(3):
        edit(folder, f"ours-{seed}", version=1)
    old = exported(folder)
    assert old.metrics["kid_lite0_v1 seen1"].definition == ""
    (board,) = make_boards(merge({"a": new, "b": old}))
    titles = [metric.title for metric in board.metrics.values() if "KID" in metric.title]
    assert titles == ["KID lite0 ×10³ v1", "KID lite0 ×10³ v2"]
    assert board.missing == {titles[0]: ["vae"], titles[1]: ["ours"]}
    both = [name for name in board.metrics if name.startswith("kid")]
    assert [len(board.ranks[name]) for name in both] == [1, 1]


def test_judges_of_one_name_are_columns_apart(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"vae": 0.0}))
    b = exported(study(tmp_path / "b", {"ours": 0.05}, judge="another2"))
    (board,) = make_boards(merge({"a": a, "b": b}))
    titles = {metric.title for metric in board.metrics.values()}
    assert {"KID lite0 ×10³ by lite0 seen1", "KID lite0 ×10³ by lite0 anothe"} <= titles


def test_one_label_for_other_options_is_two_rows(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"ours": 0.0}))
    folder = study(tmp_path / "b", {"ours": 0.05})
    for seed in range(3):
        path = folder / "jobs" / f"ours-{seed}"
        stored = json.loads((path / "result.json").read_text())
        stored["job"]["config"] = {"width": 8}
        write_result(path, stored)
    (board,) = make_boards(merge({"a": a, "b": exported(folder)}))
    labels = [row.label for row in board.scores]
    assert len({*labels}) == 2
    assert all(label.startswith("ours (") for label in labels)


def outside(root: Path, seeds: Sequence[int]) -> Content:
    """A method beside an outside system of several runs."""
    folder = study(root, {"vae": 0.0})
    keys = [result(folder, "theirs", seed, 0.05) for seed in seeds]
    for key, seed in zip(keys, seeds, strict=True):
        path = folder / "jobs" / key / "result.json"
        held = json.loads(path.read_text())
        held["job"] |= {"kind": "outside", "images": 0, "source": f"abc{seed}"}
        path.write_text(json.dumps({**held, "outside": {"folder": "x", "notes": []}}))
    about = json.loads((folder / "study.json").read_text())
    about["jobs"]["theirs"] = keys
    (folder / "study.json").write_text(json.dumps(about))
    return exported(folder)


def test_more_runs_of_an_outside_system_are_no_other_system(tmp_path: Path) -> None:
    few, more, rest, every = (
        outside(tmp_path / name, seeds)
        for name, seeds in {"a": [0, 1], "b": [1, 2], "c": [2, 3], "d": [0, 1, 2, 3]}.items()
    )
    for contents in ({"a": few, "b": more, "c": rest}, {"a": few, "c": rest, "b": more}):
        merged = merge(contents)
        assert merged.rows == merge({"d": every}).rows
        assert [len(row.jobs) for row in merged.rows] == [4, 3]


def test_an_outside_system_with_another_run_of_a_number_is_another_row(tmp_path: Path) -> None:
    before = outside(tmp_path / "a", [0, 1])
    other = [
        one.model_copy(
            update={"jobs": [one.jobs[0], one.jobs[1].model_copy(update={"key": "f" * 20})]}
        )
        if one.kind == "outside"
        else one
        for one in outside(tmp_path / "b", [0, 1]).rows
    ]
    after = [
        one.model_copy(update={"definition": outside_definition(job.key for job in one.jobs)})
        if one.kind == "outside"
        else one
        for one in other
    ]
    merged = merge({"a": before, "b": before.model_copy(update={"rows": after})})
    assert [row.label for row in merged.rows if row.kind == "outside"] == ["theirs", "theirs"]


def test_a_metric_without_a_value_in_another_version_is_left_out(tmp_path: Path) -> None:
    folder = study(tmp_path / "a", {"old": 0.0, "new": 0.1})
    for seed in range(3):
        path = folder / "jobs" / f"old-{seed}" / "result.json"
        held = json.loads(path.read_text())
        held["metrics"]["kid_lite0"] |= {"value": None, "n": 0, "version": 1}
        path.write_text(json.dumps(held))
    old, new = exported(folder).rows
    assert KID not in old.jobs[0].scores
    assert KID in new.jobs[0].scores


def test_other_pairs_are_other_leaderboards(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"vae": 0.0}))
    b = exported(study(tmp_path / "b", {"vae": 0.0}, store="pairs2"))
    titles = [board.title for board in make_boards(merge({"a": a, "b": b}))]
    assert titles == [
        f"made, logmel, 96 training images, protocol 1, pairs pairs{i}" for i in (1, 2)
    ]


def test_there_is_a_limit_to_what_is_ranked(tmp_path: Path) -> None:
    one = exported(study(tmp_path / "a", {"vae": 0.0}))
    many = [
        one.rows[0].model_copy(update={"label": f"m{i}", "definition": str(i)}) for i in range(201)
    ]
    (board,) = make_boards(one.model_copy(update={"rows": many}))
    with pytest.raises(UserError, match="201 methods; at most 200 are ranked together"):
        _ = board.ranks


def test_a_metric_that_changed_without_a_new_version_is_refused(tmp_path: Path) -> None:
    a = exported(study(tmp_path / "a", {"vae": 0.0}))
    turned = a.metrics[KID].model_copy(update={"higher_is_better": True})
    b = a.model_copy(update={"metrics": {**a.metrics, KID: turned}})
    with pytest.raises(UserError, match="b: describes kid_lite0, version 2, otherwise"):
        merge({"a": a, "b": b})


def test_lists_of_one_set_of_pairs_that_disagree_are_refused(tmp_path: Path) -> None:
    def with_list(content: Content, hashed: str) -> Content:
        pairs = content.pairs["pairs1"].model_copy(update={"list_hash": hashed})
        return content.model_copy(update={"pairs": {"pairs1": pairs}})

    a = exported(study(tmp_path / "a", {"vae": 0.0}))
    known = with_list(a, "0" * 64)
    assert merge({"a": a, "b": known}).pairs["pairs1"].list_hash == "0" * 64
    with pytest.raises(UserError, match="b: its list of test segments of made has another hash"):
        merge({"a": known, "b": with_list(a, "1" * 64)})
