"""``a2ibench data``: prepare datasets."""

from pathlib import Path

import click

from a2ibench.cli.options import load_plugins, make_display, plugin_option, read_settings


@click.group()
def data() -> None:
    """Prepare datasets."""


@data.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Repeatable.")
@plugin_option
def prepare(name: str, out: Path, settings: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Write the dataset NAME to a folder: a pair store."""
    load_plugins(plugins)
    from a2ibench import config, registry
    from a2ibench.data.prepare import prepare

    dataset = registry.datasets.get(name)
    values = read_settings(tuple(f"{name}.{text}" for text in settings)).get(name, {})
    display = make_display()
    with display.running():
        made = prepare(
            dataset(config.build(dataset.Config, values, name)),
            out,
            display.counter(f"preparing {name}"),
        )
    click.echo(f"{out}: {made.about['counts']} pairs of {', '.join(made.classes)}")
