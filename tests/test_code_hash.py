"""The hash of a plug-in follows from its code, and from nothing else."""

import inspect
import re
import shutil
import sys
from pathlib import Path

import pytest

from a2ibench import code_hash, registry
from a2ibench.code_hash import code_changes, has_earlier_rule, source_hash, source_hashes

ENCODER = '''"""A module."""
from dataclasses import dataclass

import numpy as np

from a2ibench.contracts.encoder import Encoder
from a2ibench.registry import encoders


@dataclass(frozen=True)
class Config:
    """Options."""


@encoders.register
class Sized(Encoder):
    """Hears how long a sound is."""

    name = "{name}"
    Config = Config
    dim = 1
    min_samples = 1

    def fingerprint(self):
        return "sized"

    def encode(self, waveforms):
        import {helper}
        # Seconds.
        return np.full((len(waveforms), 1), {helper}.FACTOR * waveforms.shape[1], np.float32)
'''


def load(folder: Path, text: str, helper: str = "FACTOR = 1\n", name: str = "mine") -> type:
    """The encoder of a file in a folder of its own, which imports a file beside it."""
    folder.mkdir()
    (folder / "beside.py").write_text(helper)
    (folder / f"{name}.py").write_text(text)
    before = set(registry.encoders.registered)
    registry.load_plugin_file(folder / f"{name}.py")
    (added,) = set(registry.encoders.registered) - before
    return registry.encoders._registered.pop(added)


@pytest.fixture
def text() -> str:
    return ENCODER.format(name="sized", helper="beside")


def test_comments_docstrings_layout_and_place_do_not_count(tmp_path, text):
    first = load(tmp_path / "one", text)
    told = text.replace('"""Hears how long a sound is."""', '"""Another\n\n    text."""')
    told = told.replace("# Seconds.", "# Samples.").replace("dim = 1", "dim   =   (1)")
    second = load(tmp_path / "two", f"\n# by me\n{told}", "FACTOR = 1  # it is one\n", "other")
    assert source_hash(first) == source_hash(second)


def test_code_counts_in_the_file_itself_and_in_a_file_that_it_imports(tmp_path, text):
    first = source_hash(load(tmp_path / "one", text))
    changed = source_hash(load(tmp_path / "two", text.replace("dim = 1", "dim = 2")))
    beside = source_hash(load(tmp_path / "three", text, "FACTOR = 2\n"))
    assert len({first, changed, beside}) == 3


def test_a_module_of_a_package_counts_with_what_it_imports_of_the_package(tmp_path, monkeypatch):
    root = tmp_path / "sounds_of_mine"
    (root / "deep").mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "deep" / "__init__.py").write_text("from . import rate\n")
    (root / "deep" / "rate.py").write_text("from ..top import RATE\n")
    (root / "top.py").write_text("RATE = 1\n")
    (root / "plugin.py").write_text("from .deep import rate\n\nclass Plugin:\n    x = rate\n")
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    plugin = import_module("sounds_of_mine.plugin").Plugin
    before = source_hash(plugin)
    (root / "top.py").write_text("RATE = 2\n")
    assert source_hash(plugin) != before
    (root / "top.py").write_text("RATE = 1\n")
    (root / "unused.py").write_text("RATE = 3\n")
    assert source_hash(plugin) == before
    for name in [name for name in sys.modules if name.startswith("sounds_of_mine")]:
        del sys.modules[name]


def test_what_is_imported_later_counts_from_the_beginning(tmp_path, text):
    """An encoder that imports a package of the user's when it is first used."""
    plugin = load(tmp_path / "one", text.replace("import beside", "import mine_too.rate as beside"))
    package = tmp_path / "one" / "mine_too"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rate.py").write_text("from mine_too.deep import FACTOR\n")
    (package / "deep.py").write_text("FACTOR = 1\n")
    before = source_hash(plugin)
    (package / "deep.py").write_text("FACTOR = 2\n")
    assert source_hash(plugin) != before


