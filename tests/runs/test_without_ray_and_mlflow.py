"""The core trains and evaluates where neither Ray nor MLflow can be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


def test_a_study_needs_neither_ray_nor_mlflow(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    for name in ("ray", "mlflow"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ImportError('{name} is not here')\n")
    small = ("train=12", "test=12", "image_size=32", "seconds=1.0")
    done = subprocess.run(
        [
            sys.executable, "-m", "a2ibench.cli", "run", "--model", "vae", "--dataset", "synthetic",
            "--encoder", "logmel", "--seeds", "1", "--images", "64", "--metric", "is1_lite0",
            *(part for value in small for part in ("--set", f"synthetic.{value}")),
            "--executor", "process", "--tracking-uri", "none", "--out", str(tmp_path / "study"),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(blocked), *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = [json.loads(path.read_text()) for path in tmp_path.glob("study/jobs/*/result.json")]
    assert [result["job"]["kind"] for result in results].count("model") == 1
    assert all("is1_lite0" in result["metrics"] for result in results)
    assert (tmp_path / "study" / "report.html").is_file()
