"""Tables again from results alone; two arms against each other; what is refused, in one line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.storage import write_json
from a2ibench.study.overview import studies_in, write_overview

METRICS = {"is1_lite0": 2.0, "kid_lite0": 0.1, "rprec1_i2a_lite0": 0.2}


def result(folder: Path, method: str, seed: int, better: float, **changed: str) -> str:
    """A job's folder as a trial leaves it, with scores made up."""
    key = f"{method}-{seed}".replace(" ", "")
    job = {"kind": "model", "method": method, "store": "pairs1", "encoder": "heard1"}
    job |= {"seed": seed, "images": 96, "config": {}, "source": ""}
    job |= {name: value for name, value in changed.items() if name in job}
    scored, blocks = {}, {}
    for i, (name, level) in enumerate(METRICS.items()):
        clips = np.random.default_rng(i).normal(0, 0.01, 8)
        noise = np.random.default_rng([i, seed, len(method)]).normal(0, 0.001, 8)
        blocks[name] = level + better * (-1 if name == "kid_lite0" else 1) + clips + noise
        scored[name] = {
            "value": float(blocks[name].mean()), "n": 40, "spread": None, "version": 1,
            "judge": "lite0", "judge_fingerprint": changed.get("judge", "seen1"),
        }  # fmt: skip
    path = folder / "jobs" / key
    write_json(
        path / "result.json",
        {
            "format": 2, "protocol": 1, "key": key, "job": job, "version": "0.1.0",
            "encoder": {"name": "logmel", "config": {}}, "dataset": "made", "metrics": scored,
        } | {name: value for name, value in changed.items() if name == "version"},
    )  # fmt: skip
    pd.DataFrame(blocks).to_parquet(path / "blocks.parquet")
    return key


def study(folder: Path, arms: dict[str, float], seeds: int = 3, **changed: str) -> Path:
    jobs = {
        label: [result(folder, label, seed, better, **changed) for seed in range(seeds)]
        for label, better in arms.items()
    }
    models = [label for label in arms if label.isidentifier()]
    about = {"models": models, "metrics": list(METRICS), "jobs": jobs, "encoder": "logmel"}
    about |= {"dataset": "made", "content_hash": changed.get("store", "pairs1")}
    write_json(folder / "study.json", {**about, "scale": "small", "images": 96, "seeds": seeds})
    return folder


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_report_writes_the_tables_of_an_unfinished_study_again(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05, "ours − x": 0.0})
    shutil.rmtree(folder / "jobs" / "vae-2")
    (folder / "tables").mkdir()
    (folder / "tables" / "old.md").write_text("of an earlier command")
    (folder / "tables" / "samples.png").write_text("kept")
    code, text = run("report", folder)
    assert code == 0, text
    names = {path.name for path in (folder / "tables").iterdir()}
    assert {"quality.md", "ablations.csv", "methods.tex", "samples.png"} <= names
    assert "critical_difference.png" in names
    assert "old.md" not in names
    assert "8 of 9 jobs have a result" in text
    assert "no independent data sets" in text
    assert "verdict: vae is worse than ours by IS lite0" in " ".join(text.split())
    assert "2 of 3" in (folder / "tables" / "quality.md").read_text()
    verdicts = pd.read_csv(folder / "tables" / "ablations.csv")["verdict"]
    assert set(verdicts) == {"worse"}


def test_every_arm_of_a_grid_and_of_a_combination_stands_against_its_full_model(
    tmp_path: Path,
) -> None:
    arms = {"ours": 0.05, "ours − x − y": 0.0, "ours, lambda=0.1": 0.04, "ours, lambda=10": 0.0}
    folder = study(tmp_path / "s", {"vae": 0.0, **arms})
    code, text = run("report", folder)
    assert code == 0, text
    table = pd.read_csv(folder / "tables" / "ablations.csv")
    assert set(table["base"]) == {"ours"}
    assert list(dict.fromkeys(table["method"])) == list(arms)[1:]
    assert table["difference"].notna().all()
    methods = pd.read_csv(folder / "tables" / "methods.csv")
    assert set(methods["method"]) | set(methods["base"]) == {"vae", "ours"}
    code, text = run("compare", f"{folder}:ours - x - y", f"{folder}:ours, lambda=10")
    assert code == 0, text


