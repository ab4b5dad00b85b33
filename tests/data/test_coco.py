"""Reading COCO files: counts on real data, the cleaning of boxes, repairs and messages."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose.data.coco import CocoFile, load_coco
from pose.data.detections import detected_people
from pose.data.people import check_images_exist, ground_truth_people
from pose.images.read import read_image
from pose.keypoints.skeletons import COCO17, Skeleton

TWO = Skeleton.from_names("two", keypoint_names=["head", "tail"])


def make() -> dict[str, Any]:
    """A small valid file for the skeleton of two keypoints."""
    return {
        "images": [
            {"id": 5, "file_name": "a.jpg", "height": 100, "width": 200},
            {"id": 3, "file_name": "sub/b.jpg", "height": 50, "width": 60},
        ],
        "categories": [{"id": 1, "name": "fish", "keypoints": ["head", "tail"]}],
        "annotations": [
            annotation(17, 5, [10, 20, 30, 40]),
            annotation(9, 3, [-5, -6, 30, 40]),
        ],
    }


def annotation(number: int, image_id: int, box: list[float], **other: Any) -> dict[str, Any]:
    base = {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "bbox": box,
        "area": 600.0,
        "iscrowd": 0,
        "keypoints": [12, 25, 2, 30, 41, 1],
        "num_keypoints": 2,
    }
    return {**base, **other}


def save(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "annotations.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def load(tmp_path: Path, data: Any) -> CocoFile:
    return load_coco(save(tmp_path, data), TWO)


@pytest.mark.parametrize(("split", "images", "people"), [("train2017", 72, 143), ("val2017", 51, 80)])
def test_counts_of_the_real_sample(coco_sample: Path, split: str, images: int, people: int) -> None:
    coco = load_coco(coco_sample / f"annotations/person_keypoints_{split}.json", COCO17)
    found = ground_truth_people(coco, coco_sample / "images" / split)
    assert (len(coco.images), len(found)) == (images, people)
    check_images_exist(person.path for person in found)
    assert [p.id for p in found] == sorted(p.id for p in found)
    assert [p.id for p in ground_truth_people(coco, "", limit=7)] == [p.id for p in found[:7]]


def naive_clean(box: list[float], height: int, width: int) -> list[float] | None:
    """The box of HRNet's _load_coco_keypoint_annotation_kernal, as it stands there."""
    x, y, w, h = box
    x1 = np.max((0, x))
    y1 = np.max((0, y))
    x2 = np.min((width - 1, x1 + np.max((0, w - 1))))
    y2 = np.min((height - 1, y1 + np.max((0, h - 1))))
    return [x1, y1, x2 - x1, y2 - y1] if x2 >= x1 and y2 >= y1 else None


def test_boxes_are_cleaned_as_hrnet_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = rng.uniform([-40, -40, -5, -5], [220, 120, 150, 150], (300, 4)).round(2).tolist()
    data = make()
    data["annotations"] = [annotation(i, 5, box) for i, box in enumerate(boxes, start=1)]
    want = {i: naive_clean(box, 100, 200) for i, box in enumerate(boxes, start=1)}
    # One pixel has no size to scale to the crop's; HRNet would divide by it.
    want = {i: box for i, box in want.items() if box is not None and (box[2] > 0 or box[3] > 0)}
    got = {p.id: list(p.box_xywh) for p in ground_truth_people(load(tmp_path, data), tmp_path)}
    assert got == want
    assert 100 < len(got) < 300


def test_people_that_are_left_out(tmp_path: Path) -> None:
    data = make()
    data["annotations"] = [
        annotation(1, 5, [0, 0, 50, 50], iscrowd=1),
        annotation(2, 5, [0, 0, 50, 50], keypoints=[0] * 6, num_keypoints=0),
        annotation(3, 5, [0, 0, 50, 50], keypoints=[9, 9, 1, 0, 0, 0], num_keypoints=1),
        annotation(4, 5, [0, 0, 50, 50], area=2000.0),
        annotation(5, 5, [200, 0, 50, 50]),
    ]
    coco = load(tmp_path, data)

    def ids(**filters: Any) -> list[int]:
        return [p.id for p in ground_truth_people(coco, tmp_path, **filters)]

    assert ids() == [3, 4]
    assert ids(min_keypoints=0) == [2, 3, 4]
    assert ids(min_keypoints=2) == [4]
    assert ids(min_area=1000) == [4]
    assert ids(min_keypoints=0, limit=2) == [2, 3]