@pytest.fixture
def core(tmp_path, monkeypatch) -> Path:
    """A copy of the bench's own code, to be changed."""
    copy = tmp_path / "a2ibench"
    shutil.copytree(Path(code_hash.__file__).parent, copy)
    monkeypatch.setattr(code_hash, "CORE", copy)
    return copy


def append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text()}\n{line}\n")


def test_the_hash_of_a_method_covers_the_layers_that_it_uses_and_nothing_else_of_the_bench(core):
    ours, code = registry.models.get("wan2019"), registry.models.get("wan2019_code")
    before = source_hash(ours)
    assert before == source_hash(code)  # both are defined in one file
    assert before != source_hash(registry.models.get("vae"))
    counts = {
        "nn/losses": True, "nn/resnet": False, "soundnet/torch7": False, "contracts/model": False,
        "training/fit": False, "data/batches": False, "data/data_card": False, "media/audio": False,
    }  # fmt: skip
    for name, changes in counts.items():
        path = core / f"{name}.py"
        kept = path.read_text()
        append(path, "# another one")
        assert source_hash(ours) == before
        append(path, "ANOTHER = 1")
        assert (source_hash(ours) != before) is changes, name
        path.write_text(kept)


def test_an_encoder_of_sounds_covers_the_network_that_it_shares_with_others(core):
    shared, own = registry.encoders.get("soundnet8"), registry.encoders.get("logmel")
    before = source_hash(shared), source_hash(own)
    append(core / "soundnet" / "network.py", "ANOTHER = 1")
    assert source_hash(shared) != before[0]
    assert source_hash(own) == before[1]


def test_what_changed_is_said_file_by_file(core):
    method = registry.models.get("wan2019")
    before = source_hashes(method)
    assert code_changes(method, before) == ""
    append(core / "nn" / "losses.py", "ANOTHER = 1")
    append(core / "training" / "fit.py", "ANOTHER = 1")
    assert code_changes(method, before) == "a2ibench/nn/losses.py"
    other = {**before, "a2ibench/nn/gone\x07.py": "0" * 64}
    del other["a2ibench/nn/layers.py"]
    assert code_changes(method, other) == (
        "a2ibench/nn/losses.py; new: a2ibench/nn/layers.py; gone: a2ibench/nn/gone.py"
    )
    assert code_changes(method, None) == "it is not known which file"


def test_what_an_earlier_version_counted_as_well_is_no_change():
    method = registry.models.get("wan2019")
    before = source_hashes(method)
    assert not has_earlier_rule(before)
    earlier = {**before, "a2ibench/training/fit.py": "0" * 64}
    assert has_earlier_rule(earlier)
    assert code_changes(method, earlier) == ""


def test_a_class_without_a_file_counts_by_its_functions():
    def made(text: str) -> type:
        scope: dict[str, type] = {"__name__": "notebook"}
        exec(text, scope)  # as a notebook does
        return scope["Mine"]

    text = "class Mine:\n    def encode(self):\n        return 1\n"
    assert source_hash(made(text)) == source_hash(made(text))
    assert source_hash(made(text)) != source_hash(made(text.replace("1", "2")))


def test_every_plugin_that_is_installed_has_a_hash_of_its_own_code():
    for one in registry.ALL:
        given = {name: one.get(name) for name in one.names()}
        plugins = {
            name: plugin if isinstance(plugin, type) else type(plugin)
            for name, plugin in given.items()
        }
        plugins = {  # what belongs to the core is hashed by nobody
            name: plugin
            for name, plugin in plugins.items()
            if not plugin.__module__.startswith("a2ibench.")
        }
        found = {name: source_hash(plugin) for name, plugin in plugins.items()}
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in found.values())
        files = {inspect.getsourcefile(plugin) for plugin in plugins.values()}
        assert len(set(found.values())) >= len(files), one.kind