def test_report_without_a_study_or_a_result_says_so(tmp_path: Path) -> None:
    assert run("report", tmp_path)[0] == 2
    folder = study(tmp_path / "s", {"vae": 0.0})
    shutil.rmtree(folder / "jobs")
    code, text = run("report", folder)
    assert (code, "no job has a result yet" in text) == (2, True)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"version": "0.2.0"}, "version of a2ibench differs: 0.1.0 (ours-0) and 0.2.0 (vae-0)"),
        ({"store": "pairs2"}, "pairs (content of the store) differs"),
        ({"encoder": "heard2"}, "encoder differs"),
        ({"judge": "seen2"}, "version or judge of is1_lite0 differs"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, changed: dict[str, str], named: str
) -> None:
    a = study(tmp_path / "a", {"ours": 0.05})
    b = study(tmp_path / "b", {"vae": 0.0}, **changed)
    code, text = run("compare", a, b)
    assert (code, named in text) == (2, True), text
    mixed = study(tmp_path / "c", {"ours": 0.05, "vae": 0.0})
    result(mixed, "vae", 0, 0.0, **changed)
    code, text = run("report", mixed)
    assert (code, named in text) == (2, True), text


def test_compare_says_better_or_worse_by_the_metrics_direction(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    good, bad = f"{folder}:ours", f"{folder}:vae"
    code, text = run("compare", good, bad, "--fail-if-worse", "kid_lite0")
    assert (code, "better" in text, "worse\n" in text) == (0, True, False), text
    assert "Common seeds: 0, 1, 2." in text
    code, text = run("compare", bad, good, "--fail-if-worse", "kid_lite0")
    assert (code, "A is significantly worse in kid_lite0" in text) == (1, True)
    assert run("compare", bad, good)[0] == 0
    assert run("compare", bad, bad, "--fail-if-worse", "kid_lite0")[0] == 0


def test_compare_takes_jobs_arms_and_studies(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"ours": 0.05, "vae": 0.0})
    b = study(tmp_path / "b", {"vae": 0.0})
    assert run("compare", a, b, "--arm", "vae", "--metric", "is1_lite0")[0] == 0
    code, text = run("compare", a / "jobs" / "ours-0", b, "--fail-if-worse", "is1_lite0")
    assert (code, "Common seeds: 0." in text) == (0, True)


