"""Draw people on images. numpy only.

Left is blue, right is orange, whatever lies between the sides takes the person's own color. Widths follow the
size of the person and of the image, shapes are anti-aliased at fractions of a pixel, and a dark outline
keeps them legible on any background.
Shapes: N people, K keypoints. Images are (H, W, 3) uint8 RGB; points are (x, y), sizes (height, width), in pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.images.types import Image, check_image
from pose.keypoints.skeletons import Skeleton

Color = tuple[int, int, int]

LEFT: Color = (45, 156, 255)
RIGHT: Color = (255, 128, 22)
OUTLINE: Color = (18, 20, 28)
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
    color: Color,
    width: float,
) -> None:
    """One person: limbs, then keypoints. `points` (K, 2), `alpha` (K,) opacity."""
    outline = min(max(0.6, 0.28 * width), 0.6 * width)
    drawn = points[alpha > 0]
    shapes: list[tuple[float, int, int, float, Color]] = []  # opacity, two ends, radius, color
    for a, b in skeleton.edges:
        # An edge from the middle to a side belongs to that side, one between the sides to neither.
        sides = {skeleton.sides[a], skeleton.sides[b]} - {"middle"}
        side = sides.pop() if len(sides) == 1 else "middle"
        # Thinner where keypoints lie close together, so that a face keeps its parts.
        half = np.clip(0.12 * math.dist(points[a], points[b]), 0.28 * width, 0.5 * width)
        shapes.append((min(alpha[a], alpha[b]), a, b, half, side_color(side, color)))
    shapes.sort(key=lambda shape: shape[0])
    for k in np.argsort(alpha, kind="stable"):
        apart = np.sort(np.hypot(*(drawn - points[k]).T))[1:2]  # to the nearest other
        radius = np.clip(0.4 * apart.min(initial=np.inf), 0.5 * width, 0.95 * width)
        shapes.append((alpha[k], k, k, radius, side_color(skeleton.sides[k], color)))
    shapes = [shape for shape in shapes if shape[0] > 0]
    if not shapes:
        return
    margin = 2 * width + 2
    x0, y0 = np.maximum(drawn.min(axis=0) - margin, 0).astype(int)
    x1, y1 = np.maximum(drawn.max(axis=0) + margin, 0).astype(int) + 1
    region = canvas[y0:y1, x0:x1]
    behind = region.copy()
    for opacity, a, b, radius, paint in shapes:
        stamp(region, behind, points[a] - (x0, y0), points[b] - (x0, y0), radius, outline, paint, opacity)


def _draw_corners(canvas: Image, box_xywh: NDArray[np.float64], color: Color, *, width: float) -> None:
    x, y, w, h = box_xywh
    length = 0.18 * min(w, h)
    for cx, dx in ((x, length), (x + w, -length)):
        for cy, dy in ((y, length), (y + h, -length)):
            corner = np.array([cx, cy])
            for arm in ((dx, 0), (0, dy)):
                stamp(canvas, canvas, corner, corner + arm, width / 2, 0.6 * width, color, 0.9)


def stamp(
    canvas: Image,
    behind: Image,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radius: float,
    outline: float,
    color: Color,
    alpha: float,
) -> None:
    """Put a line with round ends (a disc, if both ends are one point) into the canvas, in place.

    `behind` shows through: the canvas without this person, so that its parts do not add up where they overlap.
    """
    reach = radius + outline + 1
    height, width = canvas.shape[:2]
    low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    x0, y0 = (int(v) for v in np.clip(np.floor(low), 0, (width, height)))
    x1, y1 = (int(v) for v in np.clip(np.ceil(high) + 1, 0, (width, height)))
    if x0 >= x1 or y0 >= y1:
        return
    dx, dy = (end - start).astype(np.float32)
    x = np.arange(x0, x1, dtype=np.float32) - np.float32(start[0])
    y = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(start[1])
    along = np.clip((x * dx + y * dy) / max(float(dx * dx + dy * dy), 1e-6), 0, 1)
    distance = np.hypot(x - along * dx, y - along * dy)
    rows, cols = np.nonzero(distance < radius + outline + 0.5)
    near = distance[rows, cols][:, None]
    inner = np.clip(radius + 0.5 - near, 0, 1)  # share of the pixel inside the shape, then inside its outline
    outer = np.clip(radius + outline + 0.5 - near, 0, 1)
    dark, bright = np.array(OUTLINE, dtype=np.float32), np.array(color, dtype=np.float32)
    paint = (dark + (bright - dark) * inner) * alpha + behind[y0:y1, x0:x1][rows, cols] * (1 - alpha)
    region = canvas[y0:y1, x0:x1]
    under = region[rows, cols]
    region[rows, cols] = np.rint(under + (paint - under) * outer).astype(np.uint8)
