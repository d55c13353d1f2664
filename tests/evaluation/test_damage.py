"""Known damage: every metric says of it what is due (the whole matrix: reports/damage-matrix)."""

import dataclasses

import numpy as np
import pytest
from damage import DAMAGES, EXPECTED, HARMLESS, KNOWN, Case, perfect, verdict

from a2ibench import config, registry
from a2ibench.contracts.metric import OWN, Metric
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import default_metrics, evaluate, load_judges
from a2ibench.runs.trial_data import open_data
from a2ibench.types import DataKey

TRIED = ["noise", "other class", "shuffled in class", "one image", "copies", "deaf", "no noise"]
"""Damages that need few new looks: most show pictures again that were seen undamaged."""
GRID_ALONE = ("deaf", "no noise")
"""Those that ask nothing new of a metric that does not read the grid."""
LEFT_TO_THE_PAGE = (OWN, "i2a_cnn", "i2a_aisfx")
"""Judges on request alone: one is none, one takes long to train, one long to hear the sounds."""


def asked(metric: Metric) -> list[str]:
    """The damages of which a metric has something to say that is not known to be wrong; of those
    that show the same pictures at other segments, one where all are the same to it."""
    due = EXPECTED[metric.name]
    alike = due.get("other class") == due.get("shuffled in class") == "same"
    return [
        name
        for name in TRIED
        if name in due
        and (metric.name, name) not in KNOWN
        and not (name in GRID_ALONE and "grid" not in metric.needs)
        and not (name == "shuffled in class" and alike)
    ]


@pytest.fixture(scope="session")
def said():
    """Metric → damage → verdict, on 2 × 100 scenes at 32 px; the grid is 12 sounds × 3 noises."""
    store = open_dataset("synthetic", {"image_size": 32, "seconds": 2.0, "train": 150})
    plugin = registry.encoders.get("logmel")
    data = open_data(store, plugin(config.build(plugin.Config, {}, "logmel")))
    exam = make_eval_set(data.train, data.test)
    exam = dataclasses.replace(exam, grid_rows=exam.grid_rows[::4])
    names = default_metrics(exam.test, every=True).names
    metrics = [
        m for name in names if (m := registry.metrics.get(name)).judge not in LEFT_TO_THE_PAGE
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench_plugins.judges.simclr.STEPS", 24)
        patch.setattr("a2ibench_plugins.judges.resnet18.CHECK_EVERY", 5)
        patch.setattr("a2ibench_plugins.judges.resnet18.MAX_STEPS", 25)
        judges = load_judges(metrics, data.judging, DataKey("damage"))
    whole = perfect(exam, 3, np.random.default_rng(0))
    scores = {"undamaged": evaluate(whole, exam, metrics, judges)}
    for name in TRIED:
        damaged = DAMAGES[name](Case(exam, whole, np.random.default_rng(0)))
        scores[name] = evaluate(damaged, exam, [m for m in metrics if name in asked(m)], judges)
    found = {}
    for metric in metrics:
        row = {
            name: marked[metric.name] for name, marked in scores.items() if metric.name in marked
        }
        values = [marked.score.value for marked in row.values()]
        reach = max(values) - min(values)
        undamaged = row.pop("undamaged")
        found[metric.name] = {
            name: verdict(type(metric), undamaged, marked, reach) for name, marked in row.items()
        }
    return found


def of_note(name: str) -> list[str]:
    """The damages that make a metric better or worse."""
    return [damage for damage, due in EXPECTED[name].items() if due != "same"]


@pytest.mark.integration
@pytest.mark.parametrize("damage", TRIED)
def test_metrics_say_what_is_due(said, damage):
    wrong = {
        name: f"{verdicts[damage]}, not {due}"
        for name, verdicts in said.items()
        if damage in verdicts
        and (due := EXPECTED[name][damage]) != verdicts[damage]
        # A picture with nearly the right sound is a small damage: it may not stand out at n = 200,
        # but for a metric that has no other one to say something of.
        and not (damage == "copies" and verdicts[damage] == "same" and len(of_note(name)) > 1)
    }
    assert wrong == {}


@pytest.mark.integration
def test_every_metric_has_a_damage_that_makes_it_worse_and_one_that_does_not(said):
    for name, verdicts in said.items():
        assert "worse" in verdicts.values(), name
        assert "same" in EXPECTED[name].values(), name


def test_what_is_due_and_what_is_known_name_metrics_and_damages_that_exist():
    cells = {(name, damage) for name, row in EXPECTED.items() for damage in row}
    assert {name for name, _ in cells} <= set(registry.metrics.names())
    assert {damage for _, damage in cells} == set(DAMAGES)
    assert set(KNOWN) <= cells
    assert set(HARMLESS) <= set(DAMAGES)
