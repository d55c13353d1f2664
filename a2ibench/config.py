"""The configuration of a plug-in: a frozen dataclass whose fields are its options.

Each field is documented where it is declared::

    @dataclass(frozen=True)
    class Config:
        channels: int = option(64, "width of the last hidden layer of G", minimum=1)

:func:`build` refuses unknown names and values of a wrong type.
"""

import csv
import dataclasses
import enum
import io
import math
import operator
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from a2ibench.errors import UserError, unknown

T = TypeVar("T")

SEEDS = 3
"""Seeds of a study by default: the fewest with which a difference is tested."""
MAX_SEEDS = 1_000
"""Largest number of seeds of a study."""
MAX_IMAGES = 10**10
"""Largest number of training images of a trial: more than any machine processes."""
MAX_SHOWN = 100
"""Characters of a wrong value that a message repeats."""
MAX_INTEGER = 2**31 - 1
"""Largest whole number of an option without a bound of its own; numbers that overflow are refused
before they are used."""


def option(
    default: T, doc: str, *, minimum: float | None = None, maximum: float | None = None
) -> T:
    """Declare a documented dataclass field, with an optional closed range for numbers."""
    bounds = {"minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata={"doc": doc, **bounds})


def build(config: type[T], values: Mapping[str, Any], owner: str) -> T:
    """Make a configuration from defaults and overrides.

    Strings are converted to the field's type (``"0.1"`` → 0.1, ``"pong,tennis"`` → a tuple, see
    :func:`split_list`).

    Raises:
        UserError: a field of ``owner`` is unknown, or a value is of a wrong type or out of range.
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
            try:
                value = split_list(value)
            except ValueError as error:
                raise UserError(f"option {owner}.{name}={given!r}: {error}") from error
        if value == "none" and type(None) in get_args(hints[name]):
            value = None  # the word that `takes` has for it
        try:
            made[name] = pydantic.TypeAdapter(hints[name]).validate_python(value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            shown = given if len(repr(given)) <= MAX_SHOWN else f"{str(given)[:MAX_SHOWN]} …"
            raise UserError(f"option {owner}.{name}={shown!r}: {reason}") from error
        _check_range(fields[name], made[name], f"{owner}.{name}")
    try:
        return config(**made)
    except ValueError as error:
        raise UserError(f"options of {owner}: {error}") from error


def split_list(text: str) -> list[str]:
    """Split a list such as ``pong,tennis`` by the rules of CSV.

    An entry with a comma is put in double quotes: ``"cattle, bovinae cowbell",barking``. A pair of
    brackets around the whole list is ignored: ``[pong, tennis]``.

    Raises:
        ValueError: a quotation mark is not closed, or all entries are empty.
    """
    text = text.strip()
    if _is_bracketed(text):
        text = text[1:-1].strip()
    if not text:
        return []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a readable list ({error})") from error
    if not (parts := [part.strip() for row in rows for part in row if part.strip()]):
        raise ValueError("a list of empty entries")
    return parts


def join_list(values: Iterable[Any]) -> str:
    """Join a list so that :func:`split_list` returns the same entries."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([str(value) for value in values])
    written = text.getvalue().removesuffix("\r\n")
    return f"[{written}]" if _is_bracketed(written) else written


def _is_bracketed(text: str) -> bool:
    return text[:1] + text[-1:] in ("[]", "()") and not set("[]()") & set(text[1:-1])


def whole_number(name: str, value: Any, lowest: int, highest: int | None = None) -> int:
    """Return a whole number given by a script, NumPy's included.

    Raises:
        UserError: it is not one, or out of its range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = lowest - 1
    if number < lowest or (highest is not None and number > highest):
        upper = "or more" if highest is None else f"to {highest}"
        raise UserError(f"{name}: expected a whole number, {lowest} {upper}, got {value!r}")
    return number


def several(given: Any) -> tuple[Any, ...]:
    """Return what a script gave as one value or as several, as several."""
    try:
        return (given,) if isinstance(given, str) else tuple(given)
    except TypeError:
        return (given,)


def several_names(what: str, given: Any) -> tuple[str, ...]:
    """Return what a script gave as one name or as several, as several.

    Raises:
        UserError: something else is among them.
    """
    names = several(given)
    for name in names:
        if not isinstance(name, str):
            raise UserError(f"{what}: expected a name, or several, got {name!r}")
    return names


def choose(kind: str, given: Sequence[str], known: Collection[str], hint: str = "") -> list[str]:
    """Find the entries of a list among known names, which may contain commas themselves.

    An entry that is not a name is joined with the ones behind it: ``cattle``, ``bovinae cowbell``
    is the one name ``cattle, bovinae cowbell``.

    Returns:
        Names out of ``known``, each once, in the order given.

    Raises:
        UserError: an entry is not a name, even joined; the message gives the nearest names.
    """
    names = {_words_only(name): name for name in known}
    longest = max((name.count(",") + 1 for name in names), default=0)
    reached = {0: -1}  # number of entries read as names → the number before the last name
    for start in range(len(given)):
        if start in reached:
            for end in range(start + 1, min(start + longest, len(given)) + 1):
                if _words_only(",".join(given[start:end])) in names:
                    reached[end] = max(reached.get(end, -1), start)
    if len(given) not in reached:
        raise unknown(kind, given[max(reached)], known, hint)
    chosen: list[str] = []
    end = len(given)
    while end > 0:
        start = reached[end]
        chosen.append(names[_words_only(",".join(given[start:end]))])
        end = start
    return list(dict.fromkeys(reversed(chosen)))


def _words_only(name: str) -> str:
    """Remove the white space around the commas of a name."""
    return ",".join(" ".join(part.split()) for part in name.split(","))


def check_owners(settings: Iterable[str], used: Collection[str]) -> None:
    """Refuse options of what is no model, dataset, encoder or executor in use."""
    for owner in settings:
        if owner not in used:
            hint = (
                "OWNER in --set OWNER.FIELD=VALUE is a model, dataset, encoder or executor used"
                " here."
            )
            raise unknown("owner of an option", owner, used, hint)


def _check_range(field: "dataclasses.Field[Any]", value: Any, name: str) -> None:
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"option {name}={value!r}: expected a finite number")
    for part in value if isinstance(value, tuple | list) else (value,):
        if isinstance(part, int) and abs(part) > MAX_INTEGER:
            size = f"{len(str(abs(part)))} digits" if abs(part) > 10**12 else str(part)
            raise UserError(f"option {name}: a number of {size}: expected at most {MAX_INTEGER}")
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        raise UserError(f"option {name}={value!r}: expected a number {_range(field)}")


def _range(field: "dataclasses.Field[Any]") -> str:
    ends = (("≥", field.metadata.get("minimum")), ("≤", field.metadata.get("maximum")))
    return " and ".join(f"{sign} {end}" for sign, end in ends if end is not None)


_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def takes(config: type) -> dict[str, str]:
    """Describe the values of each option of a dataclass: its choices, or its type and range."""
    hints = get_type_hints(config)
    return {
        field.name: " ".join(filter(None, (_words(hints[field.name]), _range(field))))
        for field in dataclasses.fields(config)
    }


def _words(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " | ".join(map(_words, parts))
    if origin is tuple:
        return f"{_words(parts[0])}, …"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " | ".join(str(member.value) for member in hint)
    return "none" if hint is type(None) else _WORDS.get(hint, str(hint))


def to_dict(config: Any) -> dict[str, Any]:
    """Convert a configuration to plain JSON values, in the order of its fields."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    """Replace tuples by lists, as JSON does."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