def test_person_holds_what_the_file_says(tmp_path: Path) -> None:
    person = ground_truth_people(load(tmp_path, make()), "/data/images")[0]
    assert (person.id, person.image_id, person.score, person.area) == (9, 3, 1.0, 600.0)
    assert person.path == Path("/data/images/sub/b.jpg")
    assert person.image_size == (50, 60)
    assert person.keypoints_img is not None
    assert person.keypoints_img.dtype == np.float32
    assert person.keypoints_img.tolist() == [[12, 25, 2], [30, 41, 1]]


def test_missing_fields_are_repaired_with_one_warning(tmp_path: Path) -> None:
    data = make()
    del data["annotations"][0]["area"], data["annotations"][0]["num_keypoints"]
    data["annotations"][0]["keypoints"][2] = 0
    data["annotations"][1]["id"] = 0
    with pytest.warns(UserWarning, match=r"annotations\.json") as caught:
        coco = load(tmp_path, data)
    assert len(caught) == 1
    for part in ("1 annotation without area", "1 annotation without num_keypoints", "renumbered from 1"):
        assert part in str(caught[0].message)
    assert coco.annotations is not None
    assert [(a.id, a.area, a.num_keypoints) for a in coco.annotations] == [(1, 1200, 1), (2, 600, 2)]


def test_doubled_ids_are_renumbered(tmp_path: Path) -> None:
    data = make()
    data["annotations"][1]["id"] = 17
    with pytest.warns(UserWarning, match="renumbered"):
        coco = load(tmp_path, data)
    assert coco.annotations is not None
    assert [a.id for a in coco.annotations] == [1, 2]


def test_area_zero_is_told(tmp_path: Path) -> None:
    data = make()
    data["annotations"][0]["area"] = 0
    with pytest.warns(UserWarning, match="1 person has area 0"):
        coco = load(tmp_path, data)
    assert [p.id for p in ground_truth_people(coco, tmp_path)] == [9]


@pytest.mark.filterwarnings("error")
def test_a_good_file_gives_no_warning_and_doubled_images_count_once(tmp_path: Path) -> None:
    data = make()
    data["images"].append(copy.deepcopy(data["images"][0]))
    assert list(load(tmp_path, data).images) == [5, 3]


def test_other_categories_are_left_out(tmp_path: Path) -> None:
    data = make()
    data["categories"] = [{"id": 1, "name": "boat"}, {"id": 4, "keypoints": ["head", "tail"]}]
    data["annotations"][0] = {"id": 17, "image_id": 5, "category_id": 1, "bbox": [1, 2, 3, 4]}
    data["annotations"][1]["category_id"] = 4
    coco = load(tmp_path, data)
    assert coco.category_id == 4
    assert coco.annotations is not None
    assert [a.id for a in coco.annotations] == [9]


