"""The estimate of a study's time from earlier trainings."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from a2ibench.results.job import Environment, Job, Task
from a2ibench.results.job_state import JobState
from a2ibench.results.result_file import write_result
from a2ibench.results.study import open_study
from a2ibench.runs.time_estimate import estimate


def training(study: Path) -> Path:
    """Returns the folder of the one training of a study."""
    jobs = (study / "jobs").iterdir()
    (job,) = (job for job in jobs if (done := JobState(job).result) and done.job.kind == "model")
    return job


def trained_at(small_study: Path, folder: Path, speeds: Sequence[float]) -> None:
    """Makes a study of the trainings of one method, one seed for each speed."""
    shutil.copytree(small_study, folder)
    trained = training(folder).rename(folder / "trained")
    for seed, speed in enumerate(speeds):
        result = json.loads((trained / "result.json").read_text())
        result["job"]["seed"] = seed
        result["images_per_second"] = speed
        result["key"] = key = Job(**result["job"]).key
        write_result(Path(shutil.copytree(trained, folder / "jobs" / key)), result)


def of(small_study: Path, folder: Path) -> str:
    done = JobState(training(small_study)).result
    assert done is not None
    asked = replace(Job.from_record(done.job), seed=9, images=96_000)
    environment = Environment(Path(open_study(folder).about.dataset), "logmel", {}, ())
    return estimate([Task(asked, folder, environment)], 1, "small", folder)


def test_a_training_beside_other_work_hardly_changes_the_estimate(
    small_study: Path, tmp_path: Path
) -> None:
    trained_at(small_study, tmp_path / "study", (7, 320, 310))
    trained_at(small_study, tmp_path / "other", (900,))
    said = of(small_study, tmp_path / "study")
    assert ": 5:10, by" in said
    assert said.endswith("(vae 310)")


def test_studies_beside_this_one_count_where_it_has_no_training_of_the_method(
    small_study: Path, tmp_path: Path
) -> None:
    trained_at(small_study, tmp_path / "study", ())
    trained_at(small_study, tmp_path / "a", (100, 200, 900))
    trained_at(small_study, tmp_path / "b", (250,))
    assert of(small_study, tmp_path / "study").endswith("(vae 225)")
