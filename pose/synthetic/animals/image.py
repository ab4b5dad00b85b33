"""One image of generated animals: who stands where, the camera and the things around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.animals.animal import Animal
from pose.synthetic.animals.body import build
from pose.synthetic.animals.skeleton import ANIMAL, OWN_DEPTH
from pose.synthetic.annotate import Figure, SyntheticImage, annotate, side_seen
from pose.synthetic.levels import Level
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import Mesh, join, moved
from pose.synthetic.render.shade import Camera, Layer, looking_down
from pose.synthetic.render.surface import Material
from pose.synthetic.scene.camera import Sensor, random_size
from pose.synthetic.scene.objects import random_material, random_thing
from pose.synthetic.scene.stage import compose, light_scene

MAX_ANIMALS = 3
FEET = [i for i, name in enumerate(ANIMAL.keypoint_names) if name.endswith("_paw")]  # below them the ground is darker


@dataclass(frozen=True)
class _Placed:
    """An animal in the scene: its mesh and keypoints (K, 3) in the world, where it stands, and its yaw in degrees."""

    animal: Animal
    mesh: Mesh
    points: Array
    place: Array
    yaw: float


def render_animals(rng: np.random.Generator, level: Level) -> SyntheticImage:
    """Make one image; every random choice comes from `rng`. A level's postures and views are for people only."""
    size = random_size(rng, level)
    weights = np.array(level.people[:MAX_ANIMALS])
    count = 1 + int(rng.choice(len(weights), p=weights / weights.sum()))
    animals = [Animal.random(rng) for _ in range(count)]
    distance = float(rng.uniform(2.5, 6.5)) * max(animals[0].height, 0.6)
    cut = bool(rng.random() < level.cut)
    camera = _camera(rng, level, animals[0], distance=distance, cut=cut, size=size)
    materials: list[Material] = []
    herd = _place(rng, animals, camera, materials)
    camera = _frame(rng, camera, herd[0].mesh, cut=cut)
    outdoor = bool(rng.random() < 0.8)
    nearest = min(float(placed.place[2]) for placed in herd)
    wall = -nearest + float(rng.uniform(4, 14) if outdoor else rng.uniform(1.2, 4))
    things = _things(rng, level, camera, materials, nearest=nearest)
    feet = np.concatenate([placed.points[FEET] for placed in herd]) * (1, 0, 1)
    mesh = join([placed.mesh for placed in herd] + things)
    layer, behind = light_scene(rng, level, mesh, materials, camera=camera, feet=feet, outdoor=outdoor, wall=wall)
    soft = rng.uniform(0, 1.6)
    image = Sensor.random(rng, level).develop(rng, compose(layer, behind, soft=soft))
    figures = [_annotate(placed, i, level, camera, layer) for i, placed in enumerate(herd)]
    return SyntheticImage(image, tuple(f for f in figures if f is not None))


def _camera(
    rng: np.random.Generator, level: Level, first: Animal, *, distance: float, cut: bool, size: tuple[int, int]
) -> Camera:
    """Look at the first animal's middle from `distance` meters in front of the origin."""
    # The level's heights are for people, who are 1.7 m tall; a standing animal is twice as long as it is high.
    focal = float(rng.uniform(*level.person_height)) * (1.5 if cut else 1.0) * distance / (1.6 * first.height)
    eye = float(rng.uniform(0.35, 1.9)) * max(first.height, 0.6)
    pitch = np.arctan2(eye - 0.6 * first.height, distance)
    tilt = rotation("z", float(rng.normal(0, level.roll))) @ looking_down(float(pitch))
    return Camera(np.array([0, eye, distance]), tilt, focal, np.array([size[1] / 2, size[0] / 2]), size)


def _place(
    rng: np.random.Generator, animals: list[Animal], camera: Camera, materials: list[Material]
) -> list[_Placed]:
    """Build the animals that there is room for, and append what they look like to `materials`."""
    herd = []
    for i, (animal, place) in enumerate(zip(animals, _places(rng, camera, animals), strict=False)):
        toward = float(np.degrees(np.arctan2(-place[0], camera.position[2] - place[2])))
        yaw = toward + _turn(rng)
        mesh, points = build(animal, yaw=yaw, first_material=len(materials), instance=i)
        materials += animal.materials
        herd.append(_Placed(animal, moved(mesh, place), points + place, place, yaw))
    return herd


def _things(
    rng: np.random.Generator, level: Level, camera: Camera, materials: list[Material], *, nearest: float
) -> list[Mesh]:
    """Draw objects before and behind the animals, and append what they look like to `materials`."""
    distance = float(camera.position[2])
    things: list[Mesh] = []
    for mean, before in ((level.things_before, True), (level.things_behind, False)):
        for _ in range(rng.poisson(mean)):
            depth = distance * rng.uniform(0.45, 0.65) if before else distance - nearest + rng.uniform(0.8, 4)
            x = (rng.uniform(0, 1) * camera.size[1] - camera.center[0]) / camera.focal * depth
            materials.append(random_material(rng, variety=level.variety))
            things += random_thing(rng, np.array([x, 0, distance - depth]), material=len(materials) - 1)
    return things


def _annotate(placed: _Placed, instance: int, level: Level, camera: Camera, layer: Layer) -> Figure | None:
    return annotate(
        placed.mesh,
        placed.points,
        camera=camera,
        layer=layer,
        instance=instance,
        own_depth=OWN_DEPTH * placed.animal.height,
        only_visible=level.only_visible,
        view=side_seen(rotation("y", placed.yaw)[:, 2], (camera.position - placed.place) * (1, 0, 1)),
        posture=placed.animal.gait,
    )


def _turn(rng: np.random.Generator) -> float:
    """Draw degrees away from the camera: mostly the side shows, which says more than the front or the back."""
    if rng.random() < 0.7:
        return float(rng.choice([-1, 1]) * rng.uniform(45, 135))
    return float(rng.uniform(-180, 180))


def _places(rng: np.random.Generator, camera: Camera, animals: list[Animal]) -> list[Array]:
    """Draw places on the ground, the first at the origin; fewer than there are animals where there is no room."""
    places = [np.zeros(3)]
    distance = camera.position[2]
    for _ in range(20):
        if len(places) == len(animals):
            break
        depth = distance * rng.uniform(0.85, 1.9)
        x = (rng.uniform(0.05, 0.95) - 0.5) * camera.size[1] / camera.focal * depth
        place = np.array([x, 0, distance - depth])
        room = 0.75 * (animals[0].height + animals[len(places)].height)
        if min(float(np.linalg.norm(place - p)) for p in places) > room and depth > 1.2:
            places.append(place)
    return places


def _frame(rng: np.random.Generator, camera: Camera, mesh: Mesh, *, cut: bool) -> Camera:
    """Shift the image so that the first animal lies inside it, or a border cuts it."""
    xy, _ = camera.project(mesh.vertices)
    low, extent = xy.min(0), np.ptp(xy, axis=0)
    room = np.array(camera.size[::-1]) - extent
    target = np.where(room > 0, rng.uniform(0.05, 0.95, 2), 0.5) * room
    if cut:
        axis, share = int(rng.random() < 0.4), rng.uniform(0.1, 0.45)
        target[axis] = rng.choice([-share * extent[axis], camera.size[1 - axis] - (1 - share) * extent[axis]])
    return Camera(camera.position, camera.rotation, camera.focal, camera.center + target - low, camera.size)
