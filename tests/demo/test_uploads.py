"""The demo's temporary folder: gone with its server, or at the next start."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from a2ibench.demo.uploads import PREFIX, Uploads

KILLED = "from a2ibench.demo.uploads import Uploads; print(Uploads().folder, flush=True); input()"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_sound_is_there_for_as_long_as_it_is_needed(place: Path) -> None:
    uploads = Uploads()
    with uploads.keep(b"sound") as path:
        assert path.read_bytes() == b"sound"
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), uploads.keep(b"sound") as path:
        _ = 1 / 0
    assert not path.exists()
    uploads.close()
    assert not list(place.iterdir())


def test_what_a_killed_server_left_is_removed_and_that_of_a_running_one_is_not(place: Path) -> None:
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as server:
        assert server.stdout is not None
        folder = Path(server.stdout.readline().strip())
        assert folder.parent == place
        (folder / "sound").write_bytes(b"sound")
        Uploads().close()
        assert (folder / "sound").is_file()
        server.kill()
    assert (folder / "sound").is_file()
    Uploads().close()
    assert not folder.exists()


def test_a_folder_that_another_server_removes_before_it_is_locked_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(prefix: str) -> str:
        path = place / f"{prefix}{len(made)}"
        path.mkdir(mode=0o700)
        made.append(path.name)
        if len(made) == 1:
            Uploads().close()  # this one is the other server: it makes the second folder
            assert not path.exists()
        return str(path)

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    uploads = Uploads()
    assert uploads.folder.name == made[2]
    uploads.close()
    assert not list(place.iterdir())


def test_links_and_files_of_such_a_name_are_left_alone(place: Path) -> None:
    (place / "mine").mkdir()
    (place / f"{PREFIX}link").symlink_to(place / "mine")
    (place / f"{PREFIX}file").write_text("mine")
    Uploads().close()
    assert {path.name for path in place.iterdir()} == {"mine", f"{PREFIX}link", f"{PREFIX}file"}
