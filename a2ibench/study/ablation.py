"""The syntax of ``--ablate``: parts to switch off, alone or together, and grids of an option.

``A,B`` are two ablations, ``A+B`` is one with both parts off, ``A=0,0.1,1`` sets the one option
that the ablation A changes to each value, ``all`` is every part. What follows ``=`` are values up
to the next entry that holds a ``=`` or consists of declared parts: ``A=0,0.1,B+C,D`` is a grid of
two values, B and C together, and D. An entry with a comma of its own stands in double quotes:
``"A=color,translation",cutout``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from a2ibench import config
from a2ibench.errors import UserError, unknown

ALL = "all"


@dataclass(frozen=True)
class Ablation:
    """One entry.

    Attributes:
        parts: to switch off together; the one part of a grid; ``("all",)`` for each.
        values: of a grid, as written; None to switch the parts off.
    """

    parts: tuple[str, ...]
    values: tuple[str, ...] | None = None


def parse_ablations(texts: Sequence[str], declared: Collection[str], owner: str) -> list[Ablation]:
    """Reads what the user wrote.

    Args:
        texts: each as the module describes.
        declared: every part that a model of the study declares.
        owner: the models, for the message.

    Raises:
        UserError: an unknown part, one named twice in a combination, or a grid of nothing or of
            several parts.
    """
    known = {*declared, ALL}
    found: list[Ablation] = []
    for text in texts:
        grid: tuple[str, list[str]] | None = None
        for token in _entries(text):
            name, equals, value = (piece.strip() for piece in token.partition("="))
            parts = tuple(piece.strip() for piece in name.split("+"))
            if grid is not None and not equals and not set(parts) <= known:
                grid[1].append(token)
                continue
            if grid is not None:
                found.append(_grid(*grid))
            grid = None
            if equals:
                grid = name, [value]
                if name not in declared:
                    raise _refuse_grid(name, parts, declared, owner)
            else:
                found.append(_together(parts, known, owner))
        if grid is not None:
            found.append(_grid(*grid))
    return found


def _entries(text: str) -> list[str]:
    try:
        return config.split_list(text)
    except ValueError as error:
        raise UserError(f"--ablate {text}: {error}") from error


def _grid(part: str, values: list[str]) -> Ablation:
    if "" in values:
        raise UserError(f"--ablate {part}=: expected values behind the =, as in {part}=0,0.1,1")
    return Ablation((part,), tuple(values))


def _refuse_grid(
    name: str, parts: tuple[str, ...], declared: Collection[str], owner: str
) -> UserError:
    if len(parts) > 1 and set(parts) <= set(declared):
        return UserError(f"--ablate {name}=…: a grid changes one part; A+B switches both off")
    return unknown(f"ablation of {owner}", name, declared)


def _together(parts: tuple[str, ...], known: Collection[str], owner: str) -> Ablation:
    for part in parts:
        if part not in known:
            raise unknown(f"ablation of {owner}", part, known)
    if len(parts) > 1 and (ALL in parts or len(set(parts)) < len(parts)):
        raise UserError(f"--ablate {'+'.join(parts)}: expected different parts, as in A+B")
    return Ablation(parts)
