"""Libraries that the package requires: whether they are installed, and can be imported."""

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from a2ibench import __version__
from a2ibench.doctor.line import Line, State, examined
from a2ibench.extras import PACKAGE, install, requirements, unmet

REINSTALL = "install the package again: pip install -e ."


def look() -> Iterator[Line]:
    """Yield the lines on libraries."""
    try:
        about = importlib.metadata.metadata(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        advice = f"without its record there are no plug-ins; {REINSTALL}"
        yield Line(PACKAGE, "broken", f"{__version__}, not installed as a package", advice)
        return
    python = platform.python_version()
    needed = SpecifierSet(about["Requires-Python"] or "")
    state: State = "fine" if needed.contains(python, prereleases=True) else "broken"
    advice = "" if state == "fine" else f"it needs Python {needed}"
    yield Line("Python", state, f"{python} ({platform.python_implementation()})", advice)
    yield Line(PACKAGE, "fine", about["Version"])
    yield _required(requirements())
    for extra in about.get_all("Provides-Extra") or ():
        yield _extra(extra, requirements(extra))
    yield _torch()
    yield _torchvision()
    for name, use in (("ray", "--executor process or inline"), ("mlflow", "--tracking-uri none")):
        yield _imported(name, use)


def _required(own: list[Requirement]) -> Line:
    if lacking := "; ".join(why for one in own if (why := unmet(one))):
        return Line("required packages", "broken", lacking, REINSTALL)
    versions = ", ".join(f"{one.name} {_version(one.name)}" for one in own)
    return Line("required packages", "fine", versions)


def _extra(extra: str, own: list[Requirement]) -> Line:
    if lacking := "; ".join(why for one in own if (why := unmet(one))):
        return Line(f"extra {extra}", "lacking", lacking, install(extra))
    return Line(f"extra {extra}", "fine", ", ".join(one.name for one in own))


def _torch() -> Line:
    def multiply() -> str:
        import torch

        float((torch.ones(2, 2) @ torch.ones(2, 2)).sum())
        return torch.__version__

    return examined("torch", "broken", REINSTALL, multiply)


def _torchvision() -> Line:
    """Run a compiled operator: it loads only beside the torch release that it was built for."""

    def suppress() -> str:
        import torch
        import torchvision

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
        return torchvision.__version__

    versions = " and ".join(f"{name} {_version(name)}" for name in ("torch", "torchvision"))
    advice = f"{versions} must be a pair of one release: pip install -U torch torchvision"
    return examined("torchvision", "broken", advice, suppress)


def _imported(name: str, instead: str) -> Line:
    def load() -> str:
        importlib.import_module(name)
        return _version(name)

    return examined(name, "broken", f"{REINSTALL}; until then {instead}", load)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"
