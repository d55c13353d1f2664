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
