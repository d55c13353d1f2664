"""``a2ibench list`` and ``a2ibench show``: the registered plug-ins."""

from pathlib import Path
from typing import Any

import click

from a2ibench.cli.completion import kinds, names
from a2ibench.cli.options import load_plugins, plugin_option
from a2ibench.errors import unknown

SEE = "`a2ibench show` says why"


@click.command("list")
@click.argument("kind", required=False, shell_complete=kinds(plural=True))
@plugin_option
def list_(kind: str | None, plugins: tuple[Path, ...]) -> None:
    """List the registered plug-ins, of all kinds or of one KIND (models, datasets, …)."""
    load_plugins(plugins)
    from a2ibench import config, registry

    for one in registry.ALL if kind is None else (registry.of_kind(kind),):
        click.echo(f"{one.kind}s:")
        for name in one.names():
            # Where a kind is named, its modules may be imported.
            lacks = kind is not None and _lacks(one, name) is not None
            click.echo(f"  {name:32} {one.where(name)}{f'  (not ready: {SEE})' * lacks}")
        if one.kind == "metric":
            click.echo("metrics with parameters, as in --metric 'rprec[k=20]':")
            for name, family in registry.metrics.families().items():
                said = [
                    f"{key}={getattr(family, key)}" + ("" if words == "text" else f" ({words})")
                    for key, words in config.takes(family).items()
                ]
                click.echo(f"  {name:32} {', '.join(said)}")


def _lacks(one: Any, name: str) -> str | None:
    """Return what an encoder or a judge lacks on this machine; None of other kinds."""
    from a2ibench.errors import PLUGIN_FAILURES, told

    if one.kind not in ("encoder", "judge"):
        return None
    try:
        lacks: str | None = one.get(name).missing()
        return lacks
    except PLUGIN_FAILURES as error:  # of a module that others wrote
        return told(error)


def _print_options(title: str, config_class: type, made: Any) -> None:
    """Print each field of a dataclass with its default, or its value in ``made``, and its type."""
    import dataclasses

    from a2ibench import config

    click.echo(f"\n{title}:")
    takes = config.takes(config_class)
    for field in dataclasses.fields(config_class):
        value = field.default if made is None else getattr(made, field.name)
        click.echo(f"  {field.name} = {value!r}  ({takes[field.name]})")
        click.echo(f"      {field.metadata.get('doc', '')}")


@click.command()
@click.argument("name", shell_complete=names())
@click.option(
    "--kind",
    shell_complete=kinds(),
    help="Kind of the plug-in: model, dataset, …; needed only if two kinds share the name.",
)
@plugin_option
def show(name: str, kind: str | None, plugins: tuple[Path, ...]) -> None:
    """Show a plug-in: its description, options and ablations."""
    load_plugins(plugins)
    from a2ibench import registry
    from a2ibench.plugin_registry import docstrings_of

    kinds = registry.ALL if kind is None else (registry.of_kind(kind),)
    found = [one for one in kinds if name in one]
    if not found and "[" in name:
        registry.metrics.get(name)  # says what is wrong
    if not found:
        known = [known for one in kinds for known in one.names()]
        raise unknown("name", name, known, "`a2ibench list` shows all.")
    for one in found:
        plugin: Any = one.get(name)
        defined = type(plugin) if one.kind == "metric" else plugin
        click.echo(f"{one.kind} {plugin.name} ({one.where(name)})\n")
        click.echo("\n\n".join(docstrings_of(defined)))
        if one.kind == "metric":
            low, high = plugin.bounds
            click.echo(
                f"\n{plugin.title}: {plugin.better} is better,"
                f" {low:g} to {high:g}; judge {plugin.judge}; at least {plugin.fewest} test"
                f" segments; {'by default' if plugin.headline else 'on request'}"
                f"{', primary' * plugin.primary};"
                f" version {plugin.version}"
            )
            _print_options(f"parameters of {defined.name}[…]", defined, plugin)
        if one.kind == "judge":
            click.echo(f"\nembeds {', '.join(sorted(plugin.embeds))}; version {plugin.version}")
        if (lack := _lacks(one, name)) is not None:
            click.echo(f"\nnot ready: {lack}")
        if hasattr(plugin, "Config"):
            _print_options("options", plugin.Config, None)
        for title in ("ablations", "scales"):
            for part, values in getattr(plugin, title, {}).items():
                text = ", ".join(f"{key}={value!r}" for key, value in values.items())
                click.echo(f"{title.removesuffix('s')} {part}: {text}")
