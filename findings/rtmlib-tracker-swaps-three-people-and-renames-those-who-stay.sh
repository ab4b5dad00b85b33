#!/usr/bin/env bash
# version: rtmlib 0.0.16, numpy 2.4.6, opencv-python-headless 5.0.0.93
# Behaviour: PoseTracker gives every person a number and returns the people "reordered according to track_id", so that the place in
#   the result is the identity (no number is returned). It does so by taking person number "id" of this frame's list instead of
#   putting each person at the place of its id. For two people both are the same; for three whose order in the detector's list
#   changes in a ring, everybody becomes somebody else. When one person leaves, the ids run past the list, the error is swallowed,
#   the boxes of the last frame are lost, and all who stay get new numbers in every frame from then on.
# Guess: person i of the first frame is at place i afterwards, whatever the order of the detector; who stays keeps the number.
# Seen: nobody moves; the detector lists A B C, then B C A, then C A B: the result is A B C, then C A B, then B C A. After A leaves:
#   numbers [1, 2], [3, 4], [5, 6], [7, 8]. tracking=False gives the same swaps unless det_frequency is above 1. No warning.
# Why it matters: detectors sort by score, which changes from frame to frame. Trajectories of three dancers are cut and sewn
#   together anew at each change, joint speeds jump, and a smoother pulls the limbs across the stage.
# Instead: call the detector and the pose model yourself, and match the people between frames (box overlap, OKS) on your own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 opencv-python-headless==5.0.0.93 tqdm==4.70.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps rtmlib==0.0.16
cat > see.py <<'PY'
import numpy as np
from rtmlib import PoseTracker

PLACE = {"A": (100, 100), "B": (400, 120), "C": (700, 140)}
listed = "ABC"


class Detector:
    det_mode = "human"

    def __call__(self, image):
        return np.array([[PLACE[n][0] - 50, PLACE[n][1] - 80, PLACE[n][0] + 50, PLACE[n][1] + 80] for n in listed], float)


class Network:
    """Three keypoints a person: the middle of the box, and two that span it."""

    def __call__(self, image, bboxes=()):
        middle = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in bboxes]
        keypoints = np.array([[(x, y), (x - 40, y - 60), (x + 40, y + 60)] for x, y in middle])
        return keypoints, np.ones(keypoints.shape[:2])


class Solution:
    def __init__(self, **settings):
        self.det_model, self.pose_model = Detector(), Network()


def run(orders, **settings):
    global listed
    tracker = PoseTracker(Solution, **settings)
    seen = []
    for listed in orders:
        keypoints, _ = tracker(np.zeros((300, 900, 3), np.uint8))
        people = "".join(n for person in keypoints for n, p in PLACE.items() if tuple(person[0]) == p)
        seen.append((people, list(tracker.track_ids_last_frame)))
        print("the detector lists", listed, "the tracker returns", *seen[-1])
    return seen


two = run(["AB", "BA", "AB"])
assert [p for p, _ in two] == ["AB", "AB", "AB"]
ring = run(["ABC", "BCA", "CAB", "ABC"])
assert [p for p, _ in ring] == ["ABC", "CAB", "BCA", "ABC"]
without = run(["ABC", "BCA"], tracking=False)
assert [p for p, _ in without] == ["ABC", "CAB"]
left = run(["ABC", "BC", "BC", "BC", "BC"])
assert [ids for _, ids in left] == [[0, 1, 2], [1, 2], [3, 4], [5, 6], [7, 8]]
PY
venv/bin/python -W ignore see.py
echo "seen: three people who stand still change places, and the numbers of those who stay run away when one leaves"
