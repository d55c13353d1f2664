"""Health of a judge: its score on real clips that it has not seen, against chance."""

from collections.abc import Mapping
from dataclasses import dataclass

from a2ibench import registry


@dataclass(frozen=True)
class Health:
    """A score of a judge on real images, beside that of an answer without knowledge.

    Attributes:
        judge: its name.
        metric: the name of the only metric that it speaks of; None where it speaks of all that use
            the judge.
        what: was measured (``"held-out accuracy"``, ``"R-prec@10 of ground truth"``).
        value: the score.
        low: the end of its 95 % interval over clips that lies nearer to chance; None where there
            are too few clips for one: the score itself is then compared.
        chance: the score of who knows nothing; None where that is not known.
        images: that it was measured on; None where that is not known.
        clips: that these are of; None where that is not known.
        percent: whether it is printed × 100.
        higher_is_better: which side of chance is the good one.
    """

    judge: str
    metric: str | None
    what: str
    value: float
    low: float | None
    chance: float | None
    images: int | None = None
    clips: int | None = None
    percent: bool = False
    higher_is_better: bool = True

    @property
    def ok(self) -> bool:
        """Return whether it is better than chance."""
        if self.chance is None:
            return True
        sign = 1 if self.higher_is_better else -1
        return sign * (self.value if self.low is None else self.low) > sign * self.chance

    @property
    def reason(self) -> str | None:
        """Say why the judge is not to be believed; None where it is."""
        if self.ok:
            return None
        assert self.chance is not None
        return f"{self} is not better than chance ({self._number(self.chance)})"

    def __str__(self) -> str:
        """Write ``held-out accuracy 43.3 % [from 38.1 %] of 30 images (7 clips)``."""
        text = f"{self.what} {self._number(self.value)}"
        if self.low is not None:
            text += f" [{'from' if self.higher_is_better else 'to'} {self._number(self.low)}]"
        clips = None if self.clips is None else f"{self.clips} clip{'' if self.clips == 1 else 's'}"
        if self.images is not None:
            text += f" of {self.images} images" + ("" if clips is None else f" ({clips})")
        return text

    @property
    def line(self) -> str:
        """Say the same beside chance."""
        beside = "" if self.chance is None else f", chance {self._number(self.chance)}"
        return f"{self}{beside}"

    def _number(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.percent else f"{value:.2f}"


def held_out_health(judge: str, figures: Mapping[str, float], classes: int) -> Health | None:
    """Return the health of a judge on the clips that it held out when it was trained.

    ``figures`` are those that its training reported. None for a judge that is not trained, does not
    measure itself, or is not installed here.
    """
    if judge not in registry.judges:
        return None
    held_out = registry.judges.get(judge).held_out
    if held_out is None or held_out.figure not in figures:
        return None
    chance = held_out.chance
    if chance is None:
        chance = figures.get("held_out_chance", 1 / classes if classes else None)

    def count(name: str) -> int | None:
        return int(figures[name]) if name in figures else None

    return Health(
        judge=judge,
        metric=None,
        what=f"held-out {held_out.title}",
        value=figures[held_out.figure],
        low=figures.get("held_out_low"),
        chance=chance,
        images=count("held_out_images"),
        clips=count("held_out_clips"),
        percent=held_out.percent,
    )
