"""Draw people on images.

Left is blue, right is orange, whatever lies between the sides takes the person's own color. Widths follow the
size of the person and of the image, shapes are anti-aliased at fractions of a pixel, and a dark outline
keeps them legible on any background.
Shapes: N people, K keypoints. Images are (H, W, 3) uint8 RGB; points are (x, y), sizes (height, width), in pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.drawing.strokes import Color, Stroke, draw_strokes
from pose.images.types import Image, check_image
from pose.keypoints.skeletons import Skeleton

LEFT: Color = (45, 156, 255)
RIGHT: Color = (255, 128, 22)
# Bright, and neither blue nor orange.
PEOPLE: tuple[Color, ...] = (
    (186, 235, 52),
    (255, 92, 173),
    (255, 226, 66),
    (181, 126, 255),
    (48, 214, 152),
    (245, 245, 245),
)
OPAQUE_FROM = 0.6  # scores fade below this: trained networks seldom give more than 0.9 to what they are sure of


def draw_people(
    image_rgb: Image,
    keypoints: ArrayLike,
    scores: ArrayLike,
    *,
    skeleton: Skeleton,
    boxes_xywh: ArrayLike | None = None,
    threshold: float = 0.2,
    scale: float = 1.0,
) -> Image:
    """Draw skeletons, the first person on top; the given image is left as it is.

    Args:
        image_rgb: (H, W, 3) uint8.
        keypoints: (N, K, 2) image pixels, integers are pixel centers. They may lie outside of the image.
        scores: (N, K); opacity grows with the score up to 0.6. What scores `threshold` or less, or is not
            finite, is not drawn.
        skeleton: of the K keypoints: which are left and right, and what is joined.
        boxes_xywh: (N, 4) image pixels; their corners are drawn in each person's color.
        scale: factor on all widths.
    Raises:
        ValueError: shapes do not fit.
    """
    canvas = check_image(image_rgb).copy()
    points, confidence = np.asarray(keypoints, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    k = skeleton.num_keypoints
    if points.ndim != 3 or points.shape[1:] != (k, 2) or confidence.shape != points.shape[:2]:
        raise ValueError(
            f"skeleton '{skeleton.name}' needs keypoints (N, {k}, 2) and scores (N, {k}), "
            f"got {points.shape} and {confidence.shape}"
        )
    boxes = None if boxes_xywh is None else np.asarray(boxes_xywh, dtype=np.float64)
    if boxes is not None and boxes.shape != (len(points), 4):
        raise ValueError(f"boxes must be ({len(points)}, 4), one per person, got {boxes.shape}")
    screen = max(1.0, max(canvas.shape[:2]) / 1000)  # image pixels a pixel of a screen that shows the whole image
    for person in reversed(range(len(points))):
        color = PEOPLE[person % len(PEOPLE)]
        finite = (np.abs(points[person]) < 1e6).all(axis=-1) & np.isfinite(confidence[person])
        alpha = np.where(
            finite & (confidence[person] > threshold), np.clip(confidence[person] / OPAQUE_FROM, 0, 1), 0
        )
        seen = points[person][alpha > 0]
        box = None if boxes is None or not np.isfinite(boxes[person]).all() else boxes[person]
        extents = [np.ptp(seen, axis=0).max()] if len(seen) > 1 else []
        extents += [] if box is None else [box[2:].max()]
        width = scale * line_width(max(extents, default=40.0 * screen), screen)
        if box is not None:
            _draw_corners(canvas, box, color, width=min(0.6 * width, 1.3 * scale * screen))
        _draw_skeleton(canvas, points[person], alpha, skeleton, color, width)
    return canvas


def line_width(person: float, screen: float) -> float:
    """Width of a limb, in image pixels.

    Args:
        person: longest side of the person.
        screen: image pixels to a pixel of the screen that the whole image is looked at on.
    """
    # Never below what a screen shows, unless that were a blob on the person; nor endlessly thick close up.
    return float(np.clip(0.012 * person, min(1.7 * screen, max(0.9, 0.025 * person)), 4.5 * screen))


def side_color(side: str, middle: Color) -> Color:
    return {"left": LEFT, "right": RIGHT}.get(side, middle)


def _draw_skeleton(
    canvas: Image,
    points: NDArray[np.float64],
    alpha: NDArray[np.float64],
    skeleton: Skeleton,
    middle: Color,
    width: float,
) -> None:
    """One person: limbs, then keypoints.

    Args:
        points: (K, 2).
        alpha: (K,) opacity.
        middle: the color of what lies between the sides.
    """
    outline = min(max(0.6, 0.28 * width), 0.6 * width)
    drawn = points[alpha > 0]
    places, opacity = points.tolist(), alpha.tolist()
    edges, of_edges = _edges(skeleton)
    # Thinner where keypoints lie close together, so that a face keeps its parts.
    lengths = np.hypot(*(points[edges[:, 0]] - points[edges[:, 1]]).T)
    halves = np.clip(0.12 * lengths, 0.28 * width, 0.5 * width).tolist()
    strokes: list[Stroke] = []
    for (a, b), half, side in zip(edges.tolist(), halves, of_edges, strict=True):
        color = side_color(side, middle)
        strokes.append(Stroke(places[a], places[b], half, outline, color, min(opacity[a], opacity[b])))
    strokes.sort(key=lambda stroke: stroke.alpha)
    apart = np.hypot(*(points[:, None] - drawn[None]).transpose(2, 0, 1))  # from each keypoint to each drawn one
    nearest = np.sort(apart, axis=1)[:, 1] if len(drawn) > 1 else np.full(len(points), np.inf)
    radii = np.clip(0.4 * nearest, 0.5 * width, 0.95 * width).tolist()
    sides = skeleton.sides
    for k in np.argsort(alpha, kind="stable").tolist():
        color = side_color(sides[k], middle)
        strokes.append(Stroke(places[k], places[k], radii[k], outline, color, opacity[k]))
    draw_strokes(canvas, [stroke for stroke in strokes if stroke.alpha > 0])


@lru_cache(maxsize=8)
def _edges(skeleton: Skeleton) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Edges (E, 2), and the side that each belongs to."""
    of_edges = []
    for a, b in skeleton.edges:
        # An edge from the middle to a side belongs to that side, one between the sides to neither.
        sides = {skeleton.sides[a], skeleton.sides[b]} - {"middle"}
        of_edges.append(sides.pop() if len(sides) == 1 else "middle")
    return np.array(skeleton.edges, dtype=np.int64).reshape(-1, 2), tuple(of_edges)


def _draw_corners(canvas: Image, box_xywh: NDArray[np.float64], color: Color, *, width: float) -> None:
    x, y, w, h = box_xywh.tolist()
    length = 0.18 * min(w, h)
    lines = [
        ((cx, cy), end)
        for cx, dx in ((x, length), (x + w, -length))
        for cy, dy in ((y, length), (y + h, -length))
        for end in ((cx + dx, cy), (cx, cy + dy))
    ]
    draw_strokes(canvas, [Stroke(start, end, width / 2, 0.6 * width, color, 0.9) for start, end in lines])
