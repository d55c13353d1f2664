"""Run the rules of a kind of plug-in on one of its plug-ins."""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.conformance.rules import Finding, Rules
from a2ibench.errors import UserError

NO_RULES = {
    "section": "sections have no rules to check; `a2ibench report STUDY` shows whether one works",
    "protocol": "protocols are facts and have no rules to check",
}


def check(
    kind: str, name: str, values: Mapping[str, Any] | None = None, files: Path | None = None
) -> Iterator[Finding]:
    """Run the rules of a kind on one of its plug-ins.

    ``values`` are options that differ from the defaults; ``files`` are for a dataset that cuts any.

    Raises:
        UserError: nothing has this name; options or files that this kind does not take.
    """
    plugin: Any = registry.of_kind(kind).get(name)
    if kind in NO_RULES:
        raise UserError(NO_RULES[kind])
    if values and kind == "metric":
        raise UserError(f"name the metric with its parameters: '{name}[PARAMETER=VALUE]'")
    if values and not hasattr(plugin, "Config"):
        raise UserError(f"a {kind} has no options: leave out --set")
    if files is not None and kind != "dataset":
        raise UserError(f"a {kind} takes no files: leave out --files")
    if values:
        config.build(plugin.Config, values, name)
    # Imported here: some kinds need torch.
    module = importlib.import_module(f"a2ibench.conformance.{kind}")
    arguments: list[Any] = [plugin]
    if hasattr(plugin, "Config"):
        arguments.append(values or {})
    if kind == "dataset":
        arguments.append(files)
    rules: Rules[Any] = module.rules
    return rules.check(getattr(module, f"{kind.capitalize()}Subject")(*arguments))


def lacks(kind: str, name: str) -> str | None:
    """Return why a plug-in cannot be tried here with its default options; None if it can."""
    if kind in NO_RULES:
        return NO_RULES[kind]
    if kind == "metric":
        from a2ibench.contracts.metric import OWN

        judge = registry.metrics.get(name).judge
        if judge == OWN or judge not in registry.judges.names():
            return None  # a rule is about the latter
        return lacks("judge", judge)
    if kind in ("judge", "encoder"):
        why: str | None = registry.of_kind(kind).get(name).missing()
        return why
    if kind == "dataset":
        plugin = registry.datasets.get(name)
        if plugin.unit == "files":
            return "it cuts files of your own: name it, and give some with --files DIR"
        try:
            plugin(config.build(plugin.Config, {}, name))
        except UserError as error:
            return str(error)
    return None
