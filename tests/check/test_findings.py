"""Each kind of finding: a correct dataset has none of it, and one change brings it about."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Outcome

from pose.check.checker import Checked, check_pair, check_split
from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.check.kinds import KINDS
from pose.check.pictures import similar_pairs
from pose.synthetic.dataset import generate
from pose.keypoints.skeletons import COCO17, Skeleton

Cli = Callable[..., Outcome]
Document = dict[str, Any]
IMAGES, PEOPLE = 6, 12
# A body in shares of its box, COCO's order: seen from the front, so its left is at the picture's right.
BODY = [
    (0.5, 0.1),
    (0.55, 0.07),
    (0.45, 0.07),
    (0.6, 0.1),
    (0.4, 0.1),
    (0.7, 0.25),
    (0.3, 0.25),
    (0.8, 0.4),
    (0.2, 0.4),
]
BODY += [
    (0.85, 0.55),
    (0.15, 0.55),
    (0.62, 0.55),
    (0.38, 0.55),
    (0.64, 0.75),
    (0.36, 0.75),
    (0.65, 0.95),
    (0.35, 0.95),
]


def make() -> Document:
    """Two people in each of six images of 200 x 160, without any fault."""
    images = [{"id": n + 10, "file_name": f"{n}.png", "height": 160, "width": 200} for n in range(IMAGES)]
    annotations = []
    for n in range(PEOPLE):
        x, y, w, h = 10 + 90 * (n % 2), 10 + n, 80, 130
        points = [v for fx, fy in BODY for v in (x + fx * w, y + fy * h, 2)]
        ring = [x, y, x + w, y, x + w, y + h, x, y + h]
        annotations.append(
            {
                **{"id": n + 100, "image_id": n // 2 + 10, "category_id": 1, "bbox": [x, y, w, h], "area": w * h},
                **{"iscrowd": 0, "keypoints": points, "num_keypoints": 17, "segmentation": [ring]},
            }
        )
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.keypoint_names)}
    category["skeleton"] = [[a + 1, b + 1] for a, b in COCO17.edges]
    return {"images": images, "annotations": annotations, "categories": [category]}


def picture(seed: int) -> np.ndarray:
    """Soft shapes, as photographs have: noise of 5 x 4 cells, enlarged to 160 x 200."""
    cells = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(cells, (200, 160), interpolation=cv2.INTER_CUBIC)


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


def kinds(found: Findings) -> set[str]:
    return {f.kind for f in found.all()}


def count(found: Findings, kind: str) -> int:
    return sum(f.count for f in found.all() if f.kind == kind)


def test_a_correct_dataset_has_no_finding(folder: Path) -> None:
    assert kinds(run(make(), images=folder / "images")) == set()
    assert kinds(run(make(), skeleton=COCO17)) == set()


# --- changes that bring one kind about: of an annotation, an image, all annotations, the document


def first(**values: Any) -> Callable[[Document], None]:
    return lambda d: d["annotations"][0].update(values)


def without(key: str) -> Callable[[Document], None]:
    return lambda d: d["annotations"][0].pop(key)


def image(**values: Any) -> Callable[[Document], None]:
    return lambda d: d["images"][0].update(values)


def point(i: int, *values: float) -> Callable[[Document], None]:
    def change(d: Document) -> None:
        d["annotations"][0]["keypoints"][3 * i : 3 * i + 3] = values

    return change


def every(change: Callable[[dict[str, Any]], None]) -> Callable[[Document], None]:
    def apply(d: Document) -> None:
        for a in d["annotations"]:
            change(a)

    return apply


def category(**values: Any) -> Callable[[Document], None]:
    return lambda d: d["categories"][0].update(values)


def all_of(*changes: Callable[[Document], Any]) -> Callable[[Document], None]:
    return lambda d: [change(d) for change in changes] and None


def swap_ids(a: dict[str, Any]) -> None:
    a["id"], a["image_id"] = a["image_id"], a["id"]


def to_corners(a: dict[str, Any]) -> None:
    x, y, w, h = a["bbox"]
    a["bbox"] = [x, y, x + w, y + h]


def to_shares(a: dict[str, Any]) -> None:
    x, y, w, h = a["bbox"]
    a["bbox"] = [x / 200, y / 160, w / 200, h / 160]
    a["keypoints"] = [v / (200, 160, 1)[i % 3] for i, v in enumerate(a["keypoints"])]


def mirror(a: dict[str, Any]) -> None:
    points = np.array(a["keypoints"]).reshape(-1, 3)[COCO17.flip_indices]
    a["keypoints"] = points.ravel().tolist()


def unlabel(a: dict[str, Any]) -> None:
    a["keypoints"], a["num_keypoints"] = [0] * 51, 0


def again(**values: Any) -> Callable[[Document], None]:
    """A copy of the first annotation with another id."""
    return lambda d: d["annotations"].append({**copy.deepcopy(d["annotations"][0]), "id": 900, **values})


MOVED = [v + (3 if i % 3 < 2 else 0) for i, v in enumerate(make()["annotations"][0]["keypoints"])]
LEFT_NAMES = ["nose" if n == "nose" else n.replace("right_ear", "right_ohr") for n in COCO17.keypoint_names]

# kind: (change, how many, other kinds that come with it)
CASES: dict[str, tuple[Callable[[Document], Any], int, set[str]]] = {
    "image-malformed": (lambda d: d["images"].append("5.png"), 1, set()),
    "image-id-type": (image(id="10"), 1, {"image-id-text"}),
    "image-id-twice": (lambda d: d["images"][5].update(id=14), 1, {"image-unknown"}),
    "image-listed-twice": (lambda d: d["images"].append(dict(d["images"][0])), 1, set()),
    "file-listed-twice": (lambda d: d["images"].append({**d["images"][0], "id": 99}), 1, {"image-empty"}),
    "file-name-escapes": (image(file_name="../0.png"), 1, set()),
    "image-size-missing": (image(height=None), 1, set()),
    "annotations-none": (lambda d: d.pop("annotations"), 1, set()),
    "annotation-malformed": (lambda d: d["annotations"].append(None), 1, set()),
    "annotation-id-missing": (first(id="a"), 1, set()),
    "annotation-id-zero": (first(id=0), 1, set()),
    "annotation-id-twice": (lambda d: d["annotations"][3].update(id=100), 1, set()),
    "image-id-text": (first(image_id="10"), 1, set()),
    "image-unknown": (first(image_id=77), 1, set()),
    "ids-mixed-up": (every(swap_ids), PEOPLE, {"annotation-id-twice", "image-empty"}),
    "category-none": (lambda d: d.pop("categories"), 1, set()),
    "category-several": (
        lambda d: d["categories"].append({"id": 2, "keypoints": ["tail"]}),
        2,
        set(),
    ),
    "category-id-missing": (without("category_id"), 1, set()),
    "category-unknown": (first(category_id="person"), 1, set()),
    "category-other": (
        all_of(lambda d: d["categories"].append({"id": 3, "name": "dog"}), first(category_id=3)),
        1,
        set(),
    ),
    "edges-wrong": (category(skeleton=[[0, 1], [1, 2]]), 1, set()),
    "pair-missing": (category(keypoints=LEFT_NAMES), 2, {"sigmas-guessed"}),
    "sigmas-guessed": (category(keypoints=[f"p{i}" for i in range(17)]), 1, set()),
    "image-empty": (lambda d: d["images"].append({**d["images"][0], "id": 99, "file_name": "9.png"}), 1, set()),
    "boxes-xyxy": (every(to_corners), 9, set()),
    "coordinates-normalised": (every(to_shares), PEOPLE, set()),
    "box-malformed": (first(bbox=[1, 2, None, 4]), 1, set()),
    "box-empty": (first(bbox=[10, 10, 80, 0]), 1, set()),
    "box-outside": (first(bbox=[300, 10, 80, 130]), 1, {"keypoints-elsewhere"}),
    "box-leaves-image": (first(bbox=[-5, 10, 95, 130]), 1, set()),
    "box-twice": (again(keypoints=MOVED), 1, set()),
    "person-twice": (again(), 1, set()),
    "area-missing": (without("area"), 1, set()),
    "area-zero": (first(area=0), 1, set()),
    "area-far": (first(area=3000), 1, set()),
    "segmentation-missing": (without("segmentation"), 1, set()),
    "crowd-missing": (without("iscrowd"), 1, set()),
    "keypoints-missing": (without("keypoints"), 1, set()),
    "keypoints-count": (first(keypoints=[1, 2] * 17), 1, set()),
    "keypoints-not-numbers": (point(3, float("nan"), 5, 2), 1, {"count-wrong"}),
    "visibility-other": (point(3, 58, 23, 0.4), 1, set()),
    "unlabelled-with-place": (all_of(point(3, 58, 23, 0), first(num_keypoints=16)), 1, set()),
    "keypoint-at-origin": (point(3, 0, 0, 2), 1, set()),
    "keypoint-outside-image": (point(3, -4, 23, 2), 1, set()),
    "keypoints-elsewhere": (
        first(bbox=[120, 100, 70, 50], area=3500, segmentation=None),
        1,
        {"segmentation-missing"},
    ),
    "keypoint-far": (point(3, 160, 23, 2), 1, set()),
    "keypoint-outside-crop": (
        first(bbox=[10, 10, 80, 90], area=7200, segmentation=None),
        1,
        {"segmentation-missing"},
    ),
    "nothing-labelled": (lambda d: unlabel(d["annotations"][0]), 1, set()),
    "nobody-labelled": (every(unlabel), 1, {"nothing-labelled"}),
    "count-missing": (without("num_keypoints"), 1, set()),
    "count-wrong": (first(num_keypoints=0), 1, set()),
    "sides-swapped": (every(mirror), 8, set()),
}


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
    headers_say = {"image-missing", "image-unreadable", "image-size-differs", "image-turned", "image-exif"}
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
    "other category": ("detection-category-other", lambda boxes: boxes[0].update(category_id=2), set()),
    "another category": (
        "detections-category",
        each(lambda box: box.update(category_id=0)),
        {"detection-category-other"},
    ),
    "equal scores": ("detections-scores", each(lambda box: box.update(score=1.0)), set()),
    "other images": ("detections-recall", lambda boxes: boxes.__delitem__(slice(4, None)), set()),
}


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


def test_every_kind_has_a_test() -> None:
    tested = set(CASES) | {kind for kind, _ in PICTURES.values()} | {kind for kind, _, _ in DETECTIONS.values()}
    assert set(KINDS) - tested == {"names-differ", "split-overlap", "split-similar", "detections-missing"}


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
    assert not split.people.labelled[1, 0]
    assert np.isnan(split.people.areas[2])
