#!/usr/bin/env bash
# version: landmarkdiff 0.2.3 with mediapipe 1.2.3, numpy 2.4.6 and opencv-contrib-python 5.1.0.95 (Python 3.11)
# Behaviour: landmarkdiff moves MediaPipe's 478 face landmarks as an operation would. For Bell's palsy it takes the paralysed
#   side ("left" or "right") and leaves that side out. Its indices for the left eye, brow and mouth corner are those that
#   MediaPipe calls right (the left of the picture), and the other way round; so is its whole table of regions. No word comes.
# Guess: with bells_palsy_side="left" the landmarks of MediaPipe's left eye stay where they are.
# Seen: lids operated on a face whose left side is paralysed: MediaPipe's left eye moves by 4.4 px, the right one by nothing.
#   With "right" it's the other way round; without the flag both move. All 16 points of the "left" eye and all 10 of the brow
#   are MediaPipe's right ones.
# Why it matters: the patient's left is meant by the doctor, by MediaPipe and by every COCO-like format; the tool shows the
#   operation on the side that must not be operated, and leaves the healthy one out. Regions by name are mirrored likewise.
# Instead: give it the other side, and read its eye_left, eyebrow_left and iris_left as those on the left of the picture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mediapipe==1.2.3 numpy==2.4.6 opencv-contrib-python==5.1.0.95
venv/bin/pip install --quiet --disable-pip-version-check --no-deps landmarkdiff==0.2.3  # its torch is not needed here
cat > see.py <<'PY'
import numpy as np
from landmarkdiff.clinical import ClinicalFlags, get_bells_palsy_side_indices
from landmarkdiff.landmarks import LANDMARK_REGIONS, FaceLandmarks
from landmarkdiff.manipulation import apply_procedure_preset
from mediapipe.tasks.python.vision import FaceLandmarksConnections


def mediapipe_points(name):
    return sorted({i for line in getattr(FaceLandmarksConnections, "FACE_LANDMARKS_" + name) for i in (line.start, line.end)})


LEFT, RIGHT = mediapipe_points("LEFT_EYE"), mediapipe_points("RIGHT_EYE")
ours = get_bells_palsy_side_indices("left")
print("landmarkdiff's left eye:", sorted(ours["eye"]))
print("MediaPipe's left eye:   ", LEFT)
print("MediaPipe's right eye:  ", RIGHT)
assert sorted(ours["eye"]) == RIGHT == sorted(LANDMARK_REGIONS["eye_left"])  # guess: LEFT
assert sorted(LANDMARK_REGIONS["eye_right"]) == LEFT  # guess: RIGHT
assert sorted(ours["eyebrow"]) == mediapipe_points("RIGHT_EYEBROW")  # guess: LEFT_EYEBROW

# A face from the front, in fractions of the picture: the person's left eye is on the right of the picture.
points = np.zeros((478, 3), np.float32)
points[:, :2] = 0.5, 0.9
for eye, x in ((LEFT, 0.65), (RIGHT, 0.35)):
    turn = 2 * np.pi * np.arange(len(eye)) / len(eye)
    points[eye, 0], points[eye, 1] = x + 0.03 * np.cos(turn), 0.4 + 0.015 * np.sin(turn)
face = FaceLandmarks(landmarks=points, image_width=512, image_height=512, confidence=1.0)


def moved(side):
    flags = ClinicalFlags(bells_palsy=True, bells_palsy_side=side) if side else None
    new = apply_procedure_preset(face, "blepharoplasty", intensity=66, clinical_flags=flags)
    way = 512 * np.linalg.norm((new.landmarks - points)[:, :2], axis=1)
    return {"left eye": round(float(way[LEFT].max()), 2), "right eye": round(float(way[RIGHT].max()), 2)}


both, left, right = moved(None), moved("left"), moved("right")
print("pixels moved, nobody paralysed:", both, "| left side paralysed:", left, "| right side paralysed:", right)
assert both["left eye"] > 4 and both["right eye"] > 4
assert left["left eye"] > 4 and left["right eye"] == 0  # guess: the other way round
assert right["left eye"] == 0 and right["right eye"] > 4
PY
venv/bin/python see.py
echo "seen: the paralysed side is operated, the healthy one is spared"
