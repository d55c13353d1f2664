"""Results of earlier code: nothing is mixed in silence, and the user keeps or computes again."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

import a2ibench
from a2ibench import api, code_hash
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.protocol import PROTOCOL
from a2ibench.reporting.report import report
from a2ibench.results.job import Job
from a2ibench.results.records import JobRecord
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.study.request import Request

pytestmark = pytest.mark.integration

METRIC = "msssim_diversity"
"""No network judges it."""
PAIRS = {"train": 12, "test": 4, "image_size": 32, "seconds": 1.0}
BOTH = ("vae", "wan2019")


def ask(folder: Path, **changed: Any) -> Request:
    """A request of seconds."""
    asked: dict[str, Any] = {
        "models": BOTH, "dataset": "synthetic", "encoder": "logmel", "seeds": 1, "images": (64,),
        "metrics": (METRIC,), "settings": {"synthetic": PAIRS}, "folder": folder,
    }  # fmt: skip
    return Request(**{**asked, **changed})


class Idle(Inline):
    """An executor for studies in which nothing is left to train."""

    def __call__(self, trials: Any, tell: Any) -> None:
        raise AssertionError(f"computed again: {trials}")


INLINE, IDLE = Inline(), Idle()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two methods."""
    folder = tmp_path_factory.mktemp("earlier") / "study"
    assert run_study(ask(folder), INLINE, None, Display(Console(quiet=True))) == []
    return folder


