"""``a2ibench data clean``: find labels that are probably wrong, and correct them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from a2ibench.cli.completion import names
from a2ibench.cli.options import (
    FloatRange,
    encoder_option,
    is_given,
    load_plugins,
    make_display,
    plugin_option,
    read_settings,
    set_option,
)
from a2ibench.errors import UserError, command, counted

if TYPE_CHECKING:
    from a2ibench.curation.corrections import Effect
    from a2ibench.data.store import PairStore
    from a2ibench.runs.progress_display import Display

IN_FOLDER = "-"
"""Value of --apply for the sheet in the store's own folder."""
OF_SEARCH = {"encoder": "--encoder", "judge": "--judge", "settings": "--set", "plugins": "--plugin"}
"""Options of the search for wrong labels."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--apply",
    "sheet",
    is_flag=False,
    flag_value=IN_FOLDER,
    metavar="[FILE.csv]",
    help="Apply the decisions of a sheet.  [default: DIR/label_errors.csv]",
)
@click.option(
    "--auto",
    is_flag=False,
    flag_value="drop",
    type=click.Choice(["drop", "relabel"]),
    help="Drop or relabel the suspects that have no decision; needs --apply."
    "  [without a value: drop]",
)
@click.option(
    "--quality",
    default=0.2,
    show_default=True,
    type=FloatRange(0, 1),
    help="Largest label_quality of a suspect that --auto decides on.",
)
@click.option("--undo", is_flag=True, help="Remove all corrections.")
@encoder_option
@click.option(
    "--judge",
    default="lite0",
    show_default=True,
    shell_complete=names("judge"),
    help="Frozen judge that describes the pictures.",
)
@set_option("Set an option of the encoder. Repeatable.")
@plugin_option
@click.pass_context
def clean(
    context: click.Context,
    folder: Path,
    sheet: str | None,
    auto: Literal["drop", "relabel"] | None,
    quality: float,
    undo: bool,
    encoder: str,
    judge: str,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> None:
    """Find labels of the pair store DIR that are probably wrong, and correct them.

    Without options, this command writes DIR/label_errors.csv, worst first. Enter keep, drop or the
    name of a class in the column `decision` of a segment or of a whole clip, then use --apply. The
    decision on a segment takes precedence over the one on its clip.

    The pairs stay as they were prepared; DIR/corrections.csv is applied whenever the store is
    opened. Each --apply replaces the earlier corrections, and --undo removes them.
    """
    from a2ibench.extras import require

    _check_options(context)
    display = make_display()
    if undo:
        _undo(folder, display)
        return
    if sheet is not None:
        _apply(folder, sheet, auto, quality, display)
        return
    require("curation", "the search for wrong labels")
    load_plugins(plugins)
    _find(folder, encoder, judge, settings, display)


def _check_options(context: click.Context) -> None:
    """Check that the options belong to one thing to do.

    Raises:
        UserError: they do not.
    """
    undo, apply = context.params["undo"], context.params["sheet"] is not None
    if undo and apply:
        raise UserError("--undo and --apply exclude each other: give one of them")
    if context.params["auto"] is None and is_given(context, "quality"):
        raise UserError("--quality belongs to --auto: give both")
    if context.params["auto"] is not None and not apply:
        raise UserError("--auto belongs to --apply: give both")
    ignored = [flag for name, flag in OF_SEARCH.items() if is_given(context, name)]
    if (undo or apply) and ignored:
        raise UserError(
            f"{', '.join(ignored)}: no effect with {'--undo' if undo else '--apply'}, which"
            " does not search"
        )


def _find(
    folder: Path, encoder_name: str, judge: str, settings: tuple[str, ...], display: "Display"
) -> None:
    import numpy as np

    from a2ibench import config, registry
    from a2ibench.curation.decisions import read_earlier
    from a2ibench.curation.label_errors import find_label_errors
    from a2ibench.curation.label_sheet import write_label_sheet
    from a2ibench.curation.sheet import SHEET
    from a2ibench.data.pair_labels import labels_of
    from a2ibench.data.store import LEFT_OUT, PairStore
    from a2ibench.evaluation.pair_features import encode_and_embed

    values = read_settings(settings)
    config.check_owners(values, {encoder_name})
    store = PairStore(folder)
    read_earlier(store, store.root / SHEET, display.say)  # a mistake in it is told before the work
    plugin = registry.encoders.get(encoder_name)
    encoder = plugin(config.build(plugin.Config, values.get(encoder_name, {}), encoder_name))
    with display.running():
        sounds, pictures = encode_and_embed(store, encoder, judge, display.counter)
        rows = np.flatnonzero(store.index["split"].to_numpy() != LEFT_OUT).astype(np.int64)
        labels = labels_of(store, rows)
        absent = None if labels is None else (labels.audible[:, 0] == 0, labels.visible[:, 0] == 0)
        findings = find_label_errors(
            sounds,
            pictures,
            store.index["label"].to_numpy(dtype=np.str_)[rows],
            store.index["source"].to_numpy(dtype=np.str_)[rows],
            display.counter("checking labels"),
            absent,
            rows,
        )
        carried = write_label_sheet(store, rows, findings, display.say)
    covers, suspect = findings.table["covers"], findings.table["suspect"]
    display.say(
        f"{folder / SHEET}: {counted(int((covers == 'clip').sum()), 'clip')} and"
        f" {int(suspect[covers == 'segment'].sum())} of {len(rows)} segments are suspect"
        f" (cross-validation in {findings.folds} parts, no source in two of them)"
    )
    if absent is not None and (denied := int((absent[0] | absent[1]).sum())):
        wrong = "with a label that is known not to be heard, or seen"
        display.say(f"{counted(denied, 'segment')} {wrong}")
    if carried:
        display.say(f"earlier decisions carried over: {carried}")
    for name in findings.unchecked:
        display.say(f"class {name!r} has one source: its labels cannot be checked")
    if not suspect.any():
        display.say(f"no label is suspect; the {len(suspect)} most doubtful ones are listed")
    if len(findings.table):
        display.say(
            "fill in the column decision (keep, drop or a class), then"
            f" {command('data', 'clean', folder, '--apply')}"
        )


def _apply(
    folder: Path,
    sheet: str,
    action: Literal["drop", "relabel"] | None,
    quality: float,
    display: "Display",
) -> None:
    from a2ibench.curation.corrections import effect, write_corrections
    from a2ibench.curation.decisions import Auto, decide
    from a2ibench.curation.sheet import SHEET, read_sheet
    from a2ibench.data.store import CORRECTIONS, PairStore

    path = folder / SHEET if sheet == IN_FOLDER else Path(sheet)
    store = PairStore(folder)
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; `{command('data', 'clean', folder)}` writes the sheet"
        )
    auto = None if action is None else Auto(action, quality)
    decisions = decide(store, read_sheet(path), auto)
    corrections = decisions.corrections
    done = effect(store, corrections)
    write_corrections(folder, corrections)
    if store.corrections:
        display.say(f"earlier corrections replaced: {len(store.corrections)}")
    left_out = sum(not label for label in corrections.values())
    display.say(
        f"{folder / CORRECTIONS}: {counted(left_out, 'pair')} left out,"
        f" {len(corrections) - left_out} relabelled"
        if corrections
        else f"{folder}: no corrections; the labels are those that were prepared"
    )
    if auto is not None:
        display.say(
            f"{decisions.automatic} of these pairs were decided by --auto {auto.action}"
            f" (label_quality up to {auto.quality})"
        )
    if decisions.undecided:
        display.say(f"{decisions.undecided} lines with suspects are undecided; they are unchanged")
    _show_effect(PairStore(folder), done, display)


def _show_effect(store: "PairStore", done: "Effect", display: "Display") -> None:
    from rich.table import Table
    from rich.text import Text

    from a2ibench.evaluation.feasibility import feasibility

    table = Table("class", "train pairs", "corrected", "test pairs", "corrected")
    for name, counts in done.classes.items():
        table.add_row(Text(name), *map(str, counts))
    display.console.print(table, markup=False)
    if done.test_pairs:
        display.say(
            f"{done.test_pairs} test pairs changed: this is a different benchmark now, and its"
            " scores are not comparable to earlier ones"
        )
    if (why := feasibility(store).refused) is not None:
        display.say(f"no study is possible on these pairs now: {why}", style="yellow")
    display.say(f"content hash: {store.content_hash}")


def _undo(folder: Path, display: "Display") -> None:
    from a2ibench.curation.corrections import undo
    from a2ibench.data.store import PairStore

    done = "corrections removed" if undo(folder) else "there were no corrections"
    display.say(f"{folder}: {done}; the labels are those that were prepared")
    display.say(f"content hash: {PairStore(folder).content_hash}")
