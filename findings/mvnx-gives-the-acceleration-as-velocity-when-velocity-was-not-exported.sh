#!/usr/bin/env bash
# version: mvnx 0.2 with numpy 2.4.6 (Python 3.11)
# Behaviour: in Xsens' MVNX files every item of a frame (<orientation>, <position>, <velocity>, ...) is an element
#   with a name, and whoever exports chooses which items go into the file. This reader never looks at the names: it
#   takes "velocity" for the third element of each frame, "acceleration" for the fourth, and so on, as in a file with
#   everything in it.
# Guess: velocity is the element of that name, and empty (or an error) where it was not exported.
# Seen: without velocity in the file, .velocity is the acceleration (of the same shape), .acceleration the angular
#   velocity, .jointAngle the joint angles of the other rotation order, and .centerOfMass is empty though the file has
#   it. In a file with everything all is right, unless it has the newer <jointAngleErgoXZY> too: then that is
#   .centerOfMass.
# Why it matters: velocity is easily left out, as it can be computed; the wrong item has as many columns, finite
#   numbers and plausible sizes. Integrated or plotted, nothing says that the wrong quantity is shown. No warning.
# Instead: read by name, e.g. frame.find("{http://www.xsens.com/mvn/mvnx}velocity") with xml.etree, as below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mvnx==0.2 numpy==2.4.6
cat > see.py <<'PY'
import xml.etree.ElementTree as ET

import numpy as np
from mvnx import MVNX

FULL = (
    "orientation position velocity acceleration angularVelocity angularAcceleration footContacts "
    "sensorFreeAcceleration sensorMagneticField sensorOrientation "
    "jointAngle jointAngleXZY jointAngleErgo centerOfMass"
).split()
SEGMENTS = ["Pelvis", "L5"]
WIDTH = {"orientation": 8, "footContacts": 4, "sensorOrientation": 8, "centerOfMass": 3} | {
    name: 3 for name in ("jointAngle", "jointAngleXZY", "jointAngleErgo", "jointAngleErgoXZY")
}
NAMESPACE = "{http://www.xsens.com/mvn/mvnx}"


def number(item, frame):
    """What the file says for an item: one number per frame, a different one for each item."""
    return float((FULL + ["jointAngleErgoXZY"]).index(item) + 1) * 10 + frame


def write(path, items):
    frames = [f'<frame time="0" index="" tc="" ms="0" type="{kind}"/>' for kind in ("identity", "tpose", "tpose-isb")]
    for frame in range(3):
        inner = "".join(
            f"<{item}>{' '.join([f'{number(item, frame):.6f}'] * WIDTH.get(item, 6))}</{item}>" for item in items
        )
        attributes = f'time="{frame * 16}" index="{frame}" tc="" ms="{frame * 16}" type="normal"'
        frames.append(f"<frame {attributes}>{inner}</frame>")
    segments = "".join(f'<segment label="{name}" id="{i + 1}"/>' for i, name in enumerate(SEGMENTS))
    with open(path, "w") as file:
        file.write(
            '<mvnx xmlns="http://www.xsens.com/mvn/mvnx" version="4"><mvn version="2021.0.0" build="1"/><comment/>'
            '<subject label="walk" frameRate="60" segmentCount="2" recDate="1" configuration="FullBody" '
            f'userScenario="singleLevel"><comment/><segments>{segments}</segments>'
            '<sensors><sensor label="Pelvis"/></sensors><joints><joint label="jL5S1">'
            "<connector1>Pelvis/jL5S1</connector1><connector2>L5/jL5S1</connector2></joint></joints>"
            "<ergonomicJointAngles/><footContactDefinition/>"
            f'<frames segmentCount="2" sensorCount="1" jointCount="1">{"".join(frames)}</frames></subject>'
            '<securityCode code="0"/></mvnx>'
        )


def by_name(path, item):
    frames = [f for f in ET.parse(path).getroot().iter(NAMESPACE + "frame") if f.get("type") == "normal"]
    found = [f.find(NAMESPACE + item) for f in frames]
    return None if found[0] is None else np.array([[float(v) for v in f.text.split()] for f in found])


def item_in(values):
    """Which item of the file these numbers are."""
    for item in FULL + ["jointAngleErgoXZY"]:
        if len(values) and np.all(values[:, 0] == [number(item, frame) for frame in range(3)]):
            return item
    return "nothing"


def look(title, items):
    write("take.mvnx", items)
    read, seen = MVNX("take.mvnx"), {}
    for item in FULL:
        seen[item] = item_in(getattr(read, item))
        true = by_name("take.mvnx", item)
        assert true is None or item_in(true) == item
        if seen[item] != item:
            print(f"{title}: .{item} gives {seen[item]}" + ("" if item in items else "   (not in the file)"))
    return seen, read


seen, _ = look("everything", FULL)
assert all(item == got for item, got in seen.items())
seen, read = look("without velocity", [item for item in FULL if item != "velocity"])
assert seen["velocity"] == "acceleration" and read.velocity.shape == (3, 6)
assert seen["acceleration"] == "angularVelocity" and seen["jointAngle"] == "jointAngleXZY"
assert seen["centerOfMass"] == "nothing" and seen["orientation"] == "orientation" and seen["position"] == "position"
seen, _ = look("with jointAngleErgoXZY", FULL[:13] + ["jointAngleErgoXZY", "centerOfMass"])
assert {item: got for item, got in seen.items() if item != got} == {"centerOfMass": "jointAngleErgoXZY"}
PY
venv/bin/python -W error see.py
echo "as recorded"
