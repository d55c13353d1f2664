#!/usr/bin/env bash
# Ray Tune 2.60.0 with MLflow 3.17.2: Ray's MLflowLoggerCallback logs process ids, clocks and names as metrics.
#
# The callback passes everything in a result through Python's float(), and what comes through is a metric.
# So each run has metrics `pid` and `timestamp`, which differ every time and fill MLflow's comparison
# page; and a string that float() happens to accept is a number: a split called "3_1" becomes 31, a note
# "nan" becomes NaN. Trial ids are strings of hexadecimal digits and an underscore; ten percent of
# them have digits only: these studies have a metric `trial_id`, the others have none.
#
# Seen: pid, timestamp, split = 31.0 and note = NaN among the metrics.
# Right: choose what to log and write it with MlflowClient.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work RAY_USAGE_STATS_ENABLED=0 MLFLOW_DISABLE_TELEMETRY=true RAY_TMPDIR=/tmp
python3 -m venv env
env/bin/pip install --quiet 'ray[tune]==2.60.0' mlflow==3.17.2
cat > study.py <<'EOF'
import logging
import math
from pathlib import Path

import ray
from mlflow.tracking import MlflowClient
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback

STORE = "sqlite:///mlflow.db"


def trial(config: dict) -> None:
    tune.report({"loss": 1.0 / config["width"], "split": "3_1", "note": "nan", "method": "gan"})


ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
tune.Tuner(
    trial,
    param_space={"width": 2},
    run_config=tune.RunConfig(
        storage_path=str(Path("ray").resolve()),
        verbose=0,
        callbacks=[MLflowLoggerCallback(tracking_uri=STORE, experiment_name="study")],
    ),
).fit()
client = MlflowClient(STORE)
[run] = client.search_runs([client.get_experiment_by_name("study").experiment_id])
metrics = run.data.metrics
print({name: metrics[name] for name in ("loss", "split", "note", "pid", "timestamp")})
assert metrics["loss"] == 0.5
assert metrics["split"] == 31.0
assert math.isnan(metrics["note"])
assert metrics["pid"] > 0
assert metrics["timestamp"] > 1e9
assert "method" not in metrics
assert "method" not in run.data.params
EOF
env/bin/python study.py 2> log | tail -1 || { cat log; exit 1; }
