#!/usr/bin/env bash
# Ray 2.60.0: `ray.init` counts the processors that are installed, not those that it may use.
#
# Under `taskset`, and so under schedulers that bind jobs to processors (SLURM's --cpu-bind), Python's
# os.sched_getaffinity names the processors of the job. Ray hands out all of the machine's: two trials
# of one processor each run at once on one, each twice as slow, and timings of methods mean nothing.
#
# Seen: bound to one processor, affinity 1, Ray's cluster_resources() as many CPUs as are installed.
# Right: ray.init(num_cpus=len(os.sched_getaffinity(0))).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work RAY_USAGE_STATS_ENABLED=0 RAY_TMPDIR=/tmp
python3 -m venv env
env/bin/pip install --quiet 'ray[default]==2.60.0'
cat > count.py <<'EOF'
import logging
import multiprocessing
import os

import ray

installed = multiprocessing.cpu_count()
assert installed > 1, "needs a machine with two processors or more"
usable = len(os.sched_getaffinity(0))
ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
counted = int(ray.cluster_resources()["CPU"])
print(f"installed {installed}, usable {usable}, counted by Ray {counted}")
assert usable == 1
assert counted > usable
EOF
taskset --cpu-list 0 env/bin/python count.py 2> log || { cat log; exit 1; }
