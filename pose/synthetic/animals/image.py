"""One picture of generated animals: who stands where, the camera and the things around them."""

from __future__ import annotations

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.animals.body import OWN_DEPTH, Animal, build
from pose.synthetic.annotate import Figure, locate
from pose.synthetic.levels import Level
from pose.synthetic.people.bones import rotation
from pose.synthetic.people.image import Picture, random_size
from pose.synthetic.render.mesh import Mesh, join, moved
from pose.synthetic.render.rasterize import ShadowMap
from pose.synthetic.render.shade import Camera, looking_down, render
from pose.synthetic.render.surface import Material
from pose.synthetic.scene.backdrop import backdrop
from pose.synthetic.scene.camera import develop
from pose.synthetic.scene.objects import random_light, random_material, random_thing

MAX_ANIMALS = 3


def render_animals(rng: np.random.Generator, level: Level) -> Picture:
    """Make one picture; every random choice comes from `rng`. A level's postures and views are for people only."""
    size = random_size(rng, level)
    weights = np.array(level.people[:MAX_ANIMALS])
    count = 1 + int(rng.choice(len(weights), p=weights / weights.sum()))
    animals = [Animal.random(rng) for _ in range(count)]
    first = animals[0]
    distance = float(rng.uniform(2.5, 6.5)) * max(first.height, 0.6)
    cut = bool(rng.random() < level.cut)
    # The level's heights are for people, who are 1.7 m tall; a standing animal is twice as long as it is high.
    focal = float(rng.uniform(*level.person_height)) * (1.5 if cut else 1.0) * distance / (1.6 * first.height)
    eye = float(rng.uniform(0.35, 1.9)) * max(first.height, 0.6)
    pitch = np.arctan2(eye - 0.6 * first.height, distance)
    tilt = rotation("z", float(rng.normal(0, level.roll))) @ looking_down(float(pitch))
    camera = Camera(np.array([0, eye, distance]), tilt, focal, np.array([size[1] / 2, size[0] / 2]), size)

    materials: list[Material] = []
    meshes, keypoints, yaws, places = [], [], [], _places(rng, camera, animals)
    for i, (animal, place) in enumerate(zip(animals, places, strict=False)):
        toward = float(np.degrees(np.arctan2(-place[0], distance - place[2])))
        yaws.append(toward + _turn(rng))
        mesh, points = build(animal, yaw=yaws[-1], first_material=len(materials), instance=i)
        materials += animal.materials
        meshes.append(moved(mesh, place))
        keypoints.append(points + place)
    camera = _frame(rng, camera, meshes[0], cut=cut)
    outdoor = bool(rng.random() < 0.8)
    nearest = min(float(place[2]) for place in places)
    wall = -nearest + float(rng.uniform(4, 14) if outdoor else rng.uniform(1.2, 4))
    things: list[Mesh] = []
    for mean, before in ((level.things_before, True), (level.things_behind, False)):
        for _ in range(rng.poisson(mean)):
            depth = distance * rng.uniform(0.45, 0.65) if before else distance - nearest + rng.uniform(0.8, 4)
            x = (rng.uniform(0, 1) * size[1] - camera.center[0]) / focal * depth
            materials.append(random_material(rng, variety=level.variety))
            things += random_thing(rng, np.array([x, 0, distance - depth]), material=len(materials) - 1)
    mesh = join(meshes + things)
    light = random_light(rng, contrast=level.contrast, outdoor=outdoor)
    shadows = ShadowMap(mesh, light.direction)
    layer = render(mesh, materials, camera=camera, light=light, shadows=shadows)
    feet = np.concatenate([p[np.array([10, 11, -2, -1])] for p in keypoints]) * (1, 0, 1)
    scene = backdrop(
        rng,
        camera=camera,
        light=light,
        shadows=shadows,
        feet=feet,
        outdoor=outdoor,
        clutter=float(rng.uniform(*level.clutter)),
        distance=wall,
        variety=level.variety,
    )
    soft = rng.uniform(0, 1.6)
    if soft > 0.3:
        scene = cv2.GaussianBlur(scene, (0, 0), soft)
    image = develop(rng, level, scene * (1 - layer.alpha) + layer.color)
    figures = []
    for i, (animal, points) in enumerate(zip(animals, keypoints, strict=False)):
        own = OWN_DEPTH * animal.height
        found = locate(
            meshes[i],
            points,
            camera=camera,
            layer=layer,
            instance=i,
            own_depth=own,
            only_visible=level.only_visible,
        )
        if found is not None:
            seen, box_xywh, area, truncated = found
            figures.append(Figure(seen, box_xywh, area, _view(yaws[i], places[i], camera), animal.gait, truncated))
    return Picture(image, tuple(figures))


def _turn(rng: np.random.Generator) -> float:
    """Degrees away from the camera: mostly the side shows, which says more than the front or the back."""
    if rng.random() < 0.7:
        return float(rng.choice([-1, 1]) * rng.uniform(45, 135))
    return float(rng.uniform(-180, 180))


def _places(rng: np.random.Generator, camera: Camera, animals: list[Animal]) -> list[Array]:
    """Places on the ground, the first at the origin; fewer than there are animals where there is no room."""
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
    """Shift the picture so that the first animal lies inside it, or a border cuts it."""
    xy, _ = camera.project(mesh.vertices)
    low, extent = xy.min(0), np.ptp(xy, axis=0)
    room = np.array(camera.size[::-1]) - extent
    target = np.where(room > 0, rng.uniform(0.05, 0.95, 2), 0.5) * room
    if cut:
        axis, share = int(rng.random() < 0.4), rng.uniform(0.1, 0.45)
        target[axis] = rng.choice([-share * extent[axis], camera.size[1 - axis] - (1 - share) * extent[axis]])
    return Camera(camera.position, camera.rotation, camera.focal, camera.center + target - low, camera.size)


def _view(yaw: float, place: Array, camera: Camera) -> str:
    front = rotation("y", yaw)[:, 2]
    eye = (camera.position - place) * (1, 0, 1)
    cosine = float(front @ eye / np.linalg.norm(eye))
    return "front" if cosine > 0.5 else "back" if cosine < -0.5 else "side"
