"""The state of a job, by the files in its folder."""

from pathlib import Path

from a2ibench.results.job_state import JobState


def test_a_job_without_a_result_is_not_done_even_where_nothing_is_measured(tmp_path: Path) -> None:
    assert not JobState(tmp_path).is_done((), {})
