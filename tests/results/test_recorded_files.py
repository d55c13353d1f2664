"""Names of files that come from data."""

from pathlib import Path

import pytest

from a2ibench.results.recorded_files import LONGEST, safe_name
from a2ibench.storage import atomic_write

LONG = ["a" * 224, "ä" * 120, "a" + "ä" * 120, "犬" * 80]


@pytest.mark.parametrize("text", LONG)
def test_a_long_name_is_cut_to_one_that_can_be_written_and_stays_distinct(
    tmp_path: Path, text: str
) -> None:
    name = safe_name(text)
    assert name.startswith(text[:20])
    assert len(name.encode()) <= LONGEST
    assert safe_name(name) == name
    assert safe_name(f"{text}b") != name
    with atomic_write(tmp_path / f"{name}.png") as temporary:
        temporary.write_text("written")
    assert (tmp_path / f"{name}.png").read_text() == "written"


def test_a_name_of_the_largest_length_is_kept() -> None:
    assert safe_name("a" * LONGEST) == "a" * LONGEST
