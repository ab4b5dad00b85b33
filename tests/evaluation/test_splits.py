"""From a config's data section to people: filters, boxes of either kind, and which images count."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.config.keypoints import DataConfig
from pose.config.load import make_config
from pose.evaluation.coco import Predictions, evaluate_coco
from pose.evaluation.run import score
from pose.evaluation.splits import make_figures, training_set, validation_set
from pose.keypoints.skeletons import COCO17
from pose.runtime.errors import DataError

MakeData = Callable[..., DataConfig]


@pytest.fixture
def root(tiny_dataset: Path, tmp_path: Path) -> Path:
    """`tiny_dataset` with people of 17 to 8 keypoints (ids 1 to 10), and boxes on images 3, 3 and 5 only."""
    document = json.loads((tiny_dataset / "people.json").read_text())
    for index, person in enumerate(document["annotations"]):
        for keypoint in range(index):
            person["keypoints"][3 * keypoint : 3 * keypoint + 3] = [0, 0, 0]
        person["num_keypoints"] -= index
        person["area"] = 2000 + 100 * person["id"]
    (tmp_path / "people.json").write_text(json.dumps(document))
    del document["annotations"]
    (tmp_path / "testdev.json").write_text(json.dumps(document))
    boxes = [{"image_id": i, "category_id": 1, "bbox": [9, 9, 40, 50], "score": s} for i, s in ((5, 0.3), (3, 0.9))]
    boxes.append({"image_id": 3, "category_id": 1, "bbox": [5, 5, 30, 60], "score": 0.5})
    boxes.append({"image_id": 4, "category_id": 2, "bbox": [5, 5, 30, 60], "score": 0.5})
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    (tmp_path / "images").symlink_to(tiny_dataset / "images")
    return tmp_path


@pytest.fixture
def make_data(root: Path, tiny_config: dict[str, Any]) -> MakeData:
    def make(*, train: dict[str, Any] | None = None, val: dict[str, Any] | None = None, **data: Any) -> DataConfig:
        tiny_config["data"] |= {"root": str(root), **data}
        tiny_config["data"]["train"] |= train or {}
        tiny_config["data"]["val"] |= val or {}
        return make_config(tiny_config).data

    return make


def test_training_people(make_data: MakeData, root: Path) -> None:
    people = training_set(make_data()).people
    assert [p.id for p in people] == list(range(1, 11))
    assert people[2].path == root / "images" / "000003.png"
    assert people[2].box_xywh == (8, 10, 47, 59)  # HRNet's cleaning takes a pixel


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"limit": 3}, [1, 2, 3]),
        ({"min_keypoints": 15}, [1, 2, 3]),
        ({"min_area": 2800}, [8, 9, 10]),
        ({"min_area": 2300, "min_keypoints": 13, "limit": 2}, [3, 4]),
    ],
)
def test_filters(make_data: MakeData, filters: dict[str, Any], ids: list[int]) -> None:
    assert [p.id for p in training_set(make_data(train=filters)).people] == ids
    val = validation_set(make_data(val=filters))
    assert [p.id for p in val.people] == val.person_ids == ids
    assert val.image_ids == list(range(1, 11))  # a person found where nobody is looked for counts against


@pytest.mark.filterwarnings("ignore:.*area 0; taken is that of their grown boxes")
def test_the_truth_is_grown_whatever_boxes_are_predicted_in(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    for person in document["annotations"]:
        person["area"] = 0
    (root / "people.json").write_text(json.dumps(document))
    ours = validation_set(make_data(grow_boxes={"pixels": 5}))
    detected = validation_set(make_data(grow_boxes={"pixels": 5}, val={"boxes": "boxes.json"}))
    areas = [val.coco.columns.areas for val in (ours, detected)]
    assert (areas[0] > 0).all()
    np.testing.assert_array_equal(areas[0], areas[1])
    plain = validation_set(make_data(val={"boxes": "boxes.json"}))
    assert [p.box_xywh for p in detected.people] == [p.box_xywh for p in plain.people]


@pytest.mark.parametrize("crowd", [0, 1])
def test_advice_names_the_reason(make_data: MakeData, root: Path, crowd: int) -> None:
    document = json.loads((root / "people.json").read_text())
    for person in document["annotations"]:
        person.update({"iscrowd": 1} if crowd else {"keypoints": [0] * 51, "num_keypoints": 0})
    (root / "people.json").write_text(json.dumps(document))
    why = "10 crowd" if crowd else "10 without labels"
    with pytest.raises(ValueError, match=rf"10 annotations: 0 used, {why}\); `pose check` shows which"):
        training_set(make_data())
    with pytest.raises(ValueError, match="nobody to count AP with"):
        validation_set(make_data(val={"boxes": "boxes.json"}))


def test_more_people_than_coco_counts_in_an_image_are_told(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    document["annotations"] = [{**document["annotations"][0], "id": i} for i in range(1, 25)]
    (root / "people.json").write_text(json.dumps(document))
    with pytest.warns(UserWarning, match=r"1 image has more than 20 annotated, up to 24; .* so 4 of 24 count as"):
        validation_set(make_data())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validation_set(make_data(), max_detections=24)
        validation_set(make_data(val={"limit": 20}))  # only who is evaluated
        validation_set(make_data())  # a training evaluates often, and says it once


def test_more_answers_count_where_asked_for(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    first = document["annotations"][0]
    points = first["keypoints"]
    document["annotations"] = [
        {**first, "id": i + 1, "keypoints": [v if k % 3 == 2 else v + 40 * i for k, v in enumerate(points)]}
        for i in range(30)
    ]
    (root / "people.json").write_text(json.dumps(document))
    coco = validation_set(make_data(), max_detections=30).coco
    found = [
        {"image_id": 1, "category_id": 1, "keypoints": a["keypoints"], "score": 1 - i / 100}
        for i, a in enumerate(document["annotations"])
    ]
    with pytest.warns(UserWarning, match=r"up to 30; .* so 10 of 30 count as missed .* max_detections=30 counts"):
        assert evaluate_coco(coco, found, COCO17, image_ids=[1])["AR"] == pytest.approx(20 / 30)
    assert evaluate_coco(coco, found, COCO17, image_ids=[1], max_detections=30)["AR"] == 1


def test_categories_with_the_same_keypoints_are_one(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    document["categories"].append({**document["categories"][0], "id": 7, "name": "child"})
    for a in document["annotations"][::2]:
        a["category_id"] = 7
    (root / "people.json").write_text(json.dumps(document))
    boxes = [{"image_id": i, "category_id": c, "bbox": [9, 9, 40, 50], "score": 0.5} for i, c in ((1, 7), (2, 1))]
    (root / "boxes.json").write_text(json.dumps(boxes))
    val = validation_set(make_data())
    assert str(val.usage) == "10 annotations: 10 used (as one category: person, child)"
    assert [p.category_id for p in val.people] == [7, 1] * 5
    assert [p.category_id for p in validation_set(make_data(val={"boxes": "boxes.json"})).people] == [7, 1]
    only = validation_set(make_data(val={"boxes": "gt"}, category="child"))
    assert str(only.usage) == "10 annotations: 5 used, 5 of other categories"
    points = np.array([p.keypoints_img for p in val.people], dtype=np.float64)
    ones = np.ones(len(points))
    predictions = Predictions(
        np.array([p.image_id for p in val.people]),
        np.array([p.box_xywh for p in val.people]),
        ones,
        points[..., :2],
        np.ones(points.shape[:2]),
        (64, 64),
        category_ids=np.array([p.category_id for p in val.people]),
    )
    result = score(predictions, val, COCO17)
    assert [r["category_id"] for r in result.results] == [7, 1] * 5
    assert result.metrics is not None
    assert result.metrics["AP"] == pytest.approx(1)


def test_points_without_a_size_get_boxes_where_asked_for(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    for a in document["annotations"]:
        a.update(bbox=[*a["keypoints"][-3:-1], 0, 0], area=0, keypoints=[0] * 48 + a["keypoints"][-3:])
    (root / "people.json").write_text(json.dumps(document))
    with (
        pytest.warns(UserWarning, match="10 people have area 0"),
        pytest.raises(ValueError, match=r"10 whose box has no size\); .* data\.grow_boxes\.pixels=N"),
    ):
        training_set(make_data())
    with pytest.warns(UserWarning, match="taken is that of their grown boxes"):
        people = training_set(make_data(grow_boxes={"pixels": 5})).people
    assert len(people) == 10
    x, y = document["annotations"][0]["keypoints"][-3:-1]
    np.testing.assert_allclose(people[0].box_xywh, (x - 5, y - 5, 9, 9))  # the cleaning takes a pixel
    assert people[0].area == 100


@pytest.mark.parametrize("boxes", ["gt", "boxes.json"])
def test_people_are_scored_in_the_boxes_that_they_have(make_data: MakeData, boxes: str) -> None:
    """COCO's rule for people without labels, PCK and crowding are those of the file, as `pose score` has them."""
    grown = validation_set(make_data(grow_boxes={"share": 0.5}, val={"boxes": boxes})).coco.columns
    plain = validation_set(make_data(val={"boxes": boxes})).coco.columns
    np.testing.assert_array_equal(grown.boxes_xywh, plain.boxes_xywh)
    np.testing.assert_array_equal(grown.areas, plain.areas)


