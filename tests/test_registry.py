"""The registry: lazy names, helpful errors, three doors."""

import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from a2ibench import plugin_registry, registry
from a2ibench.cli import main
from a2ibench.errors import UserError

PLUGIN = """
import torch
from torch import nn
from dataclasses import dataclass
from a2ibench.contracts.model import Model
from a2ibench.registry import models

@dataclass(frozen=True)
class Config:
    pass

@models.register
class Grey(Model):
    name = "{name}"
    Config = Config

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.level = nn.Parameter(torch.zeros(1))

    optimizers = {{}}

    @property
    def generator(self):
        return self

    def training_step(self, batch):
        return {{}}

    def generate(self, acoustic, noise):
        size = self.spec.image_size
        return self.level.sigmoid().expand(len(acoustic), 3, size, size)
"""


def write_plugin(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def test_listing_names_imports_no_plugin() -> None:
    code = (
        "import sys; from a2ibench import registry;"
        "[one.names() for one in registry.ALL];"
        "assert 'torch' not in sys.modules and 'a2ibench_baselines' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_installed_name_loads_and_carries_that_name() -> None:
    for one in registry.ALL:
        assert one.names(), one.kind
        for name in one.names():
            assert one.get(name).name == name  # type: ignore[attr-defined]


def test_every_kind_is_listed_and_is_named_in_the_docs() -> None:
    listed = CliRunner().invoke(main, ["list"]).output
    page = (Path(__file__).parents[1] / "docs" / "method.md").read_text(encoding="utf-8")
    for one in registry.ALL:
        assert f"{one.kind}s:\n  {one.names()[0]} " in listed
        assert f".{one.kind}s`" in page
    shown = CliRunner().invoke(main, ["show", "by_class"]).output
    assert shown.startswith("section by_class (a2ibench.reporting.page.sections.by_class:")


def test_a_wrong_name_gets_the_nearest_right_ones() -> None:
    with pytest.raises(UserError, match=r"unknown model 'wan2018'; did you mean .*wan2019"):
        registry.models.get("wan2018")


def test_a_plugin_file_registers_its_model(tmp_path: Path) -> None:
    path = write_plugin(tmp_path, PLUGIN.format(name="grey_of_a_file"))
    registry.load_plugin_file(path)
    assert registry.models.get("grey_of_a_file").name == "grey_of_a_file"
    registry.load_plugin_file(path)  # a second time is no second registration


def test_a_copy_of_a_plugin_file_is_no_second_plugin(tmp_path: Path) -> None:
    text = PLUGIN.format(name="grey_twice")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        registry.load_plugin_file(write_plugin(tmp_path / folder, text))
    changed = tmp_path / "changed"
    changed.mkdir()
    path = write_plugin(changed, text + "\nCHANGED = True\n")
    with pytest.raises(UserError, match=r"two models are called 'grey_twice': in .* rename one"):
        registry.load_plugin_file(path)


def test_an_installed_plugin_that_ends_the_program_at_its_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_that_exits.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("exits", "module_that_exits:Exits", registry.models.group)
    monkeypatch.setattr(plugin_registry, "_points", lambda group: {"exits": point})
    with pytest.raises(
        UserError, match=r"\(module_that_exits:Exits\) cannot be imported: SystemEx"
    ):
        registry.models.get("exits")


def test_a_plugin_file_may_not_take_an_installed_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has the name of an installed one"):
        registry.load_plugin_file(write_plugin(tmp_path, PLUGIN.format(name="ours")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import no_such_module_at_all", r"line 1: ModuleNotFoundError: .*no_such_module_at_all"),
        ("x = 1\ny = 1 / 0", r"line 2: ZeroDivisionError"),
        ("def broken(:", r"line 1: SyntaxError"),
        ("x = 1", "registers nothing"),
        ("import helper", r"No module named 'helper'; a plug-in is one file: put helper\.py into"),
        ("raise SystemExit(3)", r"line 1: SystemExit: 3"),
        (
            PLUGIN.format(name="no_dataclass").replace("@dataclass(frozen=True)", ""),
            r"needs a class attribute `Config`, a dataclass",
        ),
    ],
)
def test_a_broken_plugin_file_is_named_with_its_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    write_plugin(tmp_path, "x = 1", "helper.py")
    path = write_plugin(tmp_path, text)
    with pytest.raises(UserError, match=expected):
        registry.load_plugin_file(path)


def test_a_missing_plugin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.py: no such file"):
        registry.load_plugin_file(tmp_path / "nowhere.py")


def test_a_class_of_another_kind_is_a_wiring_error() -> None:
    with pytest.raises(TypeError, match="must be a subclass of a2ibench"):

        @registry.models.register
        class NoModel:
            name = "no_model"


def test_a_configuration_field_without_default_is_refused_by_name(tmp_path: Path) -> None:
    text = PLUGIN.format(name="bare").replace("    pass\n", "    width: int\n", 1)
    with pytest.raises(UserError, match=r"mine.py, line \d+: .*Config: no default for width; give"):
        registry.load_plugin_file(write_plugin(tmp_path, text))


@pytest.mark.parametrize("ending", ["SystemExit(0)", "GeneratorExit()"])
def test_a_plugin_file_that_ends_the_process_is_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(UserError, match=r"--plugin .*mine.py, line 1: (SystemExit|GeneratorExit)"):
        registry.load_plugin_file(write_plugin(tmp_path, f"raise {ending}"))
