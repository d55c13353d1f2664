"""What every test shares: a cache of its own, so that no test sees the user's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache folder for the whole run."""
    root = tmp_path_factory.mktemp("cache")
    before = os.environ.get("A2IBENCH_CACHE")
    os.environ["A2IBENCH_CACHE"] = str(root)
    yield root
    if before is None:
        del os.environ["A2IBENCH_CACHE"]
    else:
        os.environ["A2IBENCH_CACHE"] = before


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, 36 training and 12 test pairs of 32 px and one second."""
    from a2ibench import config
    from a2ibench.data.prepare import prepare
    from a2ibench_plugins.datasets.synthetic import Synthetic

    options = {"train": 18, "test": 6, "image_size": 32, "seconds": 1}
    root = tmp_path_factory.mktemp("small") / "store"
    return prepare(Synthetic(config.build(Synthetic.Config, options, "synthetic")), root).root


@pytest.fixture(scope="session")
def small_study(small_store: Path) -> Path:
    """A method, barely trained, beside the reference rows; copy it to change it."""
    from click.testing import CliRunner

    from a2ibench.cli import main

    folder = small_store.parent / "study"
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("MAX_STEPS", "CHECK_EVERY"):
            patch.setattr(f"a2ibench_plugins.judges.resnet18.{limit}", 4)
        patch.setattr("a2ibench.study.run.GRID_COLUMNS", 2)
        arguments = [
            "run", "--model", "vae", "--dataset", str(small_store), "--encoder", "logmel",
            "--images", "96", "--metric", "is1_lite0", "--metric", "accuracy_resnet18",
            "--executor", "inline", "--tracking-uri", "none", "--out", str(folder),
        ]  # fmt: skip
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return folder
