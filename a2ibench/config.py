"""A plug-in's configuration: a frozen dataclass whose fields are its options.

Each field is documented where it is declared::

    @dataclass(frozen=True)
    class Config:
        channels: int = option(64, "width of the last hidden layer of G", minimum=1)

and is checked where it is made: :func:`build` refuses unknown names and values of a wrong type.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_origin, get_type_hints

from a2ibench.errors import UserError, unknown

T = TypeVar("T")


def option(
    default: T, doc: str, *, minimum: float | None = None, maximum: float | None = None
) -> T:
    """A documented dataclass field, with an optional closed range for numbers."""
    bounds = {"minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata={"doc": doc, **bounds})


def build(config: type[T], values: Mapping[str, Any], owner: str) -> T:
    """Makes a configuration from defaults and overrides.

    Args:
        config: a dataclass.
        values: overrides; strings are converted to the field's type (``"0.1"`` → 0.1,
            ``"pong,tennis"`` → a tuple).
        owner: whose configuration it is, for the message.

    Raises:
        UserError: an unknown field, a value of a wrong type, or one out of its range.
    """
    import pydantic

    fields = {field.name: field for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    hints = get_type_hints(config)
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise unknown(f"option of {owner}", name, fields)
        given = value
        if get_origin(hints[name]) is tuple and isinstance(value, str):
            value = [part.strip() for part in value.strip("[]()").split(",") if part.strip()]
        try:
            made[name] = pydantic.TypeAdapter(hints[name]).validate_python(value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UserError(f"option {owner}.{name}={given!r}: {reason}") from error
        _check_range(fields[name], made[name], f"{owner}.{name}")
    try:
        return config(**made)
    except ValueError as error:
        raise UserError(f"options of {owner}: {error}") from error


def _check_range(field: "dataclasses.Field[Any]", value: Any, name: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"option {name}={value!r}: expected a finite number")
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        expected = " and ".join(
            part
            for part in (
                f"≥ {low}" if low is not None else "",
                f"≤ {high}" if high is not None else "",
            )
            if part
        )
        raise UserError(f"option {name}={value!r}: expected a number {expected}")


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain JSON values, in the order of its fields."""
    return {
        field.name: list(value)
        if isinstance(value := getattr(config, field.name), tuple)
        else value
        for field in dataclasses.fields(config)
    }
