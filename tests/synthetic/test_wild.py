"""The wild level of generated people: what sets it apart, and the surfaces and boxes that only it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose.synthetic.animals.image import render_animals
from pose.synthetic.annotate import SyntheticImage, annotate
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS, chance
from pose.synthetic.people.body import BodyBuilder
from pose.synthetic.people.bones import Body, place
from pose.synthetic.people.image import render_people
from pose.synthetic.people.limbs import Arm, Leg
from pose.synthetic.people.person import SyntheticPerson, annotate_person
from pose.synthetic.people.posture import Posture, random_posture
from pose.synthetic.people.screens import screen
from pose.synthetic.people.wardrobe import random_clothes
from pose.synthetic.render.dead_leaves import leaves
from pose.synthetic.render.mesh import join
from pose.synthetic.render.shade import Camera, Light, render
from pose.synthetic.render.solids import box
from pose.synthetic.render.surface import Material, noise_tile, surface
from pose.synthetic.scene.camera import SIZES, Sensor, focused
from pose.synthetic.scene.details import add_details

WILD = LEVELS["wild"]


@pytest.fixture(scope="module")
def wild() -> list[SyntheticImage]:
    return [render_people(image_rng(2, "train", i), WILD) for i in range(60)]


@pytest.mark.slow
def test_annotations_are_consistent(wild: list[SyntheticImage]) -> None:
    people = [f for p in wild for f in p.figures]
    sizes = {(h, w) for h, w in SIZES}
    for made in wild:
        height, width = made.image.shape[:2]
        assert (height, width) in sizes
        assert made.image.dtype == np.uint8
        for f in made.figures:
            x, y, w, h = f.box_xywh
            assert min(x, y) >= 0
            assert min(w, h) > 0
            assert x + w <= width
            assert y + h <= height
            assert 0 < f.area <= w * h
            seen = f.keypoints[f.keypoints[:, 2] == 2, :2]
            # A visible keypoint lies behind visible skin or cloth: inside the box, but for the thickness of the flesh
            # that hangs over the silhouette where the body is cut by what stands before it.
            assert (seen >= (x - 1, y - 1)).all()
            assert (seen <= (x + w + 1, y + h + 1)).all()
    assert len(people) >= 60
    assert len({f.posture for f in people}) >= 10
    labeled = np.array([(f.keypoints[:, 2] > 0).sum() for f in people])
    assert np.mean(labeled < 12) > 0.2, "many are cut, as in photographs"


@pytest.mark.slow
def test_images_are_more_varied_than_normal_ones(wild: list[SyntheticImage]) -> None:
    normal = [render_people(image_rng(2, "train", i), LEVELS["normal"]) for i in range(60)]

    def spread(images: list[SyntheticImage]) -> tuple[float, float]:
        """Mean contrast inside an image, and strength of colors."""
        contrast = np.mean([p.image.mean(2).std() for p in images])
        color = np.mean([np.ptp(p.image.astype(int), axis=2).mean() for p in images])
        return float(contrast), float(color)

    for a, b in zip(spread(wild), spread(normal), strict=True):
        assert a > 1.1 * b


@pytest.mark.slow
def test_the_same_numbers_give_the_same_image() -> None:
    for render_one in (render_people, render_animals):
        a, b = (render_one(image_rng(7, "train", 3), WILD) for _ in range(2))
        assert a.image.tobytes() == b.image.tobytes()
        assert [f.keypoints.tolist() for f in a.figures] == [f.keypoints.tolist() for f in b.figures]


@pytest.mark.slow
def test_variety_zero_draws_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other levels' images must not depend on what the wild one adds."""
    rng, untouched = (np.random.default_rng(0) for _ in range(2))
    assert not chance(rng, 0.0)
    assert rng.random() == untouched.random()
    before = [render_people(image_rng(1, "val", i), LEVELS["hard"]) for i in range(6)]

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("a piece of the wild level")

    pieces = ("people.image.in_hand", "people.image.mount", "people.image.screen", "people.image.table")
    for name in (*pieces, "scene.backdrop.leaves"):
        monkeypatch.setattr(f"pose.synthetic.{name}", fail)
    for name in ("render.colors.leaves", "people.wardrobe.random_color", "scene.objects.random_color"):
        monkeypatch.setattr(f"pose.synthetic.{name}", fail)
    for i, a in enumerate(before):
        assert a.image.tobytes() == render_people(image_rng(1, "val", i), LEVELS["hard"]).image.tobytes()