def test_images_alone_are_enough_for_test_dev(tmp_path: Path) -> None:
    data = make()
    del data["annotations"]
    path = save(tmp_path, data)
    coco = load_coco(path, TWO, need_annotations=False)
    assert coco.annotations is None
    with pytest.raises(ValueError, match="no list 'annotations'"):
        load_coco(path, TWO)
    with pytest.raises(ValueError, match="detected boxes"):
        ground_truth_people(coco, tmp_path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        load_coco(tmp_path / "nothing.json", TWO)


def broken(*keys: Any, value: Any) -> dict[str, Any]:
    data = make()
    target: Any = data
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty"),
        ('{"images": [', "not JSON"),
        ("\x00\x01", "not JSON"),
        ([], "list .detections.*not a COCO file"),
        ({"annotations": []}, "no list 'images'"),
        ({"images": []}, "no list 'annotations'"),
        (broken("images", 0, "id", value=3), "image id 3 stands for two files"),
        (
            broken("images", value=[7, "b.jpg"]),
            r"none of the 2 images can be read; .* images\[0\] has no integer 'id'",
        ),
        (broken("annotations", value=[None]), r"none of the 1 annotations can be read; the first: annotations\[0\]"),
        (
            broken("categories", value=[{"id": i, "keypoints": [f"x{i}"]} for i in (1, 2)]),
            "several categories, '1', '2', and they are not the same; .*data.category=1",
        ),
    ],
)
def test_errors_name_the_file(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path, data)
    assert "annotations.json" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"name": "\u4eba"}'.encode("gbk"), "is not UTF-8"),
        (
            "a.json",
            b"<?xml version='1.0'?><annotations/>",
            "is CVAT's XML, not COCO's JSON; convert it: pose convert",
        ),
        ("a.txt", b"0 0.5 0.5 0.1 0.2 0.5 0.5 2", "is text, as YOLO's labels are"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_coco(tmp_path / name, TWO)


IMAGE_RECORDS = [
    (broken("images", 0, value=7), r"images\[0\] has no integer 'id'"),
    (broken("images", 0, "id", value="a5"), r"images\[0\] has no integer 'id'"),
    (broken("images", 0, "id", value=2**63), "has no integer 'id' up to 9223372036854775807"),
    (broken("images", 0, "file_name", value="/etc/passwd"), "leaves the images folder"),
    (broken("images", 0, "file_name", value="x/../../y.jpg"), "leaves the images folder"),
    (broken("images", 0, "file_name", value="..\\y.jpg"), "leaves the images folder"),
    (broken("images", 0, "file_name", value="C:y.jpg"), "leaves the images folder"),
    (broken("images", 0, "file_name", value=""), "no 'file_name'"),
]
ANNOTATION_RECORDS = [
    (broken("annotations", 0, value=None), r"annotations\[0\]"),
    (broken("annotations", 0, "image_id", value=6), "annotation 17 has image_id 6"),
    (broken("annotations", 0, "image_id", value=[5]), "annotation 17 has image_id"),
    (broken("annotations", 0, "image_id", value=2**63 + 5), "annotation 17 has image_id"),
    (broken("annotations", 0, "category_id", value="person"), "annotation 17 has category_id 'person'"),
    (broken("annotations", 0, "iscrowd", value=2), "annotation 17 has iscrowd 2; it needs 0, or 1"),
    (broken("annotations", 0, "iscrowd", value="no"), "annotation 17 has iscrowd 'no'"),
    (broken("annotations", 0, "keypoints", value=[1] * 42), "17 has 42 numbers, skeleton 'two' with 2 .* needs 6"),
    (broken("annotations", 0, "keypoints", value={"x": 1}), "annotation 17 has no list 'keypoints'"),
    (broken("annotations", 0, "keypoints", value=[1, 1, 2, float("nan"), 1, 2]), "finite"),
    (broken("annotations", 0, "keypoints", value=["x"] * 6), "finite numbers"),
    (broken("annotations", 0, "keypoints", value=[1e300, 1, 2, 1, 1, 2]), "'keypoints' must hold finite numbers"),
    (broken("annotations", 0, "bbox", value=[1, 2, 3]), "bbox of 3"),
    (broken("annotations", 0, "bbox", value=[1, 2, 10**400, 4]), "'bbox' must hold finite numbers"),
]


@pytest.mark.parametrize(("data", "message"), IMAGE_RECORDS + ANNOTATION_RECORDS)
def test_a_record_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.warns(UserWarning, match=r"annotations\.json: 1 of 2 .* left out: 1 .*; the first: ") as caught:
        coco = load(tmp_path, data)
    assert any(re.search(message, str(w.message)) for w in caught)
    assert coco.annotations is not None
    assert [a.id for a in coco.annotations] == [9]
    assert sum(coco.left_out.values()) == 1


@pytest.mark.parametrize("value", ["big", 10**400, None])
def test_an_area_that_cannot_be_read_is_taken_from_the_box(tmp_path: Path, value: Any) -> None:
    with pytest.warns(UserWarning, match="1 annotation without area"):
        coco = load(tmp_path, broken("annotations", 0, "area", value=value))
    assert coco.annotations is not None
    assert coco.annotations[0].area == 1200


def as_text(record: dict[str, Any]) -> None:
    record.update({key: str(value) for key, value in record.items() if isinstance(value, int)})
    record.update({key: [str(v) for v in value] for key, value in record.items() if isinstance(value, list)})


def as_floats(record: dict[str, Any]) -> None:
    record.update({key: float(value) for key, value in record.items() if isinstance(value, int)})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", [as_text, as_floats])
def test_numbers_of_other_types_mean_what_they_plainly_mean(tmp_path: Path, change: Any) -> None:
    want = load(tmp_path, make())
    data = make()
    for record in data["images"] + data["annotations"]:
        change(record)
    data["categories"][0]["id"] = "1"
    got = load(tmp_path, data)
    assert got.images == want.images
    assert got.annotations is not None
    assert want.annotations is not None
    for a, b in zip(got.annotations, want.annotations, strict=True):
        assert np.array_equal(a.keypoints_img, b.keypoints_img)
        assert repr(a) == repr(b)


@pytest.mark.parametrize(("value", "crowd"), [("0", 0), ("1", 1), (False, 0), (True, 1), (None, 0), (1.0, 1)])
def test_iscrowd_is_read_by_its_meaning(tmp_path: Path, value: Any, crowd: bool) -> None:
    coco = load(tmp_path, broken("annotations", 0, "iscrowd", value=value))
    assert coco.annotations is not None
    assert coco.annotations[0].is_crowd == crowd


@pytest.mark.parametrize(
    ("number", "annotations_of"), [(0, "2 annotations whose num_keypoints"), ("all", "2 annotations without num_")]
)
def test_num_keypoints_is_counted(tmp_path: Path, number: Any, annotations_of: str) -> None:
    data = make()
    for record in data["annotations"]:
        record["num_keypoints"] = number
    with pytest.warns(UserWarning, match=annotations_of):
        coco = load(tmp_path, data)
    assert coco.annotations is not None
    assert [a.num_keypoints for a in coco.annotations] == [2, 2]


@pytest.mark.parametrize("value", [[], None])
def test_no_keypoints_are_not_labeled(tmp_path: Path, value: Any) -> None:
    data = broken("annotations", 0, "keypoints", value=value)
    data["annotations"][0]["num_keypoints"] = 0
    with pytest.warns(UserWarning, match="1 annotation without keypoints .taken as not labeled"):
        coco = load(tmp_path, data)
    assert [p.id for p in ground_truth_people(coco, tmp_path)] == [9]


def detection(**other: Any) -> dict[str, Any]:
    return {"image_id": 5, "category_id": 1, "bbox": [-3.5, 2, 30, 40.5], "score": 0.75, **other}


def test_detections_are_taken_as_they_are(tmp_path: Path) -> None:
    coco = load(tmp_path, make())
    records = [detection(category_id=2), detection(), detection(score=0.1), detection(image_id=3, score=0.5)]
    people = detected_people(records, coco, tmp_path, min_score=0.5).people
    assert [(p.id, p.image_id, p.score) for p in people] == [(1, 5, 0.75), (3, 3, 0.5)]
    assert people[0].box_xywh == (-3.5, 2, 30, 40.5)
    assert people[0].area == 30 * 40.5
    assert people[0].keypoints_img is None
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(records))
    assert [p.id for p in detected_people(path, coco, tmp_path).people] == [1, 2, 3]


