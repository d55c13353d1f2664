"""Plug-ins: those that fail to load, and those that lack weights or other parts."""

import importlib.metadata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from a2ibench import config, registry
from a2ibench.doctor.line import Line, State
from a2ibench.errors import PLUGIN_FAILURES, UserError, told
from a2ibench.types import Spec

OWN = "a2ibench"
SPEC = Spec(image_size=32, acoustic_dim=4, classes=("a", "b"))


def look(dataset: str, encoder: str) -> Iterator[Line]:
    """Yield the lines on plug-ins; a study cannot run without the default dataset and encoder."""
    yield from _packages()
    loaded = []
    for one in registry.ALL:
        for name in one.names():
            try:
                loaded.append((one.kind, name, one.get(name)))
            except PLUGIN_FAILURES as error:
                yield _failed(one.kind, name, one.group, error)
    for kind, name, plugin in loaded:
        needed = {"dataset": dataset, "encoder": encoder}.get(kind) == name
        if (line := _made(kind, name, plugin, needed)) is not None:
            yield line


def _packages() -> Iterator[Line]:
    """Yield a line per package with plug-ins."""
    brought: dict[str, Counter[str]] = {}
    for one in registry.ALL:
        for point in importlib.metadata.entry_points(group=one.group):
            package = f"{point.dist.name} {point.dist.version}" if point.dist else "(no package)"
            brought.setdefault(package, Counter())[one.kind] += len(one.names_from(point))
    for package, counts in sorted(brought.items()):
        found = ", ".join(f"{count} {kind}s" for kind, count in counts.items())
        yield Line(f"plug-ins of {package}", "fine", found)
    if not brought:
        advice = "install the package: pip install -e ."
        yield Line("plug-ins", "broken", "no package has any", advice)


def _failed(kind: str, name: str, group: str, error: BaseException) -> Line:
    points = importlib.metadata.entry_points(group=group, name=name)
    packages = {point.dist.name for point in points if point.dist}
    state: State = "broken" if OWN in packages else "lacking"
    advice = f"install {' or '.join(sorted(packages)) or 'its package'} again, or remove it"
    return Line(f"{kind} {name}", state, told(error), advice)


def _made(kind: str, name: str, plugin: Any, needed: bool) -> Line | None:
    """Make a plug-in that needs weights, files or libraries; their hashes are checked."""
    title = f"{kind} {name}"
    state: State = "broken" if needed else "lacking"
    try:
        if kind in ("encoder", "judge") and (lack := plugin.missing()) is not None:
            return Line(title, "lacking", "not ready", lack)
        if kind == "judge":
            judge = plugin()
            judge.build(SPEC)
            made_from = [f"{file} sha256 {digits}" for file, digits in judge.files().items()]
            return Line(title, "fine", "; ".join(["ready", *made_from]))
        if kind == "encoder" or (kind == "dataset" and plugin.unit == "pairs"):
            plugin(config.build(plugin.Config, {}, name))
        else:
            return None
    except UserError as error:
        return Line(title, state, "not ready", str(error))
    except PLUGIN_FAILURES as error:
        advice = f"`a2ibench check {kind} {name}` says more"
        return Line(title, state, told(error), advice)
    return Line(title, "fine", "ready")
