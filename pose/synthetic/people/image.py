"""One image of generated people: who stands where, the camera and the things around them."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.annotate import SyntheticImage
from pose.synthetic.levels import Level, chance
from pose.synthetic.people.body import BodyBuilder
from pose.synthetic.people.bones import Body, arms_clear, place
from pose.synthetic.people.person import SyntheticPerson, annotate_person, feet_on_ground
from pose.synthetic.people.posture import random_posture
from pose.synthetic.people.props import at_face, in_hand, mount, table
from pose.synthetic.people.screens import screen
from pose.synthetic.people.wardrobe import random_clothes
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import Mesh, join, moved
from pose.synthetic.render.shade import Camera, looking_down
from pose.synthetic.render.solids import blob, box
from pose.synthetic.render.surface import Material
from pose.synthetic.scene.camera import Sensor, focused, random_size
from pose.synthetic.scene.objects import random_material, random_thing
from pose.synthetic.scene.stage import compose, light_scene

VIEWS = ("front", "side", "back")
TABLES = {"sit": 0.9, "stand": 0.3, "reach": 0.4, "bend": 0.4}  # chance of one before a person, by posture


def _draw(rng: np.random.Generator, weights: dict[str, float]) -> str:
    p = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=p / p.sum()))


def _random_person(rng: np.random.Generator, level: Level, *, position: Array, toward: float) -> SyntheticPerson:
    """Draw a person; `toward`: yaw in degrees of the direction from the person to the camera."""
    body, kind = Body.random(rng, faces=level.variety > 0), _draw(rng, level.postures)
    view = _draw(rng, dict(zip(VIEWS, level.views, strict=True)))
    if view == "side":
        turn = rng.choice([-1, 1]) * rng.uniform(60, 120)
    else:
        turn = rng.uniform(-level.turn, level.turn) + (180 if view == "back" else 0)
    yaw = float(toward + turn)
    for _ in range(12):
        posture = random_posture(rng, kind, calm=level.arms, head_turn=level.head_turn, gaze=level.gaze)
        bones = place(body, posture, yaw=yaw - posture.spine[2])
        if arms_clear(body, bones):
            break
    return SyntheticPerson(body, bones, random_clothes(rng, variety=level.variety), kind, position, yaw)


def _camera(
    rng: np.random.Generator, level: Level, *, distance: float, focal: float, size: tuple[int, int], close: bool
) -> Camera:
    """Look at the main person's middle, or chest if `close`, from `distance` meters in front of the origin."""
    eye, goal = float(rng.uniform(*level.eye_height)), 1.3 if close else 0.9
    if close:  # nobody looks steeply down at a face
        eye = goal + (eye - goal) * distance / 5
    pitch = np.arctan2(eye - goal, distance) + np.radians(rng.normal(0, 2))
    turn = rotation("z", float(rng.normal(0, level.roll)))
    center = np.array([size[1] / 2, size[0] / 2])
    return Camera(np.array([0, eye, distance]), turn @ looking_down(float(pitch)), focal, center, size)


def _frame(rng: np.random.Generator, camera: Camera, mesh: Mesh, nose: Array, *, cut: bool, close: bool) -> Camera:
    """Shift the image so that the main person lies inside it, or a border cuts them.

    Args:
        nose: (3,) of the main person. close: the image begins near the person's top, the nose between its sides.
    """
    xy, _ = camera.project(mesh.vertices)
    low, high = xy.min(0), xy.max(0)
    extent = high - low
    room = np.array(camera.size[::-1]) - extent
    target = np.where(room > 0, rng.uniform(0.05, 0.95, 2), rng.uniform(0.3, 0.7, 2)) * room
    if close:
        aside = camera.project(nose[None])[0][0, 0] - low[0]
        target = np.array([rng.uniform(0.2, 0.8) * camera.size[1] - aside, rng.uniform(-0.15, 0.25) * camera.size[0]])
    elif cut:
        side, share = int(rng.choice([0, 1, 2, 3], p=[0.16, 0.16, 0.06, 0.62])), rng.uniform(0.1, 0.55)
        axis = 0 if side < 2 else 1
        target[axis] = -share * extent[axis] if side in (0, 2) else camera.size[1 - axis] - (1 - share) * extent[axis]
        if side == 3 and room[1] < 0:
            target[1] = max(target[1], 0.02 * camera.size[0])
    return Camera(camera.position, camera.rotation, camera.focal, camera.center + target - low, camera.size)


def _positions(rng: np.random.Generator, level: Level, camera: Camera, count: int, *, close: bool) -> list[Array]:
    """Draw places on the ground for `count` people, the first at the origin; fewer where there is no room.

    Args:
        close: the others stand beside the first, head by head.
    """
    places = [np.zeros(3)]
    distance = camera.position[2]
    apart, room, near = (0.34, 0.7, max(level.near, 0.85)) if close else (0.48, 1.5, level.near)
    for _ in range(20 * (count - 1)):
        if len(places) == count:
            break
        if rng.random() < near:
            anchor = places[int(rng.integers(len(places)))]
            low, high = ((0.2, 0.05), (0.55, 0.3)) if close else ((0.1, 0.4), (0.75, 1.5))
            offset = rng.uniform(low, high) * rng.choice([-1, 1], 2)
            spot = anchor + np.array([offset[0], 0, offset[1]])
        else:
            depth = distance * rng.uniform(0.75, 1.7)
            x = (rng.uniform(0.05, 0.95) * camera.size[1] - camera.size[1] / 2) / camera.focal * depth
            spot = np.array([x, 0, distance - depth])
        if min(float(np.linalg.norm(spot - p)) for p in places) > apart and distance - spot[2] > room:
            places.append(spot)
    return places