def test_boxes_grow_by_a_share_of_their_longer_side(make_data: MakeData) -> None:
    people = training_set(make_data(grow_boxes={"share": 0.1})).people
    assert people[0].box_xywh == (2, 4, 59, 71)  # of [8, 10, 48, 60]: 6 on each side, less a pixel
    assert people[0].area == 2100


HABITS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "corners": (
        lambda a: a.update(bbox=[20, 30, 56, 70]),
        "10 of 10 boxes reach out of the image, and all would fit as",
    ),
    "flat": (
        lambda a: a.update(bbox=[8, 10, 48, 0]),
        r"10 of 10 boxes have no width or no height, e\.g\. \[8\.0, 10",
    ),
    "from the corner": (
        lambda a: a.update(bbox=[0, 0, *np.array(a["keypoints"]).reshape(-1, 3)[:, :2].max(axis=0).tolist()]),
        r"10 of 10 boxes reach from the corner \(0, 0\) of the image to the keypoints",
    ),
}


@pytest.mark.parametrize("habit", HABITS)
def test_habits_of_annotated_boxes_are_warned_of(make_data: MakeData, root: Path, habit: str) -> None:
    change, message = HABITS[habit]
    document = json.loads((root / "people.json").read_text())
    for a in document["annotations"]:
        change(a)
    (root / "people.json").write_text(json.dumps(document))
    with pytest.warns(UserWarning, match=message):
        training_set(make_data())


