#!/usr/bin/env bash
# version: dagshub-annotation-converter 0.3.0, pydantic 2.14.4, lxml 6.1.3
# Behaviour: the reader of CVAT's XML skeletons sorts each person's keypoints by the alphabet, forgets their names, takes "occluded" for
#   not labelled and does not look at "outside". The YOLO writer thus puts left_ear where nose was, writes 0 for hidden keypoints, 1 for
#   those that the annotator switched off, and draws the box around the latter too. With [K, 2] the hidden ones are left out of the line.
# Guess: the order of the skeleton in CVAT stays; occluded becomes 1 (or 2), outside becomes 0 0 0; the box holds the labelled keypoints.
# Seen: nose (visible), left_eye (occluded), right_eye (outside, left at 5, 7 by the editor) come out as left_eye 0, nose 1, right_eye 1 with
#   the box from 5, 7; the names are nowhere in the YOLO files. With kpt_shape [3, 2] the line has two keypoints instead of three.
# Why it matters: pairs for mirroring (flip_idx), sigmas and skeleton lines that follow CVAT's order point at other keypoints; a network
#   learns that a keypoint outside the picture sits where the editor parked it, and learns nothing of occluded ones.
# Instead: export from CVAT as "Ultralytics YOLO Pose" or "COCO Keypoints", or name the keypoints 1, 2, 3 (numbers are sorted as numbers), and
#   clean "outside" and "occluded" in the XML first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dagshub-annotation-converter==0.3.0 pydantic==2.14.4 pillow==13.0.0 lxml==6.1.3 \
  numpy==2.4.6 pandas==3.1.1 PyYAML==6.0.4
cat > see.py <<'PY'
import shutil
from pathlib import Path

from dagshub_annotation_converter.converters.cvat import load_cvat_from_xml_file
from dagshub_annotation_converter.converters.yolo import export_to_fs
from dagshub_annotation_converter.formats.yolo import YoloContext

PERSON = (("nose", 0, 0, 80, 30), ("left_eye", 0, 1, 100, 20), ("right_eye", 1, 0, 5, 7))
POINT = '<points label="{}" source="manual" outside="{}" occluded="{}" points="{:.2f},{:.2f}"></points>'


def converted(names, dims):
    points = "".join(POINT.format(name, *rest) for name, (_, *rest) in zip(names, PERSON))
    Path("annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><image id="0" name="images/a.png" width="200" height="100">'
        f'<skeleton label="person" source="manual" z_order="0">{points}</skeleton></image></annotations>'
    )
    found = load_cvat_from_xml_file("annotations.xml")
    people = [person for image in found.values() for person in image]
    context = YoloContext(annotation_type="pose", keypoint_dim=dims)
    context.categories.add("person", 0)
    context.path = Path("set")
    shutil.rmtree("back", ignore_errors=True)
    export_to_fs(context, [p.normalized() for p in people], export_dir="back")
    text = next(Path("back/set").rglob("a.txt")).read_text()
    told = next(Path("back").glob("*.yaml")).read_text()
    print(names, "->", text)
    v = [float(t) for t in text.split()[1:]]
    x, y, w, h = (round(n * s, 3) for n, s in zip(v[:4], (200, 100, 200, 100)))
    box = (round(x - w / 2, 3), round(y - h / 2, 3), w, h)
    rows = [v[i : i + dims] for i in range(4, len(v), dims)]
    return box, [(round(r[0] * 200, 3), round(r[1] * 100, 3), *map(int, r[2:])) for r in rows], told


names = [p[0] for p in PERSON]
box, rows, told = converted(names, 3)
print("box", box, "keypoints", rows)
assert rows == [(100, 20, 0), (80, 30, 1), (5, 7, 1)]
assert box == (5, 7, 95, 23)
assert not any(name in told for name in names)

box, rows, told = converted(names, 2)
print("two dimensions:", rows, [line for line in told.splitlines() if line.startswith("-")])
assert rows == [(80, 30), (5, 7)]

box, rows, told = converted(["1", "2", "10"], 3)
assert rows == [(80, 30, 1), (100, 20, 0), (5, 7, 1)]
PY
venv/bin/python -W ignore see.py
echo "seen: alphabetical order, hidden keypoints not labelled, keypoints outside labelled"
