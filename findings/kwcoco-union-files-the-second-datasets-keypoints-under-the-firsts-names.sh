#!/usr/bin/env bash
# version: kwcoco 0.9.1 with kwimage 0.12.0 and numpy 2.4.6 (Python 3.11)
# Behaviour: kwcoco's union merges categories by their name. Where two files both have a "person" with a list of keypoints, the
#   first file's list stays, and the annotations of the second keep their flat COCO keypoints unchanged, although their own
#   list had another order or length. No warning comes. (In kwcoco's own form, a dictionary a keypoint, union does translate
#   the keypoints by name.)
# Guess: a keypoint keeps its name: the flat lists are sorted into the common order, or union refuses the two lists.
# Seen: nose, left_hand, right_hand in the first file and right_hand, left_hand, nose in the second: afterwards the right hand
#   of the second file's person is called nose, and the nose right_hand. With only nose and left_hand in the second file its
#   person has two points under three names, and reading him fails later, with an AssertionError "3 2".
# Why it matters: joining datasets of several tools is what union is for, and each tool has its own order; one half of the
#   training set is then labelled wrong without a word.
# Instead: give all files one order first, or convert the keypoints to the dictionary form (with keypoint_categories) before
#   union.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kwcoco==0.9.1 kwimage==0.12.0 kwarray==0.7.2 ubelt==1.4.3 numpy==2.4.6
cat > see.py <<'PY'
import json
import warnings

import kwcoco

PLACE = {"nose": [50, 10], "left_hand": [70, 50], "right_hand": [30, 50]}  # of the person in every picture


def coco(file_name, names, form="flat"):
    data = {
        "images": [{"id": 1, "file_name": file_name, "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 5, 60, 70], "area": 4200, "iscrowd": 0,
                         "num_keypoints": len(names), "keypoints": sum(([*PLACE[n], 2] for n in names), [])}],
    }
    if form == "dictionaries":
        data["keypoint_categories"] = [{"id": k + 1, "name": n} for k, n in enumerate(names)]
        data["annotations"][0]["keypoints"] = [
            {"xy": PLACE[n], "visible": 2, "keypoint_category_id": k + 1} for k, n in enumerate(names)]
    return kwcoco.CocoDataset(data)


def union(*parts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it gives no warning
        joined = kwcoco.CocoDataset.union(*parts)
    joined.dump("joined.json")
    with open("joined.json") as f:
        return json.load(f)


def named(data):
    """file name -> keypoint name -> place, read as COCO has it: by the category's list of names."""
    names = {c["id"]: c["keypoints"] for c in data["categories"]}
    files = {i["id"]: i["file_name"].rsplit("/", 1)[-1] for i in data["images"]}
    return {files[a["image_id"]]: {n: a["keypoints"][3 * k:3 * k + 2] for k, n in enumerate(names[a["category_id"]])}
            for a in data["annotations"]}


ORDER, OTHER = ["nose", "left_hand", "right_hand"], ["right_hand", "left_hand", "nose"]
for name, order in (("a.png", ORDER), ("b.png", OTHER)):
    coco(name, order).dump("one.json")
    with open("one.json") as f:
        assert named(json.load(f)) == {name: PLACE}  # each file alone is right
joined = union(coco("a.png", ORDER), coco("b.png", OTHER))
print("categories:", [(c["name"], c["keypoints"]) for c in joined["categories"]])
print("joined:", named(joined))
assert [c["keypoints"] for c in joined["categories"]] == [ORDER]
assert named(joined)["a.png"] == PLACE
assert named(joined)["b.png"] == {"nose": [30, 50], "left_hand": [70, 50], "right_hand": [50, 10]}  # guess: PLACE

shorter = union(coco("a.png", ORDER), coco("c.png", ["nose", "left_hand"]))
assert [len(c["keypoints"]) for c in shorter["categories"]] == [3]
assert [len(a["keypoints"]) // 3 for a in shorter["annotations"]] == [3, 2]
try:
    kwcoco.CocoDataset(shorter).annots([2]).detections
    raise SystemExit("two points under three names were read")
except AssertionError as error:
    print("two points under three names: joined without a word; read later: AssertionError", error)

own = union(coco("a.png", ORDER, "dictionaries"), coco("b.png", OTHER, "dictionaries"))
title = {c["id"]: c["name"] for c in own["keypoint_categories"]}
places = [{title[k["keypoint_category_id"]]: k["xy"] for k in a["keypoints"]} for a in own["annotations"]]
print("kwcoco's own form:", places)
assert places == [PLACE, PLACE]
PY
venv/bin/python see.py
echo "seen: the right hand of the second file is called nose"
