"""Each kind of finding: a correct dataset has none of it, and one change brings it about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose.check.checker import Checked, check_pair, check_split
from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.image_files import similar_pairs
from pose.check.kinds import KINDS
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.synthetic.dataset import generate
from tests.helpers.command import Outcome
from tests.helpers.findings import (
    CASES,
    IMAGES,
    Document,
    count,
    kinds,
    make,
    picture,
    to_corners,
)

Cli = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for n in range(IMAGES):
        cv2.imwrite(str(tmp_path / "images" / f"{n}.png"), picture(n))
    return tmp_path


def run(document: Document, *, images: Path | None = None, skeleton: Skeleton | None = None) -> Findings:
    found = Findings()
    check_split(read_split("val", Path("a.json"), document, images_dir=images, skeleton=skeleton), found)
    return found


def test_a_correct_dataset_has_no_finding(folder: Path) -> None:
    assert kinds(run(make(), images=folder / "images")) == set()
    assert kinds(run(make(), skeleton=COCO17)) == set()


# --- changes that bring one kind about: of an annotation, an image, all annotations, the document


@pytest.mark.parametrize("kind", CASES)
def test_one_change_brings_one_kind_about(kind: str) -> None:
    change, number, others = CASES[kind]
    document = make()
    change(document)
    found = run(document)
    assert kinds(found) == {kind} | others
    assert count(found, kind) == number


def test_the_names_of_the_config_are_compared_with_the_file() -> None:
    names = list(COCO17.keypoint_names)
    names[5], names[6] = names[6], names[5]
    document = make()
    document["categories"][0]["keypoints"] = names
    assert count(run(document, skeleton=COCO17), "names-differ") == 2


def test_crowds_are_nobody() -> None:
    document = make()
    for a in document["annotations"]:
        a["iscrowd"] = 1
    (finding,) = run(document).all()
    assert (finding.kind, finding.examples[0][1]) == ("nobody-labeled", "all with keypoints are crowds")


def test_one_pair_that_is_swapped_is_named() -> None:
    document = make()
    for a in document["annotations"]:
        points = a["keypoints"]
        points[15:18], points[18:21] = points[18:21], points[15:18]
    (finding,) = run(document).all()
    assert (finding.kind, finding.count) == ("sides-swapped", 1)
    assert finding.examples[0][0] == "left_shoulder, right_shoulder"


def test_a_run_length_segmentation_has_an_area() -> None:
    document = make()
    document["annotations"][0]["segmentation"] = {"size": [160, 200], "counts": [1000, 80 * 130, 20600]}
    assert kinds(run(document)) == set()
    document["annotations"][0]["segmentation"]["counts"] = [1000, 900, 30100]
    assert kinds(run(document)) == {"area-far"}


# --- pictures


def exif(path: Path, orientation: int) -> None:
    from PIL import Image

    with Image.open(path) as opened:
        tags = opened.getexif()
        tags[0x0112] = orientation
        opened.convert("RGB").save(path, "JPEG", exif=tags, quality=95)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def turned(path: Path) -> None:
    cv2.imwrite(str(path), cv2.rotate(picture(0), cv2.ROTATE_90_CLOCKWISE))
    exif(path, 8)


def jpeg_cut_off(path: Path) -> None:
    path.write_bytes(cv2.imencode(".jpg", picture(0))[1].tobytes())
    truncate(path)


PICTURES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "gone": ("image-missing", lambda path: path.unlink()),
    "text": ("image-unreadable", lambda path: path.write_text("not found")),
    "empty": ("image-unreadable", lambda path: path.write_bytes(b"")),
    "png cut off": ("image-truncated", truncate),
    "jpeg cut off": ("image-truncated", jpeg_cut_off),
    "resized": ("image-size-differs", lambda path: cv2.imwrite(str(path), picture(0)[::2, ::2])),
    "wider": (
        "image-size-wrong",
        lambda path: cv2.imwrite(str(path), cv2.copyMakeBorder(picture(0), 0, 0, 0, 60, cv2.BORDER_REFLECT)),
    ),
    "on its side": ("image-turned", turned),
    "upside down": ("image-exif", lambda path: exif(path, 3)),
    "copy": ("image-repeated", lambda path: path.write_bytes(path.with_name("1.png").read_bytes())),
    "brighter": ("image-similar", lambda path: cv2.imwrite(str(path), cv2.add(picture(1), 1))),
}


@pytest.mark.parametrize("case", PICTURES)
def test_one_bad_picture_brings_one_kind_about(folder: Path, case: str) -> None:
    kind, spoil = PICTURES[case]
    path = folder / "images/0.png"
    spoil(path)
    found = run(make(), images=folder / "images")
    assert kinds(found) == {kind}
    assert count(found, kind) == 1
    fast = Findings()
    check_split(read_split("val", Path("a.json"), make(), images_dir=folder / "images"), fast, decode=False)
    headers_say = {"image-missing", "image-unreadable", "image-size-differs", "image-size-wrong"}
    headers_say |= {"image-turned", "image-exif"}
    assert kinds(fast) == {kind} & headers_say


def check_folder(folder: Path, name: str, document: Document, found: Findings) -> Checked:
    return check_split(read_split(name, folder / "a.json", document, images_dir=folder), found)


def test_overlap_by_content(folder: Path, tmp_path: Path) -> None:
    """A copy, one encoded again, one of half the size; other pictures are other pictures."""
    other = tmp_path / "val"
    other.mkdir()
    for n in range(IMAGES):
        cv2.imwrite(str(other / f"{n}.png"), picture(50 + n))
    (other / "0.png").write_bytes((folder / "images/3.png").read_bytes())
    (other / "1.png").write_bytes(cv2.imencode(".jpg", picture(4), [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes())
    half = cv2.resize(picture(5), (100, 80), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(other / "2.png"), half)
    found = Findings()
    train = check_folder(folder / "images", "train", make(), found)
    val = check_folder(other, "val", make(), found)
    check_pair(train, val, found)
    examples = {f.kind: [name for name, _ in f.examples] for f in found.all()}
    assert examples == {
        "split-overlap": ["0.png"],
        "split-similar": ["1.png", "2.png"],
        "image-size-differs": ["2.png"],
    }


def test_similar_pictures_are_those_of_a_naive_comparison() -> None:
    rng = np.random.default_rng(0)
    base = [cv2.resize(picture(n), (16, 16), interpolation=cv2.INTER_AREA)[..., 0] for n in range(40)]
    near = [np.clip(b.astype(int) + rng.integers(-1, 2, b.shape), 0, 255).astype(np.uint8) for b in base[:15]]
    thumbs = [*base, *near, np.full((16, 16), 90, np.uint8), np.full((16, 16), 90, np.uint8), None]
    assert set(similar_pairs(thumbs)) == {(n, 40 + n) for n in range(15)}


# --- detections


def good_boxes() -> list[dict[str, Any]]:
    return [
        {"image_id": a["image_id"], "category_id": 1, "bbox": list(a["bbox"]), "score": 0.5 + a["id"] / 1000}
        for a in make()["annotations"]
    ]


def each(change: Callable[[dict[str, Any]], Any]) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda boxes: [change(box) for box in boxes]


DETECTIONS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], Any], set[str]]] = {
    "no score": ("detection-malformed", lambda boxes: boxes[0].pop("score"), set()),
    "score is text": ("detection-malformed", lambda boxes: boxes[0].update(score="high"), set()),
    "no width": ("detection-box", lambda boxes: boxes[0].update(bbox=[1, 2, 0, 4]), set()),
    "unknown image": ("detection-unknown-image", lambda boxes: boxes[0].update(image_id=1), set()),
    "corners": ("detections-xyxy", each(to_corners), set()),
    "another name": ("detection-name-contradicts", lambda boxes: boxes[0].update(file_name="x/5.png"), set()),
    "other category": ("detection-category-other", lambda boxes: boxes[0].update(category_id=2), set()),
    "another category": (
        "detections-category",
        each(lambda box: box.update(category_id=0)),
        {"detection-category-other"},
    ),
    "equal scores": ("detections-scores", each(lambda box: box.update(score=1.0)), set()),
    "other images": ("detections-recall", lambda boxes: boxes.__delitem__(slice(4, None)), set()),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", [None, *DETECTIONS])
def test_detections(tmp_path: Path, case: str | None) -> None:
    boxes = good_boxes()
    wanted: set[str] = set()
    if case is not None:
        kind, change, others = DETECTIONS[case]
        change(boxes)
        wanted = {kind} | others
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    found = Findings()
    checked = check_split(read_split("val", Path("a.json"), make()), found, detections=tmp_path / "boxes.json")
    assert kinds(found) == wanted
    if case is None:
        assert checked.counts["detections"]["recall"] == 1


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_file_of_detections_that_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "boxes.json").write_text(content)
    found = Findings()
    check_split(read_split("val", Path("a.json"), make()), found, detections=tmp_path / "boxes.json")
    assert kinds(found) == {"detections-missing"}


def test_test_dev_has_no_annotations_and_that_is_fine(tmp_path: Path) -> None:
    document = make()
    del document["annotations"]
    (tmp_path / "boxes.json").write_text(json.dumps(good_boxes()))
    found = Findings()
    check_split(read_split("val", Path("a.json"), document), found, detections=tmp_path / "boxes.json")
    assert kinds(found) == set()


def test_keys_that_stand_twice(tmp_path: Path) -> None:
    text = json.dumps(make()).replace('"iscrowd": 0', '"iscrowd": 0, "iscrowd": 0', 2)
    (tmp_path / "a.json").write_text(text)
    found = Findings()
    check_split(read_split("val", tmp_path / "a.json", json.loads(text)), found)
    assert kinds(found) == {"key-twice"}
    assert count(found, "key-twice") == 2


def test_every_kind_has_a_test() -> None:
    tested = set(CASES) | {kind for kind, _ in PICTURES.values()} | {kind for kind, _, _ in DETECTIONS.values()}
    assert set(KINDS) - tested == {
        "names-differ",
        "split-overlap",
        "split-similar",
        "detections-missing",
        "key-twice",
    }


def test_all_faults_are_found_at_once() -> None:
    document = make()
    for kind in ("annotation-id-zero", "area-missing", "count-wrong", "keypoint-at-origin", "image-size-missing"):
        CASES[kind][0](document)
    found = run(document)
    assert kinds(found) == {
        "annotation-id-zero",
        "area-missing",
        "count-wrong",
        "keypoint-at-origin",
        "image-size-missing",
    }


@pytest.mark.parametrize("junk", [None, 3, "x", [], {}, [1], {"a": 1}, float("nan"), -1, 1e400, True])
def test_nothing_raises_whatever_stands_in_an_entry(junk: Any) -> None:
    for key in (
        "id",
        "image_id",
        "category_id",
        "bbox",
        "area",
        "iscrowd",
        "keypoints",
        "num_keypoints",
        "segmentation",
    ):
        document = make()
        document["annotations"][0][key] = junk
        run(document)
    for key in ("id", "file_name", "height", "width"):
        document = make()
        document["images"][0][key] = junk
        run(document)
    for key in ("annotations", "categories"):
        document = make()
        document[key] = junk
        run(document)
    for key in ("id", "name", "keypoints", "skeleton"):
        document = make()
        document["categories"][0][key] = junk
        run(document)


# --- whole datasets


def errors(found: Findings) -> list[str]:
    return [f.kind for f in found.all() if f.what.level == "error"]


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_the_real_sample_has_no_errors(coco_sample: Path, split: str) -> None:
    path = coco_sample / f"annotations/person_keypoints_{split}.json"
    found = Findings()
    document = json.loads(path.read_text())
    check_split(read_split(split, path, document, images_dir=coco_sample / "images" / split), found)
    assert errors(found) == []
    assert found.count("warning") <= 1


@pytest.mark.slow
def test_generated_people_have_no_errors(tmp_path: Path) -> None:
    generate(tmp_path, train=24, val=24, seed=3)
    found = Findings()
    checked = []
    for split in ("train", "val"):
        path = tmp_path / f"annotations/person_keypoints_{split}.json"
        document = json.loads(path.read_text())
        boxes = tmp_path / "person_detection_results/val.json" if split == "val" else None
        one = read_split(split, path, document, images_dir=tmp_path / "images" / split)
        checked.append(check_split(one, found, detections=boxes))
    check_pair(*checked, found)
    assert errors(found) == []
    assert found.count("warning") == 0


def test_absurd_numbers_are_none() -> None:
    document = make()
    document["images"][0]["width"] = 10**400
    document["annotations"][0]["bbox"] = [1, 2, 10**400, 4]
    document["annotations"][1]["keypoints"][0] = 1e300
    document["annotations"][2]["area"] = 10**400
    split = read_split("val", Path("a.json"), document)
    assert np.isnan(split.images.sizes[0]).all()
    assert np.isnan(split.people.boxes[0]).all()
    assert np.isnan(split.people.keypoints[1, 0, 0])
    assert not split.people.labeled[1, 0]
    assert np.isnan(split.people.areas[2])