def test_misuse_of_compare_is_one_line_and_exit_2(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    for arguments, said in (
        ((folder, folder), "say which"),
        ((f"{folder}:our", folder), "did you mean ours?"),
        ((tmp_path / "none", folder), "no study"),
        ((f"{folder}:ours", f"{folder}:vae", "--metric", "is1_lite"), "did you mean is1_lite0"),
        ((folder / "jobs" / "ours-0", folder / "jobs" / "vae-1"), "no common seed"),
    ):
        code, text = run("compare", *arguments)
        assert (code, said in text) == (2, True), text


def test_a_result_of_another_protocol_is_refused(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    path = folder / "jobs" / "ours-1" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": 2}))
    code, text = run("report", folder)
    assert (code, "protocol differs" in text) == (2, True)


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


def test_only_images_seen_by_one_judge_are_comparable_between_encoders(tmp_path: Path) -> None:
    folders = []
    for encoder, judge in (("logmel", "seen1"), ("mfcc", "seen1"), ("other", "seen2")):
        folder = study(tmp_path / encoder, {"ours": 0.0}, encoder=encoder, judge=judge)
        about = json.loads((folder / "study.json").read_text())
        about |= {"dataset": "x", "content_hash": "pairs1", "encoder": encoder}
        write_json(folder / "study.json", about)
        pd.DataFrame({"study": [encoder]}).to_parquet(folder / "results.parquet")
        folders.append(folder)
    same = "x: comparable between encoders, by the images alone and by one and the same judge:"
    notes = write_overview(tmp_path, folders[:2])
    assert (tmp_path / "tables" / "encoders-logmel.md").is_file()
    assert any(note == f"{same} is1_lite0, kid_lite0." for note in notes)
    assert any(note.startswith("x: not") and "rprec1_i2a_lite0" in note for note in notes)
    assert not any(note.startswith(same) for note in write_overview(tmp_path, folders))
    assert not list((tmp_path / "tables").iterdir()), "a table that is not made would stay"


def test_encoders_are_compared_by_what_is_comparable(tmp_path: Path) -> None:
    folders = []
    for encoder, better in (("logmel", 0.0), ("mfcc", 0.05)):
        folder = study(tmp_path / encoder, {"ours": better, "vae": 0.0}, encoder=encoder)
        about = json.loads((folder / "study.json").read_text())
        about |= {"dataset": "x", "content_hash": "pairs1", "encoder": encoder}
        write_json(folder / "study.json", about)
        pd.DataFrame({"study": [encoder]}).to_parquet(folder / "results.parquet")
        folders.append(folder)
    notes = write_overview(tmp_path, folders)
    assert notes[-1].startswith("x, between encoders: ours, mfcc is better than ours, logmel by")
    table = pd.read_csv(tmp_path / "tables" / "encoder_differences-logmel.csv")
    assert set(table["metric"]) == {"is1_lite0_v1", "kid_lite0_v1"}
    rows = table.set_index(["method", "metric"])
    assert rows.loc[("ours, mfcc", "is1_lite0_v1"), "base"] == "ours, logmel"
    assert rows.loc[("ours, mfcc", "is1_lite0_v1"), "difference"] == pytest.approx(0.05)
    assert rows.loc[("ours, mfcc", "kid_lite0_v1"), "verdict"] == "better"
    assert rows.loc[("vae, mfcc", "kid_lite0_v1"), "verdict"] == "not separable"
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


def several(root: Path, names: tuple[str, ...], **about: object) -> list[Path]:
    """A study an encoder of that name, on the same pairs, as a run leaves them."""
    folders = []
    for name in names:
        folder = study(root / name, {"ours": 0.0, "vae": 0.1}, encoder=name)
        written = json.loads((folder / "study.json").read_text())
        written |= {"dataset": "x", "content_hash": "pairs1", "encoder": name, **about}
        write_json(folder / "study.json", written)
        for path in folder.glob("jobs/*/result.json"):
            result = json.loads(path.read_text())
            write_json(path, result | {"encoder": {"name": name, "config": {}}})
        pd.DataFrame({"study": [name]}).to_parquet(folder / "results.parquet")
        folders.append(folder)
    return folders


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
    change(folders[1], "ours", config={"lr": 9})
    shutil.copytree(folders[0], tmp_path / "logmel again")
    notes = write_overview(tmp_path, [*folders, tmp_path / "logmel again"])
    assert "ours: with other options or code; not compared between encoders." in notes
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


def test_one_pair_store_at_several_budgets_ranks_nothing(tmp_path: Path) -> None:
    folders = []
    for images in (96, 192, 384):
        arms = {"vae": 0.0, "ours": 0.05, "theirs": 0.1}
        folders.append(study(tmp_path / str(images), arms))
        about = json.loads((folders[-1] / "study.json").read_text())
        write_json(folders[-1] / "study.json", about | {"images": images})
    write_overview(tmp_path, folders)
    assert not list(tmp_path.glob("critical_difference-*"))


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
    (first / "results.parquet").write_bytes(b"PAR1")
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
    assert row.count("|") == 4
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
