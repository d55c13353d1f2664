"""Files are whole or absent; keys depend on content alone."""

import json
from pathlib import Path

import pytest

from a2ibench.storage import atomic_write, content_key, with_name, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})

    def fail() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"score": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_key_depends_on_values_and_not_on_their_order() -> None:
    assert content_key({"a": 1, "b": [1, 2]}) == content_key({"b": [1, 2], "a": 1})
    assert content_key({"a": 1, "b": [1, 2]}) != content_key({"a": 1, "b": [2, 1]})


@pytest.mark.parametrize("given", [".", "..", "x/.."])
def test_a_folder_without_a_name_gets_that_of_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "pairs" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "pairs")
    named = Path(with_name(given))
    assert named.samefile(Path(given).expanduser())
    assert named.name not in ("", "..")


@pytest.mark.parametrize("given", ["arcade", "../pairs/", "~nobody_at_all/x", ""])
def test_a_folder_with_a_name_stays_as_it_was_given(given: str) -> None:
    assert with_name(given) == given


def test_a_file_gets_the_mode_of_any_other_whoever_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    path = tmp_path / "model.safetensors"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"weights")
        temporary.chmod(0o600)  # as a library does that renames a temporary file of its own
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_text_that_is_none_is_written_and_read_again(tmp_path: Path) -> None:
    write_json(tmp_path / "failure.json", {"reason": "a\udc80b"})
    assert json.loads((tmp_path / "failure.json").read_text()) == {"reason": "a\udc80b"}