# ---------------------------------------------------------------- what hides people, clutter, tones


def test_screens_stand_before_people_and_leave_the_head_free() -> None:
    rng = np.random.default_rng(0)
    to_camera = np.array([3.0, 1.5, 4.0])
    toward = np.array([0.6, 0, 0.8])
    for _ in range(80):
        body = Body.random(rng)
        bones = place(body, random_posture(rng, "stand"), yaw=0)
        position = np.array([rng.normal(), 0, rng.normal()])
        person = SyntheticPerson(body, bones, random_clothes(rng), "stand", position, 0)
        parts = screen(rng, person, to_camera, lambda: 0)
        vertices = join(parts).vertices
        assert len(parts) >= 1
        assert (((vertices - position) @ toward).mean()) > 0.2, "between the person and the camera"
        assert vertices[:, 1].max() < 1.55 * body.scale
        assert vertices[:, 1].min() < 0.3, "down to the ground"


def test_details() -> None:
    plain = np.full((120, 160, 3), 90, np.uint8)
    rng, untouched = (np.random.default_rng(3) for _ in range(2))
    assert (add_details(rng, plain, 0) == 90).all()
    assert rng.random() == untouched.random(), "a level without them keeps its images"
    painted = [add_details(np.random.default_rng(3), plain.copy(), 20) for _ in range(2)]
    assert painted[0].tobytes() == painted[1].tobytes()
    assert 0.02 < (painted[0] != 90).any(2).mean() < 0.9


def test_gamma_darkens_shadows_and_sharpening_steepens_edges() -> None:
    scene = np.full((40, 60, 3), 0.05, np.float32)
    scene[:, 30:] = 0.6

    def develop(**settings: float) -> np.ndarray:
        sensor = Sensor(exposure=0.325, cast=np.ones(3), pale=0, blur=0, noise=0, shift=0, **settings)
        return sensor.develop(np.random.default_rng(0), scene).astype(float)

    usual, dark, sharp = develop(), develop(gamma=1.6), develop(sharp=1.0)
    # Shares of 255 to the power of 1.6.
    for x in (5, 55):
        assert dark[20, x, 0] == pytest.approx(255 * (usual[20, x, 0] / 255) ** 1.6, abs=1.5)
        assert sharp[20, x, 0] == pytest.approx(usual[20, x, 0], abs=1)
    assert sharp[20, 30, 0] - sharp[20, 29, 0] > 1.3 * (usual[20, 30, 0] - usual[20, 29, 0])


# ---------------------------------------------------------------- boxes


def test_one_distance_is_in_focus() -> None:
    """Three stripes of checks, 2, 4 and 8 meters away: whichever distance is drawn, that stripe stays as it is."""
    checks = np.indices((60, 90)).sum(0) % 2
    scene = np.repeat(checks[..., None], 3, 2).astype(np.float32)
    depth = np.repeat([2.0, 4.0, 8.0], 60)[None].repeat(120, 0).astype(np.float32)
    sharp = np.zeros(3, bool)
    for seed in range(12):
        made = focused(np.random.default_rng(seed), scene, depth)
        contrast = np.array([made[20:40, 10 + 30 * i : 20 + 30 * i].std() for i in range(3)])
        sharp |= contrast > 0.4
        assert contrast.min() < 0.2
    assert sharp.all()
    nothing = np.full_like(depth, np.inf)
    assert focused(np.random.default_rng(0), scene, nothing) is scene


