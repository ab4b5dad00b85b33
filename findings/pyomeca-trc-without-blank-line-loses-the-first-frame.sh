#!/usr/bin/env bash
# version: pyomeca 2026.0.2, ezc3d 1.7.2, numpy 2.4.6, pandas 3.1.1, xarray 2026.9.0
# Behaviour: TRC files come with and without a blank line between the header (X1 Y1 Z1 ...) and the first frame; both are
#   common, Pose2Sim writes none. pyomeca's Markers.from_trc always skips that sixth line, so without the blank line the
#   first frame is thrown away, without a word. Times start at 1/rate, and frame numbers are off by one against the video.
# Guess: all frames are read, as with the blank line.
# Seen: 4 frames with the blank line, 3 without; the first x of the nose is 1.0 instead of 0.0, the first time 0.0333.
#   (The default separator is a comma, so pandas_kwargs={"sep": "\t"} has to be given for any TRC with tabs.)
# Why it matters: keypoints from one tool, read by the other, sit one frame late against the video and the annotation;
#   a clip of one frame comes out empty.
# Instead: read with first_row given to from_csv after looking whether line 6 is blank, or write the blank line.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyomeca==2026.0.2 ezc3d==1.7.2 numpy==2.4.6 pandas==3.1.1 xarray==2026.9.0
cat > see.py <<'PY'
from pyomeca import Markers


def write(path, blank):
    names = ["nose", "left_eye", "right_eye"]
    lines = [
        "PathFileType\t4\t(X/Y/Z)\t" + path,
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "30\t30\t4\t3\tm\t30\t1\t4",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{k}" for k in (1, 2, 3) for axis in "XYZ"),
    ] + ([""] if blank else [])
    for t in range(4):
        lines.append("\t".join([str(t + 1), f"{t / 30:.6f}"] + [f"{t + 10 * k}" for k in range(3) for _ in range(3)]))
    open(path, "w").write("\n".join(lines) + "\n")


read = {}
for blank in (True, False):
    write("clip.trc", blank)
    m = Markers.from_trc("clip.trc", pandas_kwargs={"sep": "\t"})
    read[blank] = m
    print("blank line" if blank else "no blank line", "times", m.time.values.tolist(), "x of the nose", m.values[0, 0].tolist())
assert read[True].shape[-1] == 4 and read[True].values[0, 0].tolist() == [0, 1, 2, 3]
assert list(read[False].channel.values) == ["nose", "left_eye", "right_eye"]
assert read[False].shape[-1] == 3 and read[False].values[0, 0].tolist() == [1, 2, 3]
assert abs(float(read[False].time[0]) - 1 / 30) < 1e-5
PY
venv/bin/python -W ignore see.py
echo "seen: the first frame is lost when the header is not followed by a blank line"
