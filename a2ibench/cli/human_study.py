"""``a2ibench human-study``: ask people which picture fits a sound."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from a2ibench.cli.options import (
    F,
    FloatRange,
    budget_option,
    load_plugins,
    make_display,
    plugin_option,
)

if TYPE_CHECKING:
    from a2ibench.human_study.answers import Scores
    from a2ibench.runs.progress_display import Display

ASKED = "Which picture fits the sound?"


def number_option(name: str, default: int, text: str, least: int = 0) -> Callable[[F], F]:
    """Make an option that takes a whole number."""
    kind = click.IntRange(min=least)
    return click.option(name, default=default, show_default=True, type=kind, help=text)


@click.group("human-study")
def human_study() -> None:
    """Ask people which picture fits a sound, and score their answers."""


@human_study.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--arms", required=True, metavar="A,B[,…]", help="Rows of the study to compare.")
@budget_option()
@number_option("--trials", 40, "Number of comparisons, divided among the pairs of arms.", 1)
@number_option("--checks", 6, "Number of attention checks.")
@number_option("--repeats", 5, "Number of comparisons that are shown twice.")
@number_option("--seed", 0, "Seed of every random choice.")
@click.option("--ties", is_flag=True, help="Offer “no difference” as a third answer.")
@click.option("--title", default=ASKED, show_default=True, help="Title of the page.")
@click.option("--question", default=ASKED, show_default=True, help="Question in every trial.")
@click.option(
    "--dataset", metavar="DIR", help="Folder of the pairs.  [default: the one named in the study]"
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@plugin_option
def make(
    study: Path,
    arms: str,
    budget: int | None,
    trials: int,
    checks: int,
    repeats: int,
    seed: int,
    ties: bool,
    title: str,
    question: str,
    dataset: str | None,
    out: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Write a page that shows two pictures at a time and asks which fits the sound.

    OUT/study.html is a single file for the participants; OUT/key.json says what they compare: keep
    it to yourself. An attention check shows the real picture and one that has no class in
    common with the sound.
    """
    load_plugins(plugins)
    from a2ibench.human_study.page import PAGE, write_study
    from a2ibench.human_study.trials import KEY, load_arms, make_trials
    from a2ibench.results.study import open_study
    from a2ibench.results.study_pairs import open_store
    from a2ibench.study.arm import split_arms

    display = make_display()
    opened = open_study(study, budget)
    store = open_store(opened, dataset)
    drawn = load_arms(opened, split_arms(arms))
    made = make_trials(store, drawn, trials, checks, repeats, seed, ties)
    write_study(made, store, title, question, out)
    display.say(
        f"{out / PAGE}: {len(made.key.trials)} trials ({trials} comparisons, {repeats} of them"
        f" twice, {checks} attention checks); open it in a browser or hand it on"
    )
    display.say(f"{out / KEY}: what is compared; not for participants")


@human_study.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument(
    "answers", metavar="ANSWERS...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--pass",
    "needed",
    default=0.8,
    show_default=True,
    type=FloatRange(0, 1),
    help="Share of attention checks that a participant must pass.",
)
def score(folder: Path, answers: tuple[Path, ...], needed: float) -> None:
    """Score participants' files: preferences by pair of arms, and Bradley–Terry scores of all arms.

    Everything is written to DIR/scores.json, and both tables to DIR as Markdown, CSV and LaTeX.
    ANSWERS are the JSON or CSV files that the page saves, one per participant.
    """
    from a2ibench.extras import require

    require("human", "a2ibench human-study score")
    from a2ibench.human_study.answers import read_key, score
    from a2ibench.human_study.tables import write_scores

    scores = score(read_key(folder), answers, needed)
    write_scores(scores, folder)
    _print(scores, make_display())


def _print(scores: "Scores", display: "Display") -> None:
    from a2ibench.human_study.tables import make_tables
    from a2ibench.reporting.terminal import rich_tables

    console, tables = display.console, make_tables(scores)
    for table in tables:
        console.print(*rich_tables(table, console.width, stacked=False), sep="\n")
    for table in tables:
        for note in table.notes:
            display.say(note)
    if scores.not_scored is not None:
        display.say(f"no Bradley–Terry scores: {scores.not_scored}")
    kept = [who for who in scores.participants if who.kept]
    if len(kept) == 1:
        display.say("one participant: the variation between people is not in the intervals")
    if scores.units == "segments":
        display.say("too few source clips: segments of one clip count as independent")
    repeats = sum(who.repeats for who in kept)
    if repeats:
        same = sum(who.repeats_kept for who in kept)
        display.say(f"asked again, {same} of {repeats} answers were the same")
    display.say(f"left picture chosen: {100 * sum(w.left for w in kept) / len(kept):.1f} %")
    for who in scores.participants:
        if not who.kept:
            display.say(
                f"excluded: {who.name}: {who.checks_passed} of {who.checks} attention checks passed"
            )
    for name, reason in scores.skipped.items():
        display.say(f"skipped: {name}: {reason}")
