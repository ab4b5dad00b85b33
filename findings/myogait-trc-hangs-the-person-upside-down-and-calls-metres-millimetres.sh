#!/usr/bin/env bash
# version: myogait 0.9.2 with numpy 2.4.6, pandas 3.1.1, scipy 1.17.1, OpenCV 5.0.0.93 (Python 3.11)
# Behaviour: export_trc writes 2D keypoints as an OpenSim marker file in metres or, with units="mm", in millimetres. Two things
#   are not done: y, which points down in a picture, is written as it is, and in OpenSim y points up; and units="mm" changes the
#   word in the head of the file, not the numbers. Both files that OpenSim reads without complaint are wrong: the feet are the
#   highest markers of a person who hangs head down, and in the second one that person is two millimetres tall.
#   The pelvis of export_mot has the same y: it falls when the person jumps.
# Guess: y grows from the feet to the shoulders, and the numbers of the two files differ by a factor of 1000.
# Seen: shoulder y 0.56, hip 1.13, ankle 2.03 (ground at 2.07); the same numbers under "m" and under "mm"; pelvis_ty of a hop
#   that lifts the hips by 108 pixels goes from 1.125 to 0.900.
# Why it matters: the package writes the OpenSim set-up files for inverse kinematics beside it; scaling to a person of two
#   millimetres or fitting an upside-down one does not stop, it ends in wild joint angles.
# Instead: subtract y from the ground's y, multiply by 1000 for millimetres, or leave units at "m" and turn y afterwards.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 opencv-python-headless==5.0.0.93
venv/bin/pip install --quiet --disable-pip-version-check --no-deps myogait==0.9.2
cat > see.py <<'PY'
from myogait.export import export_mot, export_trc

# A person who stands in a picture of 1920 x 1080 pixels (fractions, y down); in frame 2 of 4 he hops.
standing = {"NOSE": (0.50, 0.10), "LEFT_SHOULDER": (0.51, 0.25), "RIGHT_SHOULDER": (0.49, 0.25), "LEFT_HIP": (0.51, 0.50),
            "RIGHT_HIP": (0.49, 0.50), "LEFT_KNEE": (0.51, 0.70), "RIGHT_KNEE": (0.49, 0.70), "LEFT_ANKLE": (0.51, 0.90),
            "RIGHT_ANKLE": (0.49, 0.90), "LEFT_HEEL": (0.51, 0.92), "RIGHT_HEEL": (0.49, 0.92),
            "LEFT_FOOT_INDEX": (0.53, 0.92), "RIGHT_FOOT_INDEX": (0.51, 0.92)}
frames = [{"frame_idx": i, "confidence": 0.9,
           "landmarks": {k: {"x": x, "y": y - (0.1 if i == 2 else 0), "visibility": 0.9} for k, (x, y) in standing.items()}}
          for i in range(4)]
straight = {key: 0.0 for key in ("hip_L", "hip_R", "knee_L", "knee_R", "ankle_L", "ankle_R", "trunk_angle", "pelvis_tilt")}
data = {"meta": {"fps": 30.0, "width": 1920, "height": 1080, "subject": {"height_m": 1.80}}, "frames": frames,
        "angles": {"frames": [{"frame_idx": i, **straight} for i in range(4)]}}


def read_trc(units):
    lines = open(export_trc(data, f"{units}.trc", units=units)).read().splitlines()
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t")))
    names = [name for name in lines[3].split("\t")[2:] if name]
    numbers = [float(v) for v in lines[6].split("\t")[2:]]  # first frame
    return head["Units"], {name: numbers[3 * k + 1] for k, name in enumerate(names)}


metres, millimetres = read_trc("m"), read_trc("mm")
for unit, y in (metres, millimetres):
    print(unit, {name: y[name] for name in ("LEFT_SHOULDER", "LEFT_HIP", "LEFT_ANKLE", "LEFT_HEEL")})
assert (metres[0], millimetres[0]) == ("m", "mm")
assert metres[1] == millimetres[1]  # guess: a factor of 1000
y = metres[1]
assert y["LEFT_SHOULDER"] < y["LEFT_HIP"] < y["LEFT_ANKLE"] < y["LEFT_HEEL"]  # guess: the other way round
assert abs(y["LEFT_ANKLE"] - 2.025) < 1e-6

rows = open(export_mot(data, "walk.mot")).read().split("endheader\n")[1].splitlines()
column = rows[0].split("\t").index("pelvis_ty")
height = [float(row.split("\t")[column]) for row in rows[1:]]
print("pelvis_ty while the person hops in frame 2:", height)
assert height[2] < height[1] == height[3]  # guess: higher
PY
venv/bin/python see.py
echo "seen: y points down, and millimetres are metres"
