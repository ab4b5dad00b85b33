"""The exact annotation of a rendered figure: keypoints, what hides them, box and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Array
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.shade import SUPERSAMPLING, Camera, Layer

MIN_VISIBLE = 40  # pixels of a figure below which its keypoints are not labeled
NEAREST = 0.3  # meters; a figure that comes nearer to the camera is out of the image


@dataclass(frozen=True)
class Figure:
    """One annotated person, or animal, of an image.

    Attributes:
        keypoints: (K, 3) float64 x, y in pixels (integers are pixel centers) and visibility: 2 visible, 1 hidden by
            the own body, another figure or a thing, 0 outside the image or unlabeled (x = y = 0 then).
        box_xywh: (4,) of the whole silhouette, hidden parts included, or of what is visible; see
            `Level.only_visible`. Clipped to the image.
        area: pixels of the visible silhouette.
        view: "front", "side" or "back": which side the camera sees.
        posture: of a person a key of `Level.postures`, of an animal one of `GAITS`.
        truncated: whether any of the keypoints lies outside the image.
    """

    keypoints: Array
    box_xywh: Array
    area: float
    view: str
    posture: str
    truncated: bool


@dataclass(frozen=True)
class SyntheticImage:
    """A generated image and who is in it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        figures: those that are at least partly inside the frame.
    """

    image: Image
    figures: tuple[Figure, ...]


def annotate(
    mesh: Mesh,
    points: Array,
    *,
    camera: Camera,
    layer: Layer,
    instance: int,
    own_depth: Array,
    only_visible: bool,
    view: str,
    posture: str,
    between: Sequence[tuple[int, tuple[int, int]]] = (),
) -> Figure | None:
    """Annotate one figure of a rendered scene, with visibility from the depth order.

    Args:
        mesh: of this figure alone, in the world.
        points: (K, 3) its keypoints in meters.
        layer: all meshes as the camera sees them.
        instance: number of the figure in them.
        own_depth: (K,) meters that each keypoint may lie behind the figure's own surface and still be visible.
        only_visible: whether the box holds the visible pixels alone, and keypoints are labeled only where they are
            visible or the own body hides them.
        between: keypoints that are then labeled in spite of what hides them, each with the two that must be labeled.
    Returns:
        None for a figure that is out of the image; with `only_visible` that is one without visible pixels.
    """
    box_xyxy = _silhouette_box(mesh, camera)
    if box_xyxy is None:
        return None
    height, width = camera.size
    xy, depth = camera.project(points)
    inside: Array = np.asarray(((xy >= 0) & (xy <= (width - 1, height - 1))).all(1))
    shown = layer.instance == instance
    area = float(shown.sum()) / SUPERSAMPLING**2
    keypoints = np.zeros((len(points), 3))
    if area >= MIN_VISIBLE:
        visible, by_itself = is_visible(xy, depth, layer, instance=instance, own_depth=own_depth)
        labeled: Array = np.asarray(inside & (visible | by_itself) if only_visible else inside)
        if only_visible:
            for middle, ends in between:
                labeled[middle] |= inside[middle] and labeled[list(ends)].all()
        keypoints[labeled, :2] = xy[labeled]
        keypoints[labeled, 2] = np.where(visible, 2, 1)[labeled]
    if only_visible:
        rows, columns = (np.flatnonzero(shown.any(axis)) for axis in (1, 0))
        if len(rows) == 0:
            return None
        box_xyxy = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / SUPERSAMPLING
    box_xywh = np.concatenate([box_xyxy[:2], box_xyxy[2:] - box_xyxy[:2]])
    return Figure(keypoints, box_xywh, area, view, posture, truncated=not bool(inside.all()))


def _silhouette_box(mesh: Mesh, camera: Camera) -> Array | None:
    """Find the corners (4,) of a mesh's outline, clipped to the image; None if it is out of the image."""
    height, width = camera.size
    xy, depth = camera.project(mesh.vertices)
    if depth.min() < NEAREST:
        return None
    box_xyxy = np.clip(np.concatenate([xy.min(0), xy.max(0)]) + 0.5, 0, (width, height, width, height))
    return None if (box_xyxy[2:] - box_xyxy[:2]).min() < 2 else box_xyxy


def is_visible(xy: Array, depth: Array, layer: Layer, *, instance: int, own_depth: Array) -> tuple[Array, Array]:
    """Say whether nothing but its own flesh lies before each keypoint.

    Args:
        xy: (K, 2) pixels.
        depth, own_depth: (K,) meters.
    Returns:
        visible: (K,) bool.
        own: (K,) bool, whether what lies before it is the own body; unspecified outside the image.
    """
    height, width = layer.instance.shape
    x, y = (
        np.clip(np.round((xy[:, k] + 0.5) * SUPERSAMPLING - 0.5).astype(int), 0, size - 1)
        for k, size in ((0, width), (1, height))
    )
    own, surface_depth = layer.instance[y, x] == instance, layer.depth[y, x]
    visible = surface_depth > depth - np.where(own, own_depth, 0.0)
    return visible, own


def side_seen(front: Array, to_camera: Array) -> str:
    """Name the side, "front", "side" or "back", that a camera sees.

    Args:
        front: (3,) unit vector to where the figure faces.
        to_camera: (3,) from the figure to the camera, of any length.
    """
    cosine = float(front @ to_camera / np.linalg.norm(to_camera))
    return "front" if cosine > 0.5 else "back" if cosine < -0.5 else "side"
