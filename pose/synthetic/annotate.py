"""The exact annotation of a rendered person: keypoints, what hides them, box and area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.bones import Body, Bones
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.shade import SUPERSAMPLING, Camera, Layer

FACE = 5  # keypoints of the face, which come first
MIN_VISIBLE = 40  # pixels of a person below which the keypoints are not labelled
# How far a keypoint may lie behind the body's own surface and still be visible, metres of a 1.75 m body: its own
# flesh and cloth, but not another limb. COCO's order: nose, eyes, ears, then pairs from shoulders to ankles.
OWN_DEPTH = np.array(
    [0.03, 0.03, 0.03, 0.035, 0.035, 0.14, 0.14, 0.085, 0.085, 0.07, 0.07, 0.19, 0.19, 0.10, 0.10, 0.085, 0.085]
)


@dataclass(frozen=True)
class Figure:
    """One person, or animal, of a picture.

    Attributes:
        keypoints: (K, 3) float64 x, y in pixels (integers are pixel centres) and visibility: 2 visible, 1 hidden by
            the own body, another person or a thing, 0 outside the picture or unlabelled (x = y = 0 then).
        box_xywh: (4,) of the whole silhouette, hidden parts included, or of what is visible; see
            `Level.only_visible`. Clipped to the picture.
        area: pixels of the visible silhouette.
        view: "front", "side" or "back": which side of the chest the camera sees.
        posture: a key of `Level.postures`.
        truncated: whether any of the keypoints lies outside the picture.
    """

    keypoints: Array
    box_xywh: Array
    area: float
    view: str
    posture: str
    truncated: bool


@dataclass(frozen=True)
class Person:
    """Somebody placed in the scene."""

    body: Body
    bones: Bones
    clothes: Clothes
    posture: str
    position: Array  # (3,) on the ground
    yaw: float


def annotate(
    person: Person, mesh: Mesh, points: Array, *, camera: Camera, layer: Layer, instance: int, only_visible: bool
) -> Figure | None:
    """Keypoints with visibility from the depth order, box and area; None for a person out of the picture.

    Args:
        only_visible: see `locate`; nor is a face labelled that is turned away.
    """
    own_depth = OWN_DEPTH * person.body.scale
    found = locate(
        mesh,
        points,
        camera=camera,
        layer=layer,
        instance=instance,
        own_depth=own_depth,
        only_visible=only_visible,
    )
    if found is None:
        return None
    keypoints, box_xywh, area, truncated = found
    if only_visible:
        keypoints[:FACE][keypoints[:FACE, 2] == 1] = 0
    return Figure(keypoints, box_xywh, area, _view(person, camera), person.posture, truncated)


def locate(
    mesh: Mesh,
    points: Array,
    *,
    camera: Camera,
    layer: Layer,
    instance: int,
    own_depth: Array,
    only_visible: bool,
) -> tuple[Array, Array, float, bool] | None:
    """`keypoints`, `box_xywh`, `area` and `truncated` of a `Figure`; None for one out of the picture.

    Args:
        points: (K, 3) keypoints in metres.
        own_depth: (K,) metres that each may lie behind the body's own surface and still be visible.
        only_visible: whether the box holds the visible pixels alone, and keypoints are labelled only where they are
            visible or the own body hides them. One without visible pixels is out of the picture then.
    """
    height, width = camera.size
    xy, depth = camera.project(mesh.vertices)
    if depth.min() < 0.3:
        return None
    edges = np.array([width, height, width, height])
    box_xyxy = np.clip(np.concatenate([xy.min(0), xy.max(0)]) + 0.5, 0, edges)
    if (box_xyxy[2:] - box_xyxy[:2]).min() < 2:
        return None
    xy, depth = camera.project(points)
    inside = ((xy >= 0) & (xy <= edges[:2] - 1)).all(1)
    shown = layer.instance == instance
    area = float(shown.sum()) / SUPERSAMPLING**2
    keypoints = np.zeros((len(points), 3))
    if area >= MIN_VISIBLE:
        visible, by_itself = is_visible(xy, depth, layer, instance=instance, own_depth=own_depth)
        labelled = inside & (visible | by_itself) if only_visible else inside
        keypoints[labelled, :2] = xy[labelled]
        keypoints[labelled, 2] = np.where(visible, 2, 1)[labelled]
    if only_visible:
        rows, columns = (np.flatnonzero(shown.any(axis)) for axis in (1, 0))
        if len(rows) == 0:
            return None
        box_xyxy = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / SUPERSAMPLING
    box_xywh = np.concatenate([box_xyxy[:2], box_xyxy[2:] - box_xyxy[:2]])
    return keypoints, box_xywh, area, not bool(inside.all())


def is_visible(xy: Array, depth: Array, layer: Layer, *, instance: int, own_depth: Array) -> tuple[Array, Array]:
    """Whether nothing but its own flesh lies before each keypoint.

    Args:
        xy: (K, 2) pixels. depth, own_depth: (K,) metres.
    Returns:
        (K,) bool, and whether what lies before it is the own body, (K,) bool; unspecified outside the picture.
    """
    height, width = layer.instance.shape
    x, y = (
        np.clip(np.round((xy[:, k] + 0.5) * SUPERSAMPLING - 0.5).astype(int), 0, size - 1)
        for k, size in ((0, width), (1, height))
    )
    own, surface_depth = layer.instance[y, x] == instance, layer.depth[y, x]
    visible = surface_depth > depth - np.where(own, own_depth, 0.0)
    return visible, own


def _view(person: Person, camera: Camera) -> str:
    front = person.bones.frames["chest"][:, 2]
    eye = camera.position - person.position - person.bones.points["neck"]
    cosine = float(front @ eye / np.linalg.norm(eye))
    return "front" if cosine > 0.5 else "back" if cosine < -0.5 else "side"
