"""A preparation that was cut off goes on where it was, and ends with the same bytes."""

import errno
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_films import files, folder, set_options

from a2ibench.data import unfinished_store
from a2ibench.data.prepare import prepare
from a2ibench.errors import UserError
from a2ibench.parallel import Pool, spread_over


@pytest.mark.integration
def test_a_preparation_that_is_killed_goes_on_to_the_same_bytes(films, tmp_path):
    root = tmp_path / "in"
    for label in ("dog", "piano"):
        (root / label).mkdir(parents=True)
        for k in range(12):
            shutil.copy(films / label / f"{k % 3}.{('mkv', 'mov', 'avi')[k % 3]}",
                        root / label / f"{k}.{('mkv', 'mov', 'avi')[k % 3]}")  # fmt: skip
    whole = prepare(folder(root), tmp_path / "whole")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "a2ibench.cli",
        "data",
        "prepare",
        str(root),
        "--out",
        str(out),
    ]
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    process = subprocess.Popen([*command, *set_options()], stdout=subprocess.DEVNULL)
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = journal.read_bytes().count(b"\n")
    assert not out.exists()
    counted: list[tuple[int, int]] = []
    store = prepare(folder(root), out, lambda done, total: counted.append((done, total)))
    assert kept - 1 <= counted[0][0] <= 24
    assert counted[-1] == (24, 24)
    assert files(store.root) == files(whole.root)


@pytest.mark.integration
def test_what_was_begun_with_other_options_is_kept_until_it_is_removed(films, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(folder(films), tmp_path / "out", stop)
    begun = tmp_path / ".out.partial"
    kept = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(UserError, match=r"holds 9 pairs of .* by other options .* or remove"):
        prepare(folder(films, seed=5), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == kept
    shutil.rmtree(begun)
    counted: list[int] = []
    prepare(folder(films, seed=5), tmp_path / "out", lambda done, total: counted.append(done))
    assert counted[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def interrupted(films: Path, out: Path) -> Path:
    """Cut a preparation off behind its fourth file; return its journal."""

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(folder(films), out, stop)
    return out.with_name(f".{out.name}.partial") / "journal.jsonl"


@pytest.mark.integration
def test_a_second_interruption_costs_nothing_of_the_first(films, tmp_path, monkeypatch):
    journal = interrupted(films, tmp_path / "out")
    before = journal.read_bytes()
    write, lines = unfinished_store._line, []

    def cut_off(values):
        lines.append(values)
        if len(lines) == 3:
            raise KeyboardInterrupt
        return write(values)

    monkeypatch.setattr(unfinished_store, "_line", cut_off)
    with pytest.raises(KeyboardInterrupt):
        prepare(folder(films), tmp_path / "out")
    assert journal.read_bytes() == before


@pytest.mark.integration
def test_two_preparations_of_one_folder_do_not_meet(films, tmp_path):
    seen: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        if done == 1:
            with pytest.raises(UserError, match="another process is preparing it"):
                prepare(folder(films), tmp_path / "out")
            seen.append("refused")

    assert len(prepare(folder(films), tmp_path / "out", meanwhile)) == 18
    assert seen == ["refused"]


@pytest.mark.integration
def test_a_line_cut_off_inside_a_letter_costs_one_part(films, tmp_path):
    root = shutil.copytree(films, tmp_path / "in")
    (root / "dog").rename(root / "Köter")
    journal = interrupted(root, tmp_path / "out")
    content = journal.read_bytes()
    torn = content[: content.rindex("ö".encode()) + 1]
    journal.write_bytes(torn)
    counted: list[int] = []
    prepare(folder(root), tmp_path / "out", lambda done, total: counted.append(done))
    assert 0 < counted[0] == torn.count(b"\n") - 1


@pytest.mark.integration
def test_a_system_out_of_files_stops_the_preparation_and_rejects_no_file(
    films, tmp_path, monkeypatch
):
    def fails(path):
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("a2ibench.data.files.clips.file_sha256", fails)
        with spread_over(InThisProcess()), pytest.raises(UserError, match=r"at present .* resume"):
            prepare(folder(films), tmp_path / "out")
    store = prepare(folder(films), tmp_path / "out")
    assert files(store.root) == files(prepare(folder(films), tmp_path / "whole").root)


class InThisProcess(Pool):
    """Calls at once, here."""

    @contextmanager
    def opened(self):
        def call(function, *arguments):
            answer = function(*arguments)
            return lambda: answer

        yield 1, call


@pytest.mark.integration
def test_a_torn_journal_costs_one_part(films, tmp_path):
    journal = interrupted(films, tmp_path / "out")
    journal.write_bytes(journal.read_bytes()[:-10])
    counted: list[int] = []
    store = prepare(folder(films), tmp_path / "out", lambda done, total: counted.append(done))
    assert counted[0] == 3
    assert files(store.root) == files(prepare(folder(films), tmp_path / "whole").root)
