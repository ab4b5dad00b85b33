"""Many small images in one: heatmaps over a crop, and contact sheets of training crops. numpy and OpenCV only.

Shapes: B images, K keypoints. Images are (H, W, 3) uint8 RGB; points are (x, y), in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from pose.drawing.people import LEFT, PEOPLE, RIGHT, draw_people, side_color
from pose.drawing.strokes import Color, Stroke, draw_strokes
from pose.images.types import Image, check_image
from pose.keypoints.skeletons import Skeleton
from pose.runtime.text import plural

FAINTEST = 0.25  # score that a found keypoint is drawn with at least: COCO counts it, however unsure
_BACKGROUND: Color = (24, 26, 32)
_TEXT: Color = (228, 230, 235)


def draw_heatmaps(crop_rgb: Image, heatmaps: ArrayLike, skeleton: Skeleton, *, columns: int = 6) -> Image:
    """Lay each keypoint's heatmap over the crop, in a grid with names and peaks; their sum comes first.

    Colors are absolute (0 to 1), so a faint spot is an unsure one.

    Args:
        crop_rgb: (H, W, 3) uint8, the network's input.
        heatmaps: (K, h, w); pixel (i, j) belongs to crop pixel (i, j) * H / h, as in decoding.
    Raises:
        ValueError: shapes do not fit.
    """
    crop = check_image(crop_rgb)
    maps = np.nan_to_num(np.asarray(heatmaps, dtype=np.float32))
    if maps.ndim != 3 or len(maps) != skeleton.num_keypoints:
        raise ValueError(
            f"skeleton '{skeleton.name}' needs heatmaps ({skeleton.num_keypoints}, h, w), got {maps.shape}"
        )
    zoom = max(1.0, 200 / crop.shape[1])
    size = (round(crop.shape[1] * zoom), round(crop.shape[0] * zoom))  # width, height, as OpenCV takes it
    gray = cv2.cvtColor(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_RGB2GRAY)
    base = np.repeat(gray[..., None] * np.float32(0.55), 3, axis=-1)
    enlarge = np.array([[size[0] / maps.shape[2], 0, 0], [0, size[1] / maps.shape[1], 0]])
    cells = []
    for name, values in [("sum", maps.clip(0).sum(axis=0)), *zip(skeleton.keypoint_names, maps, strict=True)]:
        large = cv2.warpAffine(values, enlarge, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).clip(
            0, 1
        )
        heat = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
        alpha = np.minimum(1, large * 2.2)[..., None] * np.float32(0.85)
        side = skeleton.sides[skeleton.keypoint_names.index(name)] if name != "sum" else "middle"
        title = name.replace("_", " ") if name == "sum" else f"{name.replace('_', ' ')}  {values.max():.2f}"
        panel = (base * (1 - alpha) + heat * alpha).astype(np.uint8)
        cells.append(titled(panel, title, side_color(side, _TEXT)))
    return grid(cells, columns=columns, gap=6)


def draw_batch(
    images: Image, keypoints_crop: ArrayLike, weights: ArrayLike, *, skeleton: Skeleton, columns: int = 8
) -> Image:
    """A contact sheet of training crops with their keypoints, to see what the network is taught.

    Args:
        images: (B, H, W, 3) uint8.
        keypoints_crop: (B, K, 2) crop pixels.
        weights: (B, K); keypoints of weight 0 are not drawn.
    Raises:
        ValueError: shapes do not fit, or there are no images.
    """
    points, shown = np.asarray(keypoints_crop), np.asarray(weights)
    k = skeleton.num_keypoints
    if images.ndim != 4 or not len(images) or points.shape != (len(images), k, 2) or shown.shape != points.shape[:2]:
        raise ValueError(
            f"skeleton '{skeleton.name}' needs images (B, H, W, 3), keypoints (B, {k}, 2) and weights (B, {k}), "
            f"got {images.shape}, {points.shape} and {shown.shape}"
        )
    cells = [
        draw_people(image, xy[None], (w > 0)[None], skeleton=skeleton)
        for image, xy, w in zip(images, points, shown, strict=True)
    ]
    return _with_legend(grid(cells, columns=columns, gap=4), plural(len(cells), "crop"))


def draw_pairs(
    images: Image,
    annotated: ArrayLike,
    weights: ArrayLike,
    found: ArrayLike,
    scores: ArrayLike,
    *,
    skeleton: Skeleton,
    columns: int = 4,
) -> Image:
    """A contact sheet of crops twice, with what is annotated and, right of it, what a network found.

    Args:
        images: (B, H, W, 3) uint8.
        annotated, found: (B, K, 2) crop pixels.
        weights: (B, K); annotated keypoints of weight 0 are not drawn.
        scores: (B, K) of what was found; however low, it is drawn, as an evaluation counts it.
        columns: pairs in a row.
    Raises:
        ValueError: shapes do not fit.
    """
    truth, shown = np.asarray(annotated), np.asarray(weights) > 0
    points, sure = np.asarray(found), np.maximum(scores, FAINTEST)
    cells = []
    for index, image in enumerate(images):
        left = draw_people(image, truth[index, None], shown[index, None], skeleton=skeleton)
        right = draw_people(image, points[index, None], sure[index, None], skeleton=skeleton, threshold=0.0)
        cells.append(np.concatenate([left, right], axis=1))
    return _with_legend(grid(cells, columns=columns, gap=8), "left half: annotated, right half: found")


def grid(cells: Sequence[Image], *, columns: int, gap: int) -> Image:
    """Equal cells in rows of `columns`."""
    if columns < 1:
        raise ValueError(f"a grid needs at least one column, got {columns}")
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    height, width = cells[0].shape[:2]
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), _BACKGROUND, dtype=np.uint8)
    for index, cell in enumerate(cells):
        y, x = gap + index // columns * (height + gap), gap + index % columns * (width + gap)
        sheet[y : y + height, x : x + width] = cell
    return sheet


def titled(panel: Image, title: str, color: Color) -> Image:
    """A panel with its title on a bar above it."""
    bar = np.full((24, panel.shape[1], 3), _BACKGROUND, dtype=np.uint8)
    _text(bar, title, (4, 17), color)
    return np.concatenate([bar, panel])


def _text(image: Image, text: str, origin: tuple[int, int], color: Color) -> int:
    """Write in place, baseline at `origin`, shrunk to fit; returns the x where it ends."""
    size = 0.5
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    size *= min(1.0, (image.shape[1] - origin[0] - 2) / max(1, width))
    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)
    return origin[0] + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]


def _with_legend(sheet: Image, title: str) -> Image:
    """What the colors mean, and a title at the right end if there is room for it, on a bar above the sheet."""
    width = sheet.shape[1]
    bar = np.full((30, width, 3), _BACKGROUND, dtype=np.uint8)
    x = 10
    for name, color in (("left", LEFT), ("right", RIGHT), ("middle", PEOPLE[0])):
        draw_strokes(bar, [Stroke((x + 5.0, 15.0), (x + 5.0, 15.0), 5.0, 0.0, color, 1.0)])
        x = _text(bar, name, (x + 16, 20), _TEXT) + 18
    start = width - 10 - cv2.getTextSize(title, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0]
    if start > x:
        _text(bar, title, (start, 20), _TEXT)
    return np.concatenate([bar, sheet])
