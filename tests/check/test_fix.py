"""`--fix`: what it mends is mended, the rest stays, and the result loads with the reader of training."""

from __future__ import annotations

import copy
import io
import json
import warnings
from pathlib import Path
from typing import Any

import cv2
import pytest
from rich.console import Console

from pose.check.checker import check_split
from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.fix import Repair, repair, without_nan
from pose.check.kinds import KINDS
from pose.check.text import print_repair
from pose.data.coco import load_coco
from pose.keypoints.skeletons import COCO17
from tests.helpers.findings import CASES, IMAGES, Document, count, every, kinds, make, picture, to_corners


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(IMAGES):
        cv2.imwrite(str(tmp_path / f"{n}.png"), picture(n))
    return tmp_path


def mend(document: Document, folder: Path) -> tuple[Repair, Findings]:
    """The repair, and what is found in its result."""
    before = copy.deepcopy(document)
    found, left = Findings(), Findings()
    split = read_split("val", Path("a.json"), document, images_dir=folder)
    checked = check_split(split, found)
    result = repair(split, found, checked.probes)
    assert repr(document) == repr(before)  # its input is as it was
    check_split(read_split("val", Path("a.json"), result.document, images_dir=folder), left)
    return result, left


def load(document: Document, tmp_path: Path) -> Any:
    path = tmp_path / "mended.json"
    path.write_text(json.dumps(without_nan(document)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the reader's own repairs are warnings: there is nothing left for it
        return load_coco(path, COCO17)


# image-size-wrong needs images; it has a test of its own.
MENDED = [kind for kind, what in KINDS.items() if what.fix and kind in CASES]


def test_a_correct_file_is_copied(folder: Path) -> None:
    result, left = mend(make(), folder)
    assert (result.document, result.changes, kinds(left)) == (make(), {}, set())


@pytest.mark.parametrize("kind", MENDED)
def test_round_trip(folder: Path, kind: str) -> None:
    document = make()
    CASES[kind][0](document)
    result, left = mend(document, folder)
    assert result.changes
    assert [f.kind for f in left.all() if f.what.level != "note"] == []
    load(result.document, folder)


def test_what_has_one_name_is_counted_each_time(folder: Path) -> None:
    """And a person once, of whom several keypoints are mended."""
    document = make()
    lost = [dict(a, image_id=999) for a in document["annotations"][:3]]
    for a in lost:
        del a["id"]
    document["annotations"] += lost
    document["annotations"][0]["keypoints"][:6] = [0, 0, 2, 0, 0, 2]
    result, _ = mend(document, folder)
    assert result.changes["annotations of unknown images dropped"] == ["without id"] * 3
    assert len(result.changes["keypoints at (0, 0) set to not labeled"]) == 1
    text = io.StringIO()
    print_repair(Console(file=text), result, Findings(), "out.json")
    assert "annotations of unknown images dropped: 3 (without id)" in text.getvalue()


def test_every_fixable_kind_makes_the_round_trip() -> None:
    assert {kind for kind, what in KINDS.items() if what.fix} == {*MENDED, "image-size-wrong"}


@pytest.mark.parametrize("first", ["crowd", "person"])
def test_a_crowd_is_not_a_person_annotated_twice(folder: Path, first: str) -> None:
    document = make()
    twin = {**copy.deepcopy(document["annotations"][0]), "id": 999, "iscrowd": 1}
    document["annotations"].insert(0 if first == "crowd" else 1, twin)
    result, left = mend(document, folder)
    assert [a["id"] for a in result.document["annotations"]] == [a["id"] for a in document["annotations"]]
    assert "person-twice" not in kinds(left)


def test_of_two_categories_none_is_guessed_and_nobody_dropped(folder: Path) -> None:
    document = make()
    document["categories"].append({**document["categories"][0], "id": 77, "name": "child"})
    document["annotations"].append({**copy.deepcopy(document["annotations"][0]), "id": 999, "category_id": 77})
    del document["annotations"][1]["category_id"]
    result, _ = mend(document, folder)
    assert len(result.document["annotations"]) == len(document["annotations"])
    assert "category_id" not in result.document["annotations"][1]


def test_all_of_them_at_once(folder: Path) -> None:
    document = make()
    apart = ["annotation-malformed", "image-listed-twice"]  # these do not touch the first annotation
    for kind in (*apart, "annotation-id-zero", "area-zero", "count-wrong", "keypoint-at-origin", "box-leaves-image"):
        CASES[kind][0](document)
    document["annotations"][1].update(area=None, iscrowd=None)
    del document["annotations"][2]["iscrowd"]
    result, left = mend(document, folder)
    assert kinds(left) == set()
    assert len(load(result.document, folder).annotations) == 12


def test_values(folder: Path) -> None:
    document = make()
    a, b, c, d = document["annotations"][:4]
    a.update(bbox=[-7, 10, 97, 170], area=0)
    del a["segmentation"]
    del b["bbox"], b["area"]
    c.update(id=0)
    d["keypoints"][6:9] = [float("nan"), 4, 2]
    result, _ = mend(document, folder)
    a, b, c, d = result.document["annotations"][:4]
    assert (a["bbox"], a["area"]) == ([0, 10, 90, 150], 90 * 150)
    assert (b["bbox"], b["area"]) == ([100, 11, 80, 130], 80 * 130)
    assert c["id"] == 112  # after the largest, 111; the others keep theirs
    assert (d["keypoints"][6:9], d["num_keypoints"], d["id"]) == ([0, 0, 0], 16, 103)


def test_values_that_training_reads_are_written_plainly_not_erased(folder: Path) -> None:
    document = make()
    a, b, c, d = document["annotations"][:4]
    a["keypoints"] = [bool(v) if i % 3 == 2 else v for i, v in enumerate(a["keypoints"])]
    b["keypoints"] = [str(v) for v in b["keypoints"]]
    c.update(id="102", image_id=11.0, category_id="1", iscrowd=False, num_keypoints="17", area="10400")
    d.update(bbox=[str(v) for v in d["bbox"]])
    document["images"][0].update(id="10", width="200", height=160.0)
    result, left = mend(document, folder)
    want = make()
    want["annotations"][0]["keypoints"][2::3] = [1] * 17
    assert result.document == want
    assert kinds(left) == set()


def test_ids_beyond_64_bits_are_renumbered(folder: Path) -> None:
    document = make()
    document["images"][0]["id"] = 2**63
    document["annotations"][0].update(id=2**63 + 1, image_id=2**63)
    document["annotations"][1].update(image_id=2**63)
    result, left = mend(document, folder)
    assert kinds(left) == set()
    assert [a["image_id"] for a in result.document["annotations"][:2]] == [result.document["images"][0]["id"]] * 2


def test_ids_of_images_that_are_text(folder: Path) -> None:
    document = make()
    for record in document["images"]:
        record["id"] = f"img-{record['id']}"
    for a in document["annotations"]:
        a["image_id"] = f"img-{a['image_id']}"
    result, left = mend(document, folder)
    assert kinds(left) == set()
    names = {record["id"]: record["file_name"] for record in result.document["images"]}
    assert [names[a["image_id"]] for a in result.document["annotations"]] == [f"{n // 2}.png" for n in range(12)]


def test_a_size_is_taken_from_the_file_only_where_nothing_contradicts_it(folder: Path) -> None:
    wrong = make()
    wrong["images"][0].update(height=170, width=260)
    result, left = mend(wrong, folder)
    assert (result.document["images"][0]["height"], result.document["images"][0]["width"]) == (160, 200)
    assert kinds(left) == set()
    resized = make()  # annotated at twice the size: the boxes would be wrong in the file's size
    resized["images"][0].update(height=320, width=400)
    result, left = mend(resized, folder)
    assert result.document["images"][0] == resized["images"][0]
    assert count(left, "image-size-differs") == 1
    beyond = make()  # a box that does not fit into the file
    beyond["images"][0].update(height=160, width=400)
    beyond["annotations"][0].update(bbox=[10, 10, 300, 130], area=39000, segmentation=None)
    _, left = mend(beyond, folder)
    assert count(left, "image-size-differs") == 1


@pytest.mark.parametrize("kind", ["box-malformed", "box-empty", "area-missing", "area-zero", "count-missing"])
def test_nothing_is_promised_that_is_not_done(folder: Path, kind: str) -> None:
    """Two findings of a kind, of which one says too little to be mended: no outline, or no keypoints to count."""
    document = make()
    for a in document["annotations"][:2]:
        CASES[kind][0]({"annotations": [a]})
    document["annotations"][0].update(segmentation=[], bbox=None if kind == "box-malformed" else [10, 10, 80, 0])
    if kind == "count-missing":
        document["annotations"][0]["keypoints"] = [1, 2, 2]
    found = Findings()
    check_split(read_split("a", Path("a.json"), document, skeleton=COCO17), found)
    before = next(f for f in found.all() if f.kind == kind)
    _, left = mend(document, folder)
    assert 1 <= before.mendable < before.count
    assert count(left, kind) == before.count - before.mendable


def test_corners_are_not_clipped_and_mixed_ids_not_dropped(folder: Path) -> None:
    document = make()
    every(to_corners)(document)
    result, left = mend(document, folder)
    assert [a["bbox"] for a in result.document["annotations"]] == [a["bbox"] for a in document["annotations"]]
    assert "boxes-xyxy" in kinds(left)
    document = make()
    CASES["ids-mixed-up"][0](document)
    result, left = mend(document, folder)
    assert len(result.document["annotations"]) == 12
    assert "ids-mixed-up" in kinds(left)


def test_a_deep_file_is_copied(folder: Path) -> None:
    """Deeper than copy.deepcopy goes."""
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    document = {**make(), "info": deep}
    split = read_split("val", Path("a.json"), document, images_dir=folder)
    found = Findings()
    checked = check_split(split, found)
    mended = repair(split, found, checked.probes).document
    assert json.dumps(mended) == json.dumps(document)
    assert mended["images"] is not document["images"]
