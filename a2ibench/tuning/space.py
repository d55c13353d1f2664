"""A search space: the options of a model that are searched, and their ranges.

A file of one line an option::

    lr: {log: [1e-5, 1e-2]}         # a number, uniform in its logarithm, ends included
    beta: {uniform: [0, 2]}         # a number
    channels: {int: [8, 64]}        # a whole number, ends included
    batch_size: {choice: [16, 32]}  # one of these
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench import config
from a2ibench.contracts.model import Model
from a2ibench.errors import UserError, unknown
from a2ibench.study.study_file import locate, read_yaml

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

KINDS = ("log", "uniform", "int", "choice")


@dataclass(frozen=True)
class Domain:
    """The range of one option.

    Attributes:
        kind: one of :data:`KINDS`.
        values: the two ends, or the choices; as the option's type has them.
    """

    kind: str
    values: tuple[Any, ...]

    def distribution(self) -> "BaseDistribution":
        """Return the same for the searcher."""
        from optuna import distributions as known

        if self.kind == "choice":
            return known.CategoricalDistribution(self.values)
        low, high = self.values
        if self.kind == "int":
            return known.IntDistribution(low, high)
        return known.FloatDistribution(low, high, log=self.kind == "log")


def read_space(path: Path, model: type[Model], values: Mapping[str, Any]) -> dict[str, Domain]:
    """Read a space and check it against a model's options.

    Args:
        values: values of the options that are not searched, where they differ from the defaults.

    Raises:
        UserError: an unknown option or kind of range, an empty range, an end or a choice that the
            model refuses, or an option that is fixed as well.
    """
    content, root = read_yaml(path)
    known = config.to_dict(config.build(model.Config, values, model.name))
    space = {}
    for option, given in content.items():
        where = f"{path}, line {locate(root, [option])[1]}"
        if option not in known:
            raise unknown(f"option of {model.name} ({where})", str(option), known)
        if not isinstance(given, dict) or len(given) != 1:
            raise UserError(
                f"{where}: {option}: expected one of {', '.join(KINDS)} with a list behind it, as"
                f" in {option}: {{uniform: [0, 1]}}"
            )
        ((kind, bounds),) = given.items()
        if kind not in KINDS:
            raise unknown(f"kind of range ({where})", str(kind), KINDS)
        if (
            not isinstance(bounds, list)
            or len(bounds) < 2
            or (kind != "choice" and len(bounds) > 2)
        ):
            raise UserError(f"{where}: {option}: expected {kind}: [LOW, HIGH], got {bounds!r}")
        try:
            space[option] = _domain(option, kind, bounds, model, values)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    return space


def _domain(
    option: str, kind: str, bounds: list[Any], model: type[Model], values: Mapping[str, Any]
) -> Domain:
    is_range = kind != "choice"
    if is_range:
        bounds = [_number(option, kind, one) for one in bounds]
        low, high = bounds
        if not low < high:
            raise UserError(f"{option}: an empty range: {low} is not below {high}")
        if kind == "log" and low <= 0:
            raise UserError(f"{option}: a logarithm needs numbers above 0, got {low}")
    built = [
        config.to_dict(config.build(model.Config, {**values, option: one}, model.name))[option]
        for one in bounds
    ]
    if is_range and any(
        isinstance(own, bool) or not isinstance(own, int | float) or own != one
        for own, one in zip(built, bounds, strict=True)
    ):
        raise UserError(f"{option}: {kind} is for numbers; give choice: […]")
    if kind in ("log", "uniform") and any(isinstance(own, int) for own in built):
        raise UserError(f"{option}: takes whole numbers; give int: [{low:g}, {high:g}]")
    if not is_range and any(isinstance(own, list) for own in built):
        raise UserError(f"{option}: a list cannot be searched")
    if len(set(built)) < len(built):
        raise UserError(f"{option}: the same choice twice")
    return Domain(kind, tuple(built))


def _number(option: str, kind: str, given: Any) -> float | int:
    """Read a number; YAML takes 1e-5 for a word."""
    try:
        if isinstance(given, bool):
            raise TypeError
        number = float(given)
    except (TypeError, ValueError):
        raise UserError(f"{option}: expected {kind}: [LOW, HIGH], got {given!r}") from None
    if not math.isfinite(number):
        raise UserError(f"{option}: expected finite numbers, got {given!r}")
    if kind == "int" and number != int(number):
        raise UserError(f"{option}: expected whole numbers, got {given!r}")
    return int(number) if kind == "int" else number
