"""The libraries: what the package requires, against what is installed and can be imported."""

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from a2ibench import __version__
from a2ibench.doctor.line import Line, State
from a2ibench.errors import told
from a2ibench.extras import PACKAGE, install, requirements, unmet

REINSTALL = "install the package again: pip install -e ."


def look() -> Iterator[Line]:
    """The lines."""
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
    lacking = [why for one in own if (why := unmet(one))]
    if lacking:
        return Line("required packages", "broken", "; ".join(lacking), REINSTALL)
    versions = ", ".join(f"{one.name} {_version(one.name)}" for one in own)
    return Line("required packages", "fine", versions)


def _extra(extra: str, own: list[Requirement]) -> Line:
    lacking = [why for one in own if (why := unmet(one))]
    if lacking:
        return Line(f"extra {extra}", "lacking", "; ".join(lacking), install(extra))
    return Line(f"extra {extra}", "fine", ", ".join(one.name for one in own))


def _torch() -> Line:
    try:
        import torch

        float((torch.ones(2, 2) @ torch.ones(2, 2)).sum())
    except Exception as error:  # a missing shared library is an OSError, a bad build anything
        return Line("torch", "broken", told(error), REINSTALL)
    return Line("torch", "fine", torch.__version__)


def _torchvision() -> Line:
    """Its compiled operators load only beside the torch release that it was built for."""
    try:
        import torch
        import torchvision

        box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        torchvision.ops.nms(box, torch.ones(1), 0.5)
    except Exception as error:
        versions = " and ".join(f"{name} {_version(name)}" for name in ("torch", "torchvision"))
        advice = f"{versions} must be a pair of one release: pip install -U torch torchvision"
        return Line("torchvision", "broken", told(error), advice)
    return Line("torchvision", "fine", torchvision.__version__)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"


def _imported(name: str, instead: str) -> Line:
    try:
        importlib.import_module(name)
    except Exception as error:
        return Line(name, "broken", told(error), f"{REINSTALL}; until then {instead}")
    return Line(name, "fine", _version(name))
