"""Generated people: statistics of the levels, exactness of the annotation, the folder's life cycle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.keypoints.skeletons import COCO17
from pose.synthetic.annotate import Figure, SyntheticImage, is_visible
from pose.synthetic.dataset import generate, image_rng
from pose.synthetic.detections import detect
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.body import BodyBuilder
from pose.synthetic.people.bones import Body, place
from pose.synthetic.people.clothes import Clothes
from pose.synthetic.people.image import render_people
from pose.synthetic.people.limbs import Arm, Leg
from pose.synthetic.people.person import OWN_DEPTH
from pose.synthetic.people.posture import Posture
from pose.synthetic.people.wardrobe import random_clothes
from pose.synthetic.render.mesh import join
from pose.synthetic.render.rasterize import ShadowMap, rasterize
from pose.synthetic.render.shade import Camera, Light, render
from pose.synthetic.render.solids import box
from pose.synthetic.render.surface import Material

NAMES = COCO17.keypoint_names


def index(*names: str) -> list[int]:
    return [NAMES.index(n) for n in names]


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> list[SyntheticImage]:
    """The first 250 images of the default val set, read back from the files."""
    root = tmp_path_factory.mktemp("normal")
    generate(root, train=0, val=250, workers=2)
    data = load(root / "annotations/person_keypoints_val.json")
    people: dict[int, list[Figure]] = {image["id"]: [] for image in data["images"]}
    for a in data["annotations"]:
        keypoints = np.array(a["keypoints"], dtype=float).reshape(17, 3)
        figure = Figure(keypoints, np.array(a["bbox"]), a["area"], a["view"], a["posture"], a["truncated"])
        people[a["image_id"]].append(figure)
    images = [cv2.imread(str(root / "images/val" / image["file_name"])) for image in data["images"]]
    return [SyntheticImage(np.asarray(image), tuple(p)) for image, p in zip(images, people.values(), strict=True)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("figures") / "set"
    generate(root, level="normal", train=3, val=12, seed=5)
    return root


def load(path: Path) -> dict:
    return json.loads(path.read_text())


# ---------------------------------------------------------------- statistics


@pytest.mark.slow
def test_normal_val_is_hard_enough(normal: list[SyntheticImage]) -> None:
    people = [f for p in normal for f in p.figures]
    visibility = np.stack([f.keypoints[:, 2] for f in people])
    views = [f.view for f in people]
    assert len(people) >= 500
    assert (visibility == 1).sum() / (visibility > 0).sum() >= 0.25
    assert views.count("back") / len(people) >= 0.30
    assert views.count("front") / len(people) >= 0.25
    assert np.mean([f.truncated for f in people]) >= 0.20
    heights = [f.box_xywh[3] for f in people]
    assert 80 <= np.median(heights) <= 220
    assert len({f.posture for f in people}) == len(LEVELS["normal"].postures)


@pytest.mark.slow
def test_every_annotation_is_consistent(normal: list[SyntheticImage]) -> None:
    for made in normal:
        height, width = made.image.shape[:2]
        assert made.image.dtype == np.uint8
        assert made.image.std() > 4
        for f in made.figures:
            x, y, w, h = f.box_xywh
            assert x >= 0
            assert y >= 0
            assert w > 0
            assert h > 0
            assert x + w <= width + 0.011
            assert y + h <= height + 0.011
            assert 0 <= f.area <= w * h
            labeled = f.keypoints[:, 2] > 0
            assert set(f.keypoints[:, 2]) <= {0, 1, 2}
            assert not f.keypoints[~labeled].any()
            points = f.keypoints[labeled, :2]
            assert (points >= (0, 0)).all()
            assert (points <= (width - 1, height - 1)).all()
            # Every keypoint lies inside the body, so inside the box (in edges, half a pixel off the centers).
            assert (points + 0.5 >= (x - 0.02, y - 0.02)).all()
            assert (points + 0.5 <= (x + w + 0.02, y + h + 0.02)).all()


@pytest.mark.slow
def test_left_and_right_follow_the_view() -> None:
    made = [render_people(image_rng(1, "train", i), LEVELS["easy"]) for i in range(80)]
    left, right = index("left_shoulder", "left_hip"), index("right_shoulder", "right_hip")
    checked = {"front": 0, "back": 0}
    for f in (f for p in made for f in p.figures if f.view != "side"):
        k = f.keypoints
        if k[left + right, 2].all():
            shift = (k[left, 0] - k[right, 0]).mean()
            assert (shift > 0) == (f.view == "front")
            checked[f.view] += 1
    assert min(checked.values()) >= 5


# ---------------------------------------------------------------- depth order

CALM_LEG = Leg(flex=0, out=4, turn=5, knee=2, ankle=0)


def scene(yaw: float, *, wall: bool = False, arms: float = 90) -> tuple[np.ndarray, float]:
    """Visibility (17,) and visible area of someone standing upright 4 m away.

    Args:
        wall: put one 0.8 m high in front. arms: where they point, 0 to the front, 90 sideways.
    """
    arm = Arm(lift=70, plane=arms, turn=0, elbow=5, palm=80, wrist=0)
    posture = Posture("stand", (0, 0, 0), (0, 0, 0), (0, 0, 0), (arm,) * 2, (CALM_LEG,) * 2)
    body = Body.average()
    clothes = Clothes(
        random_clothes(np.random.default_rng(0)).materials, 0.5, 2, 0, -0.05, 0.01, 0.01, "short", "none", 0.05
    )
    mesh, points = BodyBuilder(body, place(body, posture, yaw=yaw), clothes, first_material=0, instance=0).build()
    materials = [*clothes.surfaces.values(), Material("plain", (0.5, 0.5, 0.5))]
    if wall:
        thing = box(np.array([0, 0.4, 1.0]), (2, 0.4, 0.1), yaw=0, material=len(materials) - 1)
        mesh = join([mesh, thing])
    camera = Camera(np.array([0, 1.0, 4]), np.diag([1.0, -1, -1]), 420.0, np.array([120.0, 120]), (240, 240))
    up = np.array([0.3, 0.9, 0.3], np.float32)
    light = Light(up / np.linalg.norm(up), *(np.ones(3, np.float32),) * 3)
    layer = render(mesh, materials, camera=camera, light=light, shadows=ShadowMap(mesh, light.direction))
    xy, depth = camera.project(points)
    visible, _ = is_visible(xy, depth, layer, instance=0, own_depth=OWN_DEPTH * body.scale)
    return visible, float((layer.instance == 0).sum())


def test_visibility_follows_the_depth_order() -> None:
    front, area = scene(0)
    assert front.all()
    hidden, less = scene(0, wall=True)
    legs = index("left_knee", "right_knee", "left_ankle", "right_ankle")
    assert set(np.flatnonzero(~hidden)) == set(legs)
    assert less < 0.8 * area
    back, _ = scene(180)
    assert set(np.flatnonzero(~back)) == set(index("nose", "left_eye", "right_eye"))
    side, _ = scene(90, arms=0)  # faces +x, so the right half is near the camera
    assert side[index("right_shoulder", "right_hip", "right_elbow", "right_ear", "nose")].all()
    assert not side[index("left_shoulder", "left_ear", "left_hip")].any()


def test_rasterize_matches_a_loop() -> None:
    rng = np.random.default_rng(3)
    xy = rng.uniform(-5, 30, (60, 2)).astype(np.float32)
    near = rng.uniform(0.1, 1, 60).astype(np.float32)
    triangles = rng.integers(0, 60, (40, 3)).astype(np.int32)
    found, nearest = rasterize(xy, near, triangles, (20, 25))
    for y in range(20):
        for x in range(25):
            best, which, edge = -np.inf, -1, False
            for i, t in enumerate(triangles):
                m = np.vstack([xy[t].T.astype(float), np.ones(3)])
                if np.linalg.det(m) >= -1e-6:
                    continue
                w = np.linalg.solve(m, (x, y, 1))
                edge |= bool(abs(w.min()) < 1e-3)
                if w.min() >= 0 and w @ near[t] > best:
                    best, which = float(w @ near[t]), i
            if not edge:
                assert found[y, x] == which
                assert which < 0 or nearest[y, x] == pytest.approx(best, abs=1e-4)


# ---------------------------------------------------------------- the folder


def files_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_same_seed_same_bytes_with_any_workers(dataset: Path, tmp_path: Path) -> None:
    seen = []
    generate(
        tmp_path / "b", train=3, val=12, seed=5, workers=2, progress=lambda done, total: seen.append((done, total))
    )
    assert files_of(dataset) == files_of(tmp_path / "b")
    assert seen == [(i, 15) for i in range(1, 16)]


def test_files_of_a_dataset(dataset: Path) -> None:
    names = set(files_of(dataset))
    assert names == {
        *("annotations/person_keypoints_train.json", "annotations/person_keypoints_val.json"),
        *(f"images/train/{i:06d}.jpg" for i in range(1, 4)),
        *(f"images/val/{i:06d}.jpg" for i in range(1, 13)),
        *("person_detection_results/val.json", "figures.json"),
    }
    val = load(dataset / "annotations/person_keypoints_val.json")
    assert val["info"].items() >= {"level": "normal", "seed": 5, "split": "val", "count": 12}.items()
    assert val["categories"][0]["keypoints"] == list(NAMES)
    assert [a["id"] for a in val["annotations"]] == list(range(1, len(val["annotations"]) + 1))
    for image in val["images"]:
        pixels = cv2.imread(str(dataset / "images/val" / image["file_name"]))
        assert pixels is not None
        assert pixels.shape == (image["height"], image["width"], 3)
    for a in val["annotations"]:
        assert a["num_keypoints"] == sum(v > 0 for v in a["keypoints"][2::3])


def test_train_and_val_and_seeds_differ(dataset: Path) -> None:
    shots = [(5, "val", 0), (5, "train", 0), (5, "val", 1), (6, "val", 0)]
    images = [render_people(image_rng(*s), LEVELS["easy"]).image.tobytes() for s in shots]
    assert len(set(images)) == len(images)
    train, val = (load(dataset / f"annotations/person_keypoints_{s}.json") for s in ("train", "val"))
    assert train["annotations"][0]["keypoints"] != val["annotations"][0]["keypoints"]


def test_truth_as_detections_is_perfect(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO(str(dataset / "annotations/person_keypoints_val.json"))
    guesses = [
        {k: a[k] for k in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
        for a in truth.dataset["annotations"]
        if a["num_keypoints"]
    ]
    ev = COCOeval(truth, truth.loadRes(guesses), "keypoints")
    ev.evaluate()
    ev.accumulate()
    ev.summarize()
    assert ev.stats[0] == pytest.approx(1.0)
    assert ev.stats[5] == pytest.approx(1.0)


@pytest.mark.slow
def test_detections_are_near_the_people(normal: list[SyntheticImage]) -> None:
    from pycocotools import mask

    near, far, missed, total = [], [], 0, 0
    for i, p in enumerate(normal):
        height, width = p.image.shape[:2]
        found = detect(image_rng(9, "val", i), (height, width), p.figures)
        assert all(0 < score <= 1 for _, score in found)
        if not found:
            continue
        boxes = np.array([box for box, _ in found])
        overlap = mask.iou(boxes, np.array([f.box_xywh for f in p.figures]).reshape(-1, 4), [0] * len(p.figures))
        best = np.asarray(overlap).max(1) if len(p.figures) else np.zeros(len(found))
        near += [score for (_, score), o in zip(found, best, strict=True) if o > 0.6]
        far += [score for (_, score), o in zip(found, best, strict=True) if o < 0.3]
        clear = [j for j, f in enumerate(p.figures) if f.area > 0.2 * f.box_xywh[2] * f.box_xywh[3]]
        missed += sum(np.asarray(overlap)[:, j].max() < 0.5 for j in clear)
        total += len(clear)
    assert 0.01 < missed / total < 0.12
    assert len(far) > 20
    assert np.mean(near) > np.mean(far) + 0.3


def test_a_finished_dataset_is_left_alone(dataset: Path) -> None:
    path = dataset / "images/val/000001.jpg"
    before = path.stat().st_mtime_ns
    generate(dataset, train=3, val=12, seed=5)
    assert path.stat().st_mtime_ns == before


def test_an_interrupted_generation_starts_over(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    root = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        generate(root, level="easy", train=2, val=1, progress=stop)
    assert not (root / "figures.json").exists()
    with pytest.raises(ValueError, match="interrupted generation"):
        generate(root, level="easy", train=2, val=1, seed=1)
    generate(root, level="easy", train=2, val=1)
    assert (root / "figures.json").exists()
    assert not (root / "figures.partial.json").exists()


@pytest.mark.slow
def test_images_to_train_on_can_be_added_later(dataset: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    generate(root, level="normal", train=0, val=12, seed=5)
    assert not (root / "annotations/person_keypoints_train.json").exists()  # `pose check` would miss people in it
    val = files_of(root / "images/val")
    steps: list[tuple[int, int]] = []
    generate(root, level="normal", train=3, val=12, seed=5, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert files_of(root / "images") == files_of(dataset / "images")
    assert files_of(root / "images/val") == val
    assert load(root / "figures.json") == load(dataset / "figures.json")
    before = files_of(root)
    generate(root, level="normal", train=0, val=12, seed=5)  # one with more will do
    assert files_of(root) == before
    with pytest.raises(ValueError, match=r"train 3.*train 4.*another folder"):
        generate(root, level="normal", train=4, val=12, seed=5)
    with pytest.raises(ValueError, match=r"val 12.*val 13.*another folder"):
        generate(root, level="normal", train=0, val=13, seed=5)


@pytest.mark.parametrize("content", ["[]", '{"level": "normal"}', '{"train": "0"}'])
def test_a_foreign_figures_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "figures.json").write_text(content)
    with pytest.raises(ValueError, match="another folder"):
        generate(tmp_path, train=0, val=1)


def test_errors_say_what_to_do(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'normal'"):
        generate(tmp_path, level="norml")
    with pytest.raises(ValueError, match="easy, normal, hard"):
        generate(tmp_path, level="zzz")
    with pytest.raises(ValueError, match=r"val = -1"):
        generate(tmp_path, val=-1)
    with pytest.raises(ValueError, match=r"seed 5.*seed 6.*another folder"):
        generate(dataset, train=3, val=12, seed=6)
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="not empty"):
        generate(tmp_path, train=1, val=1)
    with pytest.raises(ValueError, match="is a file"):
        generate(tmp_path / "mine.txt", train=1, val=1)
    assert files_of(tmp_path) == {"mine.txt": b"keep"}


def test_import_is_light() -> None:
    code = "import sys, pose.synthetic.dataset; print(sorted({'torch', 'albumentations'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
