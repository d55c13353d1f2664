"""Opening a dataset: by name, prepared once; by folder; and what is said when neither fits."""

from pathlib import Path

import numpy as np
import pytest

from a2ibench import config, storage
from a2ibench.data.prepare import open_dataset, prepare
from a2ibench.errors import UserError
from a2ibench.source import source_hash
from a2ibench_plugins.datasets.synthetic import Synthetic

SMALL = {"train": 4, "test": 2, "pairs_per_source": 2, "image_size": 16, "seconds": 0.5}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def small(**options: object) -> Synthetic:
    return Synthetic(config.build(Synthetic.Config, {**SMALL, **options}, "synthetic"))


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def test_preparing_writes_every_pair_of_the_dataset(tmp_path):
    steps: list[tuple[int, int]] = []
    dataset = small()
    store = prepare(dataset, tmp_path / "store", lambda done, total: steps.append((done, total)))
    assert steps == [(i + 1, 12) for i in range(12)]
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
    assert len(steps) == 12
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
