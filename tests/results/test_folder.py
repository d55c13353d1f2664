"""A study is written into a folder of its own; files of others are kept."""

import json
from pathlib import Path

import pytest
from made_up import run, study

from a2ibench.errors import UserError
from a2ibench.results.overwrite_guard import check_own, is_study
from a2ibench.study.request import Request
from a2ibench.study.study_file import file_of, read_study_file, save_requests, write_study_file

RUN = ("run", "--model", "vae", "--dataset", "synthetic", "--encoder", "logmel", "--out")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A folder of the user's that has names of ours in it."""
    folder = tmp_path / "paper"
    (folder / "tables").mkdir(parents=True)
    for name in ("report.html", "results.parquet", "overview.md", "tables/quality.md"):
        (folder / name).write_text("the user's")
    return folder


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--encoder", "mfcc"]])
def test_run_refuses_a_folder_that_holds_other_files_before_it_computes(
    paper: Path, more: list[str]
) -> None:
    before = everything(paper)
    code, text = run(*RUN, paper, *more)
    assert code == 2, text
    assert f"{paper}: holds other files (overview.md, report.html, results.parquet, …)" in text
    assert everything(paper) == before


def test_evaluate_and_tune_refuse_it_too(paper: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    code, text = run(
        "evaluate", "--dataset", "synthetic", "--images", tmp_path / "images", "--out", paper
    )
    assert (code, "holds other files" in text) == (2, True), text
    with pytest.raises(UserError, match="and nothing of ours"):
        check_own(paper, "trials")


def test_an_overview_is_written_over_no_file_of_others(paper: Path) -> None:
    for name in ("a", "b"):
        study(paper / name, {"vae": 0.0})
    before = everything(paper)
    code, text = run("report", paper)
    assert code == 2
    assert "report.html, overview.md, results.parquet would be overwritten" in text
    assert everything(paper) == before


def test_an_overview_takes_the_place_of_the_one_before_and_of_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        study(tmp_path / name, {"vae": 0.0})
    mine = ("critical_difference-mine.png", "tables/encoders-mine.md", "tables/encoder-a.md")
    (tmp_path / "tables").mkdir()
    for name in mine:
        (tmp_path / name).write_text("the user's")
    earlier = tmp_path / "critical_difference-logmel-is1_lite0.png"
    earlier.write_text("of an earlier command")
    code, text = run("report", tmp_path)
    assert code == 0, text
    assert not earlier.exists()
    assert all((tmp_path / name).read_text() == "the user's" for name in mine)


def test_what_is_a_study_and_what_is_free(tmp_path: Path) -> None:
    check_own(tmp_path / "new")
    check_own(tmp_path)
    (tmp_path / "study.yaml").write_text("models: vae")
    (tmp_path / ".lock").touch()
    check_own(tmp_path)
    assert not is_study(tmp_path)
    made = study(tmp_path / "made", {"vae": 0.0})
    check_own(made)
    (made / "study.json").unlink()
    check_own(made)
    with pytest.raises(UserError, match=r"made, study.yaml|made\) and no study"):
        check_own(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        check_own(tmp_path / "study.yaml")


def test_a_file_that_somebody_wrote_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    mine = (
        "# our first study\nmodels: vae\ndataset: synthetic\nencoder: logmel\nimages: 96\nout: .\n"
    )
    path.write_text(mine)
    same = Request(("vae",), dataset="synthetic", encoder="logmel", images=(96,), folder=tmp_path)
    save_requests(tmp_path, [same])
    assert [one.name for one in tmp_path.iterdir()] == ["study.yaml"]
    assert path.read_text() == mine

    other = Request(("vae", "cvae"), dataset="synthetic", encoder="logmel", folder=tmp_path)
    save_requests(tmp_path, [other])
    assert path.read_text() == mine
    assert file_of(tmp_path).name == "study-as-run.yaml"
    assert read_study_file(file_of(tmp_path))["models"] == ["vae", "cvae"]
    save_requests(tmp_path, [same])
    assert file_of(tmp_path) == path


def test_a_file_of_ours_is_written_again(tmp_path: Path) -> None:
    write_study_file(tmp_path / "study.yaml", {"models": ["vae"]})
    assert (tmp_path / "study.yaml").read_text().startswith("# Written by `a2ibench run`")
    save_requests(tmp_path, [Request(("cvae",), dataset="synthetic", folder=tmp_path)])
    assert read_study_file(tmp_path / "study.yaml")["models"] == ["cvae"]
    assert [one.name for one in tmp_path.iterdir()] == ["study.yaml"]


def test_names_that_look_like_numbers_are_names(tmp_path: Path) -> None:
    folder = study(tmp_path / "007", {"1e3": 0.0, "12": 0.05})
    assert run("status", folder)[0] == 0
    assert run("report", folder)[0] == 0
    code, text = run("compare", f"{folder}:1e3", f"{folder}:12")
    assert (code, "A: 1e3 against B: 12 (007, logmel)" in text) == (0, True), text
    path = tmp_path / "5"
    path.write_text("models: vae\nout: 0010\ndataset: synthetic\nencoder: logmel\n")
    assert read_study_file(path)["out"] == tmp_path / "0010"
    code, text = run("run", path, "--dry-run")
    assert (code, f"→ {tmp_path / '0010'}" in text.replace("\n", "")) == (0, True), text
    assert json.dumps(read_study_file(path)["models"]) == '["vae"]'


def test_a_relative_path_with_a_colon_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study(tmp_path / "st:x", {"vae": 0.0, "ours": 0.05})
    monkeypatch.chdir(tmp_path)
    code, text = run("report", "st:x")
    assert code == 0, text
    code, text = run("compare", "st:x:vae", "st:x:ours")
    assert code == 0, text
