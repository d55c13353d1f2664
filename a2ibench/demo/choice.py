"""The parameters of a request: models, number of pictures, volume, seed."""

import math
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from a2ibench.errors import UserError

MAX_PICTURES = 16
VOLUME = (0.1, 10.0)
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Choice:
    """The parameters of one request.

    Attributes:
        models: positions of the models, at least one.
        count: number of pictures per model.
        volume: factor of the samples.
        seed: seed of the noise.
    """

    models: tuple[int, ...]
    count: int
    volume: float
    seed: int


def read_choice(query: QueryParams, models: int) -> Choice:
    """Read and check the parameters of a URL.

    Raises:
        UserError: one is missing, unknown, given twice, not a number, or out of range.
    """
    known = ("model", "n", "volume", "seed")
    if unknown := set(query) - set(known):
        raise UserError(f"unknown parameter {min(unknown)!r}; known: {', '.join(known)}")
    chosen = tuple(int(_number(text, "model", 0, models - 1)) for text in query.getlist("model"))
    if not chosen or len(set(chosen)) < len(chosen):
        raise UserError("choose at least one model, and none of them twice")
    single = {name: query.getlist(name) for name in known[1:]}
    for name, texts in single.items():
        if len(texts) != 1:
            raise UserError(f"{name}: expected once, got {len(texts)} times")
    return Choice(
        chosen,
        int(_number(single["n"][0], "n", 1, MAX_PICTURES)),
        _number(single["volume"][0], "volume", *VOLUME, whole=False),
        int(_number(single["seed"][0], "seed", 0, MAX_SEED)),
    )


def _number(text: str, name: str, lowest: float, highest: float, *, whole: bool = True) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest or (whole and not value.is_integer()):
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{name}: expected {kind}, {lowest} to {highest}, got {text[:40]!r}")
    return value
