"""Where numba keeps what it compiles of librosa."""

import os
from pathlib import Path

import pytest

from a2ibench.nn import compiled


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: a folder in it can be made by nobody, not even by the superuser."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("HOME", str(file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(file / "cache"))
    monkeypatch.setenv(compiled.PLACE, str(file / "numba"))
    found = type("Spec", (), {"origin": str(file / "librosa" / "__init__.py")})
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda name: found)
    numba = type("Numba", (), {"config": type("Config", (), {"CACHE_DIR": ""})})
    monkeypatch.setitem(compiled.sys.modules, "numba", numba)
    return file


def test_nothing_changes_where_it_has_a_place(tmp_path, nowhere, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    before = os.environ[compiled.PLACE]
    assert compiled.place_compiled_code() is None
    assert os.environ[compiled.PLACE] == before


def test_the_cache_of_the_bench_takes_it_where_home_and_library_cannot_be_written(
    tmp_path, nowhere, monkeypatch
):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    assert compiled.place_compiled_code() == tmp_path / "cache" / "numba"
    assert os.environ[compiled.PLACE] == str(tmp_path / "cache" / "numba")
    assert os.environ[compiled.PLACE] == compiled.sys.modules["numba"].config.CACHE_DIR


def test_a_folder_of_the_process_takes_it_where_no_cache_can_be_written(nowhere, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(nowhere / "cache"))
    folder = compiled.place_compiled_code()
    assert folder is not None
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.iterdir()) == []
    folder.rmdir()
