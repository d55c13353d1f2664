"""Opening a dataset: by name, prepared once; by folder; and what is said when neither fits."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from a2ibench import config, registry, storage
from a2ibench.cli import main
from a2ibench.code_hash import source_hash
from a2ibench.data.prepare import open_dataset, prepare
from a2ibench.errors import UserError
from a2ibench.protocol import PROTOCOL
from a2ibench_plugins.datasets.synthetic import Synthetic

SMALL = {"train": 4, "test": 2, "pairs_per_source": 2, "image_size": 16, "seconds": 0.5}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("out", [".", "..", "/"])
def test_the_current_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["data", "prepare", "synthetic", "--out", out])
    assert (done.exit_code, "give a new folder" in done.output) == (2, True)
    assert not list(tmp_path.iterdir())


def small(**options: object) -> Synthetic:
    return Synthetic(config.build(Synthetic.Config, {**SMALL, **options}, "synthetic"))


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def test_preparing_writes_every_pair_of_the_dataset(tmp_path):
    steps: list[tuple[int, int]] = []
    dataset = small()
    store = prepare(dataset, tmp_path / "store", lambda done, total: steps.append((done, total)))
    assert steps == [(i, 12) for i in range(13)]
    assert store.about["config"] == config.to_dict(dataset.config)
    for row, pair in enumerate(dataset.pairs()):
        np.testing.assert_array_equal(store.images[row], pair.image)
        np.testing.assert_allclose(store.waveform(row), pair.audio, atol=0.51 / 32_767)
        assert store.index["factor:pitch"][row] == pair.factors["pitch"]


def test_the_same_configuration_gives_the_same_bytes(tmp_path):
    a, b = (prepare(small(), tmp_path / name) for name in ("a", "b"))
    assert a.content_hash == b.content_hash
    assert files(a.root) == files(b.root)
    assert prepare(small(seed=1), tmp_path / "c").content_hash != a.content_hash


def test_a_named_dataset_is_prepared_once(cache):
    steps: list[int] = []
    first = open_dataset("synthetic", SMALL, lambda done, total: steps.append(done))
    written = {path.name: path.stat().st_mtime_ns for path in first.root.iterdir()}
    again = open_dataset("synthetic", SMALL, lambda done, total: steps.append(done))
    assert len(steps) == 13
    assert again.root == first.root
    assert first.root.parent == cache / "stores"
    assert {path.name: path.stat().st_mtime_ns for path in again.root.iterdir()} == written


def test_the_identity_of_a_store_is_its_name_version_code_and_whole_configuration(
    cache, monkeypatch
):
    root = open_dataset("synthetic", SMALL).root
    key = storage.content_key(
        {
            "name": "synthetic",
            "version": Synthetic.version,
            "config": config.to_dict(small().config),
            "code": source_hash(Synthetic),
            "protocol": PROTOCOL,
        }
    )
    assert root.name == f"synthetic-{key}"
    as_text = {name: str(value) for name, value in SMALL.items()}
    assert open_dataset("synthetic", {**as_text, "seed": "0"}).root == root
    assert open_dataset("synthetic", {**SMALL, "seed": 1}).root != root
    monkeypatch.setattr(Synthetic, "version", Synthetic.version + 1)
    assert open_dataset("synthetic", SMALL).root != root


def test_a_folder_is_opened_where_it_lies(tmp_path, cache):
    made = prepare(small(), tmp_path / "store")
    assert open_dataset(str(tmp_path / "store"), {}).content_hash == made.content_hash
    assert not (cache / "stores").exists()


def test_a_folder_is_known_by_its_whole_path(tmp_path, monkeypatch):
    """A trial may run in another working folder."""
    made = prepare(small(), tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    assert open_dataset("./store", {}).root == made.root.resolve()


def test_a_folder_takes_no_options(tmp_path):
    prepare(small(), tmp_path / "store")
    with pytest.raises(UserError, match=r"takes no options \(got seed\)"):
        open_dataset(str(tmp_path / "store"), {"seed": 1})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("synthetc", "unknown dataset 'synthetc'; did you mean synthetic.*folder .* given as well"),
        ("./nowhere", "no such folder.*synthetic"),
        ("/no/where", "no such folder.*synthetic"),
    ],
)
def test_what_is_neither_a_name_nor_a_folder_is_refused(reference, message):
    with pytest.raises(UserError, match=message):
        open_dataset(reference, {})


def test_a_folder_that_is_no_store_is_refused(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    for reference in ("photos", "./photos", str(tmp_path / "photos")):
        with pytest.raises(UserError, match="not a pair store"):
            open_dataset(reference, {})


def test_wrong_options_of_a_dataset_are_refused_and_leave_nothing(cache):
    with pytest.raises(UserError, match="did you mean train"):
        open_dataset("synthetic", {"trains": 4})
    assert not cache.exists()


DATASET = """
from dataclasses import dataclass
import numpy as np
from a2ibench.config import option
from a2ibench.contracts.dataset import Dataset
from a2ibench.types import Pair
from a2ibench.registry import datasets

