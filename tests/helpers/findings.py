"""A dataset without any fault, and one change to it for each kind of finding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from pose.check.findings import Findings
from pose.keypoints.skeletons import COCO17

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


def kinds(found: Findings) -> set[str]:
    return {f.kind for f in found.all()}


def count(found: Findings, kind: str) -> int:
    return sum(f.count for f in found.all() if f.kind == kind)


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


def to_extent(a: dict[str, Any]) -> None:
    xy = np.array(a["keypoints"]).reshape(-1, 3)[:, :2]
    a["bbox"] = [*xy.min(axis=0).tolist(), *np.ptp(xy, axis=0).tolist()]


def to_corner(a: dict[str, Any]) -> None:
    """Box and area as of keypoints that are missing at (0, 0): only of a person at the lower right."""
    if a["id"] == 100:
        points = np.array(a["keypoints"]).reshape(-1, 3)
        points[:, :2] = points[:, :2] / 4 + (120, 100)
        a["keypoints"] = points.ravel().tolist()
        x, y = points[:, :2].max(axis=0).tolist()
        a["bbox"], a["area"], a["segmentation"] = [0, 0, x, y], x * y, [[0, 0, x, 0, x, y, 0, y]]


def outline_apart(d: Document) -> None:
    person = d["annotations"][0]
    outline = {key: person.pop(key) for key in ("segmentation",)}
    outline |= {"id": 999, "image_id": person["image_id"], "category_id": 1, "iscrowd": 1}
    d["annotations"].append({**outline, "bbox": person["bbox"], "area": person["area"]})
    person["segmentation"] = []


def one_an_image(d: Document) -> None:
    d["info"] = {"contributor": "Label Studio"}
    for a in d["annotations"][::2]:
        unlabel(a)


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
    "image-id-type": (image(id="a10"), 1, {"image-unknown", "image-empty"}),
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
    "number-type": (first(image_id="10"), 1, set()),
    "image-unknown": (first(image_id=77), 1, set()),
    "ids-mixed-up": (every(swap_ids), PEOPLE, {"annotation-id-twice", "image-empty"}),
    "category-none": (lambda d: d.pop("categories"), 1, set()),
    "category-several": (
        lambda d: d["categories"].append({"id": 2, "keypoints": ["tail"]}),
        2,
        set(),
    ),
    "category-merged": (lambda d: d["categories"].append({**d["categories"][0], "id": 2, "name": "child"}), 2, set()),
    "category-text": (category(keypoints="nose"), 1, {"category-none"}),
    "category-id-missing": (without("category_id"), 1, set()),
    "category-unknown": (first(category_id="person"), 1, set()),
    "category-other": (
        all_of(lambda d: d["categories"].append({"id": 3, "name": "dog"}), first(category_id=3)),
        1,
        set(),
    ),
    "categories-no-list": (lambda document: document.update(categories="person"), 1, {"category-none"}),
    "edges-wrong": (category(skeleton=[[0, 1], [1, 2]]), 1, set()),
    "pair-missing": (category(keypoints=LEFT_NAMES), 2, {"sigmas-guessed"}),
    "sigmas-guessed": (category(keypoints=[f"p{i}" for i in range(17)]), 1, set()),
    "image-empty": (lambda d: d["images"].append({**d["images"][0], "id": 99, "file_name": "9.png"}), 1, set()),
    "boxes-xyxy": (every(to_corners), 9, set()),
    "coordinates-normalized": (every(to_shares), PEOPLE, set()),
    "box-malformed": (first(bbox=[1, 2, None, 4]), 1, set()),
    "box-empty": (first(bbox=[10, 10, 80, 0]), 1, set()),
    "box-is-keypoint-extent": (every(to_extent), 1, set()),
    "box-from-corner": (every(to_corner), 1, set()),
    "outline-apart": (outline_apart, 1, {"segmentation-missing"}),
    "one-person-an-image": (one_an_image, 1, {"nothing-labeled"}),
    "box-outside": (first(bbox=[300, 10, 80, 130]), 1, {"keypoints-elsewhere"}),
    "box-leaves-image": (first(bbox=[-5, 10, 95, 130]), 1, set()),
    "box-twice": (again(keypoints=MOVED), 1, set()),
    "person-twice": (again(), 1, set()),
    "area-missing": (without("area"), 1, set()),
    "area-zero": (first(area=0), 1, set()),
    "area-far": (first(area=3000), 1, set()),
    "segmentation-missing": (without("segmentation"), 1, set()),
    "crowd-malformed": (first(iscrowd=2), 1, set()),
    "crowd-missing": (without("iscrowd"), 1, set()),
    "keypoints-missing": (all_of(without("keypoints"), first(num_keypoints=0)), 1, {"nothing-labeled"}),
    "keypoints-malformed": (first(keypoints={}), 1, set()),
    "keypoints-count": (first(keypoints=[1, 2] * 17), 1, set()),
    "keypoints-not-numbers": (point(3, float("nan"), 5, 2), 1, {"count-wrong"}),
    "visibility-other": (point(3, 58, 23, 0.4), 1, set()),
    "unlabeled-with-place": (all_of(point(3, 58, 23, 0), first(num_keypoints=16)), 1, set()),
    "keypoint-at-origin": (point(3, 0, 0, 2), 1, set()),
    "keypoint-outside-image": (point(3, -4, 23, 2), 1, set()),
    "keypoint-on-border": (point(3, 0, 23, 2), 1, set()),
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
    "nothing-labeled": (lambda d: unlabel(d["annotations"][0]), 1, set()),
    "nobody-labeled": (every(unlabel), 1, {"nothing-labeled"}),
    "count-missing": (without("num_keypoints"), 1, set()),
    "count-wrong": (first(num_keypoints=0), 1, set()),
    "sides-swapped": (every(mirror), 8, set()),
}
