"""Hyper-parameter search of one model, apart from every comparison.

Nothing of it touches the test split: a part of the training clips is set aside for validation, and
judges are trained on the clips that they are trained on in a study. A trial draws for the
validation segments, with its averaged weights, at each rung of its budget.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench import config, registry
from a2ibench.code_hash import source_hash
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.data.class_counts import refuse_too_few_clips
from a2ibench.data.holdout import hold_out, part
from a2ibench.errors import UserError
from a2ibench.evaluation.eval_set import EvalSet, make_eval_set, spread
from a2ibench.evaluation.evaluate import check_metric, load_judges
from a2ibench.evaluation.feasibility import clips_of_judges, find_metric
from a2ibench.evaluation.judge_health import held_out_health
from a2ibench.protocol import PROTOCOL
from a2ibench.results.job import Environment, Job, Task
from a2ibench.results.overwrite_guard import check_own
from a2ibench.results.read_record import DamagedError, read_record
from a2ibench.runs.trial_data import Counter, Data, open_data, open_pairs
from a2ibench.storage import content_key, write_json
from a2ibench.study.request import Request, outline
from a2ibench.tuning.space import Domain, read_space
from a2ibench.types import Pairs

SEED = 1_000
"""Seed of every trial, so that options are compared and not luck; studies count theirs from 0."""
MORE_SEEDS = (1_001, 1_002)
"""Seeds with which the best trials are repeated: options that are best with one seed may collapse
with another."""
VALIDATION_SHARE, VALIDATION_SEED = 1 / 4, 2_001
"""Share of the training clips that the judges leave: a quarter of those of each class."""
MAX_VALIDATION = 600
"""Largest number of validation segments, if the metric does with so many. Scores vary more between
training seeds than more segments would resolve, and a method of many steps takes longer to draw
them than to train."""
RUNGS = (1, 3, 9)
"""Ninths of the budget after which a trial is scored, and stopped or continued."""


@dataclass(frozen=True)
class Tuning:
    """A search, with what a worker needs to do a trial of it.

    Attributes:
        task: a trial before any option is chosen: its configuration holds the options that are not
            searched, its folder is the search's.
        space: option → its range.
        validation: number of segments that the metric is computed on.
    """

    task: Task
    space: Mapping[str, Domain]
    version: int
    validation: int

    @property
    def folder(self) -> Path:
        """Where the files go."""
        return self.task.folder

    @property
    def metric(self) -> str:
        """Registered name of the metric that is optimized."""
        (name,) = self.task.metrics
        return name

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that a trial's score depends on except its own options; plain values."""
        job = self.task.job
        about = {
            "model": job.method,
            "source": job.source,
            "values": job.config,
            "space": {name: dataclasses.asdict(domain) for name, domain in self.space.items()},
            "metric": self.metric,
            "version": self.version,
            "images": job.images,
            "seed": job.seed,
            "pairs": job.store,
            "features": job.encoder,
            "judges": self.task.judges,
            "validation": self.validation,
            "protocol": PROTOCOL,
            "rungs": RUNGS,
        }
        plain: dict[str, Any] = json.loads(json.dumps(about))
        return plain

    @property
    def mode(self) -> str:
        """The better direction: ``max`` or ``min``."""
        return "max" if registry.metrics.get(self.metric).higher_is_better else "min"

    def with_seed(self, seed: int) -> "Tuning":
        """Return the same search with another seed, in a folder of its own."""
        job = dataclasses.replace(self.task.job, seed=seed)
        folder = self.folder / f"seed-{seed}"
        return dataclasses.replace(
            self, task=dataclasses.replace(self.task, job=job, folder=folder)
        )

    def trial_folder(self, chosen: Mapping[str, Any]) -> Path:
        """Return the folder of a trial's files: the same options are the same trial."""
        return self.folder / "trials" / content_key(dict(chosen))


