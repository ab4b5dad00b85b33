"""The surface of a placed body with its clothes: lofted tubes along the bones, a head with a face, hands and shoes.

A loft is a row of rings; the radii come from small tables along the bone, so calves, waists, hems and flared
trousers are numbers. Clothes are the same surface moved outwards, with another material; left and right always get
the same, so that only the body tells the sides apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.bones import Body, Bones
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.people.profiles import ARM, HAND, LEG, SHOE, TRUNK
from pose.synthetic.render.frames import SIDES, between
from pose.synthetic.render.mesh import Mesh, join, loft, tube_triangles, unit_sphere
from pose.synthetic.render.surface import hair_mask


class BodyBuilder:
    """Collects the parts of one person's mesh; `build` is the entry."""

    def __init__(self, body: Body, bones: Bones, clothes: Clothes, *, first_material: int, instance: int) -> None:
        self.body, self.bones, self.clothes = body, bones, clothes
        self.names = {name: first_material + i for i, name in enumerate(clothes.materials)}
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
        materials: list[str],
        **options: Any,
    ) -> None:
        """Add a loft; `materials`: one for each of the bands between the rings."""
        flip = options.pop("flip", False)
        points, local = loft(*rings, along=along, segments=segments, **options)
        bands = np.array([self.names[m] for m in materials])
        self.add(points, local, tube_triangles(len(along), segments, flip), np.tile(np.repeat(bands, segments), 2))

    def ball(self, center: Array, frame: Array, radii: tuple[float, float, float], material: str) -> None:
        q = unit_sphere(7, 10)
        self.add(center + (q * radii) @ frame.T, q * radii, tube_triangles(7, 10, False), material)

    def limb(self, name: str, i: int, table: Array, end: float, ease: float, materials: tuple[str, str]) -> None:
        """Add an arm or leg with cloth (`materials[0]`) from the root to `end`, and skin after it."""
        p, f, s = self.bones.points, self.bones.frames, self.body.scale
        upper, lower, names = (
            ("upper_arm", "forearm", ("shoulder", "elbow", "wrist"))
            if name == "arm"
            else ("thigh", "shin", ("hip", "knee", "ankle"))
        )
        a, b, c = (p[f"{n}{i}"] for n in names)
        fine = np.array([0.7, 0.9, 0.95, 1.05, 1.1, 1.3])
        hem = np.array([end, end + 0.004]) if 0 < end < table[-2, 0] else np.empty(0)
        t = np.unique(np.concatenate([table[:, 0], fine, hem]))
        r = np.stack([np.interp(t, table[:, 0], table[:, k]) for k in (1, 2, 3)], 1) * s
        r[:, :2] *= self.body.thickness
        dressed = t <= end
        flare = 0.5 + np.clip(t / max(end, 0.3), 0, 1)  # cloth stands off more at its end
        inner = (t > table[0, 0]) & (t < table[-1, 0])
        r[:, :2] += (ease * s * flare * dressed * inner)[:, None]
        along_upper = np.minimum(t, 1)[:, None]
        along_lower = np.maximum(t - 1, 0)[:, None]
        centers = a + (b - a) * along_upper + (c - b) * along_lower
        blend = 0.13
        near = np.abs(t - 1) < blend
        w = ((blend - np.abs(t - 1)) ** 2 / (4 * blend))[:, None]
        rounder = w * ((c - b) - (b - a))
        centers = np.where(near[:, None], centers + 0.6 * rounder, centers)
        turn = np.clip((t - 1 + 1.6 * blend) / (3.2 * blend), 0, 1)
        frames = between(f[f"{upper}{i}"], f[f"{lower}{i}"], turn)
        bands = [materials[0] if m < end else materials[1] for m in 0.5 * (t[1:] + t[:-1])]
        segments = 12 if name == "arm" else 14
        self.add_loft((centers, frames[:, :, 0], frames[:, :, 2], r), t * 0.3 * s, segments, bands)

    def trunk(self) -> None:
        p, f, s, body, wear = self.bones.points, self.bones.frames, self.body.scale, self.body, self.clothes
        table = TRUNK
        collar = 0.53
        extra = np.array([wear.hem, wear.hem + 0.004, collar, collar + 0.004, 0.28, 0.345])
        t = np.unique(np.concatenate([table[:, 0], extra]))
        r = np.stack([np.interp(t, table[:, 0], table[:, k]) for k in (1, 2, 3)], 1) * s
        trunk = np.clip((0.5 - t) / 0.08, 0, 1)
        shoulder = np.clip((t - 0.24) / 0.2, 0, 1) * trunk
        hip = np.clip((0.1 - t) / 0.12, 0, 1)
        r[:, 0] *= 1 + (body.girth - 1) * trunk
        r[:, 0] += shoulder * (body.shoulders - 0.172 * s) * 0.8 + hip * (body.hips - 0.092 * s) * 1.2
        r[:, 1] *= 1 + (body.girth - 1) * 0.8 * trunk
        for middle, width, amount in ((0.335, 0.05, body.bust), (0.10, 0.10, body.belly)):
            bump = np.exp(-(((t - middle) / width) ** 2)) * amount * s
            r[:, 1] += bump * 0.5
            r[:, 2] += bump * 0.5
        top = (t > wear.hem) & (t < collar + 0.002)
        below = t <= wear.hem
        inner = np.clip((t + 0.122) * 100, 0, 1)
        hang = 1 + 1.2 * np.clip((0.2 - t) / 0.25, 0, 1)
        r[:, :2] += (np.where(top, wear.loose * hang * (0.4 + 0.6 * trunk), below * wear.wide) * s * inner)[:, None]
        w = np.clip((t + 0.02) / 0.36, 0, 1)
        frames = between(f["pelvis"], f["chest"], w * w * (3 - 2 * w))
        low = np.minimum(t, 0.17)[:, None] * s
        high = np.maximum(t - 0.17, 0)[:, None] * s
        centers = p["pelvis"] + f["pelvis"][:, 1] * low + f["chest"][:, 1] * high
        bend = np.clip(1 - np.abs(t - 0.17) / 0.15, 0, 1)[:, None] ** 2 * 0.04 * s
        centers = centers + bend * (f["chest"][:, 1] - f["pelvis"][:, 1])
        neck = np.clip((t - 0.53) / 0.12, 0, 1)[:, None]
        centers = centers * (1 - neck) + (p["skull"] + f["head"][:, 1] * 0.01 * s) * neck
        middle = 0.5 * (t[1:] + t[:-1])
        bands = ["skin" if m > collar else "top" if m > wear.hem else "bottom" for m in middle]
        rings = (centers, frames[:, :, 0], frames[:, :, 2], r)
        self.add_loft(rings, t * s, 20, bands, squareness=0.88, flip=True)

    def head(self) -> Array:
        """Add head, face and hair; returns (5, 3) nose, eyes and ears."""
        p, f, s, wear = self.bones.points, self.bones.frames["head"], self.body.scale, self.clothes
        k = s * self.body.head
        radii = np.array([0.077, 0.118, 0.097]) * k
        q = unit_sphere(16, 20)
        down, front = np.clip(-q[:, 1], 0, 1), np.clip(q[:, 2], 0, 1)
        hairy = hair_mask(q, wear.materials["head"].scale)
        grow = 1 + hairy * (wear.volume + 0.03 * (wear.hat != "none"))
        x = q[:, 0] * radii[0] * (1 - 0.24 * down**1.5) * grow
        y = q[:, 1] * radii[1] * grow
        z = q[:, 2] * radii[2] * grow * np.where(q[:, 2] < 0, 1 - 0.35 * down, 1.0) + 0.010 * k * down * front
        self.add(p["head"] + np.stack([x, y, z], 1) @ f.T, q, tube_triangles(16, 20, False), "head")

        def at(x: float, y: float, z: float) -> Array:
            return p["head"] + f @ (np.array([x, y, z]) * k)

        self.ball(at(0, -0.022, 0.096), f, (0.013 * k, 0.024 * k, 0.017 * k), "skin")
        self.ball(at(0, -0.034, 0.105), f, (0.016 * k, 0.011 * k, 0.014 * k), "skin")
        ears = []
        for side in SIDES:
            ears.append(at(side * 0.079, -0.008, -0.008))
            self.ball(ears[-1], f, (0.010 * k, 0.030 * k, 0.018 * k), "skin")
        if wear.hat == "helmet":
            self.ball(at(0, 0.055, -0.020), f, (0.097 * k, 0.090 * k, 0.115 * k), "hat")
        elif wear.hat == "full":
            self.ball(at(0, 0.0, 0.0), f, (0.105 * k, 0.145 * k, 0.135 * k), "hat")
            self.ball(at(0, 0.010, 0.105), f, (0.080 * k, 0.045 * k, 0.036 * k), "hair")
        elif wear.hat == "brim":
            self.ball(at(0, 0.062, 0.0), f, (0.17 * k, 0.010 * k, 0.18 * k), "hat")
            self.ball(at(0, 0.085, 0.0), f, (0.085 * k, 0.06 * k, 0.10 * k), "hat")
        if wear.goggles:
            self.ball(at(0, 0.010, 0.076), f, (0.072 * k, 0.024 * k, 0.026 * k), "hair")
        if wear.hat == "cap":
            self.ball(at(0, 0.052, 0.10), f, (0.07 * k, 0.010 * k, 0.075 * k), "hat")
        if wear.hair == "long":
            drop = np.array([0.06, 0.03, -0.02, -0.08, -0.14, -0.20, -0.24, -0.245])
            r = np.array([0.01, 0.07, 0.088, 0.09, 0.088, 0.08, 0.06, 0.003])[:, None] * np.array([1.0, 0.62, 0.0])
            back = np.array([-0.03, -0.036, -0.045, -0.05, -0.058, -0.064, -0.066, -0.066])
            w = np.clip(-drop / 0.24, 0, 1)
            frames = between(f, self.bones.frames["chest"], w)
            line = np.stack([0 * drop, drop, back], 1)
            centers = p["head"] + np.einsum("rij,rj->ri", 0.5 * (frames + f), line) * k
            rings = (centers, frames[:, :, 0], frames[:, :, 2], r * k)
            self.add_loft(rings, drop * k, 14, ["hair"] * 7)
        elif wear.hair == "tail":
            self.ball(at(0, 0.02, -0.112), f, (0.026 * k, 0.03 * k, 0.026 * k), "hair")
            self.ball(at(0, -0.075, -0.128), f, (0.03 * k, 0.095 * k, 0.026 * k), "hair")
        elif wear.hair == "bun":
            self.ball(at(0, 0.085, -0.095), f, (0.038 * k, 0.038 * k, 0.038 * k), "hair")
        nose, eye = at(0, -0.032, 0.117), [at(side * 0.032, 0.010, 0.086) for side in SIDES]
        return np.stack([nose, *eye, *ears])

    def hand(self, i: int) -> None:
        p, f, s = self.bones.points[f"wrist{i}"], self.bones.frames[f"hand{i}"], self.body.scale
        side = SIDES[i]
        t = HAND[:, 0]
        curl = (-side * 2.2 * np.clip(t - 0.05, 0, 1) ** 2)[:, None]
        centers = p + (-t[:, None] * f[:, 1] + curl * f[:, 0]) * s
        u, v = (np.broadcast_to(f[:, k], (len(t), 3)) for k in (0, 2))
        self.add_loft((centers, u, v, HAND[:, 1:] * s), t * s, 10, ["hand"] * (len(t) - 1))
        thumb = p + f @ np.array([-side * 0.012, -0.062, 0.046]) * s
        c, d = np.cos(0.5), np.sin(0.5)
        frame = f @ np.array([[1, 0, 0], [0, c, d], [0, -d, c]])
        self.ball(thumb, frame, (0.012 * s, 0.036 * s, 0.013 * s), "hand")

    def foot(self, i: int) -> None:
        p, f, s = self.bones.points[f"ankle{i}"], self.bones.frames[f"foot{i}"], self.body.scale
        t = SHOE[:, 0]
        heights = np.stack([SHOE[:, 1], SHOE[:, 2], SHOE[:, 2] - 0.075], 1)
        centers = p + t[:, None] * f[:, 2] * s
        u, v = (np.broadcast_to(f[:, k], (len(t), 3)) for k in (0, 1))
        self.add_loft((centers, u, v, heights * s), t * s, 12, ["shoes"] * (len(t) - 1), squareness=0.8)

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
        leg = np.interp(t, LEG[:, 0], LEG[:, 1]) * s
        leg[:2] = 0.08 * s
        flare = 0.02 + 0.05 * np.clip(t, 0, 2)
        r = np.stack([gap[:, 0] / 2 + leg + flare * s, leg + (flare + 0.02) * s, 0 * t], 1)
        r[[0, -1]] = 0.004
        self.add_loft((0.5 * (left + right), u, v, r), t * 0.42 * s, 18, ["bottom"] * (len(t) - 1))

    def build(self) -> tuple[Mesh, Array]:
        """Build the mesh, and the (17, 3) keypoints in meters, in COCO's order."""
        wear, p = self.clothes, self.bones.points
        self.trunk()
        face = self.head()
        for i in range(2):
            self.limb("arm", i, ARM, wear.sleeve, wear.loose * 0.6, ("top", "skin"))
            self.limb("leg", i, LEG, 0.1 if wear.skirt else wear.leg, wear.wide, ("bottom", "skin"))
            self.hand(i)
            self.foot(i)
        if wear.skirt:
            self.skirt()
        if wear.bag:
            chest, s = self.bones.frames["chest"], self.body.scale
            spot = p["waist"] + chest @ np.array([0, 0.15, -0.19]) * s
            self.ball(spot, chest, (0.15 * s, 0.22 * s, 0.11 * s), "hat")
        names = [f"{n}{i}" for n in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for i in range(2)]
        return join(self.parts), np.concatenate([face, np.stack([p[n] for n in names])])
