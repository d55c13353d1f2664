"""A plug-in's configuration: a frozen dataclass whose fields are its options.

Each field is documented where it is declared::

    @dataclass(frozen=True)
    class Config:
        channels: int = option(64, "width of the last hidden layer of G", minimum=1)

and is checked where it is made: :func:`build` refuses unknown names and values of a wrong type.
"""

import csv
import dataclasses
import enum
import io
import math
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from a2ibench.errors import UserError, unknown

T = TypeVar("T")

MOST_SEEDS = 1_000
"""Of a study."""
MOST_IMAGES = 10**10
"""Training images of a trial: more than any machine takes in."""
LONGEST = 100
"""Characters of a wrong value that a message repeats."""
LARGEST = 2**31 - 1
"""A whole number that no bound of its own holds: no network, picture or data set has more of
anything, and numbers that overflow are refused before something is made of them."""


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
            ``"pong,tennis"`` → a tuple, see :func:`split_list`).
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
            try:
                value = split_list(value)
            except ValueError as error:
                raise UserError(f"option {owner}.{name}={given!r}: {error}") from error
        try:
            made[name] = pydantic.TypeAdapter(hints[name]).validate_python(value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            shown = given if len(repr(given)) <= LONGEST else f"{str(given)[:LONGEST]} …"
            raise UserError(f"option {owner}.{name}={shown!r}: {reason}") from error
        _check_range(fields[name], made[name], f"{owner}.{name}")
    try:
        return config(**made)
    except ValueError as error:
        raise UserError(f"options of {owner}: {error}") from error


def split_list(text: str) -> list[str]:
    """Reads a list that was written in one text: ``pong,tennis`` by the rules of CSV.

    An entry with a comma stands in double quotes: ``"cattle, bovinae cowbell",barking``. A pair of
    brackets around the whole list is passed over: ``[pong, tennis]``.

    Raises:
        ValueError: a quotation mark that is not closed, or a list of empty entries.
    """
    text = text.strip()
    if _is_bracketed(text):
        text = text[1:-1].strip()
    if not text:
        return []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a list that can be read ({error})") from error
    if not (parts := [part.strip() for row in rows for part in row if part.strip()]):
        raise ValueError("a list of empty entries")
    return parts


def join_list(values: Iterable[Any]) -> str:
    """Writes a list so that :func:`split_list` reads the same entries again."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([str(value) for value in values])
    written = text.getvalue().removesuffix("\r\n")
    return f"[{written}]" if _is_bracketed(written) else written


def _is_bracketed(text: str) -> bool:
    return text[:1] + text[-1:] in ("[]", "()") and not set("[]()") & set(text[1:-1])


def choose(kind: str, given: Sequence[str], known: Collection[str], hint: str = "") -> list[str]:
    """Finds the entries of a list among the known names, where a name may hold commas itself.

    An entry that is no name is joined with the ones behind it: ``cattle``, ``bovinae cowbell`` is
    the one name ``cattle, bovinae cowbell``.

    Args:
        kind: what is chosen, in words (``"class"``), for the message.
        given: the entries, in order.
        known: every valid name.
        hint: one more sentence for the message.

    Returns:
        Names out of ``known``, each once, in the order given.

    Raises:
        UserError: an entry that is no name, not even joined; with the nearest ones.
    """
    names = {_words_only(name): name for name in known}
    longest = max((name.count(",") + 1 for name in names), default=0)
    reached = {0: -1}  # how many entries can be read as names → how many before the last of them
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
    """A name without the white space around its commas."""
    return ",".join(" ".join(part.split()) for part in name.split(","))


def check_owners(settings: Iterable[str], used: Collection[str]) -> None:
    """Refuses options of something that is not used.

    Args:
        settings: whose options are set.
        used: the names of the models, datasets, encoders and executors that are used.

    Raises:
        UserError: one that is not among them.
    """
    for owner in settings:
        if owner not in used:
            hint = (
                "OWNER in --set OWNER.FIELD=VALUE is a model, dataset, encoder or executor used"
                " here."
            )
            raise unknown("owner of an option", owner, used, hint)


def _check_range(field: "dataclasses.Field[Any]", value: Any, name: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"option {name}={value!r}: expected a finite number")
    for part in value if isinstance(value, tuple | list) else (value,):
        if isinstance(part, int) and abs(part) > LARGEST:
            size = f"{len(str(abs(part)))} digits" if abs(part) > 10**12 else str(part)
            raise UserError(f"option {name}: a number of {size}: expected at most {LARGEST}")
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        raise UserError(f"option {name}={value!r}: expected a number {_range(field)}")


def _range(field: "dataclasses.Field[Any]") -> str:
    low, high = field.metadata.get("minimum"), field.metadata.get("maximum")
    ends = (f"≥ {low}" if low is not None else "", f"≤ {high}" if high is not None else "")
    return " and ".join(filter(None, ends))


_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def takes(config: type) -> dict[str, str]:
    """What each option of a dataclass takes, in words: its choices, or its type and range."""
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
    """A configuration as plain JSON values, in the order of its fields."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    """With lists in the place of tuples, as JSON gives them back."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
