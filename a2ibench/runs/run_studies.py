"""Run one study per dataset and encoder, all checked before the first one starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import registry
from a2ibench.parallel import spread_over
from a2ibench.reporting.overview import write_overview
from a2ibench.reporting.report import PAGE
from a2ibench.results.overwrite_guard import check_own, check_own_root
from a2ibench.runs.prepare import preflight
from a2ibench.runs.progress_display import Display
from a2ibench.runs.run_study import Observer, run_study, show_pairs
from a2ibench.study.combinations import expand_axes
from a2ibench.study.plan import Plan
from a2ibench.study.request import Outline, Request, outline
from a2ibench.study.study_file import save_requests


@dataclass(frozen=True)
class Ran:
    """The studies that a command has run.

    Attributes:
        root: folder of the study, or of several.
        folders: folder of each study; none after a dry run.
        failures: ``"arm, seed N: reason"`` for each job that failed.
    """

    root: Path
    folders: tuple[Path, ...]
    failures: tuple[str, ...]


def run(
    request: Request,
    datasets: Sequence[str] = (),
    encoders: Sequence[str] = (),
    *,
    display: Display,
    observe: Callable[[Path], Observer] | None = None,
    dry_run: bool = False,
) -> Ran:
    """Run a study, or one for each of several datasets and encoders.

    All of them are checked before the first one starts. Existing results are not computed again.

    Args:
        request: the request; its ``folder`` holds the studies where there are several.
        datasets: names or folders; empty for the one in the request.
        encoders: names; empty for the one in the request.
        observe: makes the observer of a study by its folder; None for no observer.
        dry_run: check, print the plan and stop.

    Raises:
        UserError: something is wrong with the request; nothing was computed.
        StoppedError: a study cannot continue, as on a full disk.
    """
    options = request.settings.get(request.executor, {})
    executor = registry.executors.build(request.executor, options, display.say)
    root, requests = expand_axes(
        replace(request, workers=executor.workers),
        datasets or (request.dataset,),
        encoders or (request.encoder,),
    )
    outlines = [outline(one) for one in requests]
    for chosen in outlines:
        check_own(chosen.folder)
    if len(requests) > 1:
        check_own_root(root)
    executor.check()
    plans = []
    for one, chosen in zip(requests, outlines, strict=True):
        plan, time = preflight(one, chosen, executor, display.counter, display.say)
        if dry_run:
            _print_plan(one, chosen, plan, display)
        if time:
            display.say(time)
        plans.append(plan)
    if dry_run:
        return Ran(root, (), ())
    failures: list[str] = []
    with executor.pool() as pool, spread_over(pool):
        for one, chosen, plan in zip(requests, outlines, plans, strict=True):
            observer = None if observe is None else observe(chosen.folder)
            failures += run_study(one, executor, observer, display, plan)
            pages = f"page: {chosen.folder / PAGE}; tables, pictures: {chosen.folder / 'tables'}"
            display.say(pages)
            if observer is not None and observer.place:
                display.say(observer.place)
    folders = tuple(chosen.folder for chosen in outlines)
    if len(folders) > 1:
        for note in write_overview(root, folders):
            display.say(note)
        save_requests(root, requests, request.settings)
        display.say(f"all of them: {root / PAGE}, {root / 'overview.md'}")
    return Ran(root, folders, tuple(failures))


def _print_plan(request: Request, chosen: Outline, plan: Plan | None, display: Display) -> None:
    from rich.table import Table

    jobs = len(chosen.arms) * request.seeds
    display.say(
        f"{request.dataset} {dict(chosen.dataset_options) or ''} → {request.encoder} →"
        f" {len(chosen.arms)} arms × {request.seeds} seeds = {jobs} trials of"
        f" {', '.join(map(str, chosen.budgets))} training images → {chosen.folder}"
    )
    table = Table("arm", "configuration (differences from the full model, or everything)")
    full: dict[str, Any] = {}
    for arm in chosen.arms:
        if not arm.change:
            full = shown = dict(arm.config)
        else:
            shown = {name: value for name, value in arm.config.items() if full[name] != value}
        table.add_row(arm.label, ", ".join(f"{name}={value}" for name, value in shown.items()))
    display.console.print(table, markup=False)
    display.say(f"reference rows: {', '.join(chosen.references)}")
    if plan is not None:
        display.say(plan.primary.line)
    if plan is not None:
        show_pairs(plan, display)
        return
    asked = ", ".join(chosen.metrics) or "the headline ones that the data and judges allow"
    display.say(f"metrics: {asked}")
    display.say(
        f"{request.dataset}: its pairs are made when the study runs; only then is it known which"
        " questions they can answer"
    )
