"""The metrics: names, with parameters or without → metrics."""

import dataclasses
import functools
import inspect
import re
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, cast

from a2ibench import config
from a2ibench.errors import UserError, unknown
from a2ibench.plugin_registry import Registry, expect_defaults, load

if TYPE_CHECKING:
    from a2ibench.contracts.metric import Metric

NAME = re.compile(r"\w+", re.ASCII)
PARAMETER = re.compile(r"\s*(\w+)\s*=\s*([\w.+-]+)\s*", re.ASCII)


class MetricRegistry(Registry["Metric"]):
    """Metrics by name; a name stands for a class and its parameters.

    An entry point names a class, or a module: then all metrics that are defined there. Listing them
    imports their modules, so these import heavy libraries only where they use them.
    """

    def names(self) -> list[str]:
        """Return the listed names, sorted: variants, and classes without any. Of an entry point
        that cannot be loaded, its own name."""
        points = self._entry_points().values()
        listed = [name for point in points for name in self.names_from(point)]
        return sorted(
            {*listed, *(name for one in self.registered.values() for name in _listed(one))}
        )

    def names_from(self, point: EntryPoint) -> list[str]:
        """Return the listed names that an entry point brings; its own where it cannot be loaded."""
        return [name for one in _load_classes(self, point)[0] for name in _listed(one)] or [
            point.name
        ]

    def __contains__(self, name: str) -> bool:
        """Return whether :meth:`get` knows a name."""
        try:
            self.get(name)
        except UserError:
            return False
        return True

    def families(self) -> dict[str, "type[Metric]"]:
        """Return name → class: what may stand before ``[k=20]``."""
        return dict(sorted(self._classes()[0].items()))

    def where(self, name: str) -> str:
        """Return where a metric's class is defined, ``module:Class``."""
        if name in self._classes()[1]:
            return self._entry_points()[name].value
        found = type(self.get(name))
        return f"{found.__module__}:{found.__qualname__}"

    def get(self, name: str) -> "Metric":  # type: ignore[override]  # an instance, see the class
        """Return a metric by a listed name, or by its class's name and parameters.

        ``rprec[k=10,judge=i2a_cnn]`` is the metric that is listed as ``rprec10_i2a_cnn``, and its
        ``name`` says so: equal parameters have one name.

        Raises:
            UserError: nothing has this name (the nearest right ones are given), a parameter is
                unknown or has a wrong value, or a module cannot be imported.
        """
        classes, failed = self._classes()
        family, bracket, text = name.partition("[")
        owner = next((one for one in classes.values() if family in one.variants), None)
        if owner is not None and not bracket:
            return _make_variant(owner, name)
        if owner is not None:
            raise UserError(
                f"metric {name!r}: the parameters of {family} are set; write {owner.name}[{text}"
            )
        if family in classes:
            values = _read_parameters(family, text) if bracket else {}
            return config.build(classes[family], values, family)
        if name in failed:
            raise failed[name]
        known = classes if bracket else {*self.names(), *classes}
        raise unknown(self.kind, family, known, " ".join([self.hint, *map(str, failed.values())]))

    def canonical(self, name: str) -> str:
        """Return the one name of a metric, however it is spelled; an unknown name stays."""
        return self.get(name).name if name in self else name

    def _names_of(self, plugin: type) -> set[str]:
        return {*_listed(cast("type[Metric]", plugin)), plugin.name}  # type: ignore[attr-defined]

    def _installed(self) -> dict[str, str]:
        return {
            name: f"{one.__module__}:{one.__qualname__}"
            for point in self._entry_points().values()
            for one in _load_classes(self, point)[0]
            for name in self._names_of(one)
        }

    def _classes(self) -> tuple[dict[str, "type[Metric]"], dict[str, UserError]]:
        """Return name → class of all that can be loaded, and entry point → why of the others."""
        classes, failed = {}, {}
        for point in self._entry_points().values():
            loaded, error = _load_classes(self, point)
            classes.update({one.name: one for one in loaded})
            if error is not None:
                failed[point.name] = error
        return classes | self._registered, failed

    def _check(self, plugin: object) -> None:
        super()._check(plugin)
        one = cast("type[Metric]", plugin)
        where = f"{one.__module__}.{one.__qualname__}"
        for name in ("judge", "title", "bounds"):
            if not hasattr(one, name):
                raise TypeError(f"{where} needs a class attribute `{name}`")
        if inspect.isabstract(one):
            raise TypeError(f"{where} needs a method `compute`")
        for name in (one.name, *one.variants):
            if not NAME.fullmatch(name):
                raise TypeError(f"{where}: expected a name of letters, digits and _, got {name!r}")
        expect_defaults(one, where)
        for name in config.takes(one):
            if not isinstance(getattr(one, name), bool | int | float | str):
                raise TypeError(f"{where}.{name}: a parameter is a bool, int, float or str")
        for name, about in one.variants.items():
            if wrong := [key for key in about if not hasattr(one, key)]:
                raise TypeError(f"{where}.variants[{name!r}]: it has no {wrong[0]}")
            if (same := _make_variant(one, name).name) != name:
                raise TypeError(f"{where}.variants: {same} and {name} have the same parameters")


@functools.cache
def _load_classes(
    registry: MetricRegistry, point: EntryPoint
) -> tuple[tuple["type[Metric]", ...], UserError | None]:
    """Return the metrics of an entry point, or why there are none."""
    try:
        found = load(registry.kind, point)
        classes = (found,)
        if inspect.ismodule(found):
            classes = tuple(one for one in vars(found).values() if _is_defined_in(found, one))
        for one in classes:
            registry._check(one)
    except UserError as error:
        return (), error
    except TypeError as error:
        return (), UserError(f"{registry.kind} {point.name!r} ({point.value}): {error}")
    return classes, None


def _is_defined_in(module: Any, one: object) -> bool:
    """Return whether it is a metric of that module, and not what several of them share."""
    from a2ibench.contracts.metric import Metric

    own = inspect.isclass(one) and one.__module__ == module.__name__ and issubclass(one, Metric)
    return own and not inspect.isabstract(one)


def _make_variant(metric: "type[Metric]", name: str) -> "Metric":
    fields = {field.name for field in dataclasses.fields(cast("Any", metric))}
    return metric(**{key: value for key, value in metric.variants[name].items() if key in fields})


def _listed(metric: "type[Metric]") -> list[str]:
    return list(metric.variants) or [metric.name]


def _read_parameters(family: str, text: str) -> dict[str, str]:
    """Return the parameters of ``k=20,judge=mine]``, or raise a UserError."""
    found = [PARAMETER.fullmatch(part) for part in text.removesuffix("]").split(",")]
    pairs = [(match[1], match[2]) for match in found if match is not None]
    if not text.endswith("]") or len(pairs) < len(found) or len(dict(pairs)) < len(pairs):
        raise UserError(
            f"metric '{family}[{text}': expected {family}[PARAMETER=VALUE,…], each parameter once,"
            f" values of letters, digits and _ . + -; `a2ibench show {family}` lists them"
        )
    return dict(pairs)
