"""The surface of an animal and its keypoints, built part by part.

The second kind of generated data, to show that nothing in the project is about people. Body frame: x to the animal's
left, y up, z forward; lengths are in heights at the withers unless meters are said.
"""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.animals.animal import Animal
from pose.synthetic.animals.profiles import BACK_LEG, FRONT_LEG, SKULL, TRUNK
from pose.synthetic.animals.skeleton import ANIMAL
from pose.synthetic.render.frames import SIDES, rotation
from pose.synthetic.render.mesh import Mesh, join, loft, tube_triangles, unit_sphere

COAT, SOCK, NOSE, EYE = range(4)  # places in `Animal.materials`
Surface = tuple[Array, Array, Array]  # vertices, local coordinates, triangles


def build(animal: Animal, *, yaw: float, first_material: int, instance: int) -> tuple[Mesh, Array]:
    """Build the mesh on the ground at the origin, and the (20, 3) keypoints, both in meters and in the world.

    Args:
        yaw: degrees; 0 looks along +z.
    """
    builder = _Builder(animal, first_material=first_material, instance=instance)
    builder.trunk()
    skull, frame = builder.neck()
    builder.head(skull, frame)
    builder.tail()
    for i in range(2):
        for hind in (False, True):
            builder.leg(i, hind=hind)
    mesh = join(builder.parts)
    turn = rotation("y", yaw) * animal.height
    vertices = (mesh.vertices @ turn.T).astype(np.float32)
    keypoints = np.stack([builder.points[name] for name in ANIMAL.keypoint_names]) @ turn.T
    return Mesh(vertices, mesh.local, mesh.triangles, mesh.material, mesh.instance), keypoints


class _Builder:
    """Collects the parts and keypoints of one animal that looks along +z, in heights at the withers."""

    def __init__(self, animal: Animal, *, first_material: int, instance: int) -> None:
        self.animal, self.first_material, self.instance = animal, first_material, instance
        self.parts: list[Mesh] = []
        self.points: dict[str, Array] = {}

    def add(self, surface: Surface, material: int) -> None:
        vertices, local, triangles = surface
        count = len(triangles)
        self.parts.append(
            Mesh(
                vertices.astype(np.float32),
                (local * self.animal.height).astype(np.float32),
                triangles,
                np.full(count, self.first_material + material, np.int32),
                np.full(count, self.instance, np.int32),
            )
        )

    def trunk(self) -> None:
        a = self.animal
        along, width, depth, up = TRUNK.T
        middle = 1 - a.chest / 2
        spine = np.stack([0 * along, middle + up * a.chest, (along - 0.5) * a.length * 1.05], 1)
        self.add(_sweep(spine, np.stack([width * a.girth, depth], 1) * a.chest, segments=18), COAT)
        self.points["withers"] = np.array([0, 0.985, 0.30 * a.length])

    def neck(self) -> tuple[Array, Array]:
        """Add the neck; returns where the skull begins (3,) and the head's frame (3, 3)."""
        a = self.animal
        turned = rotation("y", a.neck_turn)
        way = turned @ rotation("x", -a.neck_up) @ (0, 0, 1)
        base = np.array([0, 1 - 0.36 * a.chest, 0.40 * a.length])
        skull = base + np.array([0, 0, 0.06]) + way * (a.neck + 0.08)
        line = base + np.linspace(-0.1, 1, 9)[:, None] * (skull - base)
        line[:, 1] += 0.05 * np.sin(np.linspace(0, np.pi, 9)) * np.cos(np.radians(a.neck_up))
        thick = np.interp(np.linspace(0, 1, 9), (0, 0.12, 0.3, 1), (0.12, 0.38, 0.36, 0.20)) * a.chest
        thick[-1] *= 0.6
        self.add(_sweep(line, np.stack([thick * 0.75, thick], 1)), COAT)
        return skull, turned @ rotation("x", a.head_down - min(a.neck_up, 0) * 0.8)

    def head(self, skull: Array, frame: Array) -> None:
        a = self.animal

        def on_head(x: float, y: float, z: float) -> Array:
            place: Array = skull + frame @ np.array([x, y, z]) * a.head
            return place

        along, width, depth, up = SKULL.T
        line = skull + np.stack([0 * along, up, along], 1) @ frame.T * a.head
        self.add(_sweep(line, np.stack([width, depth], 1) * a.head, side=frame[:, 0], segments=14), COAT)
        self.points["nose"] = on_head(0, -0.035, 0.665)
        self.add(_ball(self.points["nose"], frame, np.array([0.06, 0.045, 0.045]) * a.head), NOSE)
        for name, side in zip(("left", "right"), SIDES, strict=True):
            eye = self.points[f"{name}_eye"] = on_head(side * 0.185, 0.085, 0.15)
            self.add(_ball(eye, frame, np.full(3, 0.045) * a.head), EYE)
            tip = (side * 0.34, -0.18, 0.0) if a.floppy else (side * 0.22, 0.56, -0.14)
            bend = (side * 0.33, 0.14, -0.06) if a.floppy else (side * 0.19, 0.36, -0.14)
            ear = np.stack([on_head(side * 0.13, 0.16, -0.1), on_head(*bend), on_head(*tip)])
            shape = np.array([[0.05, 0.09], [0.045, 0.11], [0.035, 0.10], [0.025, 0.06], [0.008, 0.01]]) * a.head
            self.add(_sweep(_resample(ear, 5, smooth=0), shape, side=frame[:, 0]), SOCK)
            self.points[f"{name}_ear"] = ear[-1]

    def tail(self) -> None:
        """Add the tail, which bends away from its root's direction on the way."""
        a = self.animal
        self.points["tail_base"] = root = np.array([0, 1 - 0.10 * a.chest, -0.49 * a.length])
        line = [root + np.array([0, -0.02, 0.06]), root]
        for step in range(8):
            share = step / 7
            turned = rotation("y", a.tail_turn * (0.3 + share))
            bent = turned @ rotation("x", (-25 + (a.tail_up + 25) * share)) @ (0, 0, -1)
            line.append(line[-1] + bent * a.tail / 8)
        thick = np.interp(np.linspace(0, 1, 10), (0, 0.15, 0.6, 1), (0.045, 0.042, 0.034, 0.014))
        self.add(_sweep(np.stack(line), np.stack([thick, thick], 1), segments=8), COAT)
        self.points["tail_tip"] = line[-1]

    def leg(self, i: int, *, hind: bool) -> None:
        """Add a leg of side i (0 left, 1 right): the paw is given, and the bones between follow."""
        a, name, side = self.animal, ("left", "right")[i], SIDES[i]
        top = 1 - (0.42 if hind else 0.55) * a.chest
        root = np.array([side * 0.24 * a.chest * a.girth, top, (-0.80 if hind else 0.70) * (a.length / 2)])
        forward, lift = a.feet[2 * hind + i]
        paw = np.array([side * (0.24 * a.chest * a.girth + 0.01), 0.035 + lift, root[2] + forward - 0.04 * hind])
        lean = np.radians((18 if hind else -8) + 140 * lift)
        last = (0.30 if hind else 0.20) * top
        ankle = paw + np.array([0, np.cos(lean), -np.sin(lean)]) * last
        lengths = (0.42 * top, 0.44 * top) if hind else (0.40 * top, 0.45 * top)
        knee, ankle = _two_bones(root, ankle, lengths, bend=1.0 if hind else -1.0)
        paw = ankle - np.array([0, np.cos(lean), -np.sin(lean)]) * last
        table = BACK_LEG if hind else FRONT_LEG
        t = np.linspace(0, 3, 19)
        line = _resample(np.stack([root, knee, ankle, paw]), 19, smooth=2)
        radii = np.stack([np.interp(t, table[:, 0], table[:, k]) for k in (1, 2)], 1) * a.bone
        self.add(_sweep(line[:12], radii[:12]), COAT)
        self.add(_sweep(line[11:], radii[11:]), SOCK)
        self.add(_ball(paw + np.array([0, -0.005, 0.02]), np.eye(3), np.array([0.04, 0.035, 0.06]) * a.bone), SOCK)
        parts = ("back_knee", "back_hock", "back_paw") if hind else ("front_elbow", "front_knee", "front_paw")
        for part, place in zip(parts, (knee, ankle, paw), strict=True):
            self.points[f"{name}_{part}"] = place


