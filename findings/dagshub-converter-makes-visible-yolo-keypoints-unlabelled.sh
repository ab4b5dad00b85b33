#!/usr/bin/env bash
# version: dagshub-annotation-converter 0.3.0, pydantic 2.14.4, pillow 13.0.0
# Behaviour: the reader of YOLO pose labels takes a keypoint as visible only where its third value is the text "1". 2, which means visible,
#   and 1.0 are read as not visible, exactly like 0. The YOLO writer then writes 0 for them: not labelled. Hidden keypoints (1) stay.
# Guess: 2 is visible, 1 is hidden, 0 is not labelled, as everywhere; reading a data set and writing it again changes nothing.
# Seen: "0.4 0.3 2  0.5 0.5 1  0 0 0" comes back as "0.4 0.3 0  0.5 0.5 1  0.0 0.0 0": the one keypoint that can be seen is gone, the one that
#   is behind something is left. A file with 2.000000, 1.000000 and 0.000000 comes back with zeros only. The Label Studio tasks that the
#   converter makes say "visible": false for keypoints in plain sight. No warning is given.
# Why it matters: the coordinates are still there, so the files look whole, but a trainer takes no loss from keypoints with 0: a network
#   learns from occluded keypoints only, or from none.
# Instead: rewrite the third value of each keypoint yourself (2 or 1 to "1", 0 to "0") before the converter reads the files; then unlabelled
#   ones stay 0 and all others become 1. Hidden and visible can not both be kept.
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

import yaml
from dagshub_annotation_converter.converters.yolo import export_to_fs, load_yolo_from_fs
from dagshub_annotation_converter.formats.label_studio.task import LabelStudioTask
from PIL import Image


def there_and_back(flags):
    for folder in ("data", "back"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in ("images", "labels"):
        Path("data", folder).mkdir(parents=True)
    Image.new("RGB", (200, 100)).save("data/images/a.png")
    places = (("0.4", "0.3"), ("0.5", "0.5"), ("0", "0"))
    line = "0 0.5 0.5 0.4 0.6 " + " ".join(f"{x} {y} {v}" for (x, y), v in zip(places, flags))
    Path("data/labels/a.txt").write_text(line + "\n")
    Path("data/data.yaml").write_text(yaml.safe_dump({"path": ".", "train": "images", "val": "images", "kpt_shape": [3, 3], "names": {0: "person"}}))
    found, context = load_yolo_from_fs("pose", "data/data.yaml")
    people = [person for image in found.values() for person in image]
    task = LabelStudioTask.from_ir_annotations(people)
    shown = [r.value.visible for r in task.annotations[0].result if r.type == "keypointlabels"]
    context.path = Path("set")
    export_to_fs(context, people, export_dir="back")
    text = next(Path("back/set").rglob("a.txt")).read_text()
    numbers = [float(v) for v in text.split()[5:]]
    print("read ", line)
    print("wrote", text)
    print("Label Studio visible:", shown)
    assert numbers[0:2] + numbers[3:5] == [0.4, 0.3, 0.5, 0.5]
    return [int(v) for v in numbers[2::3]], shown


assert there_and_back(["1", "1", "0"]) == ([1, 1, 0], [True, True, False])
assert there_and_back(["2", "1", "0"]) == ([0, 1, 0], [False, True, False])
assert there_and_back(["2", "2", "0"]) == ([0, 0, 0], [False, False, False])
assert there_and_back(["2.000000", "1.000000", "0.000000"]) == ([0, 0, 0], [False, False, False])
PY
venv/bin/python -W ignore see.py
echo "seen: visible keypoints come back as not labelled"
