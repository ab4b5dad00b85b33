"""The surface of a placed body with its clothes: the skinned mesh, hair, hats, skirts and bags.

Close-fitting clothes are the body's own surface moved outwards, with another material where they are: left and right
always get the same, so that only the body tells the sides apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pose.keypoints.skeletons import COCO17
from pose.runtime.arrays import Array
from pose.synthetic.people.bones import Body, Bones
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.people.ease import ease
from pose.synthetic.people.rig import skin
from pose.synthetic.people.template import PARTS, template
from pose.synthetic.render.frames import between
from pose.synthetic.render.mesh import Mesh, join, loft, tube_triangles, unit_sphere, vertex_normals

SURFACES = {
    "head": "head",
    "eye": "eye",
    "trunk": "trunk",
    "arm": "arm",
    "hand": "hand",
    "leg": "leg",
    "foot": "shoes",
}


class BodyBuilder:
    """Collects the parts of one person's mesh; `build` is the entry."""

    def __init__(self, body: Body, bones: Bones, clothes: Clothes, *, first_material: int, instance: int) -> None:
        self.body, self.bones, self.clothes = body, bones, clothes
        self.names = {name: first_material + i for i, name in enumerate(clothes.surfaces)}
        self.instance = instance
        self.parts: list[Mesh] = []

    def add(self, points: Array, local: Array, triangles: Array, material: Array | str) -> None:
        if isinstance(material, str):
            material = np.full(len(triangles), self.names[material])
        who = np.full(len(triangles), self.instance, np.int32)
        self.parts.append(
            Mesh(points.astype(np.float32), local.astype(np.float32), triangles, material.astype(np.int32), who)
        )

    def add_loft(
        self,
        rings: tuple[Array, Array, Array, Array],
        along: Array,
        segments: int,
        material: str,
        **options: Any,
    ) -> None:
        points, local = loft(*rings, along=along, segments=segments, **options)
        self.add(points, local, tube_triangles(len(along), segments, False), material)

    def ball(self, center: Array, frame: Array, radii: tuple[float, float, float], material: str) -> None:
        q = unit_sphere(7, 10)
        self.add(center + (q * radii) @ frame.T, q * radii, tube_triangles(7, 10, False), material)

    def surface(self) -> Array:
        """Add the skinned mesh; returns the (17, 3) keypoints in meters, in COCO's order."""
        t = template()
        count = len(t.vertex_part)
        local = t.vertices
        who = np.full(len(t.triangles), self.instance, np.int32)
        bare = self.body.rest[:count]
        normals = vertex_normals(Mesh(bare, local, t.triangles, who, who))
        rest = np.concatenate(
            [bare + normals * (ease(self.clothes) * self.body.scale)[:, None], self.body.rest[count + len(t.bones) :]]
        )
        moved = skin(rest, self.bones.motion)
        looks = np.array([self.names[SURFACES[part]] for part in PARTS])
        self.add(moved[:count], local, t.triangles, looks[t.part])
        return moved[count : count + COCO17.num_keypoints].astype(np.float64)

    def head(self) -> None:
        """Add hats, glasses and what hair hangs down."""
        p, f, wear = self.bones.points, self.bones.frames["head"], self.clothes
        k = self.body.head

        def at(x: float, y: float, z: float) -> Array:
            return p["head"] + f @ (np.array([x, y, z]) * k)

        if wear.hat == "helmet":
            self.ball(at(0, 0.050, -0.015), f, (0.100 * k, 0.098 * k, 0.122 * k), "hat")
        elif wear.hat == "full":
            self.ball(at(0, -0.005, 0.0), f, (0.108 * k, 0.148 * k, 0.140 * k), "hat")
            self.ball(at(0, 0.010, 0.105), f, (0.080 * k, 0.045 * k, 0.036 * k), "lens")
        elif wear.hat == "brim":
            self.ball(at(0, 0.062, 0.0), f, (0.17 * k, 0.010 * k, 0.18 * k), "hat")
            self.ball(at(0, 0.085, 0.0), f, (0.088 * k, 0.06 * k, 0.105 * k), "hat")
        if wear.goggles:
            self.ball(at(0, 0.008, 0.078), f, (0.074 * k, 0.022 * k, 0.028 * k), "lens")
        if wear.hat == "cap":
            self.ball(at(0, 0.058, 0.10), f, (0.07 * k, 0.010 * k, 0.075 * k), "hat")
        if wear.hair == "long":
            drop = np.array([0.06, 0.03, -0.02, -0.08, -0.14, -0.20, -0.24, -0.245])
            r = np.array([0.01, 0.075, 0.092, 0.094, 0.09, 0.08, 0.06, 0.003])[:, None]
            r = r * np.array([wear.spread, 0.62, 0.0])
            back = np.array([-0.03, -0.036, -0.045, -0.05, -0.058, -0.064, -0.066, -0.066])
            back = back + 0.05 * (wear.spread - 1)
            w = np.clip(-drop / 0.24, 0, 1)
            frames = between(f, self.bones.frames["chest"], w)
            line = np.stack([0 * drop, drop * wear.length, back], 1)
            centers = p["head"] + np.einsum("rij,rj->ri", 0.5 * (frames + f), line) * k
            self.add_loft((centers, frames[:, :, 0], frames[:, :, 2], r * k), drop * k, 14, "hair")
        elif wear.hair == "tail":
            self.ball(at(0, 0.02, -0.115), f, (0.026 * k, 0.03 * k, 0.026 * k), "hair")
            self.ball(at(0, -0.075, -0.131), f, (0.03 * k, 0.095 * k, 0.026 * k), "hair")
        elif wear.hair == "bun":
            self.ball(at(0, 0.085, -0.095), f, (0.038 * k, 0.038 * k, 0.038 * k), "hair")

    def skirt(self) -> None:
        p, f, s, wear = self.bones.points, self.bones.frames, self.body.scale, self.clothes
        t = np.concatenate([[-0.24, -0.23], np.linspace(-0.1, wear.skirt, 7), [wear.skirt + 0.01]])

        def line(i: int) -> Array:
            a, b, c = (p[f"{n}{i}"] for n in ("hip", "knee", "ankle"))
            return a + (b - a) * np.minimum(t, 1)[:, None] + (c - b) * np.maximum(t - 1, 0)[:, None]

        left, right = line(0), line(1)
        across = left - right
        gap = np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
        u = across / gap
        down = 0.5 * (f["thigh0"][:, 1] + f["thigh1"][:, 1])
        v = np.cross(u, down)
        v /= np.linalg.norm(v, axis=1, keepdims=True) + 1e-6
        leg = np.interp(t, (-0.1, 0.05, 0.5, 1.0, 2.0), (0.080, 0.085, 0.075, 0.055, 0.05)) * s
        flare = 0.02 + 0.05 * np.clip(t, 0, 2)
        r = np.stack([gap[:, 0] / 2 + leg + flare * s, leg + (flare + 0.02) * s, 0 * t], 1)
        r[[0, -1]] = 0.004
        self.add_loft((0.5 * (left + right), u, v, r), t * 0.42 * s, 18, "bottom")

    def build(self) -> tuple[Mesh, Array]:
        """Build the mesh, and the (17, 3) keypoints in meters, in COCO's order."""
        keypoints = self.surface()
        self.head()
        if self.clothes.skirt:
            self.skirt()
        if self.clothes.bag:
            chest, s = self.bones.frames["chest"], self.body.scale
            spot = self.bones.points["waist"] + chest @ np.array([0, 0.15, -0.19]) * s
            self.ball(spot, chest, (0.15 * s, 0.22 * s, 0.11 * s), "hat")
        return join(self.parts), keypoints
