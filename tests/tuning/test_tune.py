"""A search: on validation clips alone, with real Ray and Optuna, and never twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import warnings_of_others
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench import config, registry
from a2ibench.cli import main
from a2ibench.errors import UserError
from a2ibench.runs.trial_data import open_parts
from a2ibench.storage import write_json
from a2ibench.study.request import Request, outline
from a2ibench.study.study_file import read_study_file
from a2ibench.tuning.search_results import write_best, write_trials
from a2ibench.tuning.search_trial import (
    Rung,
    SearchTrial,
    State,
    best_options,
    read_trial,
    run_trial,
    steps_at,
)
from a2ibench.tuning.space import Domain, read_space
from a2ibench.tuning.tune import RUNGS, SEED, Tuning, plan_tuning, split_for_tuning
from a2ibench.types import Spec

pytestmark = pytest.mark.integration

SPACE = "lr: {log: [1e-4, 1e-3]}\nbatch_size: {choice: [8, 16]}\n"
CHOSEN = {"lr": 5e-4, "batch_size": 8}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def silent(name: str) -> Any:
    return lambda done, total: None


@pytest.fixture
def request_(small_store: Path, tmp_path: Path) -> Request:
    (tmp_path / "space.yaml").write_text(SPACE)
    return Request(
        models=("vae",), dataset=str(small_store), encoder="logmel", seeds=1, images=(72,),
        metrics=("is1_lite0",), folder=tmp_path / "tuning",
    )  # fmt: skip


def plan(request: Request, share: float = 1.0) -> Tuning:
    assert request.folder is not None
    space = request.folder.parent / "space.yaml"
    return plan_tuning(request, space, silent, lambda line: None, share)


def test_trials_train_for_a_share_of_the_final_budget_and_the_best_options_ask_for_all_of_it(
    request_: Request,
) -> None:
    request = replace(request_, images=(720, 1_440))
    tuning = plan(request, 0.1)
    assert tuning.task.job.images == 144
    run_trial(tuning, CHOSEN, lambda rung, value: None)
    best = read_study_file(write_best(tuning, request, write_trials(tuning)))
    assert best["images"] == [720, 1_440]


@warnings_of_others.ignored  # Ray and Optuna warn about their own dependencies
def test_a_search_goes_on_where_it_was_cut_off_and_its_best_options_are_a_studys_file(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = plan(request_)

    def cut_off(rung: int, value: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(tuning, CHOSEN, cut_off)
    record = read_trial(tuning.trial_folder(CHOSEN))
    assert record is not None
    assert (record.state, len(record.rungs)) == ("running", 1)

    arguments = [
        "tune", "--model", "vae", "--space", tmp_path / "space.yaml", "--metric", "is1_lite0",
        "--dataset", request_.dataset, "--encoder", "logmel", "--images", 72, "--out",
        tuning.folder, "--repeat", 1,
    ]  # fmt: skip
    if not torch.cuda.is_available():
        refused = call(*arguments, "--trials", 3, "--gpus-per-trial", 0.5)
        assert refused.exit_code == 2
        assert "a trial needs 1 CPU, 0.5 GPU" in refused.output
        assert "no trial could start" in refused.output
    done = call(*arguments, "--trials", 3)
    assert done.exit_code == 0, done.output
    table = pd.read_parquet(tuning.folder / "trials.parquet")
    assert pd.read_csv(tuning.folder / "trials.csv")["lr"].tolist() == table["lr"].tolist()
    assert len(table) == 3
    assert set(table["state"]) <= {"done", "stopped"}
    assert table["lr"].between(1e-4, 1e-3).all()
    assert set(table["batch_size"]) <= {8, 16}
    went_on = read_trial(tuning.trial_folder(CHOSEN))
    assert went_on is not None
    assert went_on.rungs[0] == record.rungs[0]
    reached = [one.rung for one in went_on.rungs]
    assert reached == list(RUNGS)[: len(reached)]
    assert went_on.state == ("done" if len(reached) == len(RUNGS) else "stopped")

    best = read_study_file(tuning.folder / "best.yaml")
    full = table[table["state"] == "done"]
    assert best["settings"]["vae"]["lr"] == full.loc[full["value"].idxmax(), "lr"]
    said = yaml.safe_load((tuning.folder / "best.yaml").read_text())["provenance"]
    assert (said["trials"], said["seed"], said["value"]) == (3, 1000, full["value"].max())
    assert said["best_after"][-1] == said["value"]
    assert [*said["by_seed"]] == [1000, 1001, 1002]
    assert len({*said["by_seed"].values()}) > 1
    assert said["mean"] == pytest.approx(np.mean([*said["by_seed"].values()]))
    assert table.loc[0, "mean"] == said["mean"]
    assert table["mean"].notna().sum() == 1
    assert call("run", tuning.folder / "best.yaml", "--dry-run").exit_code == 0

    def refuse(address: str | None) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("a2ibench.tuning.ray_search.started", refuse)
    before = {path: path.stat().st_mtime_ns for path in tuning.folder.glob("trials/*/trial.json")}
    assert call(*arguments, "--trials", 3).exit_code == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    (tmp_path / "space.yaml").write_text(SPACE.replace("1e-3", "1e-2"))
    other = call(*arguments, "--trials", 3)
    assert (other.exit_code, "another search (space differ)" in other.output) == (2, True)


def test_of_trials_that_were_repeated_the_best_mean_decides(request_: Request) -> None:
    """Not the best score of the first seed, nor one whose repetition failed or is yet to be run."""
    tuning = plan(request_)

    def write(lr: float, seed: int, value: float, state: State = "done") -> None:
        search = tuning if seed == SEED else tuning.with_seed(seed)
        options = {"lr": lr, "batch_size": 8}
        record = SearchTrial(
            options=options, state=state, rungs=[Rung(rung=9, value=value)], started=lr,
            seconds=1.0, reason=None,
        )  # fmt: skip
        write_json(search.trial_folder(options) / "trial.json", record.model_dump())

    for lr, value in ((1e-4, 1.9), (2e-4, 1.8), (3e-4, 1.7), (4e-4, 1.6)):
        write(lr, SEED, value)
    assert [one["lr"] for one in best_options(tuning, 3)] == [1e-4, 2e-4, 3e-4]
    assert "mean" not in write_trials(tuning)
    write(1e-4, 1_001, 1.0)
    write(1e-4, 1_002, 1.1)
    write(2e-4, 1_001, 1.85, "failed")
    write(2e-4, 1_002, 1.9)
    write(3e-4, 1_001, 1.6)
    write(3e-4, 1_002, 1.5)
    write(4e-4, 1_001, 1.9)
    table = write_trials(tuning)
    assert table["lr"].tolist() == [3e-4, 1e-4, 2e-4, 4e-4]
    np.testing.assert_allclose(table["mean"], [1.6, 4 / 3, np.nan, np.nan])
    path = write_best(tuning, request_, table)
    assert read_study_file(path)["settings"]["vae"]["lr"] == 3e-4
    said = yaml.safe_load(path.read_text())["provenance"]
    assert said["by_seed"] == {1000: 1.7, 1001: 1.6, 1002: 1.5}


def test_rung_by_rung_and_from_a_checkpoint_a_trial_gets_the_same_scores(
    request_: Request, tmp_path: Path
) -> None:
    tuning = plan(request_)
    scores: list[tuple[int, float]] = []

    def stop_after_two(rung: int, value: float) -> None:
        scores.append((rung, value))
        if len(scores) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(tuning, CHOSEN, stop_after_two)
    scores.clear()
    run_trial(tuning, CHOSEN, lambda rung, value: scores.append((rung, value)))
    assert [rung for rung, _ in scores] == list(RUNGS)
    whole: list[tuple[int, float]] = []
    again = replace(tuning, task=replace(tuning.task, folder=tmp_path / "again"))
    run_trial(again, CHOSEN, lambda rung, value: whole.append((rung, value)))
    assert scores == whole
    assert not list(tuning.folder.glob("trials/*/checkpoint.safetensors"))


def test_a_method_is_not_stopped_before_it_has_heard_anything() -> None:
    spec = Spec(image_size=32, acoustic_dim=8, classes=("a", "b"))

    def steps(name: str, all_steps: int, **options: Any) -> list[int]:
        method = registry.models.get(name)
        values = {**method.scales["small"], "batch_size": 16, **options}
        model = method(config.build(method.Config, values, name), spec)
        return [steps_at(rung, all_steps, model) for rung in RUNGS]

    assert steps("flow", 900) == [100, 300, 900]
    assert steps("adapted_flow", 900, prior_images=0) == [100, 300, 900]
    assert steps("adapted_flow", 900, prior_images=450 * 16) == [500, 600, 900]
    assert steps("adapted_flow", 900, prior_images=901 * 16) == [900, 900, 900]
    assert steps("flow", 2) == [1, 1, 2]


def test_a_trial_that_diverges_is_a_bad_trial_and_a_broken_one_is_tried_again(
    request_: Request,
) -> None:
    tuning = plan(request_)
    wild = {"lr": 1e30, "batch_size": 8}
    run_trial(tuning, wild, lambda rung, value: None)
    record = read_trial(tuning.trial_folder(wild))
    assert record is not None
    assert record.state == "failed"
    assert "nan" in str(record.reason).lower()

    lost = replace(tuning, task=replace(tuning.task, job=replace(tuning.task.job, store="others")))
    run_trial(lost, CHOSEN, lambda rung, value: None)
    record = read_trial(tuning.trial_folder(CHOSEN))
    assert record is not None
    assert (record.state, "no longer those" in str(record.reason)) == ("broken", True)
    run_trial(tuning, CHOSEN, lambda rung, value: None)
    record = read_trial(tuning.trial_folder(CHOSEN))
    assert record is not None
    assert (record.state, record.reason) == ("done", None)


def test_validation_clips_are_of_training_and_nobody_elses(request_: Request) -> None:
    _, _, data = open_parts(request_, outline(request_), silent)
    train, exam = split_for_tuning(data, registry.metrics.get("is1_lite0"))
    sides = [set(pairs.source) for pairs in (train, exam.test, data.judging, data.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert set(train.source) | set(exam.test.source) == set(data.train.source)
    assert set(np.unique(exam.test.label)) == set(np.unique(data.train.label))


def test_of_many_validation_pairs_some_of_each_class_are_judged(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, data = open_parts(request_, outline(request_), silent)
    metric = registry.metrics.get("is1_lite0")
    train, every = split_for_tuning(data, metric)
    monkeypatch.setattr("a2ibench.tuning.tune.MAX_VALIDATION", 4)
    again, some = split_for_tuning(data, metric)
    assert len(every.test) > len(some.test) == 4
    assert np.bincount(some.test.label).tolist() == [2, 2]
    assert set(some.test.source) <= set(every.test.source)
    assert (again.source == train.source).all()
    monkeypatch.setattr(metric, "fewest", 5)
    _, enough = split_for_tuning(data, metric)
    assert len(enough.test) == len(every.test)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("rprec1_own", "nothing to search by"),
        ("ct_lite0", "neither a higher nor a lower score is better: nothing to search by"),
        (
            "rprec1_i2a_lite0",
            r"at least 100 .*: of 36 training pairs \d+ train the judges",
        ),
    ],
)
def test_a_metric_that_cannot_guide_a_search_is_refused(
    request_: Request, metric: str, expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        plan(replace(request_, metrics=(metric,)))
    assert request_.folder is not None
    assert not request_.folder.exists()


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(request_: Request, share: float) -> None:
    with pytest.raises(UserError, match=r"--share .*: expected a number above 0"):
        plan(request_, share)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("beta: {uniform: [0, 1]}\nlearn: {log: [1, 2]}", r"line 2\) 'learn'"),
        ("lr: {lg: [1, 2]}", r"kind of range .*did you mean log"),
        ("lr: [1, 2]", "expected one of log, uniform, int, choice"),
        ("lr: {log: [1e-3]}", r"lr: expected log: \[LOW, HIGH\], got \['1e-3'\]"),
        ("lr: {log: [1e-3, 1e-4]}", "an empty range"),
        ("lr: {log: [0, 1]}", "a logarithm needs numbers above 0"),
        ("lr: {uniform: [-1, 1]}", "option vae.lr=-1.0: expected a number ≥ 0"),
        ("lr: {uniform: [0, .inf]}", "expected finite numbers"),
        ("batch_size: {uniform: [8, 16]}", r"takes whole numbers; give int: \[8, 16\]"),
        ("batch_size: {int: [8.5, 16]}", "expected whole numbers"),
        ("batch_size: {int: [1, 16]}", "expected a number ≥ 2"),
        ("batch_size: {choice: [16, many]}", "option vae.batch_size='many'"),
        ("batch_size: {choice: [16, 16]}", "the same choice twice"),
        ("balanced: {uniform: [0, 1]}", "uniform is for numbers"),
    ],
)
def test_a_wrong_space_is_refused_with_its_line(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=expected):
        read_space(path, registry.models.get("vae"), {})


@settings(deadline=None, max_examples=50)
@given(
    st.tuples(st.floats(1e-12, 1e6), st.floats(1e-12, 1e6)).filter(lambda ends: ends[0] < ends[1])
)
def test_ends_of_a_range_belong_to_it_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, ends: tuple[float, float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "ends.yaml"
    path.write_text(f"lr: {{log: [{ends[0]!r}, {ends[1]!r}]}}\n")
    space = read_space(path, registry.models.get("vae"), {})
    assert space == {"lr": Domain("log", ends)}
    distribution = space["lr"].distribution()
    assert all(distribution._contains(end) for end in ends)