def test_shares_are_the_reason_where_nobody_is_left(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    for a in document["annotations"]:
        a["bbox"] = [0.1, 0.2, 0.3, 0.4]
    (root / "people.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"10 of 10 boxes lie in one pixel, .* if they are shares of the image"):
        training_set(make_data())


def test_usage_counts_every_annotation(make_data: MakeData, root: Path) -> None:
    document = json.loads((root / "people.json").read_text())
    first, second, third, fourth, *_ = document["annotations"]
    first["iscrowd"] = 1
    second.update(keypoints=[0] * 51, num_keypoints=0)
    third["bbox"] = [5000, 5, 9, 9]
    fourth["category_id"] = 2
    document["annotations"].append({**first, "id": 99, "bbox": None})
    (root / "people.json").write_text(json.dumps(document))
    with pytest.warns(UserWarning, match="1 of 10 annotations are left out: 1 without a bbox of four numbers"):
        usage = validation_set(make_data(val={"limit": 5})).usage
    assert str(usage) == (
        "11 annotations: 5 used, 1 crowd, 1 without labels, 1 with an empty box, or one outside the image, "
        "1 of other categories, 1 without a bbox of four numbers, 1 beyond the limit"
    )


def test_nobody_is_left(make_data: MakeData) -> None:
    message = (
        r"nobody to use \(10 annotations: 0 used, 4 with an area below 2500, 6 with fewer than 17 labeled "
        r"keypoints\); "
        "lower min_keypoints and min_area"
    )
    data = make_data(train={"min_keypoints": 17, "min_area": 2500}, val={"min_keypoints": 17, "min_area": 2500})
    with pytest.raises(ValueError, match=message):
        training_set(data)
    with pytest.raises(ValueError, match=message):
        validation_set(data)


def test_missing_images_are_counted(make_data: MakeData) -> None:
    data = make_data(train={"images": "gone"}, val={"images": "gone"})
    with pytest.raises(FileNotFoundError, match=r"10 of 10 images are missing: .*gone/000001\.png.*, \.\.\.; check"):
        training_set(data)
    with pytest.raises(FileNotFoundError, match="3 of 3 images"):
        validation_set(make_data(val={"limit": 3}))


def test_annotated_boxes(make_data: MakeData) -> None:
    val = validation_set(make_data())
    assert (val.boxes, val.person_ids, len(val.people), len(val.image_ids)) == ("gt", None, 10, 10)
    assert {p.score for p in val.people} == {1.0}


def test_detected_boxes(make_data: MakeData) -> None:
    val = validation_set(make_data(val={"boxes": "boxes.json"}))
    assert [(p.image_id, p.score) for p in val.people] == [(5, 0.3), (3, 0.9), (3, 0.5)]
    assert val.people[0].box_xywh == (9, 9, 40, 50)
    assert (val.boxes, val.person_ids) == ("boxes.json", None)
    assert val.image_ids == list(range(1, 11))


def test_only_images_with_boxes(make_data: MakeData) -> None:
    data = make_data(val={"boxes": "boxes.json"})
    assert validation_set(data, only_images_with_boxes=True).image_ids == [3, 5]
    assert validation_set(make_data(val={"boxes": "gt", "limit": 2}), only_images_with_boxes=True).image_ids == [1, 2]


def test_boxes_given_lie_where_the_user_is(make_data: MakeData, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data()
    with pytest.raises(FileNotFoundError, match=r"no detections boxes\.json; .* take annotated boxes: data\.val"):
        validation_set(data, boxes="boxes.json")
    monkeypatch.chdir(root)
    assert len(validation_set(data, boxes="boxes.json").people) == 3
    detected = make_data(val={"boxes": "boxes.json"})
    assert len(validation_set(detected, boxes="gt").people) == 10


def test_filters_need_annotated_boxes(make_data: MakeData, root: Path) -> None:
    data = make_data(val={"limit": 2, "min_area": 5})
    with pytest.raises(ValueError, match=r"needs boxes: gt; .* add data\.val\.limit=null data\.val\.min_area=0$"):
        validation_set(data, boxes=str(root / "boxes.json"))
    assert validation_set(data, boxes="gt").person_ids == [1, 2]


def test_images_without_annotations(make_data: MakeData) -> None:
    val = validation_set(make_data(val={"annotations": "testdev.json", "boxes": "boxes.json"}))
    assert val.coco.annotations is None
    assert len(val.people) == 3
    with pytest.raises(ValueError, match=r"testdev\.json has no annotations and so no boxes; .*--boxes FILE"):
        validation_set(make_data(val={"annotations": "testdev.json", "boxes": "gt"}))
    with pytest.raises(ValueError, match="no list 'annotations'"):
        training_set(make_data(train={"annotations": "testdev.json"}))


def test_no_files_of_a_stream(make_data: MakeData) -> None:
    with pytest.raises(DataError, match="so there are none to read"):
        make_figures(make_data(figures={"stream": True}))


@pytest.mark.slow
def test_figures_are_made_once(make_data: MakeData, root: Path, tmp_path: Path) -> None:
    make_figures(make_data())  # none are asked for
    assert not (root / "figures.json").exists()
    figures = {"level": "easy", "train": 2, "val": 1, "seed": 5}
    splits = {
        name: {"images": f"images/{name}", "annotations": f"annotations/person_keypoints_{name}.json"}
        for name in ("train", "val")
    }
    splits["val"]["boxes"] = "person_detection_results/val.json"
    data = make_data(root=str(tmp_path / "made"), figures=figures, **splits)
    make_figures(data, to_train=False)
    assert validation_set(data).people
    assert len(list((tmp_path / "made").rglob("*.jpg"))) == 1
    steps: list[tuple[int, int]] = []
    make_figures(data, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (2, 2)
    assert training_set(data)
    assert validation_set(data).people
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.jpg")}
    assert len(times) == 3
    make_figures(data)
    assert {path: path.stat().st_mtime_ns for path in times} == times
