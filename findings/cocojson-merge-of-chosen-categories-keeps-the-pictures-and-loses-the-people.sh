#!/usr/bin/env bash
# version: cocojson 0.1.1, numpy 2.4.6, opencv-python-headless 4.14.0.94, pillow 13.0.0, tqdm 4.70.1
# Behaviour: the tool that merges COCO files takes for each of them a list of the category ids that are to be merged.
#   For the annotations it does not ask whether their own category is in the list, but whether the last category of the
#   file is, and this one may have got another number already. If it is not, all annotations of the file are left out;
#   its pictures are copied and listed all the same. Without a list all is right.
# Guess: the people of both files, without the bicycles.
# Seen: two files, "person" alone in the first, "person" and then "bicycle" in the second, persons chosen in both: of
#   the six people the four of the second file are gone, and its pictures are there as pictures without anybody,
#   whichever file comes first. If "bicycle" stands before "person" (so that "person" has the id 2), the people of this
#   file are kept where it is merged second and lost where it is merged first. One file by itself, from which its first
#   category is chosen, gives no annotation at all.
# Why it matters: no warning is given, and the file looks sound, as part of the people are there. Pictures full of
#   people go into training as examples of the background, and into evaluation as ones in which each right detection is
#   false.
# Instead: merge without a list, and filter the result by category with cocojson.tools.filter_cat, as is checked
#   below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 opencv-python-headless==4.14.0.94 pillow==13.0.0 \
  tqdm==4.70.1
venv/bin/pip install --quiet --disable-pip-version-check --no-deps cocojson==0.1.1
cat > see.py <<'PY'
import contextlib
import io
import json
import warnings
from pathlib import Path

from cocojson.tools.filter_cat import filter_cat
from cocojson.tools.merge import merge
from PIL import Image

warnings.simplefilter("error")  # the merging says nothing


def dataset(name, categories, shown):
    """A COCO file and its folder of pictures; `shown` has the names of what is in each picture."""
    images = Path(name, "images")
    images.mkdir(parents=True)
    ids = {category: k for k, category in enumerate(categories, 1)}
    content = {"images": [], "annotations": [], "categories": [{"id": k, "name": n} for n, k in ids.items()]}
    for number, kinds in enumerate(shown, 1):
        Image.new("RGB", (64, 48)).save(images / f"{number}.png")
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 48})
        for kind in kinds:
            content["annotations"].append({
                "id": len(content["annotations"]) + 1, "image_id": number, "category_id": ids[kind], "iscrowd": 0,
                "bbox": [10, 10, 20, 30], "area": 600, "keypoints": [15, 12, 2, 14, 38, 2], "num_keypoints": 2})
    Path(name, f"{name}.json").write_text(json.dumps(content))
    return name, ids["person"]


def merged(*sets, choose=True):
    """For each file the number of its pictures and of the people in them in the merged file."""
    out = "-".join(name for name, _ in sets) + str(choose)
    with contextlib.redirect_stdout(io.StringIO()):
        merge([f"{name}/{name}.json" for name, _ in sets], [f"{name}/images" for name, _ in sets], out,
              cids=[[person] for _, person in sets] if choose else None)
    whole = json.loads(Path(out, "merged.json").read_text())
    if not choose:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = filter_cat(whole, ["person"])
    assert [c["name"] for c in whole["categories"]] == ["person"]
    assert {a["category_id"] for a in whole["annotations"]} <= {whole["categories"][0]["id"]}
    counts = {}
    for name, _ in sets:
        here = {i["id"] for i in whole["images"] if Path(i["file_name"]).parent.name.startswith(name)}
        counts[name] = len(here), sum(a["image_id"] in here for a in whole["annotations"])
    return counts


alone = dataset("alone", ["person"], [["person"], ["person"]])
before = dataset("before", ["person", "bicycle"], [["person", "person"], ["person"], ["person"]])
after = dataset("after", ["bicycle", "person"], [["person"], ["person", "person"]])

for sets, seen in (
    ((alone, before), {"alone": (2, 2), "before": (3, 0)}),
    ((before, alone), {"before": (3, 0), "alone": (2, 2)}),
    ((alone, after), {"alone": (2, 2), "after": (2, 3)}),  # right, by chance
    ((after, alone), {"after": (2, 0), "alone": (2, 2)}),
    ((before,), {"before": (3, 0)}),
):
    chosen, filtered = merged(*sets), merged(*sets, choose=False)
    print("pictures and people, chosen:", chosen, "merged and then filtered:", filtered)
    assert chosen == seen
    assert filtered == {name: {"alone": (2, 2), "before": (3, 4), "after": (2, 3)}[name] for name, _ in sets}
PY
venv/bin/python see.py
echo "as recorded"
