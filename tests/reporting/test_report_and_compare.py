"""Tables again from results alone; two arms against each other; what is refused, in one line."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_up import result, run, study


def test_report_writes_the_tables_of_an_unfinished_study_again(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05, "ours − x": 0.0})
    shutil.rmtree(folder / "jobs" / "ours−x-2")
    (folder / "tables").mkdir()
    (folder / "tables" / "match_in_class.md").write_text("of an earlier command")
    (folder / "tables" / "notes.md").write_text("the user's")
    (folder / "tables" / "samples.png").write_text("kept")
    code, text = run("report", folder, "--verbose")
    assert code == 0, text
    names = {path.name for path in (folder / "tables").iterdir()}
    assert {"quality.md", "primary.md", "ablations.csv", "methods.tex", "samples.png"} <= names
    assert "critical_difference.png" in names
    assert "match_in_class.md" not in names
    assert (folder / "tables" / "notes.md").read_text() == "the user's"
    assert "8 of 9 jobs have a result" in text
    assert "no independent data sets" in text
    assert "verdict: Nothing is tested yet: the rows compared have jobs" in " ".join(text.split())
    assert "2 of 3" in (folder / "tables" / "quality.md").read_text()
    verdicts = pd.read_csv(folder / "tables" / "ablations.csv")["verdict"]
    assert set(verdicts) == {"exploratory"}
    result(folder, "ours − x", 2, 0.0)
    code, text = run("report", folder)
    assert code == 0, text
    verdict = (
        "vae is worse than ours by KID lite0 ×10³ and R-prec@1; ours − x is worse than ours by"
    )
    assert f"verdict: {verdict}" in " ".join(text.split())
    primary = pd.read_csv(folder / "tables" / "primary.csv")
    assert primary["metric"].unique().tolist() == ["kid_lite0_v2", "rprec1_i2a_lite0_v1"]
    assert set(primary["verdict"]) == {"worse"}


def test_arms_that_were_trained_in_another_precision_are_named(tmp_path: Path) -> None:
    arms = {"vae": 0.0, "ours": 0.05, "ours − x": 0.0}
    folder = study(tmp_path / "s", arms)
    about = json.loads((folder / "study.json").read_text())
    about["arms"] = {
        label: {"model": label.split(" ")[0], "change": "", "config": {}, "ablated": ""}
        for label in arms
    }
    (folder / "study.json").write_text(json.dumps(about))

    def trained(precision: dict[str, str]) -> str:
        for label in arms:
            for seed in range(3):
                file = folder / "jobs" / f"{label}-{seed}".replace(" ", "") / "result.json"
                made = json.loads(file.read_text())
                used = precision.get(f"{label} {seed}", precision.get(label, "float32"))
                file.write_text(
                    json.dumps(made | {"hardware": {"device": "cpu", "precision": used}})
                )
        code, text = run("report", folder)
        assert code == 0, text
        return " ".join((folder / "tables" / "quality.md").read_text().split())

    assert "trained alike" not in trained({})
    said = trained({"ours − x": "bfloat16", "ours 2": "bfloat16"})
    assert (
        "Not all were trained alike, which may make a difference of its own: on cpu in float32:"
        " vae, ours (seeds 0, 1); on cpu in bfloat16: ours (seed 2), ours − x." in said
    )


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
    assert "Seeds: A 0, 1, 2; B 0, 1, 2." in text
    code, text = run("compare", bad, good, "--fail-if-worse", "kid_lite0")
    assert (code, "A is significantly worse in kid_lite0" in text) == (1, True)
    assert run("compare", bad, good)[0] == 0


def test_an_arm_is_not_compared_with_itself(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    for a, b in (
        (f"{folder}:vae", f"{folder}:vae"),
        (f"{folder}:vae", f"{folder}/../s:vae"),
        (folder / "jobs" / "vae-1", f"{folder}:vae"),
    ):
        code, text = run("compare", a, b)
        assert (code, "error: A and B are the same: both hold job vae-" in text) == (2, True), text


def test_a_comparison_names_the_studies(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"ours": 0.05, "vae": 0.0})
    b = study(tmp_path / "b", {"vae": 0.0})
    _, text = run("compare", f"{a}:ours", f"{a}:vae")
    assert "A: ours against B: vae (a, logmel)" in " ".join(text.split())
    _, text = run("compare", f"{a}:ours", b)
    assert "A: ours of a against B: vae of b (logmel)" in " ".join(text.split())


def test_an_arm_whose_name_holds_a_colon_is_addressed(tmp_path: Path) -> None:
    folder = study(tmp_path / "s:1", {"a:b": 0.0, "ours": 0.05})
    code, text = run("compare", f"{folder}:a:b", f"{folder}:ours")
    assert (code, "A: a:b against B: ours" in text) == (0, True), text


def test_compare_takes_jobs_arms_and_studies(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"ours": 0.05, "vae": 0.0})
    b = study(tmp_path / "b", {"vae": 0.0})
    assert run("compare", a, b, "--arm", "vae", "--metric", "is1_lite0")[0] == 0
    code, text = run("compare", a / "jobs" / "ours-0", b, "--fail-if-worse", "is1_lite0")
    assert (code, "Seeds: A 0; B 0, 1, 2." in text) == (0, True)


def test_misuse_of_compare_is_one_line_and_exit_2(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    for arguments, said in (
        ((folder, folder), "say which"),
        ((f"{folder}:our", folder), "did you mean ours?"),
        ((tmp_path / "none", folder), "no study"),
        ((f"{folder}:ours", f"{folder}:vae", "--metric", "is1_lite"), "did you mean is1_lite0"),
    ):
        code, text = run("compare", *arguments)
        assert (code, said in text) == (2, True), text


def test_results_of_two_versions_under_one_protocol_stand_in_one_table(tmp_path: Path) -> None:
    a = study(tmp_path / "a", {"ours": 0.05})
    b = study(tmp_path / "b", {"vae": 0.0}, version="0.2.0")
    code, text = run("compare", a, b)
    assert (code, "not comparable" in text) == (0, False), text
    mixed = study(tmp_path / "c", {"ours": 0.05, "vae": 0.0})
    result(mixed, "vae", 0, 0.0, version="0.2.0")
    code, text = run("report", mixed)
    assert (code, "not comparable" in text) == (0, False), text


def test_a_result_of_another_protocol_is_refused(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    path = folder / "jobs" / "ours-1" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": 2}))
    code, text = run("report", folder)
    assert (code, "protocol differs" in text) == (2, True)


def test_scores_keep_the_version_that_they_were_computed_in(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    code, text = run("report", folder, "--verbose")
    assert code == 0, text
    said = " ".join(text.split())
    assert "R-prec@1: scores of version 1; this version of a2ibench computes version 2." in said
    assert "rprec1_i2a_lite0_v1" in said
    assert "rprec1_i2a_lite0_v2" not in said


def test_a_judge_that_failed_compares_nothing(tmp_path: Path) -> None:
    folder = study(tmp_path / "s", {"vae": 0.0, "ours": 0.05})
    for path in folder.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        stored["metrics"]["rprec1_i2a_lite0"] |= {
            "judge": "i2a_lite0", "judge_figures": {"held_out_r2": -0.58, "held_out_images": 90},
        }  # fmt: skip
        path.write_text(json.dumps(stored))
    code, text = run("report", folder)
    assert code == 0, text
    assert "judge i2a_lite0: held-out r² -0.58 of 90 images is not better" in " ".join(text.split())
    assert "rprec1" not in (folder / "tables" / "methods.csv").read_text()
    page = (folder / "report.html").read_text()
    assert "Left out: R-prec@1: struck" in page
    code, text = run("compare", f"{folder}:ours", f"{folder}:vae")
    assert (code, "Left out: R-prec@1" in " ".join(text.split())) == (0, True), text
    ask = ("--fail-if-worse", "rprec1_i2a_lite0")
    code, text = run("compare", f"{folder}:ours", f"{folder}:vae", *ask)
    assert (code, "nothing to compare by: R-prec@1: struck" in " ".join(text.split())) == (2, True)


def real_images_at_chance(folder: Path) -> None:
    """Makes the study's first row that of the real images, which the judge of R-prec@1 does not
    tell from chance."""
    for path in folder.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        if stored["job"]["method"] == "ground truth":
            stored["job"] |= {"kind": "reference", "method": "ground_truth"}
        stored["metrics"]["rprec1_i2a_lite0"]["chance"] = 0.2
        path.write_text(json.dumps(stored))


def test_a_judge_that_the_real_images_do_not_pass_compares_nothing(tmp_path: Path) -> None:
    rows = {"ground truth": 0.0, "vae": 0.0, "ours": 0.05}
    a, b = study(tmp_path / "a", rows), study(tmp_path / "b", {"vae": 0.0})
    real_images_at_chance(a)
    left_out = "Left out: R-prec@1: struck, judge i2a_lite0: R-prec@1 of the ground truth"
    for one, other in (
        (f"{a}:ours", f"{a}:vae"),
        (f"{a}:ours", b),
        (b, f"{a}:ours"),
        (a / "jobs" / "ours-0", b),
    ):
        code, text = run("compare", one, other)
        assert (code, left_out in " ".join(text.split())) == (0, True), text
    job = Path(shutil.copytree(a / "jobs" / "ours-0", tmp_path / "job"))
    code, text = run("compare", job, b)
    assert (code, "struck" in text) == (0, False), "neither has a row of real images"


def test_real_images_of_another_protocol_tell_nothing_of_the_judge(tmp_path: Path) -> None:
    folder = study(tmp_path / "a", {"ground truth": 0.0, "vae": 0.0, "ours": 0.05})
    real_images_at_chance(folder)
    for path in folder.glob("jobs/groundtruth-*/result.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": 2}))
    code, text = run("compare", f"{folder}:ours", f"{folder}:vae")
    assert (code, "struck" in text) == (0, False), text
    assert "ground truth of a: not asked about the judges: not comparable" in " ".join(text.split())
