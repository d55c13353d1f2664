#!/usr/bin/env bash
# krippendorff 0.9.0: ratings in an array of booleans are refused, though "nominal" fits them best.
#
# The library makes the domain of values by the kind of the array's type and knows integers, floats and
# text, not booleans. Yes-or-no ratings, which forced-choice studies give, raise a ValueError that names
# the code "b"; as floats, with NaN where a rater gave no answer, the same ratings have an alpha.
#
# Seen: ValueError "Don't know how to construct value domain for dtype kind b"; as floats the alpha of
#       the same ratings, equal to that of the words "yes" and "no".
# Right: convert yes-or-no ratings to floats before the call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet krippendorff==0.9.0 numpy==2.4.6
env/bin/python - <<'EOF'
import krippendorff
import numpy as np

ratings = np.array([[True, True, False, False, True], [True, False, False, False, True]])
try:
    krippendorff.alpha(ratings, level_of_measurement="nominal")
except ValueError as error:
    print("booleans:", error)
    assert "dtype kind b" in str(error)
else:
    raise SystemExit("booleans are taken now")
as_floats = krippendorff.alpha(ratings.astype(float), level_of_measurement="nominal")
words = np.where(ratings, "yes", "no")
as_words = krippendorff.alpha(words, value_domain=["no", "yes"], level_of_measurement="nominal")
print("floats:", as_floats, "words:", as_words)
assert abs(as_floats - as_words) < 1e-12
# By hand: 10 values, 5 items of 2; observed disagreement 1/5, expected 2 · 5 · 5 / (10 · 9) = 5/9.
assert abs(as_floats - (1 - (1 / 5) / (5 / 9))) < 1e-12
EOF
