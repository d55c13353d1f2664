"""``a2ibench data``: prepare datasets, and look at them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from a2ibench.cli.clean import clean
from a2ibench.cli.completion import names
from a2ibench.cli.data_check import check
from a2ibench.cli.options import (
    load_plugins,
    make_display,
    open_workers,
    path_option,
    plugin_option,
    ray_address_option,
    read_fields,
    set_option,
    worker_memory_option,
    workers_option,
)
from a2ibench.cli.published import as_published, published_layout, score_as_published
from a2ibench.errors import UserError, command

if TYPE_CHECKING:
    from a2ibench.contracts.dataset import Dataset
    from a2ibench.data.store import PairStore
    from a2ibench.runs.progress_display import Display


@click.group()
def data() -> None:
    """Prepare, check, clean and show datasets."""


@data.command()
@click.argument("source", shell_complete=names("dataset", folders=True))
@path_option("--out", required=True, metavar="DIR", help="Folder to make.")
@click.option(
    "--layout",
    metavar="NAME",
    shell_complete=names("dataset"),
    help="Layout of the files of SOURCE: folder, manifest, vggsound, vegas, ave, wan2019, or your"
    " own.  [default: manifest for a table, else folder]",
)
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=names("protocol"),
    help="Published protocol whose layout and options to take (`a2ibench list protocols`). --set"
    " and --layout take precedence, and what then differs is noted.",
)
@set_option(
    "Set an option of the dataset or layout (`a2ibench show folder`). Repeatable.", "FIELD=VALUE"
)
@click.option(
    "--licence", default="", metavar="TEXT", help="Licence of the pairs, for the data card."
)
@workers_option
@ray_address_option
@worker_memory_option
@plugin_option
def prepare(
    source: str,
    out: Path,
    layout: str | None,
    protocol: str | None,
    settings: tuple[str, ...],
    licence: str,
    executor: str,
    ray_address: str | None,
    worker_memory: float,
    plugins: tuple[Path, ...],
) -> None:
    """Write SOURCE to a pair store: a folder of videos, a table of them, or a dataset's name.

    A file that cannot be used is skipped and reported. Re-run the same command to resume, with any
    executor: the same files give the same bytes.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        raise UserError(f"--out {out}: is, or contains, the current folder; give a new folder")
    load_plugins(plugins)
    from a2ibench.data.prepare import prepare
    from a2ibench.evaluation.feasibility import feasibility
    from a2ibench.runs.progress_display import show_feasibility

    display = make_display(verbose=True)
    with open_workers(executor, ray_address, display, worker_memory):
        dataset = _dataset(source, layout, settings, protocol)
        before = dataset.notes()
        for note in before:
            display.say(f"note: {note}")
        with display.running():
            made = prepare(dataset, out, display.counter(f"preparing {source}"), licence)
    counts = made.counts
    display.say(
        f"{out}: {counts['train']} training and {counts['test']} test pairs of"
        f" {len(made.classes)} classes, {made.image_size} px"
    )
    _print_rejected(out, display)
    for note in made.about.get("notes", ()):
        if note not in before:
            display.say(f"note: {note}")
    _print_scenes(made, display)
    show_feasibility(feasibility(made), display)
    display.say(f"data card: {out / 'card.md'}; next: {command('data', 'check', out)}")
    if protocol is not None and (scored := score_as_published(protocol, out)):
        display.say(f"to score a model NAME as published: {scored}")


def _dataset(
    source: str, layout: str | None, settings: tuple[str, ...], protocol: str | None
) -> "Dataset":
    from a2ibench import config, registry
    from a2ibench.errors import unknown
    from a2ibench.storage import expanded

    path = expanded(source)
    named = layout is None and source in registry.datasets.names()
    if named and registry.datasets.get(source).unit == "files":
        raise UserError(f"{source} is a layout: give the folder, and --layout {source}")
    if not named and not path.exists() and path.name == source:
        hint = "A folder or a table of videos may be given as well; this one does not exist."
        raise unknown("dataset", source, registry.datasets.names(), hint)
    table = path.suffix.lower() in (".csv", ".parquet")
    name = source if named else layout or ("manifest" if table else "folder")
    options: dict[str, Any] = read_fields(settings)
    notes: list[str] = []
    if protocol is not None:
        if named:
            raise UserError(f"--protocol {protocol}: give the files, {source} is made without any")
        name = layout or published_layout(protocol)
        options, notes = as_published(protocol, name, options)
    plugin: Any = registry.datasets.get(name)
    made: Any = config.build(plugin.Config, options, name)
    if named:
        return cast("Dataset", plugin(made))
    if plugin.unit != "files":
        raise UserError(
            f"--layout {name}: this dataset has no files; give its name as SOURCE instead"
        )
    dataset = plugin(made, path)
    for note in notes:
        dataset.note(note)
    return cast("Dataset", dataset)


def _print_rejected(folder: Path, display: "Display") -> None:
    from a2ibench.data.store_tables import REJECTED, read_side_table

    path = folder / "rejected.parquet"
    table = read_side_table(path, REJECTED)
    if table.empty:  # it has no columns then
        return
    for file, reason in table[["file", "reason"]].head(5).to_numpy().tolist():
        display.say(f"rejected: {file}: {reason}")
    if len(table) > 5:
        display.say(f"… and {len(table) - 5:,} more: {path}")


def _print_scenes(store: "PairStore", display: "Display") -> None:
    """Suggest grouping where files of a class look like parts of one recording."""
    from a2ibench.curation.scenes import shared_scenes
    from a2ibench.data.store_tables import SOURCES, read_side_table

    sources = read_side_table(store.root / "sources.parquet", SOURCES)
    if not {"file", "source"}.issubset(sources):
        return  # no files
    named = sources.dropna(subset=["file", "source"])
    if named.empty or (named["source"] != named["file"]).any():
        return  # sources of their own
    if scenes := list(shared_scenes(store)):
        first = scenes[0]
        one, other = first.examples
        which = f"class {first.label}"
        which += f" (and {len(scenes) - 1} more)" if len(scenes) > 1 else ""
        display.say(
            f"note: {which}: {first.alike} of {first.of} files show nearly the same scene, for"
            f" example {one} and {other}. If they were cut from one recording, the split leaks:"
            " group them (--set group_by=folder or source_pattern=… in a folder of classes, the"
            " column source in a table)"
        )


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def show(folder: Path) -> None:
    """Print the data card of a store, corrections included.

    All bytes are read once and compared with the hashes on the card.
    """
    from rich.markdown import Markdown

    from a2ibench.console import Console
    from a2ibench.data.data_card import card_of
    from a2ibench.data.store import PairStore
    from a2ibench.data.verification import verify

    store = PairStore(folder)
    verify(store)
    Console().print(Markdown(card_of(store)))


data.add_command(clean)
data.add_command(check)
