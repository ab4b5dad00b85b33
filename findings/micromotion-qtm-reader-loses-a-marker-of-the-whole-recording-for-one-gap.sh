#!/usr/bin/env bash
# version: micromotion 1.15.0 with numpy 2.4.6, scipy 1.17.1, pandas 2.3.3 (Python 3.11)
# Behaviour: read_qtm_tsv reads Qualisys' tables row by row. Empty fields are taken out of a row before it is split into
#   markers, and then ALL rows are cut to the length of the shortest. One frame in which the wrist was lost (three empty
#   fields) takes the ankle, the last marker, away from the whole recording, and puts the ankle's numbers of that frame under
#   the wrist. Where the gap is written as a word (QTM lets one choose it, e.g. NULL) the whole frame is left out instead, with
#   all the other markers, so that everything after it comes one frame early. Nothing is said in either case.
# Guess: a gap is NaN for that marker in that frame; the others and the frames stay (it is so for 0.000 and NaN).
# Seen: 3 markers and 5 frames become 2 markers and 5 frames with an empty gap, 3 markers and 4 frames with NULL.
# Why it matters: gaps are ordinary in optical motion capture; speeds, sway and the alignment with sound or video
#   are computed from frames whose times are wrong, or of a body without its last marker.
# Instead: micromotion's other reader, read_qualisys, gives NaN in the right place; or fill the gaps with NaN beforehand.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --no-compile --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 pandas==2.3.3
venv/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps micromotion==1.15.0
cat > see.py <<'PY'
import numpy as np
from micromotion import read_qtm_tsv, read_qualisys

MARKERS = ["nose", "wrist", "ankle"]
truth = np.array([[[100 * (m + 1) + 10 * f + a for a in range(3)] for m in range(3)] for f in range(5)], float)


def write(gap, columns):
    """Five frames at 100 Hz; the wrist is lost in the second one, written as `gap`."""
    head = ["NO_OF_FRAMES\t5", "NO_OF_CAMERAS\t8", "NO_OF_MARKERS\t3", "FREQUENCY\t100", "NO_OF_ANALOG\t0",
            "ANALOG_FREQUENCY\t0", "DESCRIPTION\t--", "TIME_STAMP\t2026-01-01, 10:00:00", "DATA_INCLUDED\t3D",
            "MARKER_NAMES\t" + "\t".join(MARKERS)]
    if columns:
        head.append("\t".join(["Frame", "Time"] + [f"{m} {a}" for m in MARKERS for a in "XYZ"]))
    for f, frame in enumerate(truth):
        row = [f"{v:.3f}" for v in frame.ravel()]
        if f == 1:
            row[3:6] = [gap] * 3
        head.append("\t".join(([str(f + 1), f"{f / 100:.5f}"] if columns else []) + row))
    open("trial.tsv", "w").write("\n".join(head) + "\n")


for columns in (False, True):
    for gap in ("0.000", "NaN"):
        write(gap, columns)
        names, data, _ = read_qtm_tsv("trial.tsv")
        right = truth.copy()
        right[1, 1] = np.nan
        assert names == MARKERS and np.array_equal(data, right, equal_nan=True)
    for gap in ("", "NULL"):
        write(gap, columns)
        names, data, rate = read_qtm_tsv("trial.tsv")
        print(f"gap {gap!r:7} columns {columns!s:5}: {names}, {len(data)} frames at {rate} Hz,",
              f"wrist x {data[:, 1, 0].tolist()}")
        if gap == "":
            assert names == ["nose", "wrist"] and data.shape == (5, 2, 3)  # guess: three markers
            assert np.array_equal(data[1, 1], truth[1, 2])  # the ankle as the wrist
        else:
            assert names == MARKERS and np.array_equal(data, truth[[0, 2, 3, 4]])  # guess: five frames
        other = read_qualisys("trial.tsv").data.reshape(5, 3, 3)  # the same package
        assert np.array_equal(other, right, equal_nan=True)
PY
venv/bin/python see.py
echo "seen: one lost wrist takes the ankle, or the frame, out of the recording"
