"""The page of a real study: what it shows is what the tables and results say."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner, Result

from a2ibench import registry
from a2ibench.cli import main
from a2ibench.reporting.page.against import against_references
from a2ibench.reporting.page.sections.by_class import class_tables
from a2ibench.reporting.page.view import StudyView
from a2ibench.reporting.report import Report, report
from a2ibench.reporting.table import Table
from a2ibench.results.job_state import write_failure
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study
from a2ibench.results.study_pairs import find_store
from a2ibench.storage import write_json
from a2ibench.study.commands import commands

pytestmark = pytest.mark.integration

INLINE = ("--executor", "inline", "--tracking-uri", "none")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def parse(folder: Path) -> Any:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse((folder / "report.html").read_text(encoding="utf-8"))


def text_of(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def shown(root: Any, name: str) -> list[list[str]]:
    """The cells of a table of the page."""
    (table,) = [one for one in root.iter("table") if one.get("id") == f"table-{name}"]
    return [[text_of(cell) for cell in row] for row in table.findall("tbody/tr")]


def said(table: Table) -> list[list[str]]:
    """The same of the table that was written, with the names that it leaves out."""
    return [[*map(str, table.cells(row))] for row in table.rows]


def view(study: Path, made: Report) -> StudyView:
    """The study as the sections of its page see it."""
    opened = open_study(study)
    store, unseen = find_store(opened, None)
    return StudyView(opened, made, store, print, unseen)


@pytest.fixture(scope="module")
def study(
    small_study: Path,
    small_store: Path,
    believe: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Two methods, two seeds; the judges are those of the other study."""
    folder = tmp_path_factory.mktemp("page") / "study"
    done = call(
        "run", "--model", "vae", "--model", "cvae", "--seeds", "2", "--dataset", small_store,
        "--encoder", "logmel", "--images", "96", "--metric", "is1_lite0", "--metric",
        "accuracy_resnet18", "--set", "cvae.beta=0.5", *INLINE, "--out", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"page: {folder / 'report.html'}" in done.output
    believe(folder)
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def made(study: Path) -> Report:
    return report(open_study(study))


def copy(study: Path, to: Path) -> Path:
    return Path(shutil.copytree(study, to / "study"))


def test_the_page_shows_the_numbers_of_the_tables(study: Path, made: Report) -> None:
    root = parse(study)
    assert [table.name for table in made.tables] == ["quality", "primary", "methods"]
    for table in made.tables:
        assert shown(root, table.name) == said(table)
    assert text_of(root.find(".//h1")) == "study"


def test_the_verdict_repeats_the_verdicts_of_the_table(study: Path, made: Report) -> None:
    (table,) = (one for one in made.tables if one.name == "primary")
    (compared,) = made.compared
    assert [test.verdict for test in compared.tests] == [row["verdict"] for row in table.records]
    assert text_of(parse(study).find(".//main")).count(compared.sentence) == 1


def test_a_reference_without_chance_is_compared_with_each_seed(made: Report) -> None:
    found = {one.name: one for one in against_references(made)}
    truth = found["against_ground_truth"].table
    assert {row["seeds"] for row in truth.records} == {2}
    assert {row["verdict"] for row in truth.records} == {"exploratory"}
    vae = next(method for method in made.methods if method.label == "vae")
    real = next(method for method in made.methods if method.label == "ground truth")
    row = next(r for r in truth.records if r["method"] == "vae" and "accuracy" in str(r["metric"]))
    name = "accuracy_resnet18"
    expected = vae.scores[name].mean - real.scores[name].mean
    assert row["difference"] == pytest.approx(expected)


def test_pictures_and_sounds_are_in_the_page(study: Path) -> None:
    root = parse(study)
    figure, *others = [one for one in root.iter("figure") if one.findall(".//table")]
    sounds = figure.findall(".//audio")
    rows = figure.findall(".//tbody/tr")
    labels = list(json.loads((study / "study.json").read_text())["jobs"])
    assert len(rows) == 1 + len(labels)
    assert len(sounds) > 4
    assert all(len(row.findall("td")) == len(sounds) for row in rows)
    assert [text_of(row.find("th")).split(" seed")[0] for row in rows] == ["real picture", *labels]
    real, truth = (row.findall(".//img") for row in rows[:2])
    assert [image.get("src") for image in real] == [image.get("src") for image in truth]
    (draws,) = others
    assert len(draws.findall(".//audio")) == 4
    assert {len(row.findall("td")) for row in draws.findall(".//tbody/tr")} == {4}


def test_scores_by_class_have_the_whole_score_as_their_mean(study: Path, made: Report) -> None:
    seen = view(study, made)
    assert seen.asked is not None
    (table,) = class_tables(seen.asked.exam.test, made, seen.rows)
    assert table.name == "class_accuracy_resnet18"
    n = [record["n"] for record in table.records]
    assert sum(n) == 12
    for method in made.methods:
        parts = [record[method.label] for record in table.records]
        whole = method.scores["accuracy_resnet18"].mean
        assert np.average(parts, weights=n) == pytest.approx(whole)


def test_scores_by_factor_are_the_parts_of_the_results(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    keys = json.loads((folder / "study.json").read_text())["jobs"]["vae"]
    for key, pitch in zip(keys, (0.25, 0.75), strict=True):
        path = folder / "jobs" / key / "result.json"
        result = json.loads(path.read_text())
        result["metrics"]["is1_lite0"]["parts"] = {"pitch": pitch, "<b>size</b>": 1.0}
        write_result(path.parent, result)
    assert call("report", folder).exit_code == 0
    assert shown(parse(folder), "part_is1_lite0") == [
        ["pitch", "0.50 (0.25 to 0.75)"],
        ["<b>size</b>", "1.00 (1.00 to 1.00)"],
    ]


def test_a_failed_job_is_a_gap_with_its_reason(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    keys = json.loads((folder / "study.json").read_text())["jobs"]["cvae"]
    for key in keys:
        (folder / "jobs" / key / "result.json").unlink()
    write_failure(folder / "jobs" / keys[1], "loss <i>kl</i> is nan")
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    root = parse(folder)
    rows = [[*row[:2], row[3]] for row in shown(root, "gaps")]
    assert rows[1] == ["cvae", "1", "loss <i>kl</i> is nan"]
    assert rows[0][2].startswith("interrupted")
    assert "Not complete" in text_of(root.find(".//main"))
    assert "no result" in [text_of(cell) for cell in root.iter("td")]


def test_hostile_labels_stay_text(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    path = folder / "study.json"
    about = json.loads(path.read_text())
    hostile = "</script><script>hacked()</script>$x$"
    about["jobs"] = {hostile if n == "vae" else n: keys for n, keys in about["jobs"].items()}
    write_json(path, about)
    assert call("report", folder).exit_code == 0
    root = parse(folder)
    assert len(root.findall(".//script")) == 1
    assert hostile in [row[0] for row in shown(root, "quality")]


def test_without_its_pairs_the_page_says_what_is_missing(
    study: Path, small_store: Path, tmp_path: Path
) -> None:
    folder = copy(study, tmp_path)
    path = folder / "study.json"
    write_json(path, json.loads(path.read_text()) | {"dataset": str(tmp_path / "gone")})
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    assert "no pictures and sounds on the page" in done.output
    root = parse(folder)
    assert not root.findall(".//audio")
    assert "gone: no such folder" in text_of(root.find(".//main"))
    assert call("report", folder, "--dataset", small_store).exit_code == 0
    assert parse(folder).findall(".//audio")
    done = call("report", folder, "--dataset", tmp_path / "gone")
    assert (done.exit_code, "no such folder" in done.output) == (2, True)


def test_the_same_results_give_the_same_bytes(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    pages = []
    for _ in range(2):
        assert call("report", folder).exit_code == 0
        pages.append((folder / "report.html").read_bytes())
        (folder / "report.html").unlink()
    assert pages[0] == pages[1]


def test_a_page_that_shows_the_same_is_left_as_it_is(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    page = folder / "report.html"
    assert call("report", folder).exit_code == 0
    written = page.stat().st_mtime_ns
    assert call("report", folder).exit_code == 0
    assert page.stat().st_mtime_ns == written

    path = next(folder.glob("jobs/*/result.json"))
    result = json.loads(path.read_text())
    result["notes"] = ["seen on the page"]
    write_result(path.parent, result)
    assert call("report", folder).exit_code == 0
    assert "seen on the page" in page.read_text()

    written = page.stat().st_mtime_ns
    (folder / "sweeps" / "volume").mkdir(parents=True)
    (folder / "sweeps" / "volume" / "sweep.json").write_text("{")
    for _ in range(2):
        assert "left out" in call("report", folder).output
    assert page.stat().st_mtime_ns > written


def test_the_command_of_a_row_computes_the_same_jobs(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {one.label: one.line for one in commands(open_study(study))}
    assert lines["ground truth, nearest train, class mean, shuffled in class, shuffled audio"] == ""
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(lines["cvae"])
    assert program == "a2ibench"
    assert "cvae.beta=0.5" in arguments
    done = call(*arguments, *INLINE)
    assert done.exit_code == 0, done.output
    again = tmp_path / "again" / "cvae"
    jobs = [json.loads((one / "study.json").read_text())["jobs"] for one in (study, again)]
    assert jobs[1]["cvae"] == jobs[0]["cvae"]
    for key in jobs[0]["cvae"]:
        weights = [
            json.loads((one / "jobs" / key / "result.json").read_text())["weights"]
            for one in (study, again)
        ]
        assert weights[0] == weights[1]


def test_sweeps_of_the_study_are_in_its_page(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    sound = tmp_path / "a<b>.wav"
    soundfile.write(sound, 0.3 * np.sin(np.arange(22_050) / 20), 22_050)
    for out in (folder / "sweeps" / "volume", tmp_path / "elsewhere"):
        done = call("sweep", folder, sound, "--volume", "0.5,2", "-n", "2", "--out", out)
        assert done.exit_code == 0, done.output
    done = call("report", folder, "--sweep", tmp_path / "elsewhere")
    assert done.exit_code == 0, done.output
    root = parse(folder)
    headings = [text_of(one) for one in root.iter("h3")]
    assert headings.count("vae, seed 0: volume") == 2
    found = pd.read_csv(folder / "sweeps" / "volume" / "correlations.csv")
    rows = shown(root, "sweep_1")
    assert [row[:2] for row in rows] == found[["sound", "measure"]].to_numpy().tolist()
    assert rows[0][0] == "a<b>"
    done = call("report", folder, "--sweep", tmp_path)
    assert (done.exit_code, "no sweep (it has no sweep.json)" in done.output) == (2, True)


def test_damaged_sweeps_of_the_study_are_left_out_and_named(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    for name, damage in (("a", "[]"), ("b", '{"job": "x"}'), ("<b>c", "{")):
        swept = folder / "sweeps" / name
        swept.mkdir(parents=True)
        (swept / "sweep.json").write_text(damage)
        (swept / "correlations.csv").write_text("sound,measure,rho,low,high,p,cases\n")
        (swept / "curves.png").write_bytes(b"")
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    assert done.output.count(": damaged sweep (") == 3
    (section,) = [one for one in parse(folder).iter("section") if one.get("id") == "sweeps"]
    assert text_of(section) == "Sweeps Damaged and left out: sweeps/<b>c, sweeps/a, sweeps/b."
    done = call("report", folder, "--sweep", swept)
    assert (done.exit_code, "damaged sweep" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blocks.parquet", "vae, seed 0: blocks.parquet is not the one that result.json was"),
        ("segments.parquet", "vae, seed 0: segments.parquet is not the one"),
        ("result.json", "vae, seed 0: result.json is damaged (Expecting value"),
        ("samples/test.npy", ", samples: damaged (test.npy: "),
        ("samples/grid.npy", ", samples: damaged (grid.npy: "),
    ],
)
def test_a_damaged_file_of_a_job_is_named_and_the_others_are_on_the_page(
    study: Path, tmp_path: Path, name: str, said: str
) -> None:
    folder = copy(study, tmp_path)
    about = json.loads((folder / "study.json").read_text())
    job = folder / "jobs" / about["jobs"]["vae"][0]
    (job / name).write_bytes(b"PAR1")
    # What an outside system's jobs alone have, and where it lies is no question of the page's.
    (job / "outside.json").write_bytes(b"PAR1")
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    assert said in done.output
    assert "ground truth" in text_of(parse(folder))


def test_a_training_without_losses_has_no_chart(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    for path in folder.glob("jobs/*/result.json"):
        result = json.loads(path.read_text())
        result["curve"] = [{"step": 1.0}]
        write_result(path.parent, result)
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    assert "training" not in [one.get("id") for one in parse(folder).iter("section")]


def test_a_study_without_a_metric_claims_nothing(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    about = json.loads((folder / "study.json").read_text())
    write_json(folder / "study.json", {**about, "metrics": []})
    done = call("report", folder)
    assert done.exit_code == 0, done.output
    (lead,) = [one for one in parse(folder).iter("p") if one.get("class") == "lead"]
    assert text_of(lead) == "Nothing is measured: this study has no metric."


SECTION = """
from a2ibench.contracts.section import Section
from a2ibench.registry import sections
from a2ibench.reporting.cells import Label, Seeds
from a2ibench.reporting.table import Column, Table


@sections.register
class Trainings(Section):
    name, title, place = "trainings", "Number of <trainings>", 45
    template = "<p>{{ said }}</p>{{ table(made) }}"

    def collect(self, study):
        rows = tuple((Label(row.label), Seeds(row.done, row.asked)) for row in study.report.arms)
        columns = (Column("method"), Column("seeds"))
        made = Table("trainings", "Trainings", columns, (rows,))
        return {"said": f"<b>{study.about.seeds}</b> seeds", "made": made}
"""


def test_a_section_of_ones_own_is_one_file(study: Path, tmp_path: Path) -> None:
    folder = copy(study, tmp_path)
    plugin = tmp_path / "trainings.py"
    plugin.write_text(SECTION)
    before = [one.get("id") for one in parse(folder).iter("section")]
    done = call("report", folder, "--plugin", plugin)
    assert done.exit_code == 0, done.output
    root = parse(folder)
    found = [one.get("id") for one in root.iter("section")]
    assert [name for name in found if name != "trainings"] == before
    assert found.index("pictures") < found.index("trainings") < found.index("seeds")
    links = {one.get("href"): text_of(one) for one in root.findall(".//nav//a")}
    assert links["#trainings"] == "Number of <trainings>"
    (section,) = [one for one in root.iter("section") if one.get("id") == "trainings"]
    assert text_of(section.find("p")) == "<b>2</b> seeds"
    assert shown(root, "trainings") == [["vae", "2"], ["cvae", "2"]]
    written = (folder / "report.html").stat().st_mtime_ns
    assert call("report", folder, "--plugin", plugin).exit_code == 0
    assert (folder / "report.html").stat().st_mtime_ns == written, "nothing has changed"
    registry.sections._registered.pop("trainings")


def test_a_section_that_fails_is_named_in_one_line(study: Path, tmp_path: Path) -> None:
    for name, given in (("bad_name", "{{ nothing }}"), ("bad_syntax", "{% for %}")):
        plugin = tmp_path / f"{name}.py"
        text = SECTION.replace("trainings", name).replace("<p>{{ said }}</p>", given)
        plugin.write_text(text.replace("class Trainings", f"class {name.title()}"))
        done = call("report", copy(study, tmp_path / name), "--plugin", plugin)
        assert (done.exit_code, "Traceback" in done.output) == (2, False), done.output
        assert f"error: section {name!r} (a2ibench_plugin_{name}" in done.output
        registry.sections._registered.pop(name)
