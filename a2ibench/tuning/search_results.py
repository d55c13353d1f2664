"""The results of a search: every trial in a table, and the best options as a study's file."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from a2ibench import __version__
from a2ibench.errors import UserError
from a2ibench.storage import atomic_write
from a2ibench.study.request import Request
from a2ibench.study.scale import get_scale
from a2ibench.study.study_file import write_study_file
from a2ibench.tuning.search_trial import DONE, OPEN, SearchTrial, read_trials, repeated
from a2ibench.tuning.tune import MORE_SEEDS, RUNGS, SEED, Tuning

BEST = "best.yaml"


def write_trials(tuning: Tuning) -> pd.DataFrame:
    """Write ``trials.parquet`` and ``trials.csv``: one row per trial, the best first.

    Returns:
        The same. Trials with the whole budget stand before those that were stopped: scores of two
        budgets are not compared. ``value`` is the last score, ``score_1_9`` and so on those at the
        rungs. Those that were repeated stand before all others: ``value_seed_1001`` and so on are
        the scores of their repetitions, and ``mean`` is that of all seeds, empty where a repetition
        failed.
    """
    rows = []
    for number, record in enumerate(read_trials(tuning.folder)):
        again = _repetitions(tuning, record)
        scores = {done.rung: done.value for done in record.rungs}
        last = max(scores, default=None)
        rows.append(
            {
                "trial": number,
                "state": record.state,
                "value": None if last is None else scores[last],
                "images": 0 if last is None else tuning.task.job.images * last // RUNGS[-1],
                **record.options,
                **{f"score_{rung}_{RUNGS[-1]}": scores.get(rung) for rung in RUNGS},
                **{_of_seed(seed): value for seed, value in again.items()},
                "mean": float(np.mean([scores[RUNGS[-1]], *again.values()])) if again else np.nan,
                "repeated": bool(again),
                "seconds": record.seconds,
                "reason": record.reason,
            }
        )
    table = pd.DataFrame(rows)
    lowest = tuning.mode == "min"
    table = table.sort_values(
        ["repeated", "mean", "images", "value", "trial"],
        ascending=[False, lowest, False, lowest, True],
    ).reset_index(drop=True)
    columns = ["repeated"] if table["repeated"].any() else ["repeated", "mean"]
    table = table.drop(columns=columns)
    with atomic_write(tuning.folder / "trials.parquet") as temporary:
        table.to_parquet(temporary)
    with atomic_write(tuning.folder / "trials.csv") as temporary:
        table.to_csv(temporary, index=False)
    return table


def _repetitions(tuning: Tuning, record: SearchTrial) -> dict[int, float]:
    """Return the score of a trial's repetition with each further seed, NaN for one that failed;
    nothing unless all have ended."""
    if record.state != DONE:
        return {}
    found = repeated(tuning, record.options)
    if any(one is None or one.state in OPEN for one in found):
        return {}
    return {
        seed: one.rungs[-1].value if one is not None and one.state == DONE else np.nan
        for seed, one in zip(MORE_SEEDS, found, strict=True)
    }


def _of_seed(seed: int) -> str:
    return f"value_seed_{seed}"


def write_best(tuning: Tuning, request: Request, table: pd.DataFrame) -> Path:
    """Write ``best.yaml``, a study's file with the best options and where they come from.

    Best is the first of the table: of trials that were repeated, the one with the best mean.

    Raises:
        UserError: no trial has the whole budget.
    """
    done = table[table["state"] == DONE]
    if done.empty:
        reasons = list(table["reason"].dropna().unique())
        raise UserError(
            f"{tuning.folder}: none of {len(table)} trials came to its end"
            f" ({'; '.join(reasons) or 'all were stopped'}); change the space, or run more trials"
        )
    best = done.iloc[0]
    chosen = read_trials(tuning.folder)[int(best["trial"])].options
    path, job = tuning.folder / BEST, tuning.task.job
    dataset = {k: dict(v) for k, v in request.settings.items() if k != job.method}
    own = {**request.settings.get(job.method, {}), **chosen}
    write_study_file(
        path,
        {
            "models": [job.method],
            "dataset": [request.dataset],
            "encoder": [request.encoder],
            "scale": request.scale,
            "images": request.images or (get_scale(request.scale).images,),
            "settings": {**dataset, job.method: own},
            "provenance": {
                "model": job.method,
                "space": {name: {d.kind: list(d.values)} for name, d in tuning.space.items()},
                "metric": f"{tuning.metric}_v{tuning.version}",
                "value": float(best["value"]),
                "validation_segments": tuning.validation,
                "images": job.images,
                "trials": len(table),
                "states": {str(k): int(v) for k, v in table["state"].value_counts().items()},
                "best_after": _best_after(done, len(table), tuning.mode),
                "seed": SEED,
                **_of_repetitions(best),
                "pairs": job.store,
                "encoder": job.encoder,
                "judges": dict(tuning.task.judges),
                "source": job.source,
                "version": __version__,
                "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            },
        },
        out=None,
    )
    return path


def _of_repetitions(best: "pd.Series[Any]") -> dict[str, Any]:
    """Return what is known of a trial with other seeds; nothing where it was not repeated."""
    if pd.isna(best.get("mean")):
        return {}
    values = {SEED: best["value"], **{seed: best[_of_seed(seed)] for seed in MORE_SEEDS}}
    return {
        "by_seed": {seed: float(value) for seed, value in values.items()},
        "mean": float(best["mean"]),
    }


def _best_after(done: pd.DataFrame, trials: int, mode: str) -> list[float | None]:
    """Return the best score of the first 1, 2, … trials: whether more of them would help."""
    values = done.set_index("trial")["value"].astype(float).reindex(range(trials))
    best = (values.cummax() if mode == "max" else values.cummin()).ffill()
    return [None if pd.isna(value) else value for value in best.tolist()]
