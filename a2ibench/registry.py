"""Names → classes, lazily: one registry for every kind of plug-in.

A plug-in comes in by an entry point (group ``a2ibench.<kind>s``), by ``--plugin file.py``, or by
the decorator::

    from a2ibench.registry import models

    @models.register
    class Mine(Model):
        name = "mine"
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from a2ibench.errors import PLUGIN_FAILURES, UserError, unknown
from a2ibench.metric_registry import MetricRegistry
from a2ibench.plugin_registry import Registry

if TYPE_CHECKING:
    from a2ibench.contracts.dataset import Dataset
    from a2ibench.contracts.encoder import Encoder
    from a2ibench.contracts.executor import Executor
    from a2ibench.contracts.judge import Judge
    from a2ibench.contracts.model import Model
    from a2ibench.contracts.published import PublishedProtocol
    from a2ibench.contracts.reference import Reference
    from a2ibench.contracts.section import Section

datasets: "Registry[Dataset]" = Registry("dataset", "a2ibench.contracts.dataset:Dataset")
encoders: "Registry[Encoder]" = Registry("encoder", "a2ibench.contracts.encoder:Encoder")
models: "Registry[Model]" = Registry("model", "a2ibench.contracts.model:Model")
references: "Registry[Reference]" = Registry("reference", "a2ibench.contracts.reference:Reference")
judges: "Registry[Judge]" = Registry("judge", "a2ibench.contracts.judge:Judge")
metrics = MetricRegistry("metric", "a2ibench.contracts.metric:Metric")
executors: "Registry[Executor[Any]]" = Registry("executor", "a2ibench.contracts.executor:Executor")
protocols: "Registry[PublishedProtocol]" = Registry(
    "protocol", "a2ibench.contracts.published:PublishedProtocol"
)
sections: "Registry[Section]" = Registry("section", "a2ibench.contracts.section:Section")

ALL: tuple["Registry[object]", ...] = cast(
    "tuple[Registry[object], ...]",
    (datasets, encoders, models, references, judges, metrics, executors, sections, protocols),
)


def of_kind(kind: str) -> "Registry[Any]":
    """Return the registry of a kind, in the singular or plural, or raise a UserError."""
    by_kind = {one.kind: one for one in ALL}
    if (single := kind.removesuffix("s")) not in by_kind:
        raise unknown("kind", kind, [f"{name}s" for name in by_kind])
    return by_kind[single]


PREFIX = "a2ibench_plugin_"
"""Beginning of the names of the modules that files of the user's become."""


def load_plugin_file(path: Path) -> None:
    """Run a file of the user's, whose decorators register what it offers; once per process.

    This executes the file: it is the user's own code, named by the user on the command line.

    Raises:
        UserError: no such file, it fails to import, or it registers nothing.
    """
    path = path.resolve()
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    name = f"{PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = [one.registered for one in ALL]
    try:
        spec.loader.exec_module(module)
    except PLUGIN_FAILURES as error:
        del sys.modules[name]
        if isinstance(error, UserError):
            raise
        line = _line_in(path, error)
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            beside = path.with_name(f"{error.name.partition('.')[0]}.py")
            if beside.is_file():
                hint = f"; a plug-in is one file: put {beside.name} into it, or install both"
        raise UserError(f"--plugin {path}{line}: {type(error).__name__}: {error}{hint}") from error
    if before == [one.registered for one in ALL]:
        del sys.modules[name]
        raise UserError(
            f"--plugin {path}: it registers nothing; put @a2ibench.registry.models.register above"
            f" your class, or that of its kind: {', '.join(f'{one.kind}s' for one in ALL)}"
        )


def plugin_files(*plugins: type) -> tuple[Path, ...]:
    """Return the files of the user's that define some plug-ins, for another process to load."""
    modules = {base.__module__ for plugin in plugins for base in plugin.__mro__}
    mine = (sys.modules[name] for name in sorted(modules) if name.startswith(PREFIX))
    return tuple(Path(module.__file__) for module in mine if module.__file__)


def is_found_elsewhere(kind: "Registry[Any]", name: str) -> bool:
    """Return whether another process finds a plug-in: an installed one, or one of a file."""
    plugin = kind.registered.get(name)
    return plugin is None or bool(plugin_files(plugin))


def _line_in(path: Path, error: BaseException) -> str:
    """Return ``", line N"`` of the deepest frame that lies in the user's own file."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if Path(frame.f_code.co_filename) == path]
    return f", line {lines[-1]}" if lines else ""
