"""The tables of a scored study: preferences by pair of arms, and Bradley–Terry scores."""

from dataclasses import asdict
from pathlib import Path

from a2ibench.human_study.answers import Scores
from a2ibench.human_study.bradley_terry import BradleyTerry, Interval
from a2ibench.human_study.preference import Preference
from a2ibench.reporting.cells import Difference, Label, Mean, Number, P
from a2ibench.reporting.table import Column, Table
from a2ibench.reporting.text_formats import FORMATS, save_table
from a2ibench.storage import write_json

BRADLEY_TERRY = "bradley_terry"


def make_tables(scores: Scores) -> list[Table]:
    """Return the tables of what was scored."""
    kept = sum(who.kept for who in scores.participants)
    about = f"{kept} participant{'' if kept == 1 else 's'}"
    model = scores.model
    preferences = _preferences(scores.preferences, model, about, scores.units)
    return (
        [preferences]
        if model is None
        else [_bradley_terry(model, about, scores.units), preferences]
    )


def write_scores(scores: Scores, folder: Path) -> None:
    """Write ``scores.json`` and the tables, each whole or not at all.

    Bradley–Terry scores of an earlier call are removed where there are none now.
    """
    write_json(folder / "scores.json", asdict(scores))
    for suffix in FORMATS if scores.model is None else ():
        (folder / f"{BRADLEY_TERRY}.{suffix}").unlink(missing_ok=True)
    for table in make_tables(scores):
        save_table(table, folder)


def _preferences(
    preferences: list[Preference], model: BradleyTerry | None, about: str, units: str
) -> Table:
    differences = {} if model is None else {(o.a, o.b): o.difference for o in model.differences}
    columns = (
        Column.text("a"),
        Column.text("b"),
        Column("prefer a %", {"share": "value", "low": "low", "high": "high"}),
        Column.value("p"),
        Column(
            "score difference",
            {"difference": "value", "difference_low": "low", "difference_high": "high"},
        ),
        Column("a chosen", {"chosen": "value"}),
        Column("ties", {"tied": "value"}),
        Column.value("answers"),
        Column("", {"participants": "value"}),
        Column("", {"items": "value"}),
        Column("agreement", {"alpha": "value"}),
    )
    rows = tuple(
        (
            Label(one.a),
            Label(one.b),
            Mean(one.share, percent=True, low=one.low, high=one.high),
            P(one.p, one.p),
            _difference(differences.get((one.a, one.b))),
            Number(one.chosen),
            Number(one.tied),
            Number(one.answers),
            Number(one.participants),
            Number(one.items),
            Number(one.alpha, digits=2),
        )
        for one in preferences
    )
    notes = (
        "prefer a: share of the answers, ties counting half; [ ]: 95 % interval over participants"
        f" and {units}, at least the exact binomial one; none with fewer than five {units}.",
        "p: exact binomial, without ties; treats answers as independent, and is not corrected for"
        " the number of pairs. agreement: Krippendorff's alpha, nominal.",
        "score difference: a − b, by the Bradley–Terry model of all pairs, in log-odds.",
    )
    return Table("preferences", f"Preferences ({about})", columns, (rows,), notes, keys=2)


def _bradley_terry(model: BradleyTerry, about: str, units: str) -> Table:
    columns = (
        Column.text("arm"),
        Column("score", {"score": "value", "low": "low", "high": "high"}),
        Column("chosen %", {"share": "value"}),
        Column.value("won"),
        Column.value("tied"),
        Column.value("lost"),
    )
    rows = tuple(
        (
            Label(one.arm),
            _difference(one.score),
            Mean(one.share, percent=True),
            Number(one.won),
            Number(one.tied),
            Number(one.lost),
        )
        for one in model.scores
    )
    left = _difference(model.position)
    notes = (
        "score: log-odds (natural) of being chosen, relative to the mean of the arms; [ ]: 95 %"
        f" interval over participants and {units}. Intervals that overlap do not show that two"
        " arms are equal: their difference is in the table of preferences.",
        "chosen: over an arm of average score, without ties, whichever side it stands on.",
        f"left picture of two equal arms: log-odds {left}, allowed for in the scores.",
    )
    return Table(BRADLEY_TERRY, f"Bradley–Terry scores ({about})", columns, (rows,), notes)


def _difference(one: Interval | None) -> Difference:
    return Difference(None) if one is None else Difference(one.value, low=one.low, high=one.high)
