"""Prepare and score pairs by a published protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.errors import command


def published_layout(name: str) -> str:
    """Return the layout of a protocol."""
    from a2ibench import registry

    return registry.protocols.get(name).layout


def as_published(
    name: str, layout: str, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the options that a protocol prepares its pairs with, and what a user should know.

    Args:
        name: of the protocol.
        layout: the layout in use, by default its own; another one may lack some of its options.
        settings: the user's own options, which take precedence.

    Raises:
        UserError: the layout has no such option, or not such a value.
    """
    import dataclasses

    from a2ibench import config, registry

    protocol = registry.protocols.get(name)
    fields: Any = registry.datasets.get(layout).Config
    taken = {field.name for field in dataclasses.fields(fields)}
    options = {key: value for key, value in protocol.options.items() if key in taken}
    published = config.build(fields, options, layout)
    used = config.build(fields, {**options, **settings}, layout)
    notes = [f"protocol {name}: {protocol.title}"]
    if layout != protocol.layout:
        notes.append(f"not as published: layout {layout}, published {protocol.layout}")
    for key, value in protocol.options.items():
        if key not in taken:
            said = f"no option of this layout, published {_text(value)}"
        else:
            said = _difference(getattr(used, key), getattr(published, key))
        if said:
            notes.append(f"not as published: {key}={said}")
    if protocol.test_sounds is not None:
        each = protocol.pictures_per_sound
        pictures = "" if each is None else f", {each} picture{'s' * (each > 1)} each"
        notes.append(f"published on {protocol.test_sounds:,} test sounds{pictures}")
    notes += [f"public: {said}" for said in protocol.public]
    notes += [f"not public: {said}" for said in protocol.not_public]
    return {**options, **settings}, notes


def score_as_published(name: str, pairs: Path) -> str | None:
    """Return the command that scores a method as published; None where no metric is known."""
    from a2ibench import registry

    protocol = registry.protocols.get(name)
    if not protocol.metrics:
        return None
    metrics = [word for metric in protocol.metrics for word in ("--metric", metric)]
    seeds = ["--seeds", protocol.pictures_per_sound] * (protocol.pictures_per_sound is not None)
    return command("run", "--dataset", pairs, "--model", "NAME", *seeds, *metrics)


def _difference(own: object, published: object) -> str:
    """Return how a value differs from the published one; empty where it does not."""
    said = f"{_text(own)}, published {_text(published)}"
    if isinstance(own, tuple) and isinstance(published, tuple):
        ours, theirs = {*own}, {*published}  # the order of classes has no meaning
        return "" if ours == theirs else f"{said}, {len(ours & theirs)} in common"
    return "" if own == published else said


def _text(value: object) -> str:
    """Write a value as a user does (10 for 10.0), and count a list."""
    if isinstance(value, tuple):
        return f"{len(value)} of them"
    return f"{value:g}" if isinstance(value, float) else str(value)
