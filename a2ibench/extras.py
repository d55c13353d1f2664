"""The package's extras: what each requires, and what of that is not installed."""

import importlib.metadata
import importlib.util

from packaging.requirements import Requirement

from a2ibench.errors import UserError

PACKAGE = "a2ibench"


def requirements(extra: str = "") -> list[Requirement]:
    """Return what the plain package requires on this machine, or what one of its extras adds."""
    every = [Requirement(text) for text in importlib.metadata.requires(PACKAGE) or ()]
    plain = [one for one in every if _applies(one, "")]
    if not extra:
        return plain
    return [one for one in every if one not in plain and _applies(one, extra)]


def _applies(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def unmet(requirement: Requirement) -> str:
    """Return in words why a requirement is not met, or an empty string."""
    name = requirement.name
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # Another distribution may bring the module, as onnxruntime-gpu does.
        there = importlib.util.find_spec(name.replace("-", "_"))
        return "" if there else f"{name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{name} is {version}, needed is {requirement.specifier}"


def install(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{PACKAGE}[{extra}]'"


def require(extra: str, user: str) -> None:
    """Refuse, with the command that installs it, an extra that ``user`` (in words) needs."""
    lacking = [why for one in requirements(extra) if (why := unmet(one))]
    if lacking:
        raise UserError(f"{user} needs more packages ({'; '.join(lacking)}): {install(extra)}")