def plan_tuning(
    request: Request,
    space: Path,
    counter: Counter,
    say: Callable[[str], None],
    share: float = 1.0,
) -> Tuning:
    """Check everything, and prepare data and judges.

    Args:
        request: one model, one metric, and the rest as in a study.
        share: that of the largest budget which a trial trains for, in (0, 1].

    Raises:
        UserError: anything wrong with the request or the space, a metric that measures nothing or
            that needs more segments than the validation split holds, or another search's folder.
    """
    if not 0 < share <= 1:
        raise UserError(f"--share {share:g}: expected a number above 0, and at most 1")
    (name,), (wanted,) = request.models, request.metrics
    model, metric = registry.models.get(name), find_metric(wanted)
    wanted = metric.name
    if metric.judge == OWN:
        raise UserError(
            f"metric {wanted}: by the network that the method trains against; it is no measurement,"
            " and nothing to search by"
        )
    if not metric.directed:
        raise UserError(
            f"metric {wanted}: neither a higher nor a lower score is better: nothing to search by"
        )
    # Before any data are touched.
    fixed = request.settings.get(name, {})
    values = {**model.scales.get(request.scale, {}), **fixed}
    domains = read_space(space, model, values)
    if both := sorted(domains.keys() & fixed.keys()):
        raise UserError(f"{space}: {', '.join(both)}: searched, and fixed by --set; drop one")
    chosen = outline(request)
    encoder, store = open_pairs(request, chosen, counter)
    # Two clips to the model's part: one of them is for validation.
    refuse_too_few_clips(store, judges=clips_of_judges([wanted]), models=2)
    data = open_data(store, encoder, counter(f"encoding with {request.encoder}"))
    train, eval_set = split_for_tuning(data, metric)
    try:
        check_metric(metric, eval_set.test)
    except UserError as error:
        raise UserError(
            f"metric {wanted}: {error}: of {len(data.judging) + len(data.train)} training pairs"
            f" {len(data.judging)} train the judges, {len(train)} the model, and"
            f" {len(eval_set.test)} are for validation; prepare more training clips, or choose"
            " another metric"
        ) from None
    built: Any = config.build(model.Config, values, name)
    images = max(1, round(share * chosen.budgets[-1]))
    job = Job(
        "model", name, config.to_dict(built),
        source_hash(model), store.content_hash, encoder.identity(), SEED, images,
    )  # fmt: skip
    judges = load_judges([metric], data.judging, job.data_key, say)
    for judge, loaded in judges.items():
        health = held_out_health(judge, loaded.figures, len(data.judging.classes))
        if health is not None and not health.ok:
            say(f"judge {judge}: {health.reason}: options found by {wanted} are found by chance")
    say(
        f"{store.name}: {len(train)} pairs train, {len(eval_set.test)} others validate,"
        f" {len(data.judging)} others train the judges; the test split is not touched"
    )
    environment = Environment(
        store.root,
        request.encoder,
        config.to_dict(encoder.config),
        (wanted,),
        {judge: loaded.fingerprint for judge, loaded in judges.items()},
        request.plugins,
    )
    task = Task(job, chosen.folder, environment)
    tuning = Tuning(task, domains, metric.version, len(eval_set.test))
    _claim(tuning)
    return tuning


def split_for_tuning(data: Data, metric: Metric) -> tuple[Pairs, EvalSet]:
    """Return the training pairs of trials, and what they are judged on; split by source clip.

    Of many validation pairs, :data:`MAX_VALIDATION` are drawn, from the classes in turn; all are
    taken where the metric needs more.
    """
    train, validation = hold_out(data.train, VALIDATION_SHARE, VALIDATION_SEED)
    rows = spread(validation.label, MAX_VALIDATION, np.random.default_rng(VALIDATION_SEED))
    some = part(validation, rows)
    try:
        check_metric(metric, some)
    except UserError:
        some = validation
    return train, make_eval_set(train, some)


def _claim(tuning: Tuning) -> None:
    """Write ``tuning.json``, or refuse the folder of another search."""
    path = tuning.folder / "tuning.json"
    if path.is_file():
        try:
            there = read_record(dict[str, Any], path)
        except DamagedError as error:
            raise UserError(
                f"{path}: damaged ({error}); remove it, and re-run the same command to resume with"
                " the trials that are there"
            ) from error
        own = tuning.identity
        differ = [name for name in own if there.get(name) != own[name]]
        if differ:
            raise UserError(
                f"{tuning.folder}: holds another search ({', '.join(differ)} differ); give a new"
                " folder (--out), or remove it"
            )
    else:
        check_own(tuning.folder, "trials")
    write_json(path, tuning.identity)
