"""A kind and a name → what comes of the rules."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from a2ibench import config, registry
from a2ibench.conformance.rules import Finding
from a2ibench.errors import UserError


def check(
    kind: str, name: str, values: Mapping[str, Any] | None = None, files: Path | None = None
) -> Iterator[Finding]:
    """Runs the rules of a kind on a plug-in of it.

    Args:
        kind: ``"model"``, ``"dataset"``, ``"encoder"``, ``"judge"``, ``"metric"``,
            ``"reference"`` or ``"executor"``.
        name: a registered one.
        values: options that differ from the defaults, where the kind has options.
        files: for a dataset that cuts files, where they are.

    Raises:
        UserError: nothing has this name; options or files that this kind does not take.
    """
    registries = {one.kind: one for one in registry.ALL}
    plugin: Any = registries[kind].get(name)
    if values and kind == "metric":
        raise UserError(f"name the metric with its parameters: '{name}[PARAMETER=VALUE]'")
    if values and not hasattr(plugin, "Config"):
        raise UserError(f"a {kind} has no options: leave out --set")
    if files is not None and kind != "dataset":
        raise UserError(f"a {kind} takes no files: leave out --files")
    if values:
        config.build(plugin.Config, values, name)
    return _run(kind, plugin, values or {}, files)


def _run(
    kind: str, plugin: Any, values: Mapping[str, Any], files: Path | None
) -> Iterator[Finding]:
    # Each brings what its contract brings: torch for some.
    if kind == "model":
        from a2ibench.conformance import model, model_subject

        return model.rules.check(model_subject.ModelSubject(plugin, values))
    if kind == "dataset":
        from a2ibench.conformance import dataset

        return dataset.rules.check(dataset.DatasetSubject(plugin, values, files))
    if kind == "encoder":
        from a2ibench.conformance import encoder

        return encoder.rules.check(encoder.EncoderSubject(plugin, values))
    if kind == "judge":
        from a2ibench.conformance import judge

        return judge.rules.check(judge.JudgeSubject(plugin))
    if kind == "metric":
        from a2ibench.conformance import metric

        return metric.rules.check(metric.MetricSubject(plugin))
    if kind == "executor":
        from a2ibench.conformance import executor

        return executor.rules.check(executor.ExecutorSubject(plugin, values))
    from a2ibench.conformance import reference

    return reference.rules.check(reference.ReferenceSubject(plugin))


def lacks(kind: str, name: str) -> str | None:
    """Why a plug-in cannot be tried on this machine with its default options; None where it can.

    Raises:
        UserError: nothing has this name.
    """
    if kind == "metric":
        from a2ibench.contracts.metric import OWN

        judge = registry.metrics.get(name).judge
        if judge == OWN or judge not in registry.judges.names():
            return None  # a rule is about the latter
        return lacks("judge", judge)
    if kind == "judge":
        return registry.judges.get(name).missing()
    if kind == "encoder":
        return registry.encoders.get(name).missing()
    return _not_made(name) if kind == "dataset" else None


def _not_made(name: str) -> str | None:
    plugin = registry.datasets.get(name)
    if plugin.unit == "files":
        return "it cuts files of your own: name it, and give some with --files DIR"
    try:
        plugin(config.build(plugin.Config, {}, name))
    except UserError as error:
        return str(error)
    return None