def _things(
    rng: np.random.Generator,
    level: Level,
    people: list[SyntheticPerson],
    camera: Camera,
    materials: list[Material],
    wall: float,
) -> list[Mesh]:
    """Draw seats, what people hold, and objects before and behind them; appends their looks to `materials`."""
    parts: list[Mesh] = []

    def look(skin: bool = False) -> int:
        materials.append(random_material(rng, skin=skin, variety=level.variety))
        return len(materials) - 1

    for person in people:
        if person.posture == "ride":
            parts += mount(rng, person, look)
        elif person.bones.seat > 0:
            turn, half = rotation("y", person.yaw), person.bones.seat / 2
            wide, material = rng.uniform(0.2, 0.5), look()
            spot = person.position + turn @ np.array([0, half, -0.03])
            parts.append(box(spot, (wide, half, 0.24), yaw=person.yaw, material=material))
            if rng.random() < 0.4:
                back = person.position + turn @ np.array([0, 2 * half + 0.2, -0.27])
                parts.append(box(back, (wide, 0.25, 0.03), yaw=person.yaw, material=material))
        if level.variety > 0:
            parts += [in_hand(rng, person, i, material=look()) for i in _raised(rng, person)]
        if rng.random() < level.held:
            i = int(rng.integers(2))
            if chance(rng, level.variety):
                parts.append(in_hand(rng, person, i, material=look()))
            else:
                p, hand = person.bones.points[f"wrist{i}"], person.bones.frames[f"hand{i}"]
                radii = rng.uniform(0.04, 0.15, 3)
                spot = person.position + p - hand[:, 1] * 0.1 + hand[:, 0] * (1 - 2 * i) * -1 * (radii[0] + 0.02)
                parts.append(blob(rng, spot, radii, material=look(), rough=float(rng.choice([0, 0.03]))))
        if level.variety > 0 and rng.random() < level.variety * TABLES.get(person.posture, 0.0):
            parts += table(rng, person, look)
        if chance(rng, level.screens):
            parts += screen(rng, person, camera.position - person.position, look)
    for _ in range(rng.poisson(level.things_before)):
        goal = people[int(rng.integers(len(people)))].position
        away = camera.position * (1, 0, 1) - goal
        share = rng.uniform(min(0.65 / float(np.linalg.norm(away)), 0.5), 0.55)
        spot = goal + away * share + np.array([rng.normal(0, 0.35), 0, 0])
        if min(float(np.linalg.norm(spot - p.position)) for p in people) > 0.5:
            parts += random_thing(rng, spot, material=look(True))
    behind = min(float(p.position[2]) for p in people)
    for _ in range(rng.poisson(level.things_behind)):
        depth = camera.position[2] - behind + rng.uniform(0.4, max(wall + behind - 0.3, 0.5))
        x = (rng.uniform(0, 1) * camera.size[1] - camera.center[0]) / camera.focal * depth
        parts += random_thing(rng, np.array([x, 0, camera.position[2] - depth]), material=look(True))
    return parts


def _raised(rng: np.random.Generator, person: SyntheticPerson) -> list[int]:
    """Choose the hands at the face that hold something."""
    return [i for i in (0, 1) if at_face(person, i) and rng.random() < 0.5]


def render_people(rng: np.random.Generator, level: Level) -> SyntheticImage:
    """Make one image; every random choice comes from `rng`."""
    size = random_size(rng, level)
    distance = float(rng.uniform(2.4, 7.5))
    cut = bool(rng.random() < level.cut)
    close = cut and chance(rng, level.close)
    tall = (
        size[0] * float(np.exp(rng.uniform(0.7, 2.15)))
        if close
        else rng.uniform(*level.person_height) * (1.5 if cut else 1.0)
    )
    if close:
        distance /= 2
    focal = float(tall) * distance / 1.7
    camera = _camera(rng, level, distance=distance, focal=focal, size=size, close=close)
    count = 1 + int(rng.choice(len(level.people), p=np.array(level.people) / sum(level.people)))
    people, meshes, keypoints = [], [], []
    materials: list[Material] = []
    for i, position in enumerate(_positions(rng, level, camera, count, close=close)):
        away = camera.position - position
        person = _random_person(rng, level, position=position, toward=float(np.degrees(np.arctan2(away[0], away[2]))))
        builder = BodyBuilder(person.body, person.bones, person.clothes, first_material=len(materials), instance=i)
        mesh, points = builder.build()
        materials += person.clothes.surfaces.values()
        meshes.append(moved(mesh, position))
        keypoints.append(points + position)
        people.append(person)
    camera = _frame(rng, camera, meshes[0], keypoints[0][0], cut=cut, close=close)
    outdoor = bool(rng.random() < 0.5)
    wall = -min(float(p.position[2]) for p in people) + float(rng.uniform(4, 14) if outdoor else rng.uniform(0.8, 4))
    mesh = join(meshes + _things(rng, level, people, camera, materials, wall))
    feet = feet_on_ground(keypoints)
    layer, behind = light_scene(rng, level, mesh, materials, camera=camera, feet=feet, outdoor=outdoor, wall=wall)
    soft = rng.uniform(0, 1.6) * (1 + 2 * level.variety) if rng.random() < 0.5 else 0.0
    scene = compose(layer, behind, soft=soft)
    if chance(rng, level.defocus):
        scene = focused(rng, scene, layer.depth)
    image = Sensor.random(rng, level).develop(rng, scene)
    figures = [
        annotate_person(
            person, meshes[i], keypoints[i], camera=camera, layer=layer, instance=i, only_visible=level.only_visible
        )
        for i, person in enumerate(people)
    ]
    return SyntheticImage(image, tuple(f for f in figures if f is not None))
