"""Results of earlier code: nothing is mixed in silence, and the user keeps or computes again."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from a2ibench import source
from a2ibench.errors import UserError
from a2ibench.reporting.report import report
from a2ibench.results.outcome import write_result
from a2ibench.runs.display import Display
from a2ibench.runs.executors.inline import run_inline
from a2ibench.runs.run import run_study
from a2ibench.study.plan import Request

Tiny = Callable[..., Request]


def refuse(tasks: object, tell: object) -> None:
    raise AssertionError(f"computed again: {tasks}")


refuse.room = lambda tasks: {}  # type: ignore[attr-defined]


METRIC = "msssim_diversity"


@pytest.fixture(name="tiny")
def cheap(tiny: Tiny) -> Tiny:
    """Requests with one metric that no network judges."""
    return partial(tiny, metrics=(METRIC,), images=16)


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the layers that methods share, in a copy of the bench."""
    copy = tmp_path / "a2ibench"
    shutil.copytree(Path(source.__file__).parent, copy)
    monkeypatch.setattr(source, "CORE", copy)
    return copy / "nn" / "layers.py"


@pytest.fixture
def study(tmp_path: Path, display: Display, tiny: Tiny, layers: Path) -> Path:
    """Two methods; then the layers that both use are changed."""
    folder = tmp_path / "study"
    run_study(tiny(folder, models=("vae", "wan2019")), run_inline, None, display)
    with layers.open("a") as file:
        file.write("\nANOTHER = 1\n")
    return folder


def jobs_of(folder: Path) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = json.loads((folder / "study.json").read_text())["jobs"]
    return jobs


def edit(folder: Path, label: str, **changed: Any) -> None:
    """Changes the results of a row as if other code had written them."""
    for key in jobs_of(folder)[label]:
        path = folder / "jobs" / key / "result.json"
        result = json.loads(path.read_text())
        result["job"] |= changed.pop("job", {})
        write_result(path.parent, result | changed)


def test_the_user_is_asked_before_any_work(study: Path, display: Display, tiny: Tiny) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as error:
        run_study(tiny(study, models=("vae", "wan2019")), refuse, None, display)
    assert str(error.value) == (
        f"{study}: holds results of earlier code: vae, seed 0: trained with an earlier version of"
        " vae (a2ibench/nn/layers.py); wan2019, seed 0: trained with an earlier version of wan2019"
        " (a2ibench/nn/layers.py). Say --recompute to compute these jobs again (the earlier results"
        " stay in the folder), or --keep to keep the results, marked in every table"
    )
    assert before == {p: p.stat().st_mtime_ns for p in study.rglob("*") if p.is_file()}


def test_kept_results_stand_in_every_table_marked_and_the_choice_is_remembered(
    study: Path, tiny: Tiny, layers: Path
) -> None:
    jobs = jobs_of(study)
    console = Console(record=True, width=1_000)
    asked = tiny(study, models=("vae", "wan2019"), earlier="keep")
    run_study(asked, refuse, None, Display(console))
    note = "vae: kept, trained with an earlier version of vae (a2ibench/nn/layers.py)."
    assert note in console.export_text()
    assert jobs_of(study) == jobs
    assert note in (study / "tables" / "variety.md").read_text()
    report(study)
    assert note in (study / "tables" / "variety.md").read_text()
    assert "| vae |" in (study / "tables" / "variety.md").read_text()
    run_study(tiny(study, models=("vae", "wan2019")), refuse, None, Display(console))
    with layers.open("a") as file:
        file.write("\nYET_ANOTHER = 1\n")
    with pytest.raises(UserError, match="holds results of earlier code"):
        run_study(tiny(study, models=("vae", "wan2019")), refuse, None, Display(console))


