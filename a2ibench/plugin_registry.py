"""The plug-ins of one kind: names → classes, lazily.

Until it is asked for, a name stays a string: listing a registry imports no plug-in.
"""

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from a2ibench import config
from a2ibench.errors import PLUGIN_FAILURES, UserError, told, unknown

T = TypeVar("T")
C = TypeVar("C", bound=type)


@functools.cache
def _all_points() -> Any:  # a class of its own in Python 3.11
    """Return all entry points; reading the records of every installed package takes 50 ms."""
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
        self.hint = (
            f"`a2ibench list {kind}s` shows all; one in a file of yours needs --plugin FILE.py."
        )
        self._contract = contract
        self._registered: dict[str, type[T]] = {}

    def _entry_points(self) -> dict[str, EntryPoint]:
        return _points(self.group)

    @property
    def registered(self) -> dict[str, type[T]]:
        """Name → class of those that came by the decorator."""
        return dict(self._registered)

    def names(self) -> list[str]:
        """Return every known name, sorted; nothing is imported."""
        return sorted({*self._entry_points(), *self._registered})

    def names_from(self, point: EntryPoint) -> list[str]:
        """Return the names that an entry point brings."""
        return [point.name]

    def __contains__(self, name: str) -> bool:
        """Return whether :meth:`get` knows a name."""
        return name in self.names()

    def where(self, name: str) -> str:
        """Return where a plug-in comes from, ``module:Class``; nothing is imported."""
        if name in self._registered:
            found = self._registered[name]
            return f"{found.__module__}:{found.__qualname__}"
        return self._entry_points()[name].value

    def register(self, plugin: C) -> C:
        """Add a plug-in under its ``name``: a class decorator.

        Raises:
            TypeError: the class does not derive from the contract or has no ``name``.
            UserError: another class already has this name.
        """
        self._check(plugin)
        for name in self._names_of(plugin):
            taken = next(
                (one for one in self._registered.values() if name in self._names_of(one)), None
            )
            if taken is not None and not _is_again(taken, plugin):
                both = f"{_file(taken)} and {_file(plugin)}"
                raise UserError(f"two {self.kind}s are called {name!r}: in {both}; rename one")
            if name in (installed := self._installed()):
                raise UserError(
                    f"{self.kind} {name!r} of {plugin.__module__} has the name of an installed one"
                    f" ({installed[name]}); choose another name"
                )
        self._registered[plugin.name] = plugin  # type: ignore[attr-defined]  # checked above
        return plugin

    def _names_of(self, plugin: type) -> set[str]:
        return {plugin.name}  # type: ignore[attr-defined]  # checked when it came in

    def _installed(self) -> dict[str, str]:
        """Return name → where, of those that came by an entry point."""
        return {name: point.value for name, point in self._entry_points().items()}

    def get(self, name: str) -> type[T]:
        """Return the class of a name.

        Raises:
            UserError: nothing has this name (the nearest right ones are given), or its module
                cannot be imported.
        """
        if name in self._registered:
            return self._registered[name]
        point = self._entry_points().get(name)
        if point is None:
            raise unknown(self.kind, name, self.names(), self.hint)
        plugin = load(self.kind, point)
        try:
            self._check(plugin)
        except TypeError as error:
            raise UserError(f"{self.kind} {name!r} ({point.value}): {error}") from error
        return cast("type[T]", plugin)

    def build(self, name: str, options: Mapping[str, Any], *arguments: Any) -> T:
        """Make a plug-in that has a ``Config``, from options that differ from its defaults."""
        plugin: Any = self.get(name)
        return cast("T", plugin(config.build(plugin.Config, options, name), *arguments))

    def _check(self, plugin: object) -> None:
        module, _, contract = self._contract.partition(":")
        base = getattr(importlib.import_module(module), contract)
        if not (inspect.isclass(plugin) and issubclass(plugin, base)):
            raise TypeError(f"a {self.kind} must be a subclass of {module}.{contract}: {plugin}")
        where = f"{plugin.__module__}.{plugin.__qualname__}"
        if not isinstance(getattr(plugin, "name", None), str):
            raise TypeError(f"{where} needs a class attribute `name`")
        if "Config" in base.__annotations__:
            own = getattr(plugin, "Config", None)
            if not (inspect.isclass(own) and dataclasses.is_dataclass(own)):
                raise TypeError(
                    f"{where} needs a class attribute `Config`,"
                    f" a dataclass whose fields all have defaults; got {own!r}"
                )
            expect_defaults(own, f"{where}.Config")


def load(kind: str, point: EntryPoint) -> Any:
    """Return what an entry point names; raise a UserError where it cannot be imported."""
    try:
        return point.load()
    except PLUGIN_FAILURES as error:  # of a module that others wrote
        raise UserError(
            f"{kind} {point.name!r} ({point.value}) cannot be imported: {told(error)}"
        ) from error


def expect_defaults(config: type, where: str) -> None:
    """Raise a TypeError unless every field of a dataclass has a default."""
    missing = dataclasses.MISSING
    for field in dataclasses.fields(config):
        if field.init and field.default is missing and field.default_factory is missing:
            raise TypeError(
                f"{where}: no default for {field.name}; give one, as in"
                f' {field.name}: int = option(64, "…")'
            )


def _is_again(one: type, other: type) -> bool:
    """Return whether a class is a new version of another, or comes from a copy of its file."""
    if one.__qualname__ != other.__qualname__:
        return False
    if one.__module__ == other.__module__:
        return True
    files = [Path(_file(plugin)) for plugin in (one, other)]
    return all(path.is_file() for path in files) and len({path.read_bytes() for path in files}) == 1


def _file(plugin: type) -> str:
    """Return where a class was written: its file, or its module without one (a notebook)."""
    try:
        return inspect.getfile(plugin)
    except (TypeError, OSError):
        return plugin.__module__


def docstrings_of(plugin: type) -> Iterator[str]:
    """Yield the docstrings of a plug-in's file, of the base classes in that file, and its own."""
    shared = [
        base
        for base in reversed(plugin.__mro__[1:])
        if base.__module__ == plugin.__module__
        and ("name" not in vars(base) or inspect.isabstract(base))  # every metric has a name
    ]
    for one in (inspect.getmodule(plugin), *shared, plugin):
        if text := inspect.getdoc(one):
            yield text
