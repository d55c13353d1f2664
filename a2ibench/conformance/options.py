"""Rules on ``Config`` that models, datasets and encoders share."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from a2ibench import config
from a2ibench.conformance.rules import Rules, expect


class Configured:
    """A plug-in with a ``Config``, and the options that differ from its defaults."""

    def __init__(self, plugin: Any, values: Mapping[str, Any]) -> None:
        self.plugin = plugin
        self.values = values

    def configure(self, **changed: Any) -> Any:
        """Make its configuration, with further options."""
        return config.build(self.plugin.Config, {**self.values, **changed}, self.plugin.name)


C = TypeVar("C", bound=Configured)


def add_rules(rules: Rules[C]) -> None:
    """Append these rules to others."""

    @rules.rule("give every field a default that __post_init__ accepts", gate=True)
    def defaults(subject: C) -> None:
        """Its Config makes a configuration from its defaults alone."""
        config.build(subject.plugin.Config, {}, subject.plugin.name)
        subject.configure()

    @rules.rule("write @dataclass(frozen=True) above Config")
    def frozen(subject: C) -> None:
        """Its Config is frozen: nobody changes it after the job's hash was taken."""
        parameters = subject.plugin.Config.__dataclass_params__
        expect(parameters.frozen, "a frozen dataclass", "one that can be assigned to")

    @rules.rule("use numbers, strings, booleans and tuples of them as options")
    def plain(subject: C) -> None:
        """Its configuration survives JSON, in which studies keep it."""
        made = subject.configure()
        values = json.loads(json.dumps(config.to_dict(made), allow_nan=False))
        again = config.build(subject.plugin.Config, values, subject.plugin.name)
        expect(again == made, repr(made), repr(again))

    @rules.rule("declare it as a2ibench.config.option(default, 'what it means')")
    def documented(subject: C) -> None:
        """Each option is documented: `a2ibench show` prints what it means."""
        bare = [
            field.name
            for field in dataclasses.fields(subject.plugin.Config)
            if not str(field.metadata.get("doc", "")).strip()
        ]
        expect(not bare, "a line on every option", f"none on {', '.join(bare)}")
