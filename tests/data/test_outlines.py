"""Outlines that are annotations of their own, as sleap-io writes them after a round trip."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.fix import repair
from pose.data.coco import CocoFile, load_coco
from pose.data.outlines import find_outlines
from pose.data.people import count_usage
from pose.evaluation.coco import evaluate_coco
from pose.keypoints.skeletons import Skeleton

FISH = Skeleton.from_names("fish", keypoint_names=["head", "tail"])


def make(*, outlines: bool) -> dict[str, Any]:
    people: list[dict[str, Any]] = [
        {
            **{"id": n + 1, "image_id": n // 2 + 1, "category_id": 1, "iscrowd": 0, "num_keypoints": 2, "area": 2000},
            **{
                "bbox": [70 + 300 * (n % 2), 75, 80, 25],
                "keypoints": [70 + 300 * (n % 2), 75, 2, 150 + 300 * (n % 2), 100, 2],
            },
        }
        for n in range(4)
    ]
    around = [
        {
            **{"id": n + 5, "image_id": n // 2 + 1, "category_id": 1, "iscrowd": 1, "area": 20000},
            **{
                "bbox": [50 + 300 * (n % 2), 60, 200, 100],
                "segmentation": {"size": [480, 640], "counts": [9, 20000]},
            },
        }
        for n in range(4)
    ]
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": 480, "width": 640} for i in (1, 2)],
        "annotations": people + around * outlines,
        "categories": [{"id": 1, "name": "fish", "keypoints": ["head", "tail"]}],
    }


def load(document: dict[str, Any], tmp_path: Path) -> CocoFile:
    (tmp_path / "a.json").write_text(json.dumps(document))
    return load_coco(tmp_path / "a.json", FISH)


def average_precision(coco: CocoFile) -> float:
    """That of someone who finds half of the people, and as many more beside them."""
    assert coco.annotations is not None
    found = []
    for a in coco.annotations[:4]:
        points = a.keypoints_img.astype(float)
        wrong = a.id % 2 == 0
        points[:, :2] += (25, 20) if wrong else 0
        record = {"image_id": a.image_id, "category_id": 1, "keypoints": points.ravel().tolist()}
        found.append({**record, "score": 0.9 if wrong else 0.5})
    return evaluate_coco(coco, found, FISH)["AP"]


def test_they_are_left_out_counted_and_forgive_nothing(tmp_path: Path) -> None:
    right = average_precision(load(make(outlines=False), tmp_path))
    with pytest.warns(UserWarning, match="4 annotations without keypoints left out: each is the outline of a"):
        coco = load(make(outlines=True), tmp_path)
    assert average_precision(coco) == right < 0.6
    assert str(count_usage(coco)) == "8 annotations: 4 used, 4 that are the outlines of others"


def test_they_are_joined_by_the_repair(tmp_path: Path) -> None:
    split = read_split("a", Path("a.json"), make(outlines=True), skeleton=FISH)
    assert len(split.outlines) == len(split.people.records) == 4
    mended = repair(split, Findings(), None).document
    assert [(a["bbox"], a["area"]) for a in mended["annotations"][:2]] == [
        ([50, 60, 200, 100], 20000),
        ([350, 60, 200, 100], 20000),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(mended, tmp_path).annotations or ()) == 4


def test_each_person_has_one_at_most() -> None:
    boxes = np.array([[10.0, 10, 20, 20], [5, 5, 40, 40], [0, 0, 90, 90], [200, 0, 9, 9], [8, 8, 25, 25]])
    keypoints = np.array([[[12, 12, 2], [28, 28, 2]]] + [[[0, 0, 0]] * 2] * 4)
    bare = np.array([False, True, True, True, False])
    here = np.zeros(5, dtype=np.int64)
    # The smallest; the last is a person not labeled.
    assert find_outlines(here, boxes, keypoints, bare) == {1: 0}
    assert find_outlines(np.arange(5), boxes, keypoints, bare) == {}


def test_somebody_behind_is_no_outline() -> None:
    """But of who has no box, one like it, or the extent of the keypoints."""
    boxes = np.array([[10.0, 10, 20, 20], [5, 5, 40, 40]])
    keypoints = np.array([[[15, 15, 2], [22, 22, 2]], [[0, 0, 0]] * 2])
    bare, here = np.array([False, True]), np.zeros(2, dtype=np.int64)
    assert find_outlines(here, boxes, keypoints, bare) == {}
    for own in ([10.0, 10, 0, 0], [6.0, 6, 36, 36], [15.0, 15, 7, 7]):
        assert find_outlines(here, np.array([own, boxes[1]]), keypoints, bare) == {1: 0}


@pytest.mark.parametrize("crowds", [True, False])
def test_crowds_and_neighbours_without_keypoints_stay(tmp_path: Path, crowds: bool) -> None:
    """Crowds are so in COCO's instances; a neighbour has a box alone as long as nobody has labeled him."""
    document = make(outlines=True)
    for person, other in zip(document["annotations"][:4], document["annotations"][4:], strict=True):
        x, y, w, h = person["bbox"]
        person["bbox"] = [x - 10, y - 10, w + 20, h + 20]
        other["iscrowd"] = int(crowds)
        if not crowds:
            del other["segmentation"]
    with pytest.warns(UserWarning, match=r"repaired .* 4 annotations without keypoints \(taken as not labeled\)"):
        assert len(load(document, tmp_path).annotations or ()) == 8
    mended = repair(read_split("a", Path("a.json"), document, skeleton=FISH), Findings(), None).document
    assert [a["bbox"] for a in mended["annotations"]] == [a["bbox"] for a in document["annotations"]]
