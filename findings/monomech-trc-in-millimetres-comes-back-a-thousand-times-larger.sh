#!/usr/bin/env bash
# version: monomech 0.15.24 with numpy 1.26.4 and pandas 2.3.3 (Python 3.11)
# Behaviour: monomech reads a TRC file (the text format for 3D markers of OpenSim) in millimetres as it stands and notes
#   units = "mm"; its writer takes all numbers for metres. to_trc(units="mm") multiplies millimetres by 1000, and to_trc()
#   (the default "m") writes the millimetres and calls them metres. Nothing is said.
# Guess: reading a TRC file and writing it gives the same person, in the same or in the other unit.
# Seen: a person of 1.70 m is 1.7 km tall afterwards with either unit, and 1700 km after a second round trip in "mm". Files
#   in metres come back right in both units, so a test with metres finds nothing.
# Why it matters: Vicon, Qualisys and OpenSim's own examples write millimetres; scaling and inverse kinematics then fit a
#   model to a giant, and the package's own step in front of OpenSim writes with the noted unit, so with the factor.
# Instead: after load_trc divide markers.data by 1000 where markers.metadata["units"] is "mm", and set it to "m".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check monomech==0.15.24 numpy==1.26.4 pandas==2.3.3 scipy==1.14.1
cat > see.py <<'PY'
import math

from monomech.io.trc import load_trc

METRES = {"m": 1.0, "mm": 0.001}


def write(name, units):
    k = 1 / METRES[units]
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"100\t100\t3\t2\t{units}\t100\t1\t3",
        "Frame#\tTime\thead\t\t\theel\t\t",
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
    ]
    rows = [f"{i + 1}\t{i / 100}\t{0.1 * k}\t{1.75 * k}\t{0.2 * k}\t{0.1 * k}\t{0.05 * k}\t{0.2 * k}" for i in range(3)]
    open(name, "w").write("\n".join(head + rows) + "\n")


def height(name):
    """Head above heel in metres, from the text of a TRC file: its own unit and the first row."""
    lines = open(name).read().splitlines()
    row = [float(v) for v in lines[5].split("\t")]
    return (row[3] - row[6]) * METRES[lines[2].split("\t")[4]]


for units in ("m", "mm"):
    write(f"start_{units}.trc", units)
    assert math.isclose(height(f"start_{units}.trc"), 1.7)
    for out in ("m", "mm"):
        load_trc(f"start_{units}.trc").to_trc(f"{units}_to_{out}.trc", units=out)
        print(f"read in {units:2}, written in {out:2}: the person is {height(f'{units}_to_{out}.trc'):8.1f} m tall")
load_trc("mm_to_mm.trc").to_trc("again.trc", units="mm")
print(f"and once more in mm: {height('again.trc'):8.1f} m")

assert math.isclose(height("m_to_m.trc"), 1.7) and math.isclose(height("m_to_mm.trc"), 1.7)
assert math.isclose(height("mm_to_m.trc"), 1700)  # guess: 1.7
assert math.isclose(height("mm_to_mm.trc"), 1700)  # guess: 1.7
assert math.isclose(height("again.trc"), 1.7e6)  # guess: 1.7
assert load_trc("start_mm.trc").markers.metadata["units"] == "mm"  # the unit was seen
PY
venv/bin/python see.py
echo "seen: millimetres come back a thousand times larger, whichever unit is asked for"