def test_what_is_computed_again_is_new_jobs_beside_the_earlier_ones(
    study: Path, display: Display, tiny: Tiny
) -> None:
    before = jobs_of(study)
    asked = tiny(study, models=("vae", "wan2019"), earlier="recompute")
    assert run_study(asked, run_inline, None, display) == []
    after = jobs_of(study)
    assert after["ground truth"] == before["ground truth"]
    for label in ("vae", "wan2019"):
        assert not set(before[label]) & set(after[label])
        assert (study / "jobs" / before[label][0] / "result.json").is_file()
    assert "kept" not in json.loads((study / "study.json").read_text())
    run_study(tiny(study, models=("vae", "wan2019")), refuse, None, display)


def test_a_method_is_kept_whole_or_not_at_all(study: Path, display: Display, tiny: Tiny) -> None:
    asked = tiny(study, models=("vae", "wan2019"), seeds=2, earlier="keep")
    with pytest.raises(UserError, match=r"--keep: vae, seed 1 has no earlier result"):
        run_study(asked, refuse, None, display)


def test_another_method_is_trained_beside_kept_results(
    study: Path, display: Display, tiny: Tiny
) -> None:
    asked = tiny(study, models=("vae", "wan2019", "flow"), earlier="keep")
    assert run_study(asked, run_inline, None, display) == []
    report(study)
    text = (study / "tables" / "variety.md").read_text()
    assert "| flow |" in text
    assert "flow: kept" not in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"protocol": 0}, "vae is of protocol 0, where 1 is the present one"),
        ({"job": {"encoder": "0" * 20}}, "vae is by an earlier version of encoder logmel"),
    ],
)
def test_what_never_stands_in_one_table_is_not_kept_beside_new_results(
    tmp_path: Path, display: Display, tiny: Tiny, changed: dict[str, Any], said: str
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder), run_inline, None, display)
    key = jobs_of(folder)["vae"][0]
    (folder / "jobs" / key).rename(folder / "jobs" / "earlier")
    about = json.loads((folder / "study.json").read_text())
    about["jobs"]["vae"] = ["earlier"]
    (folder / "study.json").write_text(json.dumps(about))
    edit(folder, "vae", key="earlier", **changed)
    with pytest.raises(UserError, match=f"--keep: {said}; it never stands in one table"):
        run_study(tiny(folder, earlier="keep"), refuse, None, display)


def test_a_study_of_an_earlier_version_is_kept_as_it_is_or_computed_again(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    """Its jobs are known by all code of the bench, its judges by other fingerprints."""
    folder = tmp_path / "study"
    run_study(tiny(folder), run_inline, None, display)
    about = json.loads((folder / "study.json").read_text())
    for label, keys in about["jobs"].items():
        for i, key in enumerate(keys):
            result = json.loads((folder / "jobs" / key / "result.json").read_text())
            result["key"] = keys[i] = f"earlier-{key}"
            result["job"] |= {"source": "0" * 64, "encoder": "0" * 20}
            del result["job"]["protocol"]
            result["metrics"][METRIC]["judge_fingerprint"] = "0" * 20
            if label == "vae":
                result["sources"] |= {"a2ibench/training/fit.py": "0" * 64}
            (folder / "jobs" / key).rename(folder / "jobs" / keys[i])
            write_result(folder / "jobs" / keys[i], result)
    (folder / "study.json").write_text(json.dumps(about))
    report(folder)
    table = (folder / "tables" / "variety.csv").read_text()
    with pytest.raises(UserError, match="vae, seed 0: of an earlier version of a2ibench, which"):
        run_study(tiny(folder), refuse, None, display)
    run_study(tiny(folder, earlier="keep"), refuse, None, display)
    assert (folder / "tables" / "variety.csv").read_text() == table
    assert jobs_of(folder) == about["jobs"]
    with pytest.raises(UserError, match="it never stands in one table with flow, seed 0"):
        run_study(tiny(folder, models=("vae", "flow"), earlier="keep"), refuse, None, display)
    assert run_study(tiny(folder, earlier="recompute"), run_inline, None, display) == []
    report(folder)