def test_detections_of_the_real_sample(coco_sample: Path) -> None:
    coco = load_coco(coco_sample / "annotations/person_keypoints_val2017.json", COCO17)
    path = coco_sample / "person_detection_results/COCO_val2017_sample_detections_person.json"
    people = detected_people(path, coco, coco_sample / "images/val2017").people
    assert len(people) == 118
    assert {p.image_id for p in people} == {785, 40083, 196141, 197388}
    check_images_exist(person.path for person in people)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no box of category 1"),
        ([detection(score=-1)], "scores at least 0"),
        ([{"image_id": 5, "score": 1}], "lacks category_id, bbox"),
        ([7], "1 without image_id, .*; the first: detection 0 lacks"),
        ([detection(bbox=[1, 2, 3])], "1 with a bbox that is not four numbers"),
        ([detection(bbox=[1, 2, -1, 3])], "1 without width or height.*; the first: .* width and height positive"),
        ([detection(bbox=[1, 2, float("inf"), 3])], "1 with a bbox that is not four numbers"),
        ([detection(score=float("nan"))], "finite"),
        (
            [detection(image_id=i) for i in (1, 2, 4, 6, 7, 8, 8)],
            "7 on images that are not listed.*; the first: detection 0 has image_id 1, which .*json does not list",
        ),
    ],
)
def test_wrong_detections(tmp_path: Path, records: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detected_people(records, load(tmp_path, make()), tmp_path)


def test_wrong_detections_are_left_out_and_counted(tmp_path: Path) -> None:
    wrong = [7, detection(bbox=[1, 2, 0, 3]), detection(score=None), detection(image_id=99), detection(score="x")]
    records = [detection(category_id=2), *wrong, detection(), detection(bbox=["1", 2, 3, 4], file_name="x/other.png")]
    with pytest.warns(UserWarning, match=r"detections: 6 of 8 boxes are left out: .*; the first: detection 1 lacks"):
        found = detected_people(records, load(tmp_path, make()), tmp_path)
    assert [p.id for p in found.people] == [6]
    assert str(found.usage) == (
        "8 boxes: 1 used, 1 of other categories, 1 without image_id, category_id, bbox, score, "
        "1 without width or height, 1 without score, 1 on images that are not listed, 1 whose score is no number, "
        "1 whose file_name is not that of their image_id"
    )


def test_names_written_on_windows(tmp_path: Path) -> None:
    data = broken("images", 0, "file_name", value="walk\\1.png")
    assert next(iter(load(tmp_path, data).images.values())).file_name == "walk/1.png"


def test_a_coco_file_is_no_detections_file(tmp_path: Path) -> None:
    coco = load(tmp_path, make())
    with pytest.raises(ValueError, match="holds a dict"):
        detected_people(coco.path, coco, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        detected_people(tmp_path / "none.json", coco, tmp_path)


def test_missing_images_are_listed(tmp_path: Path) -> None:
    data = make()
    data["images"] = [{"id": i, "file_name": f"{i}.jpg", "height": 100, "width": 200} for i in range(1, 9)]
    data["annotations"] = [annotation(i, (i - 1) % 8 + 1, [0, 0, 50, 50]) for i in range(1, 17)]
    people = ground_truth_people(load(tmp_path, data), tmp_path)
    (tmp_path / "1.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"7 of 8 images are missing: .*6\.jpg, \.\.\.;") as caught:
        check_images_exist(person.path for person in people)
    assert "7.jpg" not in str(caught.value)


def test_read_image_gives_rgb_and_ignores_orientation(tmp_path: Path) -> None:
    rgb = np.zeros((20, 30, 3), np.uint8)
    rgb[..., 0] = 200
    jpeg = cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes()
    # EXIF with Orientation = 6 (turn by 90 degrees), little endian, right behind the start marker.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg[:2] + exif + jpeg[2:])
    assert cv2.imread(str(path)).shape == (30, 20, 3)  # the tag is effective
    image = read_image(path)
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image, rgb, atol=3)  # JPEG


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp", "tiff"])
def test_read_image_is_opencvs_with_the_channels_reversed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8))
    np.testing.assert_array_equal(read_image(path), cv2.imread(str(path))[..., ::-1])


def test_read_image_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        read_image(tmp_path / "none.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no jpeg")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        read_image(tmp_path / "broken.jpg")
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((1, 40_000, 3), np.uint8))
    with pytest.raises(ValueError, match=r"wide\.png is 40000 x 1"):
        read_image(tmp_path / "wide.png")


def test_importing_it_loads_neither_torch_nor_albumentations() -> None:
    code = "import sys, pose.data.coco; print({'torch', 'albumentations'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
