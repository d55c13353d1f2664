"""Names → classes, lazily: one registry for every kind of plug-in.

A plug-in comes in by an entry point (group ``a2ibench.<kind>s``), by ``--plugin file.py``, or by
the decorator::

    from a2ibench.registry import models

    @models.register
    class Mine(Model):
        name = "mine"

Until it is asked for, a name stays a string: listing the registry imports no plug-in.
"""

import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from a2ibench.errors import PLUGIN_FAILURES, UserError, told, unknown

if TYPE_CHECKING:
    from a2ibench.contracts.dataset import Dataset
    from a2ibench.contracts.encoder import Encoder
    from a2ibench.contracts.judge import Judge
    from a2ibench.contracts.metric import Metric
    from a2ibench.contracts.model import Model
    from a2ibench.contracts.reference import Reference
    from a2ibench.contracts.section import Section

T = TypeVar("T")
C = TypeVar("C", bound=type)


@functools.cache
def _all_points() -> Any:  # a class of its own in Python 3.11
    """Once a process: reading the records of every installed package takes 50 ms."""
    return entry_points()


@functools.cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in _all_points().select(group=group)}


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: the word for it (``"model"``); the entry-point group is ``a2ibench.<kind>s``.
        contract: ``"module:Class"`` that every plug-in of this kind derives from.
    """

    def __init__(self, kind: str, contract: str) -> None:
        self.kind = kind
        self.group = f"a2ibench.{kind}s"
        self._contract = contract
        self._registered: dict[str, type[T]] = {}

    def _entry_points(self) -> dict[str, EntryPoint]:
        return _points(self.group)

    @property
    def registered(self) -> dict[str, type[T]]:
        """Name → class of those that came by the decorator."""
        return dict(self._registered)

    def names(self) -> list[str]:
        """Every known name, sorted; nothing is imported."""
        return sorted({*self._entry_points(), *self._registered})

    def where(self, name: str) -> str:
        """Where a plug-in comes from, ``module:Class``; nothing is imported."""
        if name in self._registered:
            found = self._registered[name]
            return f"{found.__module__}:{found.__qualname__}"
        return self._entry_points()[name].value

    def register(self, plugin: C) -> C:
        """Class decorator: adds a plug-in under its ``name``.

        Raises:
            TypeError: the class does not derive from the contract or has no ``name``.
            UserError: another class already has this name.
        """
        self._check(plugin)
        name = plugin.name  # type: ignore[attr-defined]  # checked in the line above
        taken = self._registered.get(name)
        if taken is not None and not _is_again(taken, plugin):
            both = f"{_file(taken)} and {_file(plugin)}"
            raise UserError(f"two {self.kind}s are called {name!r}: in {both}; rename one")
        if name in self._entry_points():
            raise UserError(
                f"{self.kind} {name!r} of {plugin.__module__} has the name of an installed one"
                f" ({self._entry_points()[name].value}); choose another name"
            )
        self._registered[name] = plugin
        return plugin

    def get(self, name: str) -> type[T]:
        """The class of a name.

        Raises:
            UserError: nothing has this name (the nearest right ones are given), or its module
                cannot be imported.
        """
        if name in self._registered:
            return self._registered[name]
        point = self._entry_points().get(name)
        if point is None:
            hint = (
                f"`a2ibench list {self.kind}s` shows all; one in a file of yours needs"
                " --plugin FILE.py."
            )
            raise unknown(self.kind, name, self.names(), hint)
        try:
            plugin = point.load()
        except PLUGIN_FAILURES as error:  # of a module that others wrote
            raise UserError(
                f"{self.kind} {name!r} ({point.value}) cannot be imported: {told(error)}"
            ) from error
        try:
            self._check(plugin)
        except TypeError as error:
            raise UserError(f"{self.kind} {name!r} ({point.value}): {error}") from error
        return cast("type[T]", plugin)

    def _check(self, plugin: object) -> None:
        module, _, contract = self._contract.partition(":")
        base = getattr(importlib.import_module(module), contract)
        if not (inspect.isclass(plugin) and issubclass(plugin, base)):
            raise TypeError(f"a {self.kind} must be a subclass of {module}.{contract}: {plugin}")
        if not isinstance(getattr(plugin, "name", None), str):
            raise TypeError(
                f"{plugin.__module__}.{plugin.__qualname__} needs a class attribute `name`"
            )
        if "Config" in base.__annotations__:
            config = getattr(plugin, "Config", None)
            if not (inspect.isclass(config) and dataclasses.is_dataclass(config)):
                raise TypeError(
                    f"{plugin.__module__}.{plugin.__qualname__} needs a class attribute `Config`,"
                    f" a dataclass whose fields all have defaults; got {config!r}"
                )
            bare = [
                field.name
                for field in dataclasses.fields(config)
                if field.init
                and field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            ]
            if bare:
                raise TypeError(
                    f"{plugin.__module__}.{plugin.__qualname__}.Config: no default for"
                    f' {", ".join(bare)}; give one, as in {bare[0]}: int = option(64, "…")'
                )


datasets: "Registry[Dataset]" = Registry("dataset", "a2ibench.contracts.dataset:Dataset")
encoders: "Registry[Encoder]" = Registry("encoder", "a2ibench.contracts.encoder:Encoder")
models: "Registry[Model]" = Registry("model", "a2ibench.contracts.model:Model")
references: "Registry[Reference]" = Registry("reference", "a2ibench.contracts.reference:Reference")
judges: "Registry[Judge]" = Registry("judge", "a2ibench.contracts.judge:Judge")
metrics: "Registry[Metric]" = Registry("metric", "a2ibench.contracts.metric:Metric")
sections: "Registry[Section]" = Registry("section", "a2ibench.contracts.section:Section")
"""Of the page of a study. They have no rules to be checked by, and are not among :data:`ALL`."""

ALL: tuple["Registry[object]", ...] = cast(
    "tuple[Registry[object], ...]", (datasets, encoders, models, references, judges, metrics)
)


def _registered() -> list[object]:
    return [*(one.registered for one in ALL), sections.registered]


def load_plugin_file(path: Path) -> None:
    """Runs one file of the user's, whose decorators register what it offers.

    The same file is loaded once a process. This executes the file: it is the user's own code,
    named by the user on the command line.

    Raises:
        UserError: no such file, it fails to import, or it registers nothing.
    """
    path = path.resolve()
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    name = f"a2ibench_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = _registered()
    try:
        spec.loader.exec_module(module)
    except UserError:
        del sys.modules[name]
        raise
    except PLUGIN_FAILURES as error:
        del sys.modules[name]
        line = _line_in(path, error)
        raise UserError(f"--plugin {path}{line}: {type(error).__name__}: {error}") from error
    if before == _registered():
        del sys.modules[name]
        raise UserError(
            f"--plugin {path}: it registers nothing; put @a2ibench.registry.models.register"
            " (or datasets, encoders, judges, metrics, sections) above your class"
        )


def _is_again(one: type, other: type) -> bool:
    """Whether a class is another's new version in its module, or comes from a copy of its file."""
    if one.__qualname__ != other.__qualname__:
        return False
    if one.__module__ == other.__module__:
        return True
    files = [Path(_file(plugin)) for plugin in (one, other)]
    return all(path.is_file() for path in files) and len({path.read_bytes() for path in files}) == 1


def _file(plugin: type) -> str:
    """Where a class was written: its file, or its module where that is none (a notebook)."""
    try:
        return inspect.getfile(plugin)
    except (TypeError, OSError):
        return plugin.__module__


def _line_in(path: Path, error: BaseException) -> str:
    """``", line N"`` of the deepest frame that lies in the user's own file."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return line
