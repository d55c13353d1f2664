"""Arms: models × ablations under resolved configurations."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.errors import UserError
from a2ibench.results.rows import MINUS
from a2ibench.study.ablation import ALL, Ablation, parse_ablations


@dataclass(frozen=True)
class Arm:
    """One model under one configuration.

    Attributes:
        change: difference from the full model, as printed; empty for the full model.
        config: the resolved configuration, plain values.
        ablated: the same as ``--ablate`` writes it: ``consistency``, ``stack+noise``,
            ``consistency=0.1``; empty for the full model.
    """

    model: str
    change: str
    config: Mapping[str, Any]
    ablated: str = ""

    @property
    def label(self) -> str:
        """``ours``, ``ours − consistency``, ``ours − stack − noise``, ``ours, lambda_con=0.1``."""
        return f"{self.model}{self.change}"


def expand_arms(
    models: Sequence[str],
    ablate: Sequence[str],
    scale: str,
    settings: Mapping[str, Mapping[str, Any]],
) -> list[Arm]:
    """Return the full models, each followed by its ablations.

    Args:
        models: registered names.
        ablate: the ablations; see :mod:`a2ibench.study.ablation`. With several models each is
            ablated by what it declares.
        scale: ``"small"`` or ``"paper"``: the values that a model declares for it come first.
        settings: the user's configuration values by model name; they win over the scale, and an
            ablation wins over them.

    Returns:
        A value of a grid that is the full model's makes no arm, and one that switches the part off
        is the ablation itself: no arm stands twice.

    Raises:
        UserError: the same model twice, a part that no model declares, a combination or grid
            that cannot be made, an unknown option, or a value out of range.
    """
    if len(set(models)) != len(models):
        raise UserError(f"the same model twice: {', '.join(models)}")
    classes = {name: registry.models.get(name) for name in models}
    declared = {part for model in classes.values() for part in model.ablations}
    if ablate and not declared:
        raise UserError(f"--ablate: no part of {', '.join(models)} is declared to be switched off")
    asked = parse_ablations(ablate, declared, ", ".join(models))
    for one in asked:
        if ALL not in one.parts and not any(
            set(one.parts) <= set(model.ablations) for model in classes.values()
        ):
            raise UserError(f"--ablate {'+'.join(one.parts)}: no model declares all of these parts")
    arms: list[Arm] = []
    for name, model in classes.items():
        values = {**model.scales.get(scale, {}), **settings.get(name, {})}
        made = {"": _arm(model, _FULL, values)}
        for one in asked:
            for change in _changes(model, one, values):
                arm = _arm(model, change, values)
                if one.values is None or arm.config != made[""].config:
                    made.setdefault(change.printed, arm)
        arms += made.values()
    return arms


@dataclass(frozen=True)
class _Change:
    """One change of a full model: as printed, as ``--ablate`` writes it, and the values for it."""

    printed: str
    written: str
    values: Mapping[str, Any]


_FULL = _Change("", "", {})


def _arm(model: type[Model], change: _Change, values: Mapping[str, Any]) -> Arm:
    built: Any = config.build(model.Config, {**values, **change.values}, model.name)
    return Arm(model.name, change.printed, config.to_dict(built), change.written)


def _changes(model: type[Model], one: Ablation, values: Mapping[str, Any]) -> Iterator[_Change]:
    """Yield the changes that an entry makes in a model."""
    if ALL in one.parts:
        yield from (_off(model, (part,)) for part in model.ablations)
    elif set(one.parts) <= set(model.ablations):
        if one.values is None:
            yield _off(model, one.parts)
        for text in one.values or ():
            yield _set(model, one.parts[0], text, values)


def _off(model: type[Model], parts: Collection[str]) -> _Change:
    """Switch parts off, in the order of their declaration, so that A+B and B+A are one arm."""
    changed: dict[str, Any] = {}
    ordered = [part for part in model.ablations if part in parts]
    for part in ordered:
        for option, value in model.ablations[part].items():
            if changed.setdefault(option, value) != value:
                raise UserError(
                    f"--ablate {'+'.join(ordered)}: they set {model.name}.{option} to"
                    f" {changed[option]!r} and to {value!r}: switch them off one at a time"
                )
    return _Change("".join(f"{MINUS}{part}" for part in ordered), "+".join(ordered), changed)


def _set(model: type[Model], part: str, text: str, values: Mapping[str, Any]) -> _Change:
    """Set one value of a grid."""
    off = model.ablations[part]
    if len(off) != 1:
        raise UserError(
            f"--ablate {part}=…: the ablation changes {len(off)} options of {model.name}"
            f" ({', '.join(off)}); a grid needs one that changes a single option"
        )
    ((option, value),) = off.items()
    try:
        built: Any = config.build(model.Config, {**values, option: text}, model.name)
    except UserError as error:
        raise UserError(
            f"--ablate {part}={text}: {error}; {text!r} is no ablation either"
            f" ({', '.join(model.ablations)})"
        ) from error
    chosen = config.to_dict(built)[option]
    if chosen == value:
        return _off(model, (part,))
    shown = _shown(chosen)
    return _Change(f", {option}={shown}", f"{part}={shown}", {option: chosen})


def _shown(value: Any) -> str:
    """Return a value as a person would write it: 10, not 10.0."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def split_arms(text: str) -> list[str]:
    """Split ``ours, lambda_con=0.1,vae`` into two: a comma before NAME=VALUE is part of a label."""
    return [one.strip() for one in re.split(r",(?!\s*\w+=)", text) if one.strip()]
