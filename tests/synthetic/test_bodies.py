"""The body model: its asset, how postures move it, and what lies on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose.keypoints.skeletons import COCO17
from pose.synthetic.people.body import BodyBuilder
from pose.synthetic.people.bones import Body, place
from pose.synthetic.people.clothes import along_arm, along_leg
from pose.synthetic.people.ease import ease
from pose.synthetic.people.limbs import Arm, Leg
from pose.synthetic.people.person import SyntheticPerson
from pose.synthetic.people.posture import Posture, random_posture
from pose.synthetic.people.props import at_face, in_hand
from pose.synthetic.people.rig import skin
from pose.synthetic.people.template import PARTS, template
from pose.synthetic.people.wardrobe import random_clothes
from pose.synthetic.render.face import EYE, hair_mask
from pose.synthetic.render.surface import Bands, Material, surface
from pose.synthetic.scene.places import panoramas, view

LEG = Leg(flex=0, out=3, turn=0, knee=0, ankle=0)


def posture(*, lift: float, plane: float, elbow: float) -> Posture:
    arm = Arm(lift=lift, plane=plane, turn=0, elbow=elbow, palm=90, wrist=0)
    return Posture("stand", (0, 0, 0), (0, 0, 0), (0, 0, 0), (arm, arm), (LEG, LEG))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


def test_the_mesh_is_closed_enough_and_faces_outwards() -> None:
    t = template()
    a, b, c = (t.vertices[t.triangles[:, i]].astype(np.float64) for i in range(3))
    volume = float((np.cross(a, b) * c).sum() / 6)
    assert 0.045 < volume < 0.09  # cubic meters; negative if the triangles were turned over
    assert np.ptp(t.vertices[:, 1]) == pytest.approx(1.75, abs=0.01)
    assert set(t.part) == set(range(len(PARTS)))
    np.testing.assert_allclose(t.bone_weights.sum(1), 1, atol=1e-6)


def test_bones_that_do_not_move_leave_the_rest_pose() -> None:
    body = Body.random(np.random.default_rng(0))
    still = np.tile(np.concatenate([np.eye(3), np.zeros((3, 1))], 1), (len(template().bones), 1, 1))
    count = len(template().vertex_part)
    np.testing.assert_allclose(skin(body.rest, still)[:count], body.rest[:count], atol=1e-6)


def test_faces_move_heads_alone_and_little_at_the_neck() -> None:
    t = template()
    plain, faced = (Body.random(np.random.default_rng(8), faces=faces) for faces in (False, True))
    moved = np.linalg.norm(faced.rest - plain.rest, axis=1)
    count = len(t.vertex_part)
    height = t.mean[:, 1]
    assert (moved[:count][height[:count] < 0.49] == 0).all()
    assert (moved[count : count + len(t.bones)] == 0).all()
    assert (moved[count + len(t.bones) + 5 :] == 0).all()  # keypoints of the face come first
    assert (moved[count + len(t.bones) :][:5] > 0).all()
    head = t.vertex_part == PARTS.index("head")
    assert 0.002 < moved[:count][head].mean() < 0.03
    noses = [Body(plain.shape, face).joints["nose"] for face in t.faces[:200]]
    assert 0.002 < np.std(noses, axis=0).max() < 0.02
    np.testing.assert_array_equal(Body.average().rest, t.mean)


def test_arms_go_where_the_posture_says() -> None:
    body = Body.average()
    p = place(body, posture(lift=90, plane=90, elbow=0), yaw=0).points
    for side, i in ((1, 0), (-1, 1)):
        assert angle(p[f"elbow{i}"] - p[f"shoulder{i}"], np.array([side, 0, 0])) < 1
        assert angle(p[f"wrist{i}"] - p[f"elbow{i}"], np.array([side, 0, 0])) < 3  # of the twist
    bent = place(body, posture(lift=20, plane=90, elbow=90), yaw=0).points
    assert angle(bent["wrist0"] - bent["elbow0"], bent["elbow0"] - bent["shoulder0"]) == pytest.approx(90, abs=3)
    length = np.linalg.norm(p["wrist0"] - p["elbow0"])
    assert np.linalg.norm(bent["wrist0"] - bent["elbow0"]) == pytest.approx(length, rel=0.01)


def test_a_turned_body_is_the_same_body() -> None:
    body, at_ease = Body.random(np.random.default_rng(3)), posture(lift=40, plane=30, elbow=50)
    a, b = (place(body, at_ease, yaw=yaw).points for yaw in (0, 90))
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # to the body's left
    for name in a:
        np.testing.assert_allclose(b[name], turned @ a[name], atol=1e-6)


@pytest.mark.parametrize("kind", ["stand", "run", "sit", "any", "lie"])
def test_nobody_sinks_into_the_ground_and_keypoints_lie_in_the_body(kind: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        body, wear = Body.random(rng), replace(random_clothes(rng), skirt=0.0)
        bones = place(body, random_posture(rng, kind), yaw=float(rng.uniform(0, 360)))
        mesh, points = BodyBuilder(body, bones, wear, first_material=0, instance=0).build()
        assert mesh.vertices[:, 1].min() > -0.08
        assert points.shape == (COCO17.num_keypoints, 3)
        nearest = np.linalg.norm(mesh.vertices[None] - points[:, None], axis=-1).min(1)
        assert nearest.max() < 0.16 * body.scale  # of the hips, which lie deepest


def test_lengths_along_the_limbs() -> None:
    t = template()
    for name, along, axis in (("upperarm01", along_arm, 0), ("upperleg01", along_leg, 1)):
        assert float(along(t.bone(f"{name}.L")[axis])) == pytest.approx(0, abs=1e-6)
    assert float(along_arm(-t.bone("wrist.L")[0])) == pytest.approx(2)
    assert float(along_leg(t.bone("lowerleg01.L")[1])) == pytest.approx(1)


def test_cloth_lifts_what_it_covers_and_no_more() -> None:
    wear = replace(random_clothes(np.random.default_rng(1)), sleeve=1.0, loose=0.03, leg=1.0, wide=0.02, skirt=0.0)
    t, lifted = template(), ease(wear)
    arm = t.vertex_part == PARTS.index("arm")
    along = along_arm(t.vertices[:, 0])
    assert (lifted[arm & (along < 0.8)] > 0).all()
    assert (lifted[arm & (along > 1)] == 0).all()
    shin = (t.vertex_part == PARTS.index("leg")) & (along_leg(t.vertices[:, 1]) > 1)
    assert (lifted[shin] == 0).all()


def test_flesh_lifts_limbs_and_trunk_and_neither_head_nor_hands() -> None:
    wear = random_clothes(np.random.default_rng(1))
    t = template()
    more = ease(replace(wear, flesh=0.01)) - ease(wear)
    covered = np.isin(t.vertex_part, [PARTS.index(part) for part in ("arm", "trunk", "leg")])
    np.testing.assert_allclose(more[covered], 0.01, atol=1e-6)
    np.testing.assert_allclose(more[~covered], 0, atol=1e-6)


def test_hair_hides_the_ears_and_then_the_sides_of_the_face() -> None:
    places = np.array(  # forehead, brow, ear, cheek, nose
        [[0, 0.62, 0.85], [0, 0.3, 0.95], [0.98, 0.1, -0.05], [0.95, -0.3, 0.2], [0, -0.1, 1.0]], np.float32
    )
    np.testing.assert_array_equal(hair_mask(places, 0.9, 0.0, 0.0) > 0.5, [False, False, False, False, False])
    np.testing.assert_array_equal(hair_mask(places, 0.2, 0.0, 0.0) > 0.5, [True, True, False, False, False])
    np.testing.assert_array_equal(hair_mask(places, 0.9, 1.0, 0.0) > 0.5, [False, False, True, False, False])
    np.testing.assert_array_equal(hair_mask(places, 0.9, 2.0, 0.0) > 0.5, [False, False, True, True, False])


def test_ragged_hair_has_another_edge_and_the_same_middle() -> None:
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.7, 0.7, 61), np.linspace(-1, 1, 81)))
    places = np.stack([x, y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))], 1).astype(np.float32)
    even, ragged = (hair_mask(places, 0.5, 0.0, share) for share in (0.0, 1.0))
    changed = np.abs(ragged - even) > 0.05
    assert 0.02 < changed.mean() < 0.4
    threshold = y[(even > 0.45) & (even < 0.55) & (np.abs(x) < 0.3)]
    assert np.abs(y[changed & (np.abs(x) < 0.3)][:, None] - threshold).min(1).max() < 0.14 + 1 / 9


def test_hanging_hair_is_that_of_the_head_and_bare_feet_are_of_the_skin() -> None:
    rng, bare = np.random.default_rng(4), 0
    for _ in range(120):
        materials = (wear := random_clothes(rng, variety=0.6)).materials
        if wear.hat not in ("cap", "beanie") and materials["head"].ragged:
            assert materials["hair"].color == materials["head"].color2
        dark = np.array(materials["hair"].color2) / np.array(materials["hair"].color)
        assert dark.max() - dark.min() < 1e-6
        bare += materials["shoes"].color == materials["skin"].color
    assert bare > 3


def test_at_the_face_hands_hold_small_things() -> None:
    rng = np.random.default_rng(6)
    body = Body.random(rng)
    sizes: dict[bool, list[float]] = {True: [], False: []}
    for raised in (True, False):
        at_ease = posture(lift=50, plane=10, elbow=140) if raised else posture(lift=5, plane=60, elbow=10)
        bones = place(body, at_ease, yaw=0)
        person = SyntheticPerson(body, bones, random_clothes(rng), "stand", np.zeros(3), 0.0)
        assert at_face(person, 0) == raised
        for _ in range(60):
            points = in_hand(rng, person, 0, material=0).vertices
            sizes[raised].append(float(np.ptp(points, axis=0).max()))
    assert max(sizes[True]) < 0.26
    assert max(sizes[False]) > 0.5


def test_a_smile_shows_teeth_in_the_mouth_alone() -> None:
    face = template().vertices[template().vertex_part == PARTS.index("head")]
    shut, open_ = (
        surface(
            [Material("head", (0.3, 0.2, 0.1), (0.0, 0.0, 0.0), 0.6, smile=smile)], np.zeros(len(face), int), face
        )[0]
        for smile in (0.0, 1.0)
    )
    changed = np.abs(open_ - shut).max(1) > 0.01
    assert changed.any()
    assert (open_[changed] > 0.5).all()
    assert (np.abs(face[changed, 0]) < 0.03).all()
    assert (np.abs(face[changed, 1] - (EYE[1] - 0.0725)) < 0.016).all()


def test_glasses_are_thin_rims_before_the_eyes() -> None:
    x, y = np.meshgrid(np.linspace(-0.07, 0.07, 141), np.linspace(-0.06, 0.06, 121))
    face = np.stack([x.ravel(), y.ravel() + EYE[1], np.full(x.size, 0.15)], 1).astype(np.float32)
    looks = [Material("head", (0.5, 0.4, 0.3), (0.0, 0.0, 0.0), 0.6, glasses=glasses) for glasses in (0.0, 1.0)]
    without, worn = (surface(looks, np.full(len(face), i), face)[0] for i in range(2))
    changed = (np.abs(worn - without).max(1) > 0.01).reshape(x.shape)
    assert 0.03 < changed.mean() < 0.15
    np.testing.assert_array_equal(changed, changed[:, ::-1])
    at_eye = changed[60 - 5 : 60 + 6, 100 - 5 : 100 + 6]  # a centimeter around the left one
    assert not at_eye.any()


def test_bands_replace_a_material() -> None:
    red, blue = Material("plain", (1.0, 0.0, 0.0)), Material("plain", (0.0, 0.0, 1.0))
    banded = Material("plain", (0.0, 1.0, 0.0), bands=Bands(axis=0, edges=(0.3,), steps=(-2, -1)))
    local = np.array([[0.2, 0, 0], [-0.2, 0, 0], [0.4, 0, 0], [-0.4, 0, 0]], np.float32)
    color, _, _ = surface([red, blue, banded], np.full(4, 2, np.int32), local)
    np.testing.assert_array_equal(color, [red.color, red.color, blue.color, blue.color])


def test_views_of_places() -> None:
    assert len(panoramas()) == 18
    a, b, c = (view(np.random.default_rng(seed), (60, 80)) for seed in (0, 0, 1))
    assert a.shape == (60, 80, 3)
    assert a.dtype == np.uint8
    assert a.tobytes() == b.tobytes() != c.tobytes()
    assert a.std() > 3