@pytest.mark.parametrize("hidden", [False, True])
def test_box_around_what_is_visible(hidden: bool) -> None:
    """A box of 0.4 m x 1 m, 4 m away, whose lower half a wall hides."""
    body = box(np.array([0, 0.5, 0]), (0.2, 0.5, 0.001), yaw=0, material=0)
    body = replace(body, instance=np.zeros_like(body.instance))
    scene = [body]
    if hidden:
        scene.append(box(np.array([0, 0.25, 0.02]), (2, 0.25, 0.005), yaw=0, material=0))
    camera = Camera(np.array([0, 0.5, 4.0]), np.diag([1.0, -1, -1]), 400.0, np.array([99.5, 99.5]), (200, 200))
    ones = np.ones(3, np.float32)
    light = Light(np.array([0, 0, 1], np.float32), ones, ones, ones)
    layer = render(join(scene), [Material("plain", (0.5, 0.5, 0.5))], camera=camera, light=light, shadows=None)
    boxes = []
    for only_visible in (False, True):
        found = annotate(
            body,
            np.zeros((1, 3)),
            camera=camera,
            layer=layer,
            instance=0,
            own_depth=np.zeros(1),
            only_visible=only_visible,
            view="front",
            posture="stand",
        )
        assert found is not None
        boxes.append(found.box_xywh)
    whole = (80, 50, 40, 100)  # 100 pixels a meter, the principal point in the middle
    assert boxes[0] == pytest.approx(whole, abs=0.05)
    # Pixels of half the size: an edge may be half of one off.
    assert boxes[1] == pytest.approx((80, 50, 40, 50) if hidden else whole, abs=0.5)


# ---------------------------------------------------------------- surfaces


def test_leaves() -> None:
    def draw(seed: int) -> np.ndarray:
        return leaves(np.random.default_rng(seed), (90, 140), count=200, smallest=2.0)

    image = draw(0)
    assert image.shape == (90, 140, 3)
    assert image.dtype == np.uint8
    assert (image == draw(0)).all()
    assert (image != draw(1)).any()
    # Edges at all scales: halving the image again and again keeps much of its contrast, which noise does not.
    gray = image.mean(2)
    small = gray[:88, :136].reshape(11, 8, 17, 8).mean((1, 3))
    assert small.std() > 0.35 * gray.std()


def test_leaves_of_one_size_larger_than_the_image() -> None:
    assert leaves(np.random.default_rng(0), (8, 8), count=3, smallest=3.5).shape == (8, 8, 3)


def test_noise_repeats_without_a_seam() -> None:
    noise = noise_tile(np.random.default_rng(0), 64)
    inside = np.abs(np.diff(noise, axis=1)).mean()
    across = np.abs(noise[:, 0] - noise[:, -1]).mean()
    assert across < 1.5 * inside


def test_print_is_repeated_over_the_surface() -> None:
    rng = np.random.default_rng(0)
    tile = rng.random((8, 8, 3)).astype(np.float32)
    plain = Material("plain", (0.2, 0.3, 0.4))
    printed = Material("plain", (0, 0, 0), scale=0.4, print=tile)
    local = rng.uniform(-1, 1, (50, 3)).astype(np.float32)
    which = rng.integers(0, 2, 50)
    albedo, _, bend = surface([plain, printed], which, local)
    for i, (x, y, z) in enumerate(local):
        if which[i] == 0:
            assert albedo[i] == pytest.approx((0.2, 0.3, 0.4))
        else:  # the tile covers 0.4 m up the body, and across it, where the depth counts 0.6
            row, column = int(y / 0.4 * 8) % 8, int((x + 0.6 * z) / 0.4 * 8) % 8
            assert albedo[i] == pytest.approx(tile[row, column])
    assert not bend.any()


def test_mottle_and_crumple() -> None:
    local = np.random.default_rng(1).uniform(-1, 1, (4000, 3)).astype(np.float32)
    index = np.zeros(4000, int)
    albedo, _, bend = surface([Material("plain", (0.5, 0.5, 0.5), mottle=0.2)], index, local)
    assert albedo[:, 0].mean() == pytest.approx(0.5, rel=0.05)
    assert albedo[:, 0].std() == pytest.approx(0.1, rel=0.15)
    assert not bend.any()
    albedo, _, bend = surface([Material("plain", (0.5, 0.5, 0.5), crumple=0.7)], index, local)
    assert (albedo == 0.5).all()
    assert bend[:, :2].std(0) == pytest.approx((0.7, 0.7), rel=0.2)


def test_nothing_in_the_image() -> None:
    """The camera looks past all things: no pixel is drawn."""
    thing = box(np.array([50.0, 0, 0]), (0.1, 0.1, 0.1), yaw=0, material=0)
    camera = Camera(np.array([0, 0, 4.0]), np.diag([1.0, -1, -1]), 100.0, np.array([10.0, 10.0]), (20, 20))
    ones = np.ones(3, np.float32)
    light = Light(np.array([0, 0, 1], np.float32), ones, ones, ones)
    layer = render(thing, [Material("plain", (0.5,) * 3)], camera=camera, light=light, shadows=None)
    assert not layer.alpha.any()
    assert not layer.color.any()


