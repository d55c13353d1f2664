#!/usr/bin/env bash
# vendi-score 0.0.3: score_X takes the order q of the entropy and ignores it.
#
# The Vendi score is the exponential of the Rényi entropy of order q of a kernel's eigenvalues. The function
# for features passes q = 1 on, whatever it was given; the one for a kernel uses it. So score_X(X, q=2), which
# is the RKE score by definition, is the Vendi score of order 1 without a word.
#
# Seen: score_X of order 2 and of order "inf" equal to that of order 1; score_K of the same features differs.
# Right: make the kernel of the features, scaled to length 1, and call score_K.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --no-deps vendi-score==0.0.3
env/bin/pip install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn
env/bin/python -W ignore - <<'EOF'
import numpy as np
from vendi_score import vendi

x = np.random.default_rng(0).normal(size=(20, 5))
x /= np.linalg.norm(x, axis=1, keepdims=True)
of_features = [float(vendi.score_X(x, q=q)) for q in (1, 2, "inf")]
of_kernel = [float(vendi.score_K(x @ x.T, q=q)) for q in (1, 2, "inf")]
print("score_X:", of_features)
print("score_K:", of_kernel)
assert abs(of_features[0] - of_kernel[0]) < 1e-9
if abs(of_features[1] - of_kernel[1]) < 1e-9:
    raise SystemExit("score_X uses q now")
assert of_features[0] == of_features[1] == of_features[2]
# By hand: the order 2 is one over the sum of the squared eigenvalues of the kernel ÷ n.
assert abs(of_kernel[1] - 400 / np.square(x @ x.T).sum()) < 1e-9
EOF
