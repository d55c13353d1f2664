"""Several budgets: one training, stopped at each, as if each had been trained by itself."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import a2ibench
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.results.job_images import step_pictures
from a2ibench.results.job_state import CHECKPOINT, JobState
from a2ibench.results.results_parquet import read_long
from a2ibench.results.status import read_status
from a2ibench.results.study import open_study
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.prepare import prepare_study
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.runs.trial import Trial
from a2ibench.study.request import Request
from a2ibench.training import fit

pytestmark = pytest.mark.integration

Tiny = Callable[..., Request]
BUDGETS = (320, 640, 1_300)
"""20, 40 and 81 steps of vae."""


PAIRS = {"train": 12, "test": 12, "image_size": 32, "seconds": 1.0}
"""As those of ``tiny``."""


def job(folder: Path, budget: int, seed: int = 0) -> JobState:
    return open_study(folder, budget).row("vae").jobs[seed]


def bits(state: JobState) -> tuple[Any, ...]:
    """All that must not depend on when a training stopped before."""
    result = state.result
    assert result is not None
    pictures = {step: path.read_bytes() for step, path in step_pictures(state.folder).items()}
    samples = np.load(state.folder / "samples" / "test.npy").tobytes()
    return result.weights, result.steps, result.plain["metrics"], samples, pictures


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, ...]]:
    """A training by itself for each budget."""
    request = Request(
        ("vae",), dataset="synthetic", encoder="logmel", seeds=1, images=BUDGETS,
        metrics=("is1_lite0",), folder=tmp_path_factory.mktemp("apart") / "study",
        settings={"synthetic": PAIRS},
    )  # fmt: skip
    plan = prepare_study(request, lambda name: lambda done, total: None, lambda line: None)
    tasks = [replace(task, earlier=()) for task in plan.trainings]
    for task in tasks:
        Trial.of(task)()
    return {task.job.images: bits(JobState(task.folder)) for task in tasks}


def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the steps that are taken from now on: a list with one entry for each training."""
    steps: list[int] = []
    inner = fit.fit

    def counting(*args: Any, **more: Any) -> Any:
        before = len(counted)
        state = inner(*args, **more)
        steps.append(len(counted) - before)
        return state

    counted: list[None] = []
    batch = fit.Batches.batch
    monkeypatch.setattr(
        fit.Batches, "batch", lambda self, step: counted.append(None) or batch(self, step)
    )
    monkeypatch.setattr("a2ibench.runs.model.fit", counting)
    return steps


def test_each_budget_has_the_bits_of_a_training_of_its_own_and_no_step_is_taken_twice(
    tmp_path: Path, display: Display, tiny: Tiny, apart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    steps = trained(monkeypatch)
    assert run_study(tiny(folder, images=BUDGETS), Inline(), None, display) == []
    assert steps == [20, 20, 41]
    study = open_study(folder)
    assert study.budgets == BUDGETS
    assert study.budget == BUDGETS[-1]
    assert {row.label for row in study.rows} == {row.label for row in study.at(BUDGETS[0]).rows}
    for budget in BUDGETS:
        assert bits(job(folder, budget)) == apart[budget]
        assert (job(folder, budget).folder / CHECKPOINT).is_file()
    table = read_long(folder / "results.parquet")
    assert set(table.loc[table["model"] == "vae", "images"]) == set(BUDGETS)
    assert set(table.loc[table["model"] != "vae", "images"]) == {0}
    status = read_status(folder)
    assert {job.state for job in status.jobs} == {"done"}
    assert "vae, 320 images" in status.labels


def test_a_larger_budget_added_later_goes_on_from_the_state_that_is_there(
    tmp_path: Path, display: Display, tiny: Tiny, apart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder, images=BUDGETS[:1]), Inline(), None, display)
    steps = trained(monkeypatch)
    run_study(tiny(folder, images=BUDGETS[:2]), Inline(), None, display)
    run_study(tiny(folder, images=BUDGETS[2:]), Inline(), None, display)
    assert steps == [20, 41]
    # A smaller one: no state leads there.
    run_study(tiny(folder, images=(160, *BUDGETS)), Inline(), None, display)
    assert steps == [20, 41, 10]
    for budget in BUDGETS:
        assert bits(job(folder, budget)) == apart[budget]


