"""Arms: models × ablations under resolved configurations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from a2ibench import config, registry
from a2ibench.errors import UserError, unknown


@dataclass(frozen=True)
class Arm:
    """One model under one configuration.

    Attributes:
        model: the registered name.
        without: the ablated part; None for the full model.
        config: the resolved configuration, plain values.
    """

    model: str
    without: str | None
    config: Mapping[str, Any]

    @property
    def label(self) -> str:
        """``ours`` or ``ours − consistency``."""
        return self.model if self.without is None else f"{self.model} − {self.without}"


def expand_arms(
    models: Sequence[str],
    ablate: Sequence[str],
    scale: str,
    settings: Mapping[str, Mapping[str, Any]],
) -> list[Arm]:
    """The full models, each followed by its ablations, one part at a time.

    Args:
        models: registered names.
        ablate: parts to switch off; ``["all"]`` for each that a model declares. With several models
            each is ablated by those parts that it declares.
        scale: ``"small"`` or ``"paper"``: the values that a model declares for it come first.
        settings: the user's configuration values by model name; they win over the scale, and an
            ablation wins over them.

    Raises:
        UserError: a part that no model declares, an unknown option, a value out of range, or the
            same model twice.
    """
    if len(set(models)) != len(models):
        raise UserError(f"the same model twice: {', '.join(models)}")
    classes = {name: registry.models.get(name) for name in models}
    declared = {part for model in classes.values() for part in model.ablations}
    for part in ablate:
        if part not in {*declared, "all"}:
            raise unknown(f"ablation of {', '.join(models)}", part, {*declared, "all"})
    arms = []
    for name, model in classes.items():
        values = {**model.scales.get(scale, {}), **settings.get(name, {})}
        chosen = model.ablations if "all" in ablate else [p for p in ablate if p in model.ablations]
        off: dict[str | None, Mapping[str, Any]] = {None: {}}
        off |= {part: model.ablations[part] for part in chosen}
        for without, changed in off.items():
            made: Any = config.build(model.Config, {**values, **changed}, name)
            arms.append(Arm(name, without, config.to_dict(made)))
    return arms