@pytest.fixture
def same(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "study")


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the layers that both methods use, in a copy of the bench."""
    copy = tmp_path / "a2ibench"
    shutil.copytree(Path(code_hash.__file__).parent, copy)
    monkeypatch.setattr(code_hash, "CORE", copy)
    return copy / "nn" / "layers.py"


@pytest.fixture
def study(same: Path, layers: Path) -> Path:
    """A copy of it, whose methods are of earlier code."""
    with layers.open("a") as file:
        file.write("\nANOTHER = 1\n")
    return same


def jobs_of(folder: Path) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = json.loads((folder / "study.json").read_text())["jobs"]
    return jobs


def age(folder: Path, change: Callable[[str, dict[str, Any]], None]) -> None:
    """Changes all results of a study, as if another version had computed them."""
    about = json.loads((folder / "study.json").read_text())
    for label, keys in about["jobs"].items():
        for i, key in enumerate(keys):
            result = json.loads((folder / "jobs" / key / "result.json").read_text())
            change(label, result)
            job = Job.from_record(JobRecord(**result["job"]), result["protocol"])
            result["key"] = keys[i] = job.key
            (folder / "jobs" / key).rename(folder / "jobs" / keys[i])
            write_result(folder / "jobs" / keys[i], result)
    (folder / "study.json").write_text(json.dumps(about))


def tables(folder: Path) -> Mapping[str, str]:
    return {path.name: path.read_text() for path in (folder / "tables").glob("*.csv")}


def test_python_asks_as_the_command_does(study: Path) -> None:
    def again(**choice: Any) -> api.Study:
        return a2ibench.run(
            ["vae", "wan2019"], dataset="synthetic", settings={"synthetic": PAIRS}, seeds=1,
            encoder="logmel", images=64, metrics=[METRIC], executor="inline", tracking_uri="none",
            out=study, quiet=True, **choice,
        )  # fmt: skip

    before = jobs_of(study)
    with pytest.raises(UserError, match="in Python: earlier='recompute' or 'keep'"):
        again()
    again(earlier="keep")
    assert jobs_of(study)["vae"] == before["vae"]
    again(earlier="recompute")
    assert jobs_of(study)["vae"] != before["vae"]


def test_the_command_asks_before_any_work(study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    sizes = [word for k, v in PAIRS.items() for word in ("--set", f"synthetic.{k}={v}")]
    done = CliRunner().invoke(
        main,
        ["run", "--model", "vae", "--model", "wan2019", "--dataset", "synthetic", *sizes,
         "--encoder", "logmel", "--images", "64", "--metric", METRIC, "--executor", "inline",
         "--seeds", "1", "--tracking-uri", "none", "--out", str(study)],
    )  # fmt: skip
    assert done.exit_code == 2, done.output
    assert (
        f"{study}: holds results of earlier code: vae, seed 0: trained with an earlier version of"
        " vae (a2ibench/nn/layers.py); wan2019, seed 0: trained with an earlier version of wan2019"
        " (a2ibench/nn/layers.py). Say --recompute to compute these jobs again (the earlier results"
        " stay in the folder), or --keep to keep the results, marked in every table"
    ) in done.output
    assert before == {p: p.stat().st_mtime_ns for p in study.rglob("*") if p.is_file()}


class CutOff(Inline):
    """An executor that is interrupted at once."""

    def __call__(self, trials: Any, tell: Any) -> None:
        raise KeyboardInterrupt


def test_results_are_kept_after_all_where_computing_them_again_was_cut_off(study: Path) -> None:
    kept = jobs_of(study)
    with pytest.raises(KeyboardInterrupt):
        run_study(ask(study, earlier="recompute"), CutOff(), None, Display(Console(quiet=True)))
    assert jobs_of(study) != kept
    failed = run_study(ask(study, earlier="keep"), IDLE, None, Display(Console(quiet=True)))
    assert failed == []
    assert jobs_of(study)["vae"] == kept["vae"]


def test_results_are_kept_after_all_where_some_were_computed_again(
    same: Path, layers: Path, display: Display
) -> None:
    assert run_study(ask(same, seeds=2), INLINE, None, display) == []
    kept = jobs_of(same)
    with layers.open("a") as file:
        file.write("\nANOTHER = 1\n")
    assert run_study(ask(same, seeds=1, earlier="recompute"), INLINE, None, display) == []
    assert run_study(ask(same, seeds=2, earlier="keep"), IDLE, None, display) == []
    assert {label: jobs_of(same)[label] for label in BOTH} == {label: kept[label] for label in BOTH}


def test_kept_results_are_marked_in_every_table_and_the_choice_is_remembered(
    study: Path, layers: Path
) -> None:
    jobs = jobs_of(study)
    console = Console(record=True, width=1_000)
    run_study(ask(study, earlier="keep"), IDLE, None, Display(console))
    note = "vae: kept, trained with an earlier version of vae (a2ibench/nn/layers.py)."
    assert note in console.export_text()
    assert jobs_of(study) == jobs
    for again in (lambda: None, lambda: report(open_study(study))):
        again()
        for path in (study / "tables").glob("*.md"):
            assert note in path.read_text()
            assert "| vae |" in path.read_text()
    run_study(ask(study), IDLE, None, Display(console))
    with layers.open("a") as file:
        file.write("\nYET_ANOTHER = 1\n")
    with pytest.raises(UserError, match="holds results of earlier code"):
        run_study(ask(study), IDLE, None, Display(console))


def test_what_is_computed_again_are_new_jobs_beside_the_earlier_ones(
    study: Path, display: Display
) -> None:
    before = jobs_of(study)
    assert run_study(ask(study, earlier="recompute"), INLINE, None, display) == []
    after = jobs_of(study)
    assert after["ground truth"] == before["ground truth"]
    for label in BOTH:
        assert not set(before[label]) & set(after[label])
        assert (study / "jobs" / before[label][0] / "result.json").is_file()
    assert "kept" not in json.loads((study / "study.json").read_text())
    run_study(ask(study), IDLE, None, display)


def test_a_method_is_kept_whole_or_not_at_all(study: Path, display: Display) -> None:
    with pytest.raises(UserError, match=r"--keep: vae, seed 1 has no earlier result"):
        run_study(ask(study, seeds=2, earlier="keep"), IDLE, None, display)


def test_another_method_is_trained_beside_kept_results(study: Path, display: Display) -> None:
    asked = ask(study, models=(*BOTH, "flow"), earlier="keep")
    assert run_study(asked, INLINE, None, display) == []
    report(open_study(study))
    (text,) = {path.read_text() for path in (study / "tables").glob("variety.md")}
    assert "| flow |" in text
    assert "wan2019: kept" in text
    assert "flow: kept" not in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"protocol": 0}, f"of protocol 0, where {PROTOCOL} is the present one"),
        ({"encoder": "0" * 20}, "with an earlier version of encoder logmel"),
    ],
)
def test_what_never_stands_in_one_table_is_not_kept_beside_new_results(
    same: Path, display: Display, changed: dict[str, Any], said: str
) -> None:
    def change(label: str, result: dict[str, Any]) -> None:
        result["job"] |= changed
        result["protocol"] = result["job"]["protocol"]

    age(same, change)
    with pytest.raises(UserError, match=f"vae, seed 0: {said}"):
        run_study(ask(same), IDLE, None, display)
    with pytest.raises(UserError, match=r"--keep: .* never stands in one table with flow, seed 0"):
        run_study(ask(same, models=(*BOTH, "flow"), earlier="keep"), IDLE, None, display)
    run_study(ask(same, earlier="keep"), IDLE, None, display)


def test_a_study_of_an_earlier_version_is_kept_as_it_is_or_computed_again(
    same: Path, display: Display
) -> None:
    """Its jobs are known by all code of the bench, its judges by other fingerprints."""

    def change(label: str, result: dict[str, Any]) -> None:
        result["job"] |= {"source": "0" * 64, "encoder": "0" * 20}
        del result["job"]["protocol"]
        result["metrics"][METRIC]["judge_fingerprint"] = "0" * 20
        if label in BOTH:
            result["sources"] |= {"a2ibench/training/fit.py": "0" * 64}

    before = tables(same)
    age(same, change)
    kept = jobs_of(same)
    report(open_study(same))
    assert tables(same) == before
    with pytest.raises(UserError, match="vae, seed 0: of an earlier version of a2ibench, which"):
        run_study(ask(same), IDLE, None, display)
    run_study(ask(same, earlier="keep"), IDLE, None, display)
    assert tables(same) == before
    assert jobs_of(same) == kept
    with pytest.raises(UserError, match="it never stands in one table with flow, seed 0"):
        run_study(ask(same, models=(*BOTH, "flow"), earlier="keep"), IDLE, None, display)
    assert run_study(ask(same, earlier="recompute"), INLINE, None, display) == []
    report(open_study(same))


def test_another_protocol_is_another_job() -> None:
    record = {"kind": "model", "method": "vae", "config": {}, "source": "", "store": "",
              "encoder": "", "seed": 0, "images": 1}  # fmt: skip
    first = Job.from_record(JobRecord(**record))
    assert first.protocol == 1, "files of the first protocol do not name it"
    assert Job.from_record(JobRecord(**record, protocol=2)).key != first.key