@pytest.mark.slow
def test_only_what_is_visible_is_labeled(wild: list[SyntheticImage]) -> None:
    """The same images annotated in full: labels that are left out were hidden ones, and none was moved."""
    whole = replace(WILD, only_visible=False)
    left_out = kept = 0
    for number, made in enumerate(wild[:30]):
        full = render_people(image_rng(2, "train", number), whole)
        assert full.image.tobytes() == made.image.tobytes()
        by_area = {round(f.area, 3): f for f in full.figures}
        for f in made.figures:
            k, everything = f.keypoints, by_area[round(f.area, 3)].keypoints
            labeled = k[:, 2] > 0
            np.testing.assert_array_equal(k[labeled, :2], everything[labeled, :2])
            labeled[[3, 4]] = False  # ears that hair hides count as visible here
            np.testing.assert_array_equal(k[labeled], everything[labeled])
            labeled = k[:, 2] > 0
            assert (everything[~labeled, 2] < 2).all()
            assert (k[:5, 2] != 1).all(), "faces from behind"
            left_out += int(((everything[:, 2] == 1) & ~labeled).sum())
            kept += int((k[:, 2] == 1).sum())
    assert left_out > 100
    assert kept > 50, "what the own body hides"


@pytest.mark.parametrize(("low", "knees", "ankles"), [(0.36, 1, 2), (0.0, 0, 0)])
def test_what_is_hidden_between_two_labels_is_labeled(low: float, knees: int, ankles: int) -> None:
    """A beam before the knees, and a wall from there down to the ground."""
    arm = Arm(lift=10, plane=90, turn=0, elbow=5, palm=80, wrist=0)
    leg = Leg(flex=0, out=4, turn=5, knee=2, ankle=0)
    body = Body.average()
    posture = Posture("stand", (0, 0, 0), (0, 0, 0), (0, 0, 0), (arm,) * 2, (leg,) * 2)
    person = SyntheticPerson(
        body, place(body, posture, yaw=0), random_clothes(np.random.default_rng(0)), "stand", np.zeros(3), 0
    )
    builder = BodyBuilder(body, person.bones, person.clothes, first_material=0, instance=0)
    mesh, points = builder.build()
    high = 0.62
    beam = box(np.array([0, (low + high) / 2, 0.5]), (2, (high - low) / 2, 0.05), yaw=0, material=0)
    camera = Camera(np.array([0, 0.6, 4]), np.diag([1.0, -1, -1]), 420.0, np.array([120.0, 120]), (280, 240))
    light = Light(np.array([0, 0, 1], np.float32), *(np.ones(3, np.float32),) * 3)
    materials = list(person.clothes.surfaces.values())
    layer = render(join([mesh, beam]), materials, camera=camera, light=light, shadows=None)
    figure = annotate_person(person, mesh, points, camera=camera, layer=layer, instance=0, only_visible=True)
    assert figure is not None
    assert (figure.keypoints[5:13, 2] == 2).all(), "from the shoulders to the hips"
    assert (figure.keypoints[13:15, 2] == knees).all()
    assert (figure.keypoints[15:17, 2] == ankles).all()
    if knees:
        np.testing.assert_allclose(figure.keypoints[13:15, :2], camera.project(points[13:15])[0])


@pytest.mark.slow
def test_close_images_have_large_faces_beside_each_other() -> None:
    """Distances across the face against the image's height: medians of 0.27 and 0.04 when this was written."""
    usual, close = (
        [render_people(image_rng(6, "train", i), replace(WILD, cut=cut, close=cut)) for i in range(25)]
        for cut in (0.0, 1.0)
    )

    def faces(images: list[SyntheticImage]) -> list[float]:
        found = [(m.image.shape[0], f.keypoints[:5]) for m in images for f in m.figures]
        return [float(np.ptp(k[k[:, 2] > 0, :2], axis=0).max() / h) for h, k in found if (k[:, 2] > 0).sum() > 1]

    assert np.median(faces(close)) > 3 * np.median(faces(usual))
