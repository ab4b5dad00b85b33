"""Clips of generated people who walk past each other, with exact boxes, keypoints and who is who.

The same bodies, clothes and rendering as in the images of `pose.synthetic.people.image`; postures and places follow
the time, and each frame has noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose.images.types import Image
from pose.runtime.arrays import Array
from pose.runtime.errors import DataError
from pose.runtime.streams import Stream, stream
from pose.runtime.text import did_you_mean
from pose.synthetic.annotate import Figure
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.body import BodyBuilder
from pose.synthetic.people.bones import Body, place
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.people.limbs import Arm, Leg
from pose.synthetic.people.person import SyntheticPerson, annotate_person, feet_on_ground
from pose.synthetic.people.posture import Posture
from pose.synthetic.people.wardrobe import random_clothes
from pose.synthetic.render.mesh import Mesh, join, moved
from pose.synthetic.render.rasterize import ShadowMap
from pose.synthetic.render.shade import Camera, looking_down, render
from pose.synthetic.scene.backdrop import backdrop
from pose.synthetic.scene.camera import Sensor
from pose.synthetic.scene.objects import random_light
from pose.synthetic.scene.stage import compose

FPS = 15.0
SIZE = (240, 320)  # (height, width)
DISTANCE, FOCAL = 5.0, 330.0  # meters to the middle of the scene; pixels
CYCLE = 1.42  # meters a cycle of two steps
HALF_WIDTH = 2.9  # meters from the middle at which walkers turn round, just outside of the image


@dataclass(frozen=True)
class Walker:
    """Somebody who walks to and fro across the image.

    Attributes:
        start: meters to the right of the middle at time 0.
        depth: meters towards the camera.
        speed: meters a second, negative to the left.
        wave: whether an arm is waved.
    """

    body: Body
    clothes: Clothes
    start: float
    depth: float
    speed: float
    wave: bool

    @staticmethod
    def random(rng: np.random.Generator, *, start: float, depth: float, direction: float) -> Walker:
        speed = direction * float(rng.uniform(0.9, 1.4))
        return Walker(Body.random(rng), random_clothes(rng), start, depth, speed, bool(rng.random() < 0.3))

    def at(self, time: float) -> tuple[Array, float, Posture]:
        """Find place (3,) in meters, yaw in degrees, and posture at a time in seconds."""
        way = self.start + self.speed * time
        turns = np.floor((way + HALF_WIDTH) / (2 * HALF_WIDTH))
        x = way - 2 * HALF_WIDTH * turns
        facing = 1.0 if self.speed > 0 else -1.0
        if turns % 2:  # on the way back
            x, facing = -x, -facing
        phase = 2 * np.pi * abs(self.speed) * time / CYCLE
        return np.array([x, 0.0, self.depth]), 90.0 * facing, walking(float(phase), wave=self.wave)


@dataclass(frozen=True)
class Frame:
    """One frame of a clip.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        people: those that are at least partly in the image.
        tracks: who each of `people` is: 1, 2, ...
    """

    image: Image
    people: tuple[Figure, ...]
    tracks: tuple[int, ...]


def walking(phase: float, *, wave: bool = False) -> Posture:
    """Make the posture at a phase (radians) of the walk: the left leg is ahead at pi / 2."""

    def leg(at: float) -> Leg:
        swing = max(0.0, float(np.cos(at)))  # while it moves to the front the knee is bent
        return Leg(flex=25 * float(np.sin(at)), out=3.0, turn=6.0, knee=6 + 42 * swing**2, ankle=0.0)

    def arm(at: float) -> Arm:
        swing = 24 * float(np.sin(at))
        return Arm(lift=abs(swing) + 6, plane=5.0 if swing > 0 else 175.0, turn=8.0, elbow=22.0, palm=70.0, wrist=8.0)

    right_arm = arm(phase)
    if wave:
        right_arm = Arm(
            lift=150.0, plane=80.0, turn=-40.0, elbow=50 + 25 * float(np.sin(2 * phase)), palm=70.0, wrist=0.0
        )
    return Posture(
        kind="walk",
        pelvis=(3.0, 0.0, -6 * float(np.sin(phase))),
        spine=(3.0, 0.0, 10 * float(np.sin(phase))),
        neck=(3.0, 0.0, -4 * float(np.sin(phase))),
        arms=(arm(phase + np.pi), right_arm),
        legs=(leg(phase), leg(phase + np.pi)),
    )


def walkers(rng: np.random.Generator, count: int) -> list[Walker]:
    """Draw people at different depths who go in turns to the right and to the left, so that they cross."""
    found = []
    for index in range(count):
        direction = 1.0 if index % 2 == 0 else -1.0
        start = direction * (-HALF_WIDTH + 0.6 + 1.1 * (index // 2) + float(rng.uniform(0, 0.5)))
        found.append(Walker.random(rng, start=start, depth=0.9 - 0.75 * index, direction=direction))
    return found


def render_clip(seed: int, *, frames: int, people: int = 2, fps: float = FPS, level: str = "easy") -> Iterator[Frame]:
    """Render a clip frame by frame; a pure function of its arguments.

    Args:
        people: 1 to 5.
        level: a key of `LEVELS`, for light, backdrop and the sensor.
    Raises:
        DataError: a number out of range, or no such level.
    """
    for name, number, low, high in (
        ("people", people, 1, 5),
        ("frames", frames, 1, 100_000),
        ("seed", seed, 0, 2**63),
    ):
        if not low <= number <= high:
            raise DataError(f"{name} = {number}, but it must be from {low} to {high}")
    if level not in LEVELS:
        raise DataError(f"figures level '{level}' is unknown; {did_you_mean(level, LEVELS)}")
    return _render(seed, frames=frames, count=people, fps=fps, level=level)


def _render(seed: int, *, frames: int, count: int, fps: float, level: str) -> Iterator[Frame]:
    settings = LEVELS[level]
    rng = stream(Stream.CLIP, seed)
    who = walkers(rng, count)
    camera = _camera(eye=float(rng.uniform(1.2, 1.6)))
    outdoor, clutter = bool(rng.random() < 0.5), float(rng.uniform(*settings.clutter))
    light = random_light(rng, contrast=settings.contrast, outdoor=outdoor)
    scenery = int(rng.integers(2**31))
    sensor = Sensor.random(stream(Stream.CAMERA, scenery), settings)
    materials = [m for walker in who for m in walker.clothes.surfaces.values()]
    for number in range(frames):
        people, meshes, points = _walk(who, number / fps)
        mesh = join(meshes)
        shadows = ShadowMap(mesh, light.direction)
        layer = render(mesh, materials, camera=camera, light=light, shadows=shadows)
        behind = backdrop(
            stream(Stream.SCENERY, scenery),  # the same place in every frame
            camera=camera,
            light=light,
            shadows=shadows,
            feet=feet_on_ground(points),
            outdoor=outdoor,
            clutter=clutter,
            distance=3.0 + 0.75 * count,
            variety=settings.variety,
            details=settings.details,
        )
        # Noise of its own in every frame: noise that stood still would be part of the scenery.
        image = sensor.develop(stream(Stream.NOISE, seed, number), compose(layer, behind))
        seen = {
            i + 1: annotate_person(
                person, meshes[i], points[i], camera=camera, layer=layer, instance=i, only_visible=False
            )
            for i, person in enumerate(people)
        }
        kept = {track: figure for track, figure in seen.items() if figure is not None}
        yield Frame(image, tuple(kept.values()), tuple(kept))


def _camera(*, eye: float) -> Camera:
    """Look at the middle of the scene from `eye` meters above the ground."""
    upright = looking_down(float(np.arctan2(eye - 0.95, DISTANCE)))
    return Camera(np.array([0, eye, DISTANCE]), upright, FOCAL, np.array([SIZE[1] / 2, SIZE[0] / 2]), SIZE)


def _walk(who: list[Walker], time: float) -> tuple[list[SyntheticPerson], list[Mesh], list[Array]]:
    """Place everybody at a time, in seconds: people, their meshes, and their keypoints (17, 3) in the world."""
    people, meshes, points = [], [], []
    first_material = 0
    for index, walker in enumerate(who):
        spot, yaw, posture = walker.at(time)
        bones = place(walker.body, posture, yaw=yaw)
        builder = BodyBuilder(walker.body, bones, walker.clothes, first_material=first_material, instance=index)
        first_material += len(walker.clothes.surfaces)
        mesh, keypoints = builder.build()
        people.append(SyntheticPerson(walker.body, bones, walker.clothes, "walk", spot, yaw))
        meshes.append(moved(mesh, spot))
        points.append(keypoints + spot)
    return people, meshes, points


def truth_records(number: int, frame: Frame) -> list[dict[str, Any]]:
    """Make records of a frame's people for `pose predict --boxes`: frame (from 0), track, box, score, keypoints."""
    return [
        {
            "frame": number,
            "track": track,
            "bbox": np.round(figure.box_xywh, 2).tolist(),
            "score": 1.0,
            "keypoints": np.round(figure.keypoints, 2).tolist(),
        }
        for figure, track in zip(frame.people, frame.tracks, strict=True)
    ]
