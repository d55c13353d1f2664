"""Known damage: every metric says of it what is due (the whole matrix: reports/damage-matrix)."""

import dataclasses

import numpy as np
import pytest
from damage import DAMAGES, EXPECTED, HARMLESS, KNOWN, Case, perfect, verdict

from a2ibench import config, registry
from a2ibench.contracts.metric import OWN
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import make_eval_set
from a2ibench.evaluation.evaluate import default_metrics, evaluate, load_judges
from a2ibench.runs.trial_data import open_data
from a2ibench.types import DataKey

TRIED = ["noise", "other class", "shuffled in class", "one image", "copies", "deaf", "no noise"]
"""Damages that need few new looks: most show pictures again that were seen undamaged."""


@pytest.fixture(scope="session")
def said():
    """Metric → damage → verdict, on 2 × 100 scenes at 32 px; the grid is 12 sounds × 3 noises."""
    store = open_dataset("synthetic", {"image_size": 32, "seconds": 2.0, "train": 240})
    plugin = registry.encoders.get("logmel")
    data = open_data(store, plugin(config.build(plugin.Config, {}, "logmel")))
    exam = make_eval_set(data.train, data.test)
    exam = dataclasses.replace(exam, grid_rows=exam.grid_rows[::4])
    names = default_metrics(exam.test, every=True).names
    metrics = [m for name in names if (m := registry.metrics.get(name)).judge != OWN]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench_plugins.judges.i2a_cnn.MAX_STEPS", 120)
        patch.setattr("a2ibench_plugins.judges.simclr.STEPS", 80)
        patch.setattr("a2ibench_plugins.judges.resnet18.CHECK_EVERY", 10)
        patch.setattr("a2ibench_plugins.judges.resnet18.PATIENCE", 5)
        judges = load_judges(metrics, data.judging, DataKey("damage"))
    whole = perfect(exam, 3, np.random.default_rng(0))
    scores = {"undamaged": evaluate(whole, exam, metrics, judges)}
    for name in TRIED:
        damaged = DAMAGES[name](Case(exam, whole, np.random.default_rng(0)))
        scores[name] = evaluate(damaged, exam, metrics, judges)
    found = {}
    for metric in metrics:
        row = {name: marked[metric.name] for name, marked in scores.items()}
        values = [marked.score.value for marked in row.values()]
        reach = max(values) - min(values)
        found[metric.name] = {
            name: verdict(type(metric), row["undamaged"], row[name], reach) for name in TRIED
        }
    return found


@pytest.mark.integration
@pytest.mark.parametrize("damage", TRIED)
def test_metrics_say_what_is_due(said, damage):
    wrong = {
        name: f"{verdicts[damage]}, not {due}"
        for name, verdicts in said.items()
        if (due := EXPECTED.get(name, {}).get(damage)) not in (None, verdicts[damage])
        and (name, damage) not in KNOWN
        # A picture with nearly the right sound is a small damage: it may not stand out at n = 200.
        and not (damage == "copies" and name != "memorisation_lite0" and verdicts[damage] == "same")
    }
    assert wrong == {}


@pytest.mark.integration
def test_every_metric_has_a_damage_that_makes_it_worse_and_one_that_does_not(said):
    for name in said:
        assert "worse" in EXPECTED[name].values(), name
        assert "same" in EXPECTED[name].values(), name


def test_what_is_due_and_what_is_known_name_metrics_and_damages_that_exist():
    cells = {(name, damage) for name, row in EXPECTED.items() for damage in row}
    assert {name for name, _ in cells} <= set(registry.metrics.names())
    assert {damage for _, damage in cells} == set(DAMAGES)
    assert set(KNOWN) <= cells
    assert set(HARMLESS) <= set(DAMAGES)
