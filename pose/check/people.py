"""Checks of boxes, areas and keypoints. N annotations, K keypoints, image pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pose.check.columns import AnnotationTable, Split, as_list
from pose.check.findings import Findings
from pose.check.sides import check_sides
from pose.data.box_habits import are_shares, looks_xyxy, reach_from_corner
from pose.data.records import is_int, read_id
from pose.keypoints.geometry import grow_box
from pose.runtime.arrays import Array


def check_people(split: Split, found: Findings, *, input_size: tuple[int, int]) -> None:
    """Check everything about boxes, areas and keypoints.

    Args:
        input_size: (height, width) of the network's crop.
    """
    people = split.people
    if not len(people.names):
        if isinstance(split.document.get("annotations"), list):
            found.add("nobody-labeled", split.name, "file", split.path.name, "no annotation has keypoints")
        return
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN stands for what is missing; it compares as False
        _check_keypoints(split, found)
        # One cause has many effects: what is in other units or another format is not judged further.
        if not (_check_units(split, found) or _check_format(split, found)):
            _check_boxes(split, found, input_size=input_size)
            _check_areas(split, found)
        _check_twice(split, found)
        check_sides(split, found)


def _adder(split: Split, found: Findings) -> Callable[..., None]:
    def add(
        kind: str, where: Array, detail: Callable[[int], str] = lambda row: "", *, mendable: ArrayLike = True
    ) -> None:
        found.add_all(
            kind, split.name, "annotation", where, names=split.people.names, detail=detail, mendable=mendable
        )

    return add


def _check_keypoints(split: Split, found: Findings) -> None:
    people, add, k = split.people, _adder(split, found), split.skeleton.num_keypoints
    lengths = np.array([len(p) if isinstance(p := a.get("keypoints"), list) else -1 for a in people.records])
    missing = np.array([a.get("keypoints") in (None, []) for a in people.records])
    add("keypoints-missing", missing)
    add("keypoints-malformed", (lengths < 0) & ~missing, lambda row: f"{people.records[row]['keypoints']!r:.40}")
    add("keypoints-count", (lengths > 0) & (lengths != 3 * k), lambda row: f"{lengths[row]} numbers, not {3 * k}")
    points, v = people.keypoints, people.keypoints[..., 2]
    whole = lengths == 3 * k
    add("keypoints-not-numbers", whole & ~np.isfinite(points).all(axis=(1, 2)))
    other = ~np.isin(v, (0, 1, 2)) & np.isfinite(v)
    add("visibility-other", other.any(axis=1), lambda row: f"visibility {v[row][other[row]][0]:g}")
    somewhere = (points[..., :2] != 0).any(axis=2) & np.isfinite(points).all(axis=2)
    add(
        "unlabeled-with-place",
        ((v == 0) & somewhere).any(axis=1),
        lambda row: _which(split, (v == 0) & somewhere, row),
    )
    origin = people.labeled & ~somewhere
    add("keypoint-at-origin", origin.any(axis=1), lambda row: _which(split, origin, row))
    labeled = people.labeled.sum(axis=1)
    add("nothing-labeled", (whole | missing) & (labeled == 0))
    if not (labeled[~people.crowd] > 0).any():
        crowds = "all with keypoints are crowds" if labeled.any() else ""
        found.add("nobody-labeled", split.name, "file", split.path.name, crowds)
    counted = np.isfinite(people.counts)
    add("count-missing", ~counted, mendable=whole | missing)
    add(
        "count-wrong",
        whole & counted & (people.counts != labeled),
        lambda row: f"says {people.counts[row]:g}, labeled {labeled[row]}",
    )


def _check_units(split: Split, found: Findings) -> bool:
    """Say whether coordinates are shares of the image."""
    people = split.people
    box = people.boxes
    boxes_small = are_shares(box)
    points: Array = np.where(people.labeled[..., None], people.keypoints[..., :2], 0)
    points_small = (
        people.labeled.any(axis=1) & (np.abs(points) <= 1.001).all(axis=(1, 2)) & (points > 0).any(axis=(1, 2))
    )
    small: Array = (boxes_small | points_small) & (people.sizes > 2).all(axis=1)
    if small.sum() <= 0.5 * max(np.isfinite(box).all(axis=1).sum(), 1):
        return False
    _adder(split, found)(
        "coordinates-normalized", small, lambda row: f"bbox {_box(box[row])}" * bool(boxes_small[row])
    )
    return True


def _check_format(split: Split, found: Findings) -> bool:
    suspects = looks_xyxy(split.people.boxes, split.people.sizes)
    box = split.people.boxes
    _adder(split, found)("boxes-xyxy", suspects, lambda row: f"bbox {_box(box[row])}")
    return bool(suspects.any())


def _check_boxes(split: Split, found: Findings, *, input_size: tuple[int, int]) -> None:
    people, add = split.people, _adder(split, found)
    box, labeled = people.boxes, people.labeled
    x, y, w, h = box.T
    height, width = people.sizes.T
    drawn = np.isfinite(outline_boxes(people)).all(axis=1)
    malformed = lambda row: f"bbox {people.records[row].get('bbox')!r:.50}"  # noqa: E731
    add("box-malformed", np.isnan(box).any(axis=1), malformed, mendable=drawn)
    empty = (w <= 0) | (h <= 0)
    show = lambda row: f"bbox {_box(box[row])}, image {width[row]:g} x {height[row]:g}"  # noqa: E731
    add("box-empty", empty, lambda row: f"bbox {_box(box[row])}", mendable=drawn)
    outside = ~empty & ((x > width - 1) | (y > height - 1) | (x + w <= 0) | (y + h <= 0))
    add("box-outside", outside, show)
    leaves = (x < -1) | (y < -1) | (x + w > width + 1) | (y + h > height + 1)
    mendable = (np.maximum(x, 0) <= width - 1) & (np.maximum(y, 0) <= height - 1)
    add("box-leaves-image", leaves & ~empty & ~outside, show, mendable=mendable)
    px, py = people.keypoints[..., 0], people.keypoints[..., 1]
    sized = np.isfinite(height)
    out = labeled & sized[:, None] & ((px < -1) | (py < -1) | (px > width[:, None]) | (py > height[:, None]))
    add("keypoint-outside-image", out.any(axis=1), lambda row: _which(split, out, row, place=True))
    at = lambda values, sides: (values == 0) | (values == sides[:, None]) | (values == sides[:, None] - 1)  # noqa: E731
    border = labeled & sized[:, None] & (at(px, width) | at(py, height)) & ((px != 0) | (py != 0)) & ~out
    add("keypoint-on-border", border.any(axis=1), lambda row: _which(split, border, row, place=True))
    good = ~empty & np.isfinite(box).all(axis=1)
    beside = np.maximum(
        np.maximum(x[:, None] - px, px - (x + w)[:, None]), np.maximum(y[:, None] - py, py - (y + h)[:, None])
    )
    beside = np.where(labeled & good[:, None], beside, -np.inf)
    longer = np.maximum(w, h)[:, None]
    elsewhere = (beside > 0.1 * longer).sum(axis=1) > 0.5 * np.maximum(labeled.sum(axis=1), 1)
    # COCO has some such people too; the whole file is in doubt where they are many.
    many = elsewhere.sum() >= 0.05 * labeled.any(axis=1).sum()
    add("keypoints-elsewhere", elsewhere & many, lambda row: f"bbox {_box(box[row])}")
    far = beside > np.where(elsewhere[:, None], 0.1, 0.5) * longer
    add("keypoint-far", far.any(axis=1) & ~(elsewhere & many), lambda row: _which(split, far, row, place=True))
    _check_extent(split, found)
    add("box-from-corner", reach_from_corner(box, people.keypoints), lambda row: f"bbox {_box(box[row])}")
    center, size = grow_box(np.where(good[:, None], box, 1.0), input_size)
    away = np.abs(people.keypoints[..., :2] - center[:, None]) > size[:, None, ::-1] / 2
    hidden = away.any(axis=2) & labeled & good[:, None]
    add(
        "keypoint-outside-crop",
        hidden.any(axis=1) & ~far.any(axis=1),
        lambda row: _which(split, hidden, row),
    )


def _check_extent(split: Split, found: Findings) -> None:
    """Find whether most boxes are just the extent of their labeled keypoints."""
    people = split.people
    several = people.labeled.sum(axis=1) > 1
    points: Array = np.where(people.labeled[..., None], people.keypoints[..., :2], np.nan)[several]
    if not len(points):
        return
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    box = people.boxes[several]
    # One side may have been made wider, so that it is not 0.
    same = (np.abs(np.concatenate([box[:, :2] - low, box[:, :2] + box[:, 2:] - high], axis=1)) <= 1).sum(axis=1) >= 3
    if same.sum() > 0.5 * len(same):
        detail = f"{same.sum()} of {len(same)} people, {same.mean():.0%}"
        found.add("box-is-keypoint-extent", split.name, "file", split.path.name, detail)


def _check_areas(split: Split, found: Findings) -> None:
    people, add = split.people, _adder(split, found)
    areas, (w, h) = people.areas, people.boxes.T[2:]
    box_areas = np.where((w > 0) & (h > 0), w * h, np.nan)
    counted = people.labeled.any(axis=1)
    outlines = outline_areas(people)
    boxes_drawn = np.isfinite(outline_boxes(people)).all(axis=1)
    mendable = (outlines > 0) | (box_areas > 0) | boxes_drawn
    missing = lambda row: f"area {people.records[row].get('area')!r:.40}"  # noqa: E731
    add("area-missing", np.isnan(areas), missing, mendable=mendable)
    add("area-zero", counted & (areas <= 0), lambda row: f"area {areas[row]:g}", mendable=mendable)
    add(
        "area-far",
        far_areas(people, outlines),
        lambda row: (
            f"area {areas[row]:g}, box {box_areas[row]:.0f}"
            + (f", segmentation {outlines[row]:.0f}" if outlines[row] > 0 else "")
        ),
    )
    add("segmentation-missing", counted & ~(outlines > 0))


def far_areas(people: AnnotationTable, outlines: Array) -> Array:
    """Say for which people (N,) a positive area cannot be that of the outline, or of anything in the box."""
    areas, box_areas = people.areas, people.boxes[:, 2] * people.boxes[:, 3]
    drawn = outlines > 0
    by_outline = drawn & (np.abs(areas - outlines) > np.maximum(0.3 * outlines, 30))
    # 1.05: boxes are rounded. 0.002: hardly anything of the person is seen, or the area is a share of the image.
    by_box = ~drawn & ((areas > 1.05 * box_areas + 10) | (areas < 0.002 * box_areas)) & (box_areas > 0)
    result: Array = people.labeled.any(axis=1) & (areas > 0) & (by_outline | by_box)
    return result


def outline_areas(people: AnnotationTable) -> Array:
    """Measure the segmentations in square pixels (N,); NaN where there is none that can be read."""
    return np.array([_outline_area(a.get("segmentation")) for a in people.records])


def _outline_area(segmentation: Any) -> float:
    if isinstance(segmentation, dict):  # run lengths, background first
        counts = as_list(segmentation.get("counts"))
        return float(sum(counts[1::2])) if counts and all(map(is_int, counts)) else np.nan
    total = 0.0
    for ring in polygons(segmentation):
        x, y = ring.T
        total += abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    return total or np.nan


def polygons(segmentation: Any) -> list[Array]:
    """Read the rings (M, 2) of a list of polygons; those that are malformed are left out."""
    rings = []
    for ring in as_list(segmentation):
        if isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0:
            try:
                points = np.array(ring, dtype=np.float64).reshape(-1, 2)
            except (TypeError, ValueError):
                continue
            if np.isfinite(points).all():
                rings.append(points)
    return rings


def outline_boxes(people: AnnotationTable) -> Array:
    """Find the extents of the polygons, rounded to 0.01: (N, 4); NaN where there are none, or none with a size."""
    boxes = np.full((len(people.records), 4), np.nan)
    for row, a in enumerate(people.records):
        rings = polygons(a.get("segmentation"))
        if rings:
            points = np.concatenate(rings)
            low, high = points.min(axis=0), points.max(axis=0)
            if (high > low).all():
                boxes[row] = [round(float(v), 2) for v in (*low, *(high - low))]
    return boxes


def _check_twice(split: Split, found: Findings) -> None:
    people, add = split.people, _adder(split, found)
    same = repeats(people, keypoints=True)
    same_box = repeats(people, keypoints=False) & people.labeled.any(axis=1)
    where = lambda row: f"image_id {people.records[row].get('image_id')!r:.40}, bbox {_box(people.boxes[row])}"  # noqa: E731
    add("person-twice", same, where)
    add("box-twice", same_box & ~same, where)


def repeats(people: AnnotationTable, *, keypoints: bool) -> Array:
    """Say which people (N,) have the image and box of an earlier one, and with `keypoints` also its keypoints.

    One of another category, or a crowd, is not the same person.
    """
    seen: set[Any] = set()
    result = np.zeros(len(people.names), dtype=bool)
    for row in np.flatnonzero((people.image >= 0) & np.isfinite(people.boxes).all(axis=1)):
        kind = read_id(people.records[row].get("category_id")), bool(people.crowd[row])
        key: tuple[Any, ...] = (people.image[row], people.boxes[row].tobytes(), *kind)
        if keypoints:
            key += (people.keypoints[row].tobytes(),)
        elif not people.labeled[row].any():
            continue
        result[row] = key in seen
        seen.add(key)
    return result


def _which(split: Split, where: Array, row: int, *, place: bool = False) -> str:
    """Name the keypoints of a row for which `where` (N, K) holds."""
    chosen = np.flatnonzero(where[row])
    parts = [
        split.skeleton.keypoint_names[i]
        + (" at ({:.0f}, {:.0f})".format(*split.people.keypoints[row, i, :2]) if place else "")
        for i in chosen[:2]
    ]
    return ", ".join(parts) + (f" and {len(chosen) - 2} more" if len(chosen) > 2 else "")


def _box(box: Array) -> str:
    return "[" + ", ".join(f"{v:.6g}" for v in box) + "]"
