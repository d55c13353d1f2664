"""What a check found is kept with the pairs, and known to be of other labels after a correction."""

import json
import os
from dataclasses import asdict

import pytest
from click.testing import CliRunner
from planted import good_pairs, noise, write

from a2ibench.cli import main
from a2ibench.curation.check import Checked
from a2ibench.curation.corrections import write_corrections
from a2ibench.curation.finding import Finding
from a2ibench.curation.last_check import LastCheck, folder_for, keep_check, last_check
from a2ibench.data.store import PairStore

LEAK = Finding("picture_leak", "leak", "1 picture of a also in b", "look")
SILENT = Finding("silent", "warning", "2 pairs are silent", "leave them out")


@pytest.fixture
def store(tmp_path):
    return write(good_pairs(), tmp_path / "store")


def test_findings_are_known_until_the_labels_change_and_again_when_they_change_back(store):
    assert last_check(store) == LastCheck("never")
    keep_check(Checked(store.root, store, (LEAK, SILENT), {}), store.root)
    found = LastCheck("checked", leaks=1, warnings=1, told=("1 picture of a also in b",))
    assert last_check(store) == found
    assert "leak (1 leak found by their last check)" in found.caution
    write_corrections(store.root, {0: "sea"})
    assert last_check(PairStore(store.root)) == LastCheck("stale")
    write_corrections(store.root, {})
    assert last_check(PairStore(store.root)) == found


def test_the_record_is_no_part_of_the_pairs(store):
    keep_check(Checked(store.root, store, (), {}), store.root)
    assert PairStore(store.root).content_hash == store.content_hash
    assert str(last_check(store)) == "checked: nothing found"
    assert last_check(store).caution == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', "[" * 100_000, '{"format": 1}'])
def test_a_record_that_cannot_be_read_counts_for_none(store, text):
    (store.root / "check.json").write_text(text)
    assert last_check(store) == LastCheck("never")


def test_a_cache_in_which_no_folder_can_be_made_has_no_record(store, tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "checks").touch()  # the superuser may write anywhere, but not here
    assert last_check(store) == LastCheck("never")


@pytest.mark.parametrize("value", [None, 5, [], {"state": "fine"}, {"leaks": "many"}])
def test_what_is_no_check_in_a_study_counts_for_none(value):
    assert LastCheck.from_plain(value) == LastCheck("never")


def test_a_check_comes_back_from_plain_values():
    check = LastCheck("checked", leaks=2, told=("a", "b"))
    assert LastCheck.from_plain(json.loads(json.dumps(asdict(check)))) == check


def test_a_store_that_may_not_be_written_to_is_checked_all_the_same(tmp_path, monkeypatch):
    pairs = good_pairs()
    pairs[0]["audio"] = 0 * noise(1)
    store = write(pairs, tmp_path / "store")
    before = sorted(path.name for path in store.root.iterdir())
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: path != store.root and allowed(path, mode)
    )  # whoever tests as root may write anywhere
    done = CliRunner().invoke(main, ["data", "check", str(store.root)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in store.root.iterdir()) == before
    place = folder_for(store.root)
    assert {"check.json", "check.html", "check.parquet", "check.csv"} <= {
        path.name for path in place.iterdir()
    }
    assert f"page: {place / 'check.html'}" in done.output.replace("\n", "")
    assert last_check(store).warnings == 1
