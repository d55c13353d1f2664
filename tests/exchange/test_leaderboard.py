"""The page of leaderboards."""

import json
from pathlib import Path

from made_up import run, study


def exported(folder: Path) -> Path:
    out = folder.with_suffix(".json")
    code, text = run("results", "export", folder, "--out", out)
    assert code == 0, text
    return out


def test_exports_of_two_folders_become_one_leaderboard(tmp_path: Path) -> None:
    files = [
        exported(study(tmp_path / "a", {"vae": 0.0, "flow": 0.0004})),
        exported(study(tmp_path / "b", {"ours": 0.05})),
    ]
    board = tmp_path / "board"
    code, text = run("leaderboard", *files, "--out", board)
    assert code == 0, text
    assert "made, logmel, 96 training images:" in text
    assert "KID lite0 ×10³: ours is first of 3." in text
    page = (board / "index.html").read_text()
    assert "2–3" in page
    assert run("leaderboard", board / "results.json", "--out", tmp_path / "again")[0] == 0
    again = (tmp_path / "again" / "index.html").read_text()
    assert again == page
    parts = json.loads((board / "results.json").read_text())["content"]["parts"]
    assert sorted(json.loads(one.read_text())["sha256"] for one in files) == parts
    # What was written there is written again, and other files are left alone.
    assert run("leaderboard", *files, "--out", board)[0] == 0
    (board / "index.html").write_text("mine")
    code, text = run("leaderboard", *files, "--out", board)
    assert (code, (board / "index.html").read_text()) == (2, "mine")


def test_a_leaderboard_of_one_row_says_so(tmp_path: Path) -> None:
    file = exported(study(tmp_path / "a", {"vae": 0.0}))
    code, text = run("leaderboard", file, "--out", tmp_path / "board")
    assert code == 0, text
    said = "There is one method, vae: it is compared with nothing, and has no rank."
    assert said in text
    assert said in (tmp_path / "board" / "index.html").read_text()


def test_ablations_are_ranked_on_request(tmp_path: Path) -> None:
    file = exported(study(tmp_path / "a", {"ours": 0.05, "ours − stack": 0.0, "vae": 0.02}))
    code, text = run("leaderboard", file, "--out", tmp_path / "board")
    assert "ours is first of 2." in text
    assert (
        "Ablations stand in the tables of scores alone"
        in (tmp_path / "board" / "index.html").read_text()
    )
    code, text = run("leaderboard", file, "--ablations", "--out", tmp_path / "board")
    assert "ours is first of 3." in text, code


def test_few_seeds_tie_and_what_is_missing_is_named(tmp_path: Path) -> None:
    files = [
        exported(study(tmp_path / "a", {"vae": 0.0})),
        exported(study(tmp_path / "b", {"ours": 0.05}, seeds=2)),
        exported(study(tmp_path / "c", {"flow": 0.05}, judge="another2")),
    ]
    code, text = run("leaderboard", *files, "--out", tmp_path / "board")
    assert code == 0, text
    assert "KID lite0 ×10³ by lite0 seen1: nothing separates the 2 methods." in text
    page = (tmp_path / "board" / "index.html").read_text()
    assert "a method is tied with all others: ours." in page
    assert "– KID lite0 ×10³ by lite0 seen1 is missing for flow" in page


def test_a_method_that_fails_on_some_seeds_leads_nobody(tmp_path: Path) -> None:
    folder = study(tmp_path / "a", {"vae": 0.0, "ours": 0.05}, seeds=5)
    for seed in (0, 3):
        path = folder / "jobs" / f"ours-{seed}" / "result.json"
        result = json.loads(path.read_text())
        result["metrics"]["kid_lite0"] |= {"value": None, "n": 0, "undefined": "all are alike"}
        path.write_text(json.dumps(result))
    code, text = run("report", folder)
    assert code == 0, text
    assert "ours is better than vae by KID" not in text
    assert "it is undefined for 2 of 5 seeds" in (folder / "tables" / "primary.md").read_text()
    assert "(2 of 5 seeds)" in (folder / "tables" / "quality.md").read_text()
    code, text = run("leaderboard", exported(folder), "--out", tmp_path / "board")
    assert code == 0, text
    assert "KID lite0 ×10³: nothing separates the 2 methods." in text
    assert "all are alike (2 of 5 seeds)" in (tmp_path / "board" / "index.html").read_text()


def test_names_from_a_file_are_text_on_the_page(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    folder = study(tmp_path / "a", {"vae": 0.0, evil: 0.05})
    about = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**about, "dataset": "<script>x<b>"}))
    code, text = run("leaderboard", exported(folder), "--out", tmp_path / "board")
    assert code == 0, text
    page = (tmp_path / "board" / "index.html").read_text()
    assert "<img" not in page
    assert "<script>x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
