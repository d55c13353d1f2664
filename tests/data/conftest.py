"""Films that several files of tests prepare."""

from pathlib import Path

import pytest
from films import make
from small_films import film


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of three good films each."""
    root = tmp_path_factory.mktemp("films")
    for i, label in enumerate(("dog", "piano")):
        for k, suffix in enumerate(("mkv", "mov", "avi")):
            make(film(f"{k}.{suffix}", seed=10 * i + k, sound="pcm_s16le"), root / label)
    return root
