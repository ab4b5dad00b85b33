"""A person placed in the scene, and the annotation of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.annotate import Figure, annotate, side_seen
from pose.synthetic.people.bones import Body, Bones
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.shade import Camera, Layer

FACE = 5  # keypoints of the face, which come first
EARS = (3, 4)
ANKLES = (15, 16)
# Where both ends are labeled COCO's annotators label the middle too, even if something hides it: of hips between a
# labeled shoulder and knee, and of knees between hip and ankle, none is left out in 223 people.
MIDDLES = ((11, 5, 13), (13, 11, 15), (7, 5, 9), (5, 7, 11))  # left hips, knees, elbows, shoulders
BETWEEN = tuple((middle + k, (end + k, other + k)) for middle, end, other in MIDDLES for k in (0, 1))
# How far a keypoint may lie behind the body's own surface and still be visible, meters of a 1.75 m body: its own
# flesh and cloth, but not another limb. COCO's order: nose, eyes, ears, then pairs from shoulders to ankles.
OWN_DEPTH = np.array(
    [0.035, 0.045, 0.045, 0.05, 0.05, 0.14, 0.14, 0.085, 0.085, 0.07, 0.07, 0.19, 0.19, 0.10, 0.10, 0.085, 0.085]
)


@dataclass(frozen=True)
class SyntheticPerson:
    """Somebody placed in the scene.

    Attributes:
        position: (3,) meters, on the ground.
        yaw: degrees, see `place`.
    """

    body: Body
    bones: Bones
    clothes: Clothes
    posture: str
    position: Array
    yaw: float


def annotate_person(
    person: SyntheticPerson,
    mesh: Mesh,
    points: Array,
    *,
    camera: Camera,
    layer: Layer,
    instance: int,
    only_visible: bool,
) -> Figure | None:
    """Annotate one person; see `annotate`.

    Args:
        only_visible: as in `annotate`; nor is a face labeled that is turned away, but what is hidden between two
            labeled keypoints of a limb or the trunk is.
    """
    to_camera = camera.position - person.position - person.bones.points["neck"]
    own_depth = OWN_DEPTH.copy()
    if only_visible:
        own_depth[list(EARS)] += 0.1 * person.clothes.volume  # annotators see ears through hair
    figure = annotate(
        mesh,
        points,
        camera=camera,
        layer=layer,
        instance=instance,
        own_depth=own_depth * person.body.scale,
        only_visible=only_visible,
        view=side_seen(person.bones.frames["chest"][:, 2], to_camera),
        posture=person.posture,
        between=BETWEEN,
    )
    if figure is None or not only_visible:
        return figure
    keypoints = figure.keypoints.copy()
    keypoints[:FACE][keypoints[:FACE, 2] == 1] = 0
    return replace(figure, keypoints=keypoints)


def feet_on_ground(keypoints: Sequence[Array]) -> Array:
    """Find the places (F, 3) below the ankles that are near the ground; a far one if there is none.

    Args:
        keypoints: (17, 3) of each person, meters.
    """
    near = [k[i] * (1, 0, 1) for k in keypoints for i in ANKLES if k[i, 1] < 0.3]
    return np.stack(near or [np.full(3, 99.0)])
