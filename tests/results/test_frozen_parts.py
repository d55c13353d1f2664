"""What the frozen parts of a method had seen, as a result keeps it."""

from typing import Any

from a2ibench.contracts.model import FrozenPart
from a2ibench.results.records import Result
from a2ibench.runs.compute import seen_by

JOB = {"kind": "model", "method": "m", "config": {}, "source": "", "store": "", "encoder": "",
       "seed": 0, "images": 96}  # fmt: skip


def result(*frozen: dict[str, Any]) -> Result:
    about = {"format": 1, "protocol": 2, "key": "k", "dataset": "d", "version": "0", "metrics": {}}
    return Result(**about, job=JOB, encoder={"name": "e", "config": {}}, frozen=list(frozen))


def test_images_of_the_budget_and_others_are_counted_apart() -> None:
    parts = (
        FrozenPart("prior", 64, of_budget=True),
        FrozenPart("judge", 16, of_budget=True),
        FrozenPart("pipeline", 2_000_000_000, of_budget=False, files={"unet": "00"}),
    )
    found = result(*(seen_by(part, trained=96) for part in parts))
    assert (found.frozen_images, found.outside_images) == (80, 2_000_000_000)
    assert found.frozen[2].files == {"unet": "00"}


def test_a_budget_that_ends_before_a_part_is_frozen_has_shown_it_no_more_than_itself() -> None:
    assert seen_by(FrozenPart("prior", 6_000, of_budget=True), trained=96)["images"] == 96


def test_what_is_not_known_is_no_number() -> None:
    assert result().frozen_images is None
    unknown = seen_by(FrozenPart("pipeline", None, of_budget=False), trained=96)
    known = seen_by(FrozenPart("other", 5, of_budget=False), trained=96)
    assert result(unknown, known).outside_images is None
