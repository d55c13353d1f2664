"""Arms: models × ablations under resolved configurations."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from a2ibench import config, registry
from a2ibench.contracts.model import Model
from a2ibench.errors import UserError, unknown
from a2ibench.study.ablation import ALL, Ablation, parse_ablations

MINUS = " − "
"""Before each part that is off."""


@dataclass(frozen=True)
class Arm:
    """One model under one configuration.

    Attributes:
        model: the registered name.
        change: what makes it differ from the full model, as printed; empty for the full model.
        config: the resolved configuration, plain values.
    """

    model: str
    change: str
    config: Mapping[str, Any]

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
    """The full models, each followed by its ablations.

    Args:
        models: registered names.
        ablate: what to change; see :mod:`a2ibench.study.ablation`. With several models each is
            ablated by what it declares.
        scale: ``"small"`` or ``"paper"``: the values that a model declares for it come first.
        settings: the user's configuration values by model name; they win over the scale, and an
            ablation wins over them.

    Returns:
        A value of a grid that is the full model's makes no arm, and one that switches the part off
        is the ablation itself: no arm stands twice.

    Raises:
        UserError: a part that no model declares, a combination or grid that cannot be made, an
            unknown option, a value out of range, or the same model twice.
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
        made = {"": _arm(model, "", values)}
        for one in asked:
            for change, changed in _changes(model, one, values):
                arm = _arm(model, change, {**values, **changed})
                if one.values is None or arm.config != made[""].config:
                    made.setdefault(change, arm)
        arms += made.values()
    return arms


def _arm(model: type[Model], change: str, values: Mapping[str, Any]) -> Arm:
    built: Any = config.build(model.Config, values, model.name)
    return Arm(model.name, change, config.to_dict(built))


def _changes(
    model: type[Model], one: Ablation, values: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What an entry changes in a model: as printed, and the values that do it."""
    if ALL in one.parts:
        yield from ((f"{MINUS}{part}", off) for part, off in model.ablations.items())
    elif set(one.parts) <= set(model.ablations):
        if one.values is None:
            yield _off(model, one.parts)
        for text in one.values or ():
            yield _set(model, one.parts[0], text, values)


def _off(model: type[Model], parts: Collection[str]) -> tuple[str, Mapping[str, Any]]:
    """Parts off, in the order of their declaration, so that A+B and B+A are one arm."""
    changed: dict[str, Any] = {}
    ordered = [part for part in model.ablations if part in parts]
    for part in ordered:
        for option, value in model.ablations[part].items():
            if changed.setdefault(option, value) != value:
                raise UserError(
                    f"--ablate {'+'.join(ordered)}: they set {model.name}.{option} to"
                    f" {changed[option]!r} and to {value!r}: switch them off one at a time"
                )
    return "".join(f"{MINUS}{part}" for part in ordered), changed


def _set(
    model: type[Model], part: str, text: str, values: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """One value of a grid."""
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
        return f"{MINUS}{part}", off
    return f", {option}={_shown(chosen)}", {option: chosen}


def _shown(value: Any) -> str:
    """As a person would write it: 10, not 10.0."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def full_label(label: str, models: Collection[str]) -> str | None:
    """The full model of an arm by its label; None for a full model, and for what is no arm."""
    model = re.split(f"{MINUS}|, (?=[^,]+=)", label, maxsplit=1)[0]
    return model if model != label and model in models else None


def pick_arm(text: str, known: Collection[str], where: str) -> str:
    """The label that a word of the command line means; `` - `` stands for `` − `` as well.

    Raises:
        UserError: no such arm.
    """
    label = text.strip().replace(" - ", MINUS)
    if label not in known:
        raise unknown(f"arm of {where}", text, known)
    return label


def split_arms(text: str) -> list[str]:
    """``ours, lambda_con=0.1,vae`` → two labels: a comma before NAME=VALUE is part of a label."""
    return [one.strip() for one in re.split(r",(?!\s*\w+=)", text) if one.strip()]
