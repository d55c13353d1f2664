"""Rules and findings: each rule is one demand of a contract, which a plug-in meets or breaks."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from a2ibench.errors import PLUGIN_FAILURES, UserError

S = TypeVar("S")

State = Literal["met", "broken", "unreached"]


class BrokenError(Exception):
    """A rule is broken: its demand, and the plug-in's behaviour."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


def expect(met: bool | np.bool_, expected: str, got: Any) -> None:
    """Raise :class:`BrokenError` unless a demand is met."""
    if not met:
        raise BrokenError(expected, str(got))


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule, which says its demand in one sentence without a full stop.

    It is ``"unreached"`` where an earlier rule had to be met first. Where it is broken, there is
    the demand in detail, the plug-in's behaviour, and the usual remedy.
    """

    rule: str
    says: str
    state: State
    expected: str = ""
    got: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Rule(Generic[S]):
    """One demand, as the docstring of its function says it.

    With ``gate``, the later rules make no sense where it is broken. ``fix`` is the usual remedy.
    ``run`` raises :class:`BrokenError`; any other exception is the plug-in's own failure.
    """

    name: str
    says: str
    fix: str
    gate: bool
    run: Callable[[S], None]


class Rules(Generic[S]):
    """The rules of one kind of plug-in, in the order in which they run."""

    def __init__(self) -> None:
        self._rules: list[Rule[S]] = []

    @property
    def names(self) -> list[str]:
        """The rules' names, in order."""
        return [rule.name for rule in self._rules]

    def rule(
        self, fix: str, *, gate: bool = False
    ) -> Callable[[Callable[[S], None]], Callable[[S], None]]:
        """Decorate a function that is a rule: its docstring says what the contract demands."""

        def add(run: Callable[[S], None]) -> Callable[[S], None]:
            says = " ".join(str(run.__doc__).split()).removesuffix(".")
            self._rules.append(Rule(run.__name__, says, fix, gate, run))
            return run

        return add

    def check(self, subject: S) -> Iterator[Finding]:
        """Run every rule on a plug-in."""
        closed = False
        for rule in self._rules:
            if closed:
                yield Finding(rule.name, rule.says, "unreached")
                continue
            finding = _try(rule, subject)
            closed = rule.gate and finding.state == "broken"
            yield finding


def _try(rule: Rule[S], subject: S) -> Finding:
    try:
        rule.run(subject)
    except BrokenError as broken:
        return Finding(rule.name, rule.says, "broken", broken.expected, broken.got, rule.fix)
    except PLUGIN_FAILURES as error:  # a plug-in may even call sys.exit
        return Finding(rule.name, rule.says, "broken", rule.says, _told(error), rule.fix)
    return Finding(rule.name, rule.says, "met")


def _told(error: BaseException) -> str:
    """Return an exception of the plug-in in one line, with the place that raised it."""
    if isinstance(error, UserError):
        return f"it refuses: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"


def same(one: Mapping[str, npt.NDArray[Any]], other: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """Return the names under which two collections of arrays differ in any bit."""
    return sorted(
        name
        for name in {*one, *other}
        if name not in one
        or name not in other
        or one[name].shape != other[name].shape
        or one[name].tobytes() != other[name].tobytes()
    )


def farthest(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the largest difference of two arrays, relative to the largest number in them."""
    wide = one.astype(np.float64), other.astype(np.float64)
    largest = max(float(np.abs(wide[0]).max(initial=0)), float(np.abs(wide[1]).max(initial=0)))
    return float(np.abs(wide[0] - wide[1]).max(initial=0)) / (largest or 1.0)
