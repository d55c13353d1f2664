"""A study in Python: run or opened, with its rows, scores, tables, comparisons and images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from a2ibench.config import (
    MAX_IMAGES,
    MAX_SEEDS,
    SEEDS,
    several,
    several_names,
    whole_number,
)
from a2ibench.errors import UserError, unknown
from a2ibench.results import study as results
from a2ibench.results.job_state import JobState
from a2ibench.results.rows import Row
from a2ibench.storage import with_name
from a2ibench.types import ImageArray

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.reporting.table import Table


@dataclass(frozen=True)
class Images:
    """The images that one training drew for the test segments.

    Attributes:
        images: uint8 ``[n, S, S, 3]``, RGB; one for each test segment.
        segments: the same n segments in the same order: ``row`` in the pair store, ``label``,
            ``source`` clip and ``start`` in it (seconds). Without columns where the pairs are not
            at hand.
    """

    images: ImageArray
    segments: "pd.DataFrame"


class Study:
    """A study's folder, opened; each file in it is read when needed, and nothing is written."""

    def __init__(self, folder: "str | PathLike[str]", budget: int | None = None) -> None:
        self._study = results.open_study(Path(folder), budget)

    @property
    def folder(self) -> Path:
        """The folder of the study."""
        return self._study.folder

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of training images that its models were trained on, in ascending order."""
        return self._study.budgets

    @property
    def budget(self) -> int:
        """The budget of the rows, tables, comparisons and images."""
        return self._study.budget

    @property
    def rows(self) -> tuple[Row, ...]:
        """Reference rows, outside systems, then arms at the budget: ``label``, ``kind``,
        ``model``, ``change``, ``full`` (the label of its full model), and ``jobs``, one for each
        seed."""
        return self._study.rows

    @property
    def failures(self) -> list[str]:
        """``"arm, seed N: reason"`` for each job that failed, or whose result is damaged."""
        return self._study.failures()

    @cached_property
    def scores(self) -> "pd.DataFrame":
        """Every score of every budget as one row: model, arm, kind, change, images, seed, metric,
        version, value, spread (what the protocol prints behind ±), n (test segments), clips,
        dataset, encoder and job."""
        from a2ibench.results.results_parquet import long_scores

        scores = long_scores(self._study)
        last = [name for name in ("dataset", "encoder", "job") if name in scores]
        return scores[[name for name in scores if name not in ("study", *last)] + last]

    @cached_property
    def tables(self) -> "dict[str, Table]":
        """The tables of the study by name, as ``a2ibench report`` prints them.

        Raises:
            UserError: no job has a result, a metric is not installed, or results do not belong in
                one table.
        """
        from a2ibench.reporting.report import report

        return {table.name: table for table in report(self._study).tables}

    def table(self, name: str) -> "Table":
        """Return one of :attr:`tables`: ``"quality"``, ``"match"``, ``"ablations"``, …

        Raises:
            UserError: this study has no such table; see also :attr:`tables`.
        """
        if name not in self.tables:
            raise unknown(f"table of {self.folder}", name, self.tables)
        return self.tables[name]

    def compare(self, a: str, b: str, metrics: str | Sequence[str] = ()) -> "Table":
        """Test A − B on the same test clips, each over its own seeds, as ``a2ibench compare``.

        What is a primary question of the study is tested; the rest is exploratory. Rows go by their
        labels (``"ours"``, ``"ours - consistency"``; `` − `` works too). Without names of
        metrics, all that both have are compared.

        Raises:
            UserError: no such row, or nothing to compare.
        """
        from a2ibench.reporting.compare import compare_sides
        from a2ibench.results.sides import Side

        rows = [self._study.row(label) for label in (a, b)]
        for row in rows:
            if not row.results:
                raise UserError(f"{self.folder}: {row.label} has no result (yet); run the study")
        first, second = (Side(row, self._study) for row in rows)
        return compare_sides(first, second, several_names("metrics", metrics)).table

    def power(self, **wanted: Any) -> "pd.DataFrame":
        """Return the seeds and test clips that the primary questions need, one row for each
        question, as ``a2ibench power``.

        Args:
            wanted: as in :class:`~a2ibench.study.power.Wanted`: ``power``, ``differences``,
                ``metrics``, ``seeds``, ``clips``, ``tests``, ``look``.

        Raises:
            UserError: nothing to compare, a single seed, or an unknown argument.
        """
        from a2ibench.study.power import Wanted, study_power

        for name in wanted.keys() - Wanted.__dataclass_fields__.keys():
            raise unknown("argument of power", name, Wanted.__dataclass_fields__)
        given = {name: value for name, value in wanted.items() if value is not None}
        for name in given.keys() & {"seeds", "clips", "tests", "look"}:
            given[name] = whole_number(name, given[name], 1)
        if "metrics" in given:
            given["metrics"] = several_names("metrics", given["metrics"])
        if "differences" in given:
            given["differences"] = _options("differences", given["differences"])
        return study_power(self._study, Wanted(**given)).frame

    def images(self, arm: str, seed: int = 0) -> Images:
        """Return the images that the row of a label drew with a training seed.

        Raises:
            UserError: no such row or seed, no result, or images that are missing or damaged.
        """
        import pandas as pd

        from a2ibench.results.job_images import read_samples
        from a2ibench.results.study_pairs import find_store

        images = read_samples(self._job(arm, seed).folder).images
        segments = pd.DataFrame(index=pd.RangeIndex(len(images), name="segment"))
        store, _ = find_store(self._study, None)
        if store is not None:
            rows = store.rows("test")
            about = store.index.iloc[rows][["label", "source", "start"]]
            segments = about.set_index(segments.index)
            segments.insert(0, "row", rows)
        return Images(images, segments)

    def export(self, file: "str | PathLike[str]", name: str = "") -> str:
        """Write the results of every budget to one file that can be given away, as
        ``a2ibench results export``, and return the sha256 of its content.

        Args:
            file: its path.
            name: of the dataset; empty for its own.

        Raises:
            UserError: no job has a result, something else is at this path, or a metric is not
                installed.
        """
        from a2ibench.data.held_list import held_by
        from a2ibench.exchange.export import export_study
        from a2ibench.exchange.exported_file import write_content
        from a2ibench.results.study_pairs import find_store

        store, _ = find_store(self._study, None)
        list_hash = None if store is None else held_by(store).hash
        return write_content(export_study(self._study, list_hash, name), Path(file))

    def _job(self, arm: str, seed: int) -> JobState:
        row = self._study.row(arm)
        of = f"{self.folder}: {row.label}"
        job = row.jobs[whole_number(f"{of}: seed", seed, 0, len(row.jobs) - 1)]
        if job.result is None:
            raise UserError(f"{of}, seed {seed} has no result: {job.gap}")
        return job

    def __repr__(self) -> str:
        done = f"{len(self._study.results)} of {len(self._study.jobs)} jobs have a result"
        labels = ", ".join(row.label for row in self.rows)
        return f"<Study {self.folder}: {self._title}; {done}; rows: {labels}>"

    def _repr_html_(self) -> str:
        from html import escape

        import pandas as pd

        rows = [
            {
                "row": row.label,
                "kind": row.kind,
                "model": row.model,
                "results": f"{len(row.results)} of {len(row.jobs)}",
            }
            for row in self.rows
        ]
        head = f"<p><b>{escape(str(self.folder))}</b>: {escape(self._title)}</p>"
        return head + pd.DataFrame(rows).to_html(index=False, border=0)

    @property
    def _title(self) -> str:
        about = self._study.about
        return f"{self._study.dataset}, {about.encoder}, {about.scale} scale"


def open_study(folder: "str | PathLike[str]", budget: int | None = None) -> Study:
    """Open a study's folder, including one of an earlier version.

    A metric, method or reference of your own is known once its file has been imported.

    Args:
        folder: of the study.
        budget: one of its budgets; None for the largest.

    Raises:
        UserError: it holds no study, or a damaged one, or has no such budget.
    """
    return Study(folder, budget)


def _options(what: str, given: Any) -> dict[str, Any]:
    """Return options by name; raise a UserError for anything else."""
    if not isinstance(given, Mapping):
        raise UserError(f"{what}: expected a mapping of names to values, got {given!r}")
    return dict(zip(several_names(what, given), given.values(), strict=True))


def _plain(value: Any) -> Any:
    """Return an option's value as a study's file can hold it."""
    if value is None:
        return "none"
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, PathLike):
        return str(value)
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        value = value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def run(
    models: "str | Sequence[str]",
    *,
    ablate: "str | Sequence[str]" = (),
    dataset: "str | PathLike[str]" = "arcade",
    encoder: str = "soundnet8",
    seeds: int = SEEDS,
    scale: str = "small",
    images: int | Sequence[int] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    metrics: "str | Sequence[str]" = (),
    primary: Mapping[str, Sequence[Any]] | None = None,
    out: "str | PathLike[str] | None" = None,
    executor: str = "ray",
    retries: int = 1,
    earlier: Literal["keep", "recompute"] | None = None,
    tracking_uri: str | None = None,
    quiet: bool = False,
) -> Study:
    """Run what is missing of a study, as ``a2ibench run`` does, and open it.

    Args:
        models: registered names, or one.
        ablate: parts to switch off, as ``--ablate`` takes them (``["consistency"]``, ``"all"``).
        dataset: a registered name, or the folder of a prepared one.
        encoder: a registered name.
        seeds: number of training seeds; with fewer than three no difference is tested.
        scale: ``"small"`` or ``"paper"``.
        images: training images per trial: one budget, or several in ascending order, all of them by
            one training; None for the scale's.
        settings: options by the name of a model, dataset, encoder or executor
            (``{"ours": {"lambda_con": 0.1}}``).
        metrics: names, or ``"all"``; none for the headline metrics that data and judges allow.
        primary: the primary questions, ``{"metrics": ["kid_lite0"], "contrasts": ["ours vs
            vae", ("ours", "ours − consistency")]}``: only these are tested; None for one metric
            per table, each method against the last one, each ablation against its full model.
        out: the folder; None for ``studies/DATASET``.
        executor: registered name of what spreads the trainings (``"ray"``, ``"process"``,
            ``"inline"``).
        retries: number of times to retry a crashed trial.
        earlier: what happens to results of earlier code: ``"keep"`` keeps them, marked in every
            table, ``"recompute"`` computes them again; None for an error where there are some.
        tracking_uri: MLflow's, or ``"none"``; None for a database beside the study.
        quiet: print nothing.

    Returns:
        The study; :attr:`Study.failures` says which of its jobs failed.

    Raises:
        UserError: something is wrong with the request; nothing was computed.
        StoppedError: the study cannot go on (a full disk).
    """
    from a2ibench.console import Console
    from a2ibench.runs.progress_display import Display
    from a2ibench.runs.run_studies import run as run_studies
    from a2ibench.study.primary import Primary
    from a2ibench.study.request import Request
    from a2ibench.tracking.live_mirror import live_mirror

    if not (named := several_names("models", models)):
        raise UserError("models: expected at least one name; `a2ibench list models` shows all")
    asked = _options("primary", primary or {})
    for key in asked.keys() - {"metrics", "contrasts"}:
        raise unknown("key of primary", key, ("metrics", "contrasts"))
    for what, name in (("encoder", encoder), ("scale", scale), ("executor", executor)):
        if not isinstance(name, str):
            raise UserError(f"{what}: expected a name, got {name!r}")
    if earlier not in (None, "keep", "recompute"):
        raise UserError(f"earlier: expected 'keep', 'recompute' or None, got {earlier!r}")
    request = Request(
        models=named,
        ablate=several_names("ablate", ablate),
        dataset=with_name(str(dataset)),
        encoder=encoder,
        seeds=whole_number("seeds", seeds, 1, MAX_SEEDS),
        scale=scale,
        images=tuple(
            whole_number("images", one, 1, MAX_IMAGES)
            for one in several(() if images is None else images)
        ),
        settings={
            owner: {
                name: _plain(value)
                for name, value in _options(f"settings of {owner}", values).items()
            }
            for owner, values in _options("settings", settings or {}).items()
        },
        metrics=several_names("metrics", metrics),
        primary=Primary.of(
            several_names("metrics of primary", asked.get("metrics", ())),
            several(asked.get("contrasts", ())),
        ),
        folder=None if out is None else Path(out),
        executor=executor,
        retries=whole_number("retries", retries, 0),
        earlier=earlier,
    )
    display = Display(Console(quiet=quiet))
    ran = run_studies(request, display=display, observe=live_mirror(tracking_uri, display.say))
    for failure in ran.failures:
        display.say(f"failed: {failure}")
    return Study(ran.root)
