"""A four-legged animal: proportions, gait, and the surface with its keypoints.

The second kind of generated data, to show that nothing in the project is about people. Body frame: x to the animal's
left, y up, z forward; lengths are in heights at the withers unless metres are said. Left and right look alike, so
only where the head is tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Array
from pose.synthetic.people.bones import SIDES, rotation
from pose.synthetic.people.clothes import HAIR, Color, linear
from pose.synthetic.render.mesh import Mesh, join, loft, tube_triangles, unit_sphere
from pose.synthetic.render.surface import Material

GAITS = ("stand", "walk", "trot", "graze")
_LEG_PARTS = ("front_elbow", "front_knee", "front_paw", "back_knee", "back_hock", "back_paw")
_SIDED = ("eye", "ear", *_LEG_PARTS)
# How far each may lie behind the own surface and still be visible, in heights (see `figure_annotate.locate`).
_OWN_DEPTH = {"nose": 0.04, "eye": 0.05, "ear": 0.04, "withers": 0.05, "tail_base": 0.08, "tail_tip": 0.04}
_OWN_DEPTH |= {"front_elbow": 0.10, "front_knee": 0.07, "front_paw": 0.08}
_OWN_DEPTH |= {"back_knee": 0.11, "back_hock": 0.07, "back_paw": 0.08}

ANIMAL = Skeleton.from_names(
    "animal",
    keypoint_names=[
        "nose",
        *(f"{side}_{part}" for part in ("eye", "ear") for side in ("left", "right")),
        *("withers", "tail_base", "tail_tip"),
        *(f"{side}_{part}" for part in _LEG_PARTS for side in ("left", "right")),
    ],
    flip_pairs=[(f"left_{part}", f"right_{part}") for part in _SIDED],
    edges=[
        *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear")),
        *(("nose", "withers"), ("withers", "tail_base"), ("tail_base", "tail_tip")),
        *((a.format(s), b.format(s)) for s in ("left", "right") for a, b in [
            ("withers", "{}_front_elbow"), ("{}_front_elbow", "{}_front_knee"), ("{}_front_knee", "{}_front_paw"),
            ("tail_base", "{}_back_knee"), ("{}_back_knee", "{}_back_hock"), ("{}_back_hock", "{}_back_paw"),
        ]),
    ],
)  # fmt: skip
OWN_DEPTH = np.array([_OWN_DEPTH[n.removeprefix("left_").removeprefix("right_")] for n in ANIMAL.keypoint_names])

COATS = (*HAIR, (196, 160, 118), (224, 208, 180), (236, 234, 228), (168, 96, 52), (108, 104, 100))
TRUNK = np.array(  # from rump to chest, half width, half depth, offset up; in depths of the chest
    [
        *((0.0, 0.02, 0.02, 0.1), (0.02, 0.18, 0.2, 0.09), (0.08, 0.30, 0.32, 0.10), (0.2, 0.36, 0.41, 0.07)),
        *((0.35, 0.37, 0.42, 0.05), (0.5, 0.39, 0.45, 0.03), (0.65, 0.41, 0.49, 0.0), (0.8, 0.4, 0.5, -0.02)),
        *((0.9, 0.36, 0.47, 0.0), (0.97, 0.22, 0.33, 0.05), (1.0, 0.02, 0.02, 0.06)),
    ]
)
SKULL = np.array(  # along the head from its back, half width, half height, offset up; in lengths of the head
    [
        *((-0.32, 0.01, 0.01, 0.02), (-0.29, 0.13, 0.12, 0.02), (-0.15, 0.21, 0.21, 0.03), (0.02, 0.23, 0.22, 0.03)),
        *((0.16, 0.20, 0.19, 0.01), (0.27, 0.14, 0.145, -0.04), (0.45, 0.115, 0.115, -0.065)),
        *((0.60, 0.10, 0.09, -0.07), (0.66, 0.06, 0.055, -0.065), (0.68, 0.01, 0.01, -0.06)),
    ]
)
FRONT_LEG = np.array(  # along (0 root, 1 elbow, 2 knee, 3 paw), half width, half depth
    [
        *((0, 0.045, 0.09), (0.5, 0.058, 0.11), (0.9, 0.05, 0.085), (1.1, 0.048, 0.065), (1.5, 0.04, 0.05)),
        *((1.9, 0.036, 0.042), (2.1, 0.034, 0.038), (2.6, 0.028, 0.03), (3, 0.032, 0.036)),
    ]
)
BACK_LEG = np.array(  # root, knee, hock, paw
    [
        *((0, 0.05, 0.11), (0.4, 0.065, 0.145), (0.85, 0.058, 0.105), (1.1, 0.048, 0.08), (1.5, 0.042, 0.058)),
        *((1.85, 0.032, 0.04), (2.1, 0.03, 0.04), (2.6, 0.026, 0.03), (3, 0.03, 0.036)),
    ]
)


@dataclass(frozen=True)
class Animal:
    """One animal as it stands or goes; where not said otherwise in heights at the withers.

    Attributes:
        height: metres.
        chest: its depth; the rest of the height is leg. length: of the trunk.
        girth, bone: how thick trunk and legs are; 1 is average.
        neck, head, tail: lengths. floppy: whether the ears hang.
        neck_up, neck_turn, head_down, tail_up, tail_turn: degrees.
        feet: (4, 2) how far each paw is before and above the ground under its hip or shoulder; first the front ones,
            left then right.
        materials: coat, sock, nose, eye.
    """

    height: float
    chest: float
    length: float
    girth: float
    bone: float
    neck: float
    head: float
    tail: float
    floppy: bool
    gait: str
    neck_up: float
    neck_turn: float
    head_down: float
    tail_up: float
    tail_turn: float
    feet: Array = field(repr=False)
    materials: tuple[Material, ...] = field(repr=False)

    @staticmethod
    def random(rng: np.random.Generator) -> Animal:
        u = rng.uniform
        gait = str(rng.choice(GAITS, p=(0.35, 0.3, 0.15, 0.2)))
        feet = np.stack([rng.normal(0, 0.05, 4), np.zeros(4)], 1)
        if gait in ("walk", "trot"):
            beat = np.array([0.0, 0.5, 0.75, 0.25] if gait == "walk" else [0.0, 0.5, 0.5, 0.0]) + u()
            stride = u(0.12, 0.2) if gait == "walk" else u(0.18, 0.28)
            swing = np.sin(2 * np.pi * beat)
            feet[:, 0] += stride * np.cos(2 * np.pi * beat)
            feet[:, 1] = np.maximum(-swing, 0) * stride * 0.6
        grazing = gait == "graze"
        long_neck = u()
        return Animal(
            height=float(u(0.45, 1.1)),
            chest=float(u(0.38, 0.50)),
            length=float(u(0.95, 1.25)),
            girth=float(u(0.85, 1.2)),
            bone=float(u(0.85, 1.25)),
            neck=float(0.30 + 0.22 * long_neck + (0.16 if grazing else 0)),
            head=float(u(0.32, 0.42)),
            tail=float(u(0.3, 0.65)),
            floppy=bool(rng.random() < 0.4),
            gait=gait,
            neck_up=float(u(-62, -35) if grazing else u(18, 65)),
            neck_turn=float(rng.normal(0, 8 if grazing else 22)),
            head_down=float(u(10, 35) if grazing else u(-5, 40)),
            tail_up=float(u(-70, 60)),
            tail_turn=float(rng.normal(0, 25)),
            feet=feet,
            materials=_coat(rng),
        )


def _coat(rng: np.random.Generator) -> tuple[Material, ...]:
    def color(dark: float = 1.0) -> Color:
        pick = np.array(COATS[int(rng.integers(len(COATS)))])
        return linear(np.clip(pick * dark + rng.normal(0, 8, 3), 6, 250))

    base, second = color(), color()
    pattern = str(rng.choice(["plain", "stripes", "speckle", "wood"], p=(0.5, 0.15, 0.2, 0.15)))
    scale, phase = float(rng.uniform(0.1, 0.3)), float(rng.uniform(0, 6))
    sock = base if rng.random() < 0.5 else second
    dark = linear((24, 20, 20))
    return (
        Material(pattern, base, second, scale=scale, gloss=0.04, folds=0.25, phase=phase),
        Material("plain", sock, folds=0.2),
        Material("plain", dark, gloss=0.3),
        Material("plain", linear((14, 12, 12)), gloss=0.8),
    )


def build(animal: Animal, *, yaw: float, first_material: int, instance: int) -> tuple[Mesh, Array]:
    """The mesh on the ground at the origin, and the (20, 3) keypoints, both in metres and in the world.

    Args:
        yaw: degrees; 0 looks along +z.
    """
    a, parts = animal, []
    points: dict[str, Array] = {}

    def add(surface: tuple[Array, Array, Array], material: int) -> None:
        vertices, local, triangles = surface
        count = len(triangles)
        mesh = (vertices.astype(np.float32), (local * a.height).astype(np.float32), triangles)
        parts.append(
            Mesh(*mesh, np.full(count, first_material + material, np.int32), np.full(count, instance, np.int32))
        )

    half = a.length / 2
    along, width, depth, up = TRUNK.T
    middle = 1 - a.chest / 2
    spine = np.stack([0 * along, middle + up * a.chest, (along - 0.5) * a.length * 1.05], 1)
    add(_sweep(spine, np.stack([width * a.girth, depth], 1) * a.chest, segments=18), 0)
    points["withers"] = np.array([0, 0.985, 0.30 * a.length])

    # Neck and head.
    turned = rotation("y", a.neck_turn)
    way = turned @ rotation("x", -a.neck_up) @ (0, 0, 1)
    base = np.array([0, 1 - 0.36 * a.chest, 0.40 * a.length])
    skull = base + np.array([0, 0, 0.06]) + way * (a.neck + 0.08)
    line = base + np.linspace(-0.1, 1, 9)[:, None] * (skull - base)
    line[:, 1] += 0.05 * np.sin(np.linspace(0, np.pi, 9)) * np.cos(np.radians(a.neck_up))
    thick = np.interp(np.linspace(0, 1, 9), (0, 0.12, 0.3, 1), (0.12, 0.38, 0.36, 0.20)) * a.chest
    thick[-1] *= 0.6
    add(_sweep(line, np.stack([thick * 0.75, thick], 1)), 0)
    frame = turned @ rotation("x", a.head_down - min(a.neck_up, 0) * 0.8)

    def on_head(x: float, y: float, z: float) -> Array:
        place: Array = skull + frame @ np.array([x, y, z]) * a.head
        return place

    along, width, depth, up = SKULL.T
    line = skull + np.stack([0 * along, up, along], 1) @ frame.T * a.head
    add(_sweep(line, np.stack([width, depth], 1) * a.head, side=frame[:, 0], segments=14), 0)
    points["nose"] = on_head(0, -0.035, 0.665)
    add(_ball(points["nose"], frame, np.array([0.06, 0.045, 0.045]) * a.head), 2)
    for name, side in zip(("left", "right"), SIDES, strict=True):
        points[f"{name}_eye"] = on_head(side * 0.185, 0.085, 0.15)
        add(_ball(points[f"{name}_eye"], frame, np.full(3, 0.045) * a.head), 3)
        tip = (side * 0.34, -0.18, 0.0) if a.floppy else (side * 0.22, 0.56, -0.14)
        bend = (side * 0.33, 0.14, -0.06) if a.floppy else (side * 0.19, 0.36, -0.14)
        ear = np.stack([on_head(side * 0.13, 0.16, -0.1), on_head(*bend), on_head(*tip)])
        shape = np.array([[0.05, 0.09], [0.045, 0.11], [0.035, 0.10], [0.025, 0.06], [0.008, 0.01]]) * a.head
        add(_sweep(_resample(ear, 5, smooth=0), shape, side=frame[:, 0]), 1)
        points[f"{name}_ear"] = ear[-1]

    # Tail: it bends away from its root's direction on the way.
    points["tail_base"] = root = np.array([0, 1 - 0.10 * a.chest, -0.49 * a.length])
    line = [root + np.array([0, -0.02, 0.06]), root]
    for step in range(8):
        share = step / 7
        bent = (
            rotation("y", a.tail_turn * (0.3 + share)) @ rotation("x", (-25 + (a.tail_up + 25) * share)) @ (0, 0, -1)
        )
        line.append(line[-1] + bent * a.tail / 8)
    thick = np.interp(np.linspace(0, 1, 10), (0, 0.15, 0.6, 1), (0.045, 0.042, 0.034, 0.014))
    add(_sweep(np.stack(line), np.stack([thick, thick], 1), segments=8), 0)
    points["tail_tip"] = line[-1]

    # Legs: the paws are given, and the joints between follow.
    for i, (name, side) in enumerate(zip(("left", "right"), SIDES, strict=True)):
        for hind in (False, True):
            top = 1 - (0.42 if hind else 0.55) * a.chest
            root = np.array([side * 0.24 * a.chest * a.girth, top, (-0.80 if hind else 0.70) * half])
            forward, lift = a.feet[2 * hind + i]
            paw = np.array([side * (0.24 * a.chest * a.girth + 0.01), 0.035 + lift, root[2] + forward - 0.04 * hind])
            lean = np.radians((18 if hind else -8) + 140 * lift)
            last = (0.30 if hind else 0.20) * top
            ankle = paw + np.array([0, np.cos(lean), -np.sin(lean)]) * last
            lengths = (0.42 * top, 0.44 * top) if hind else (0.40 * top, 0.45 * top)
            joint, ankle = _two_bones(root, ankle, lengths, bend=1.0 if hind else -1.0)
            paw = ankle - np.array([0, np.cos(lean), -np.sin(lean)]) * last
            table = BACK_LEG if hind else FRONT_LEG
            t = np.linspace(0, 3, 19)
            line = _resample(np.stack([root, joint, ankle, paw]), 19, smooth=2)
            radii = np.stack([np.interp(t, table[:, 0], table[:, k]) for k in (1, 2)], 1) * a.bone
            add(_sweep(line[:12], radii[:12]), 0)
            add(_sweep(line[11:], radii[11:]), 1)
            add(_ball(paw + np.array([0, -0.005, 0.02]), np.eye(3), np.array([0.04, 0.035, 0.06]) * a.bone), 1)
            end = "back" if hind else "front"
            names = ("knee", "hock", "paw") if hind else ("elbow", "knee", "paw")
            for part, place in zip(names, (joint, ankle, paw), strict=True):
                points[f"{name}_{end}_{part}"] = place

    mesh = join(parts)
    turn = rotation("y", yaw) * a.height
    vertices = (mesh.vertices @ turn.T).astype(np.float32)
    keypoints = np.stack([points[n] for n in ANIMAL.keypoint_names]) @ turn.T
    return Mesh(vertices, mesh.local, mesh.triangles, mesh.material, mesh.instance), keypoints


def _two_bones(root: Array, end: Array, lengths: tuple[float, float], *, bend: float) -> tuple[Array, Array]:
    """The joint between two bones, bent forward (1) or back (-1), and their end: `end`, or as near as they reach."""
    a, b = lengths
    way = end - root
    distance = float(np.linalg.norm(way))
    way = way / distance
    distance = float(np.clip(distance, abs(a - b) + 1e-3, 0.995 * (a + b)))
    cosine = (a * a + distance * distance - b * b) / (2 * a * distance)
    normal = np.array([0, 0, bend]) - bend * way[2] * way
    normal = normal / np.linalg.norm(normal)
    return root + a * (cosine * way + np.sqrt(1 - cosine**2) * normal), root + way * distance


def _resample(joints: Array, count: int, *, smooth: int) -> Array:
    """`count` points, equally many on each bone, with the corners rounded `smooth` times."""
    t = np.linspace(0, len(joints) - 1, count)
    line = np.stack([np.interp(t, np.arange(len(joints)), joints[:, k]) for k in range(3)], 1)
    for _ in range(smooth):
        line[1:-1] = 0.25 * line[:-2] + 0.5 * line[1:-1] + 0.25 * line[2:]
    return line


def _sweep(
    line: Array, radii: Array, *, side: Array = np.array([1.0, 0, 0]), segments: int = 12
) -> tuple[Array, Array, Array]:
    """Vertices, local coordinates and triangles of a closed tube.

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


def _ball(center: Array, frame: Array, radii: Array) -> tuple[Array, Array, Array]:
    q = unit_sphere(7, 10)
    return center + (q * radii) @ frame.T, q * radii, tube_triangles(7, 10, False)
