#!/usr/bin/env bash
# Measured at version: albumentations 2.0.8 (albucore 0.0.24, opencv-python-headless 5.0.0.93, numpy 2.4.6, scipy 1.17.1).
# (AlbumentationsX 2.5.1: the same in GridDistortion, ThinPlateSpline and PiecewiseAffine; ElasticTransform mended.)
# Behaviour: ElasticTransform, GridDistortion, OpticalDistortion, ThinPlateSpline and PiecewiseAffine draw each keypoint
# as a small disc into one map, distort the map and look where the discs are. A keypoint that is covered by a later one
# (same place, as a nose and an eye of a small or turned person) and one outside the picture have no disc any more, and
# are removed, although KeypointParams(remove_invisible=False) says that all are kept. The list gets shorter without a
# word; what follows moves up one place, so a shoulder becomes an elbow for whoever goes by position.
# Guess: with remove_invisible=False every call returns as many keypoints as it was given, in the same order.
# Seen: 6 given, 3 left (of two at one place the later one; none of the two outside); a HorizontalFlip keeps all 6.
# Why it matters: keypoint k is found by its place in the list; people who reshape(-1, K, 2) mix up whole persons.
# Instead: keypoint_remapping_method="direct" (keeps all, checked below), or label_fields with the keypoints' indices
# and a look at what came back; or geometry by one matrix of your own.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check albumentations==2.0.8 albucore==0.0.24 \
    opencv-python-headless==5.0.0.93 numpy==2.4.6 scipy==1.17.1
cd "$work"
NO_ALBUMENTATIONS_UPDATE=1 "$work/venv/bin/python" - <<'EOF'
import albumentations as A
import numpy as np

names = ["nose", "left eye", "right eye", "left ear", "ankle outside", "wrist outside"]
points = np.array([[80, 60], [80, 60], [81, 60], [82, 61], [-30, -20], [200, 150]], dtype=np.float32)
image = np.zeros((120, 160, 3), np.uint8)


def run(transform):
    keeps = A.KeypointParams(format="xy", remove_invisible=False, label_fields=["names"])
    result = A.Compose([transform], keypoint_params=keeps, seed=0)(image=image, keypoints=points, names=names)
    print(f"{type(transform).__name__:18s}", len(result["keypoints"]), list(result["names"]))
    return list(result["names"])


assert run(A.HorizontalFlip(p=1)) == names
for kind in (A.ElasticTransform, A.GridDistortion, A.ThinPlateSpline, A.PiecewiseAffine):
    left = run(kind(p=1))
    assert left == ["left eye", "right eye", "left ear"], left
print("with keypoint_remapping_method='direct':")
assert run(A.ElasticTransform(p=1, keypoint_remapping_method="direct")) == names
EOF
echo "as recorded"