def _two_bones(root: Array, end: Array, lengths: tuple[float, float], *, bend: float) -> tuple[Array, Array]:
    """Place two bones from `root` towards `end`, bent forward (1) or back (-1).

    Returns:
        Where they meet, and where they end: at `end`, or as near to it as they reach.
    """
    a, b = lengths
    way = end - root
    distance = float(np.linalg.norm(way))
    way = way / distance
    distance = float(np.clip(distance, abs(a - b) + 1e-3, 0.995 * (a + b)))
    cosine = (a * a + distance * distance - b * b) / (2 * a * distance)
    normal = np.array([0, 0, bend]) - bend * way[2] * way
    normal = normal / np.linalg.norm(normal)
    return root + a * (cosine * way + np.sqrt(1 - cosine**2) * normal), root + way * distance


def _resample(corners: Array, count: int, *, smooth: int) -> Array:
    """Spread `count` points over a line, equally many on each bone, and round its corners `smooth` times."""
    t = np.linspace(0, len(corners) - 1, count)
    line = np.stack([np.interp(t, np.arange(len(corners)), corners[:, k]) for k in range(3)], 1)
    for _ in range(smooth):
        line[1:-1] = 0.25 * line[:-2] + 0.5 * line[1:-1] + 0.25 * line[2:]
    return line


def _sweep(line: Array, radii: Array, *, side: Array = np.array([1.0, 0, 0]), segments: int = 12) -> Surface:
    """Make a closed tube.

    Args:
        line: (R, 3) its middle. radii: (R, 2) along `side` and across.
    """
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    u = side - (tangent @ side)[:, None] * tangent
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(tangent, u)
    # Two rings of no size close the ends.
    closed = [np.concatenate([x[:1], x, x[-1:]]) for x in (line, u, v, radii)]
    closed[3][[0, -1]] = 1e-3
    step = np.linalg.norm(np.diff(closed[0], axis=0), axis=1)
    rings = np.concatenate([closed[3], np.zeros((len(closed[3]), 1))], 1)
    vertices, local = loft(
        closed[0], closed[1], closed[2], rings, along=np.concatenate([[0], np.cumsum(step)]), segments=segments
    )
    return vertices, local, tube_triangles(len(rings), segments, False)


def _ball(center: Array, frame: Array, radii: Array) -> Surface:
    q = unit_sphere(7, 10)
    return center + (q * radii) @ frame.T, q * radii, tube_triangles(7, 10, False)