@dataclass(frozen=True)
class Config:
    image_size: int = option(8, "side in pixels")
    seed: int = option(0, "of the pairs")

@datasets.register
class Greys(Dataset):
    name = "greys"
    Config = Config

    def __len__(self):
        return 4

    def pairs(self):
        for i in range(4):
            grey = np.full((8, 8, 3), {grey}, np.uint8)
            side = "test" if i % 2 else "train"
            yield Pair(grey, np.ones(100, np.float32), "grey", str(i), side)
"""


def project(folder: Path, text: str) -> None:
    """Makes the plug-in of a project the registered one."""
    folder.mkdir()
    (folder / "greys.py").write_text(text)
    registry.datasets._registered.pop("greys", None)
    registry.load_plugin_file(folder / "greys.py")


def test_a_changed_dataset_of_one_name_is_prepared_anew_in_a_shared_cache(cache, tmp_path):
    project(tmp_path / "one", DATASET.format(grey="i"))
    first = open_dataset("greys", {})
    project(tmp_path / "two", DATASET.format(grey="i + 1"))
    second = open_dataset("greys", {})
    assert (first.images[0, 0, 0, 0], second.images[0, 0, 0, 0]) == (0, 1)
    assert first.content_hash != second.content_hash
    project(tmp_path / "three", "# another comment\n" + DATASET.format(grey="i"))
    assert open_dataset("greys", {}).root == first.root
    project(tmp_path / "four", DATASET.format(grey="1 / 0"))
    with pytest.raises(ZeroDivisionError):
        open_dataset("greys", {})


def test_a_preparation_does_not_go_on_from_what_other_code_wrote(tmp_path):
    """Two parts, of which the second fails at first."""
    text = (
        DATASET.format(grey="i")
        + """
    def parts(self, done=0):
        from a2ibench.types import Part
        pairs = list(self.pairs())
        for i in range(done, 2):
            if FAIL and i:
                raise OSError("no such disk")
            yield Part(pairs[2 * i : 2 * i + 2])
"""
    )
    root = tmp_path / "store"
    for name, grey, fail in (("one", "i", True), ("two", "i + 9", False)):
        project(
            tmp_path / name, f"FAIL = {fail}\n" + text.replace("(8, 8, 3), i", f"(8, 8, 3), {grey}")
        )
        plugin = registry.datasets.get("greys")
        if fail:
            with pytest.raises(OSError, match="no such disk"):
                prepare(plugin(plugin.Config()), root)
    with pytest.raises(UserError, match="by other options or code"):
        prepare(plugin(plugin.Config()), root)
    shutil.rmtree(root.with_name(".store.partial"))
    assert prepare(plugin(plugin.Config()), root).images[:, 0, 0, 0].tolist() == [9, 10, 11, 12]
