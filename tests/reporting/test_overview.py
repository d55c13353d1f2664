"""Several studies: what is said of all of them, and of the same pairs heard by several encoders."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_up import METRICS, run, study

from a2ibench.reporting.overview import studies_in, write_overview
from a2ibench.storage import write_json


def heard(folder: Path, arms: dict[str, float], dataset: str = "x", **changed: str) -> Path:
    """A study on the same pairs as all of these, by the encoder that its folder is named after."""
    encoder = folder.name
    study(folder, arms, encoder=encoder, **changed)
    about = json.loads((folder / "study.json").read_text())
    about |= {"dataset": dataset, "content_hash": "pairs1", "encoder": encoder}
    write_json(folder / "study.json", about)
    for path in folder.glob("jobs/*/result.json"):
        result = json.loads(path.read_text())
        write_json(path, result | {"encoder": {"name": encoder, "config": {}}})
    pd.DataFrame({"study": [encoder]}).to_parquet(folder / "results.parquet")
    return folder


def several(root: Path, names: tuple[str, ...], dataset: str = "x") -> list[Path]:
    """A study an encoder of that name."""
    return [heard(root / name, {"ours": 0.0, "vae": 0.1}, dataset) for name in names]


@pytest.mark.integration
def test_an_overview_ranks_over_datasets_and_merges_no_tables(tmp_path: Path) -> None:
    folders = []
    for name in ("x", "y", "z"):
        arms = {"vae": 0.0, "ours": 0.05, "theirs": 0.1}
        folders.append(study(tmp_path / name, arms, store=f"pairs {name}"))
        about = json.loads((tmp_path / name / "study.json").read_text())
        about |= {"dataset": name, "content_hash": f"pairs {name}"}
        write_json(tmp_path / name / "study.json", about)
        pd.DataFrame({"study": [name]}).to_parquet(tmp_path / name / "results.parquet")
    notes = write_overview(tmp_path, folders)
    assert pd.read_parquet(tmp_path / "results.parquet")["study"].tolist() == ["x", "y", "z"]
    text = (tmp_path / "overview.md").read_text()
    for name in METRICS:
        assert (tmp_path / f"critical_difference-logmel-{name}.png").is_file()
        assert f"critical_difference-logmel-{name}.png" in text
    assert any("Ranks over datasets" in note for note in notes)
    write_overview(tmp_path, folders[:2])
    assert not list(tmp_path.glob("critical_difference-*")), "two datasets rank nothing"
    code, text = run("report", tmp_path)
    assert code == 0, text
    page = (tmp_path / "report.html").read_text()
    for name in ("x", "y", "z"):
        assert f'href="{name}/report.html"' in page
        assert (tmp_path / name / "report.html").is_file()
    assert page.count("<svg") == len(METRICS)
    assert "ours is worse than theirs by" in page
    code, text = run("report", tmp_path, "--dataset", tmp_path)
    assert (code, "--dataset belong to one" in text) == (2, True)


def test_only_what_one_judge_measures_without_features_is_comparable_between_encoders(
    tmp_path: Path,
) -> None:
    folders = [
        heard(tmp_path / encoder, {"ours": 0.0}, judge=judge)
        for encoder, judge in (("logmel", "seen1"), ("mfcc", "seen1"), ("other", "seen2"))
    ]
    same = "x: comparable between encoders, without their features and by one and the same judge:"
    notes = write_overview(tmp_path, folders[:2])
    assert (tmp_path / "tables" / "encoders-logmel.md").is_file()
    assert any(note == f"{same} is1_lite0, kid_lite0." for note in notes)
    assert any(note.startswith("x: not") and "rprec1_i2a_lite0" in note for note in notes)
    assert not any(note.startswith(same) for note in write_overview(tmp_path, folders))
    assert not list((tmp_path / "tables").iterdir()), "a table that is not made would stay"


def test_encoders_are_compared_by_the_match_that_a_judge_hears_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "rprec10_i2a_aisfx", 0.3)
    folders = several(tmp_path, ("logmel", "mfcc"))
    notes = write_overview(tmp_path, folders)
    assert any(note.endswith("kid_lite0, rprec10_i2a_aisfx.") for note in notes)
    assert any(note.startswith("x: not") and "rprec1_i2a_lite0" in note for note in notes)
    table = (tmp_path / "tables" / "encoders_match-logmel.md").read_text()
    assert "Encoders. Match of image and sound" in table
    assert "ours, logmel" in table
    assert "ours, mfcc" in table
    said = "By a judge that hears for itself, comparable between encoders (rprec10_i2a_aisfx)."
    assert said in table
    assert "In the acoustic space of this encoder" not in table
    differences = pd.read_csv(tmp_path / "tables" / "encoder_differences-logmel.csv")
    assert "rprec10_i2a_aisfx_v2" in set(differences["metric"])
    code, text = run("report", folders[0])
    assert code == 0, text
    match = (folders[0] / "tables" / "match.md").read_text()
    assert said in match
    assert "In the acoustic space of this encoder" in match


def test_encoders_are_compared_by_what_is_comparable(tmp_path: Path) -> None:
    folders = [
        heard(tmp_path / encoder, {"ours": better, "vae": 0.0})
        for encoder, better in (("logmel", 0.0), ("mfcc", 0.05))
    ]
    notes = write_overview(tmp_path, folders)
    assert notes[-1].startswith("x, between encoders: ours, mfcc is better than ours, logmel by")
    table = pd.read_csv(tmp_path / "tables" / "encoder_differences-logmel.csv")
    assert set(table["metric"]) == {"is1_lite0_v2", "kid_lite0_v2"}
    rows = table.set_index(["method", "metric"])
    assert rows.loc[("ours, mfcc", "is1_lite0_v2"), "base"] == "ours, logmel"
    assert rows.loc[("ours, mfcc", "is1_lite0_v2"), "difference"] == pytest.approx(0.05, abs=0.002)
    assert rows.loc[("ours, mfcc", "kid_lite0_v2"), "verdict"] == "better"
    assert rows.loc[("ours, mfcc", "is1_lite0_v2"), "verdict"] == "exploratory"
    assert rows.loc[("vae, mfcc", "kid_lite0_v2"), "verdict"] == "not separable"
    assert rows["seeds"].eq(3).all()
    page = (tmp_path / "report.html").read_text()
    assert "Encoders on x" in page
    (tmp_path / "study.yaml").write_text("encoder: [mfcc, logmel]")
    assert [folder.name for folder in studies_in(tmp_path)] == ["mfcc", "logmel"]
    for folder in folders:
        about = json.loads((folder / "study.json").read_text())
        write_json(folder / "study.json", about | {"jobs": {"ours": about["jobs"]["ours"]}})
    notes = write_overview(tmp_path, folders)
    assert notes[-1].startswith("x, between encoders: mfcc is better than logmel by")
    assert page.count('class="sortable"') == 2
    assert "ours, mfcc" in (tmp_path / "overview.md").read_text()


def test_a_folder_of_studies_in_the_place_of_one_is_told_which_it_holds(tmp_path: Path) -> None:
    first, second = several(tmp_path, ("logmel", "mfcc"))
    for command in (
        ["status", tmp_path],
        ["compare", tmp_path, second],
        ["generate", tmp_path, tmp_path / "sound.wav"],
    ):
        code, text = run(*command)
        assert (code, f"it holds 2: give one of them, such as {first}" in text) == (2, True), text
    code, text = run("compare", f"{first}:ours", f"{second}:ours")
    assert code == 2
    assert "encoder differs: logmel / logmel (ours-0) and mfcc / mfcc" in text
    assert "`a2ibench report FOLDER` compares encoders" in text


def change(folder: Path, method: str, **values: object) -> None:
    for path in folder.glob(f"jobs/{method}-*/result.json"):
        result = json.loads(path.read_text())
        result["job"] |= values
        write_json(path, result)


def test_what_cannot_be_compared_between_encoders_is_named_with_its_reason(tmp_path: Path) -> None:
    folders = several(tmp_path, ("logmel", "mfcc"))
    change(folders[1], "ours", source="another")
    shutil.copytree(folders[0], tmp_path / "logmel again")
    notes = write_overview(tmp_path, [*folders, tmp_path / "logmel again"])
    assert "ours: with other code; not compared between encoders." in notes
    assert "logmel again: a second study of its encoder; left out." in notes
    assert notes[-1].startswith("x, between encoders: No method is separable")
    table = pd.read_csv(tmp_path / "tables" / "encoder_differences-logmel.csv")
    assert set(table["method"]) == {"mfcc"}
    about = json.loads((folders[1] / "study.json").read_text())
    del about["jobs"]["vae"]
    write_json(folders[1] / "study.json", about)
    notes = write_overview(tmp_path, folders)
    assert "vae: not trained with every encoder; not compared between them." in notes
    assert not (tmp_path / "tables" / "encoder_differences-logmel.csv").exists()


def test_options_that_differ_between_encoders_are_named(tmp_path: Path) -> None:
    """Each encoder may have options that were searched with it."""
    folders = several(tmp_path, ("logmel", "mfcc"))
    change(folders[0], "ours", config={"lr": 1, "ema": 0})
    change(folders[1], "ours", config={"lr": 9, "ema": 0})
    notes = write_overview(tmp_path, folders)
    assert "ours: has other options with each encoder (lr)." in notes
    table = pd.read_csv(tmp_path / "tables" / "encoder_differences-logmel.csv")
    assert set(table["method"]) == {"ours, mfcc", "vae, mfcc"}


def test_one_pair_store_at_several_budgets_ranks_nothing(tmp_path: Path) -> None:
    folders = []
    for images in (96, 192, 384):
        arms = {"vae": 0.0, "ours": 0.05, "theirs": 0.1}
        folders.append(study(tmp_path / str(images), arms))
        about = json.loads((folders[-1] / "study.json").read_text())
        write_json(folders[-1] / "study.json", about | {"images": images})
    write_overview(tmp_path, folders)
    assert not list(tmp_path.glob("critical_difference-*"))


@pytest.mark.integration
def test_a_study_without_results_does_not_keep_the_others_from_their_pages(tmp_path: Path) -> None:
    first, second, third = several(tmp_path, ("logmel", "mfcc", "other"))
    shutil.rmtree(second / "jobs")
    (third / "results.parquet").unlink()  # its run was interrupted
    code, text = run("report", tmp_path)
    assert (code, f"left out: {second}: no job has a result yet" in text) == (0, True)
    page = (tmp_path / "report.html").read_text()
    assert 'href="logmel/report.html"' in page
    assert 'href="mfcc/report.html"' not in page
    for folder in (first, third):
        shutil.rmtree(folder / "jobs")
    assert run("report", tmp_path)[0] == 2
    for folder in (first, second, third):
        shutil.rmtree(folder)
    folders = several(tmp_path, ("logmel", "mfcc"))
    (folders[0] / "results.parquet").write_bytes(b"no table")
    code, text = run("report", tmp_path)
    assert (code, "results.parquet: damaged" in text, "Traceback" in text) == (2, True, False)


def test_names_of_folders_break_neither_the_overview_nor_its_page(tmp_path: Path) -> None:
    name = "my <b>|data (1)"
    folders = several(tmp_path, (name, "mfcc"), dataset=f"/data/{name}")
    write_overview(tmp_path, folders)
    text = (tmp_path / "overview.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| my"))
    assert "<b>" not in row
    assert row.replace("\\|", "").count("|") == 4
    assert "my%20" in row
    page = (tmp_path / "report.html").read_text()
    assert "<b>" not in page
    for attribute in ("aria-labelledby", "aria-describedby"):
        for named in re.findall(f'{attribute}="([^"]*)"', page):
            assert f'id="{named}"' in page


def test_one_encoder_with_several_studies_is_compared_with_nothing(tmp_path: Path) -> None:
    folders = [study(tmp_path / name, {"ours": 0.0}) for name in ("a", "b")]
    for folder in folders:
        pd.DataFrame({"study": [folder.name]}).to_parquet(folder / "results.parquet")
    notes = write_overview(tmp_path, folders)
    assert not any("between encoders" in note for note in notes)
    assert not (tmp_path / "tables").exists()
