#!/usr/bin/env bash
# version: gait-profile-score 1.0.2 with numpy 1.26.4, pandas 2.3.3, scipy 1.15.3 and matplotlib 3.10.7 (Python 3.11)
# Behaviour: the package computes the Gait Profile Score of the clinic from kinematic curves. The score is defined as the root
#   mean square of its gait variable scores (so that it is the root mean square of all differences). The package takes their
#   plain mean, for the whole and for each side; both of its modules do so. Nothing is said.
# Guess: "GPS" is the root mean square of all differences from the reference, as the score's definition has it.
# Seen: a person whose knees alone are off by 30 degrees at every instant gets 3.3 instead of 10.0 degrees (over the package's
#   own eighteen variables); one who is off by 5 degrees everywhere gets 5.0, as he should. So the person with the larger
#   score by definition gets the smaller one.
# Why it matters: scores are compared with published norms and with the least change that counts (1.6 degrees); the more a
#   deviation sits in few joints, the more of it is hidden, so people are ranked in another order.
# Instead: take np.sqrt(np.mean(np.square(values))) over the single variables that it returns (those are right), once each
#   for pelvis, and both sides of the rest.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gait-profile-score==1.0.2 numpy==1.26.4 pandas==2.3.3 scipy==1.15.3 \
  matplotlib==3.10.7
cat > see.py <<'PY'
import numpy as np
from calculations import calculateGPSvalues
from gpscalculator import calculateGPS, exampleInputData

names = exampleInputData().kinematicVariables()
assert len(names) == 18
cycle = np.linspace(0, 2 * np.pi, 51)
healthy = {name: list(20 * np.sin(cycle + k)) for k, name in enumerate(names)}


def person(**off):
    return {name: list(np.array(curve) + off.get(name.split()[0], off.get("all", 0.0))) for name, curve in healthy.items()}


def by_definition(curves):
    return float(np.sqrt(np.mean([(np.array(curves[n]) - np.array(healthy[n])) ** 2 for n in names])))


seen = {}
for label, curves in {"5 degrees everywhere": person(all=5.0), "30 degrees in the knees": person(Knee=30.0)}.items():
    score = calculateGPS(healthy, curves).gps
    assert abs(calculateGPSvalues(healthy, curves)["GPS"] - score["GPS"]) < 1e-9  # both modules
    single = [score[n] for n in names]
    assert np.allclose(single, [np.sqrt(np.mean((np.array(curves[n]) - np.array(healthy[n])) ** 2)) for n in names])
    seen[label] = (score["GPS"], by_definition(curves))
    print(f"{label}: GPS {score['GPS']:.2f}, left {score['GPS Left']:.2f}; by definition {seen[label][1]:.2f} degrees")
even, knees = seen["5 degrees everywhere"], seen["30 degrees in the knees"]
assert np.allclose(even, (5, 5))
assert abs(knees[0] - 30 * 2 / 18) < 1e-9  # guess: 10.0
assert abs(knees[1] - 10.0) < 1e-9
assert knees[1] > even[1] and knees[0] < even[0]  # the order is turned over
PY
venv/bin/python see.py
echo "seen: the mean stands where the root mean square should"