def test_an_interrupted_training_goes_on_at_the_budget_that_it_had_reached(
    tmp_path: Path, display: Display, tiny: Tiny, apart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    monkeypatch.setattr(fit, "MIN_SAVE_INTERVAL", 0.0)

    class Stopping(Inline):
        def __call__(self, trials: Any, tell: Any) -> None:
            def stop(update: Any) -> None:
                tell(update)
                if update.step == 60:
                    raise KeyboardInterrupt

            super().__call__(trials, stop)

    with pytest.raises(KeyboardInterrupt):
        run_study(tiny(folder, images=BUDGETS), Stopping(), None, display)
    states = [job.state for job in read_status(folder).jobs if job.label.startswith("vae")]
    assert states == ["done", "done", "interrupted"]
    steps = trained(monkeypatch)
    run_study(tiny(folder, images=BUDGETS), Inline(), None, display)
    assert steps == [21]
    assert [bits(job(folder, budget)) for budget in BUDGETS] == [apart[b] for b in BUDGETS]


def test_a_damaged_state_of_a_smaller_budget_costs_its_steps_and_is_told(
    tmp_path: Path, display: Display, tiny: Tiny, apart: Any
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder, images=BUDGETS[:1]), Inline(), None, display)
    smaller = job(folder, BUDGETS[0]).folder
    (smaller / CHECKPOINT).write_bytes(b"nothing")
    run_study(tiny(folder, images=BUDGETS[:2]), Inline(), None, display)
    larger = job(folder, BUDGETS[1])
    assert bits(larger) == apart[BUDGETS[1]]
    assert larger.result is not None
    said = f"the checkpoint of job {smaller.name} was damaged, trained from the beginning"
    assert larger.result.notes == [said]


def test_where_the_second_budget_fails_the_first_is_kept(
    tmp_path: Path, display: Display, tiny: Tiny, apart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    inner = fit._means

    def diverging(seen: Any, step: int, team: Any) -> dict[str, float]:
        if step > 20:
            raise fit.DivergedError(f"loss loss is nan before step {step}")
        return inner(seen, step, team)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "_means", diverging)
        failures = run_study(tiny(folder, images=BUDGETS), Inline(), None, display)
    assert failures == [
        f"vae, {budget:,} images, seed 0: loss loss is nan before step 40" for budget in BUDGETS[1:]
    ]
    assert bits(job(folder, BUDGETS[0])) == apart[BUDGETS[0]]
    assert run_study(tiny(folder, images=BUDGETS), Inline(), None, display) == []
    assert bits(job(folder, BUDGETS[2])) == apart[BUDGETS[2]]


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ((640, 320), "--images 640,320: expected increasing numbers; 320 comes after 640"),
        ((0, 320), "--images 0,320: expected numbers from 1 to 10,000,000,000, got 0"),
        ((8, 320), "--images 8: less than one batch of vae (16 pairs)"),
        (
            (640, 650),
            "--images 640,650: the same number of steps, 40, for vae (batches of 16 pairs",
        ),
    ],
)
def test_budgets_that_make_no_sense_are_refused_before_any_work(
    tmp_path: Path, display: Display, tiny: Tiny, images: tuple[int, ...], said: str
) -> None:
    with pytest.raises(UserError) as error:
        run_study(tiny(tmp_path / "study", images=images), Inline(), None, display)
    assert said in str(error.value)
    assert not (tmp_path / "study").exists()


def test_a_study_has_the_budgets_that_its_file_names(
    tmp_path: Path, display: Display, tiny: Tiny
) -> None:
    folder = tmp_path / "study"
    run_study(tiny(folder, images=BUDGETS[:2]), Inline(), None, display)
    about = json.loads((folder / "study.json").read_text())
    assert about["images"] == BUDGETS[1]
    assert list(about["smaller"]) == [str(BUDGETS[0])]
    assert "images:\n- 320\n- 640\n" in (folder / "study.yaml").read_text()
    assert "Scores by training images" in (folder / "report.html").read_text()
    done = CliRunner().invoke(main, ["report", str(folder), "--budget", "320"])
    assert done.exit_code == 0, done.output
    assert "small scale, 320 images" in (folder / "tables" / "quality.md").read_text()
    opened = a2ibench.open_study(folder, budget=320)
    assert (opened.budget, opened.budgets) == (320, BUDGETS[:2])
    with pytest.raises(UserError, match=r"has no budget of 7 images; known: 320, 640"):
        open_study(folder, 7)
