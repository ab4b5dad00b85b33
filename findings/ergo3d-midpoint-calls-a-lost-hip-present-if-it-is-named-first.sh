#!/usr/bin/env bash
# version: ergo3d 0.2.1, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, sympy 1.14.0, matplotlib 3.11.2, pandas 3.1.1,
#   opencv-python-headless 5.0.0.93
# Behaviour: in ergo3d (joint angles for ergonomics) a point has its coordinates and a list "exist" with one truth
#   value per frame, since the coordinates of a lost marker say nothing. mid_point, vector, translate_point and
#   orthogonal_vector form the new list by "p1.exist and p2.exist". Of two lists that is the second one, whole: the
#   first is never looked at, and of the three points of a plane only the last counts.
# Guess: the middle of the hips exists in the frames in which both hips exist.
# Seen: the left hip is lost in frame 1 (its coordinates are 0, as in C3D files). mid_point(left, right) exists in all
#   frames: in frame 1 it lies half-way to the origin of the room, the export has numbers there in place of NaN, and
#   the trunk of a man who stands upright leans by 48 degrees. mid_point(right, left) is lost in frame 1, as it should
#   be. Besides: mid_point(p1, p2, 0.25) is documented as a quarter of the way from p1 to p2 and gives three quarters.
# Why it matters: leaning beyond 20 or 60 degrees is a class of RULA, REBA and OWAS, so single lost markers become
#   minutes of hard posture, or not, by the order of two arguments that ought not to matter.
# Instead: give every point that went in a new list by hand, [a and b for a, b in zip(p1.exist, p2.exist)] (below), or
#   write NaN into the lost coordinates: NaN stays NaN through the sums, whatever "exist" says.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps ergo3d==0.2.1
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 sympy==1.14.0 \
    matplotlib==3.11.2 pandas==3.1.1 opencv-python-headless==5.0.0.93
cat > see.py <<'PY'
import numpy as np
from ergo3d import MarkerPoint, Point

FRAMES = 3


def marker(name, place, lost=()):
    x, y, z = (np.full(FRAMES, float(value)) for value in place)
    for frame in lost:
        x[frame] = y[frame] = z[frame] = 0.0
    return MarkerPoint([x, y, z, [frame not in lost for frame in range(FRAMES)]], name)


# millimetres, z up; an upright man at (2000, 1000) in the room
left = marker("left hip", (2000, 1150, 950), lost=[1])
right = marker("right hip", (2000, 850, 950))
neck = marker("neck", (2000, 1000, 1500))
up = np.tile([[0.0], [0.0], [1.0]], FRAMES)


def lean(pelvis):
    return np.degrees(Point.angle(Point.vector(pelvis, neck).xyz, up)).round().tolist()


wrong, right_way = Point.mid_point(left, right), Point.mid_point(right, left)
for title, point in (("mid_point(left, right)", wrong), ("mid_point(right, left)", right_way)):
    print(title, "exists:", point.exist, "places:", point.xyz.T.tolist(), "trunk leans by", lean(point))
assert left.exist == [True, False, True] and right.exist == [True, True, True]
assert wrong.exist == [True, True, True]  # should be True, False, True
assert right_way.exist == [True, False, True]
assert wrong.xyz[:, 1].tolist() == [1000.0, 425.0, 475.0] and wrong.xyz[:, 0].tolist() == [2000.0, 1000.0, 950.0]
exported = Point.batch_export_to_nparray([Point.mid_point(left, right), Point.mid_point(right, left)])
print("exported for frame 1:", exported[1].tolist())
assert exported[1, 0].tolist() == [1000.0, 425.0, 475.0] and np.isnan(exported[1, 1]).all()
assert lean(wrong)[0] == 0 and lean(wrong)[2] == 0 and lean(wrong)[1] == 48

# the other operations: only the last argument counts
assert Point.vector(left, right).exist == [True, True, True]
assert Point.vector(right, left).exist == [True, False, True]
assert Point.orthogonal_vector(left, neck, right).exist == [True, True, True]
assert Point.orthogonal_vector(neck, right, left).exist == [True, False, True]

# what to do instead
repaired = Point.mid_point(left, right)
repaired.exist = [a and b for a, b in zip(left.exist, right.exist)]
assert np.isnan(Point.batch_export_to_nparray([repaired])[1]).all()

# a quarter of the way, as documented, would be (2000, 887.5, 1087.5)
quarter = Point.mid_point(right, neck, 0.25)
print("a quarter of the way from hip to neck:", quarter.xyz[:, 0].tolist(), "true:", [2000.0, 887.5, 1087.5])
assert quarter.xyz[:, 0].tolist() == [2000.0, 962.5, 1362.5]
PY
venv/bin/python -W ignore see.py
echo "as recorded"
