"""What runs where there is torch and the usual libraries, and none of the others that are required.

A Python like that of many GPU machines, to which the bench is carried as files.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[1]
THERE = (
    "torch", "torchvision", "torchmetrics", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow",
    "pillow", "safetensors", "pydantic", "click", "rich", "jinja2", "matplotlib",
)  # fmt: skip
"""Distributions that are there, with what they require."""
HOOK = """
import sys
from importlib.machinery import PathFinder

ABSENT = {absent}

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [Bare if one is PathFinder else one for one in sys.meta_path]
"""
MAY_LACK = {
    "h11": "a2ibench.demo",
    "mlflow": "a2ibench.tracking.pyfunc",
    "platformdirs": "a2ibench.nn.compiled",
    "starlette": "a2ibench.demo",
    # What reads and writes study files.
    "yaml": "a2ibench.(reporting|runs|study|tuning)",
}
"""Library → the modules that are there for its sake, so that they may import it first thing."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def there() -> set[str]:
    """Return canonical names of the distributions that are there."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = list(map(canonical, THERE))
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            required = map(Requirement, importlib.metadata.requires(name) or [])
        except importlib.metadata.PackageNotFoundError:  # of another platform
            continue
        found.add(name)
        waiting += [
            canonical(one.name)
            for one in required
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which Python does not find what is not there, and nothing is cached."""
    here, folder = there(), tmp_path_factory.mktemp("bare")
    absent = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not here & set(map(canonical, owners)) and not module.startswith(("a2ibench", "_"))
    }
    assert {"ray", "mlflow", "av", "soundfile", "soxr", "librosa", "psutil", "yaml"} <= absent
    assert not {"torch", "sklearn", "PIL", "filelock", "joblib"} & absent
    (folder / "sitecustomize.py").write_text(HOOK.format(absent=sorted(absent)))
    return {**os.environ, "PYTHONPATH": str(folder), "A2IBENCH_CACHE": str(folder / "cache")}


def python(*arguments: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


IMPORT_ALL = """
import importlib, json, pkgutil
absent = {}
for name in ("a2ibench", "a2ibench_baselines", "a2ibench_plugins"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                absent[module.name] = error.name
print(json.dumps(absent))
"""


def test_modules_import_before_they_need_what_is_not_there(
    environment: dict[str, str], tmp_path: Path
) -> None:
    printed = python("-c", IMPORT_ALL, environment=environment, folder=tmp_path)
    absent = json.loads(printed)
    assert absent["a2ibench.study.study_file"] == "yaml"  # so it is true that nothing is there
    unexpected = {
        module: library
        for module, library in absent.items()
        if not re.match(MAY_LACK.get(library, "$"), module)
    }
    assert unexpected == {}


def test_the_check_for_a_gpu_is_carried_and_runs(
    environment: dict[str, str], tmp_path: Path
) -> None:
    script, packed = ROOT / "benchmarks" / "gpu_check.py", tmp_path / "packed"
    subprocess.run(
        [sys.executable, script, "--pack", packed, "--image-size", "32"],
        check=True,
        capture_output=True,
    )
    assert sum(path.stat().st_size for path in packed.rglob("*")) < 64 * 2**20
    assert not list(packed.rglob("*.so"))
    printed = python(
        str(packed / "gpu_check.py"), "--out", "results", "--device", "cpu", "--seconds", "2",
        environment=environment,
        folder=tmp_path,
    )  # fmt: skip
    assert "no GPU was used" in printed
    report = json.loads((tmp_path / "results" / "gpu_check.json").read_text())
    assert report["gpu"] is False
    assert "no GPU was used" in report["note"]
    checks = ("machine", "determinism", "resume", "precision", "two halves", "paper scale")
    assert [name for name in checks if not report[name]["holds"]] == []
    assert report["paper scale"]["ours"]["images"] > 0
    assert report["paper scale"]["ours − consistency"]["images"] > 0
    assert (tmp_path / "results" / "gpu_check.png").read_bytes().startswith(b"\x89PNG")


def test_it_refuses_to_call_a_processor_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    script = tmp_path / "gpu_check.py"
    script.write_text((ROOT / "benchmarks" / "gpu_check.py").read_text())
    done = subprocess.run(
        [sys.executable, script, "--out", tmp_path / "results"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "torch finds no GPU; --device cpu does the same" in done.stderr
    assert not (tmp_path / "results").exists()
