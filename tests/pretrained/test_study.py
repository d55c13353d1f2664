"""A study by judges whose networks come from the user's files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from a2ibench.cli import main
from a2ibench.runs.executors.inline import Inline
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import run_study
from a2ibench.storage import file_sha256
from a2ibench.study.request import Request

pytestmark = pytest.mark.integration


def test_a_study_by_two_clips_and_dinov2_records_their_files(
    named: Path, tmp_path: Path, display: Display, tiny: Callable[..., Request]
) -> None:
    folder = tmp_path / "study"
    metrics = tuple(f"kid[judge={judge}]" for judge in ("clip", "clip_l14", "dinov2"))
    run_study(tiny(folder, metrics=metrics), Inline(), None, display)
    results = [json.loads(path.read_text()) for path in folder.glob("jobs/*/result.json")]
    assert results
    for result in results:
        scores = result["metrics"]
        for metric, place in zip(metrics, ("clip", "clip_l14", "dinov2"), strict=True):
            files = scores[metric]["judge_files"]
            assert files["model.safetensors"] == file_sha256(named / place / "model.safetensors")
            assert isinstance(scores[metric]["value"], float)
        assert len({scores[metric]["judge_fingerprint"] for metric in metrics}) == len(metrics)
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert done.exit_code == 0, done.output
    page = (folder / "report.html").read_text(encoding="utf-8")
    for place in ("clip", "clip_l14", "dinov2"):
        assert f"config.json sha256 {file_sha256(named / place / 'config.json')}" in page


def test_list_show_and_doctor_say_what_is_missing_and_what_is_there(
    named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2IBENCH_CLAP_WEIGHTS")

    def call(*words: str) -> str:
        return CliRunner().invoke(main, list(words)).output

    listed = {line.split()[0]: line for line in call("list", "judges").splitlines()[1:]}
    assert "not ready: `a2ibench show` says why" in listed["clap"]
    assert "not ready" not in listed["clip"]
    assert "hf download laion/clap-htsat-unfused" in call("show", "clap")
    assert "not ready" not in call("show", "dinov2")
    told = " ".join(call("doctor").split())
    assert f"model.safetensors sha256 {file_sha256(named / 'dinov2' / 'model.safetensors')}" in told
    assert "set A2IBENCH_CLAP_WEIGHTS to a folder" in told
