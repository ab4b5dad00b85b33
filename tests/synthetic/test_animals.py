"""Generated animals: exact annotations, of another category and skeleton than people's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pose.data.coco import load_coco
from pose.data.detections import detected_people
from pose.data.people import check_images_exist, ground_truth_people
from pose.keypoints.skeletons import guess_flip_pairs
from pose.synthetic.animals.animal import Animal
from pose.synthetic.animals.body import build
from pose.synthetic.animals.image import render_animals
from pose.synthetic.animals.skeleton import ANIMAL
from pose.synthetic.dataset import generate, image_rng
from pose.synthetic.levels import LEVELS


def index(name: str) -> int:
    return ANIMAL.keypoint_names.index(name)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("animals")
    generate(root, kind="animals", level="normal", train=2, val=6, seed=3)
    return root


def test_the_skeleton_needs_no_hints() -> None:
    """What `from_annotations` guesses is what is meant, since that is what the docs show with it."""
    pairs = [(ANIMAL.keypoint_names[a], ANIMAL.keypoint_names[b]) for a, b in ANIMAL.flip_pairs]
    assert sorted(guess_flip_pairs(ANIMAL.keypoint_names)) == sorted(pairs)
    assert ANIMAL.num_keypoints == 20


def test_files(dataset: Path) -> None:
    document = json.loads((dataset / "annotations/animal_keypoints_val.json").read_text())
    (category,) = document["categories"]
    assert (category["id"], category["name"]) == (7, "animal")
    assert category["keypoints"] == list(ANIMAL.keypoint_names)
    assert {frozenset(i - 1 for i in e) for e in category["skeleton"]} == {frozenset(e) for e in ANIMAL.edges}
    coco = load_coco(dataset / "annotations/animal_keypoints_val.json", ANIMAL)
    assert (coco.category_id, len(coco.images)) == (7, 6)
    people = ground_truth_people(coco, dataset / "images/val")
    check_images_exist(person.path for person in people)
    assert detected_people(dataset / "person_detection_results/val.json", coco, dataset / "images/val").people
    assert json.loads((dataset / "figures.json").read_text())["kind"] == "animals"


def test_a_folder_of_people_is_no_folder_of_animals(dataset: Path) -> None:
    generate(dataset, kind="animals", level="normal", train=2, val=6, seed=3)  # there already
    with pytest.raises(ValueError, match=r"holds generated images with .* kind animals, but asked for were"):
        generate(dataset, level="normal", train=2, val=6, seed=3)
    with pytest.raises(ValueError, match=r"figures kind 'animal' is unknown; did you mean 'animals'\?"):
        generate(dataset, kind="animal")


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_images_are_a_function_of_their_seed(level: str) -> None:
    first, again = (render_animals(image_rng(1, "train", 4), LEVELS[level]) for _ in range(2))
    other = render_animals(image_rng(1, "train", 5), LEVELS[level])
    np.testing.assert_array_equal(first.image, again.image)
    for a, b in zip(first.figures, again.figures, strict=True):
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
    assert other.image.shape != first.image.shape or (other.image != first.image).any()


@pytest.mark.slow
def test_annotations_lie_where_the_animal_is() -> None:
    visible = labeled = 0
    for number in range(12):
        made = render_animals(image_rng(0, "val", number), LEVELS["normal"])
        height, width = made.image.shape[:2]
        for figure in made.figures:
            x, y, w, h = figure.box_xywh
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            assert 0 <= figure.area <= w * h
            points = figure.keypoints[figure.keypoints[:, 2] > 0]
            assert (points[:, :2] >= (x - 1, y - 1)).all()
            assert (points[:, :2] <= (x + w, y + h)).all()
            visible += int((points[:, 2] == 2).sum())
            labeled += len(points)
    assert 0.5 < visible / labeled < 0.95


def test_the_body_stands_on_the_ground_with_its_own_left_and_right() -> None:
    for seed in range(20):
        animal = Animal.random(np.random.default_rng(seed))
        mesh, points = build(animal, yaw=0.0, first_material=0, instance=0)  # it looks along +z
        h = animal.height
        for left, right in ANIMAL.flip_pairs:
            if "eye" not in ANIMAL.keypoint_names[left] and "ear" not in ANIMAL.keypoint_names[left]:
                assert points[left, 0] > 0.02 * h > -0.02 * h > points[right, 0]  # x is to its left
        assert points[index("withers"), 2] > points[index("tail_base"), 2]
        assert points[index("nose"), 2] > points[index("withers"), 2]
        paws = points[[i for i, name in enumerate(ANIMAL.keypoint_names) if name.endswith("paw")]]
        assert np.sort(paws[:, 1])[1] < 0.08 * h  # at least two are down
        assert -0.05 * h < mesh.vertices[:, 1].min() < 0.03 * h
        for name in ("nose", "tail_tip", "left_front_elbow", "right_back_hock"):
            gap = np.linalg.norm(mesh.vertices - points[index(name)], axis=1).min()
            assert gap < 0.12 * h, name


def test_surfaces_face_outwards() -> None:
    """Else the renderer, which skips the far side, would show the inside."""
    mesh, _ = build(Animal.random(np.random.default_rng(1)), yaw=30.0, first_material=0, instance=0)
    volumes: dict[int, float] = {}
    root = np.arange(len(mesh.vertices))  # of each part, its first vertex
    for corners in (mesh.triangles, mesh.triangles[::-1]) * 20:
        np.minimum.at(root, corners.ravel(), np.repeat(root[corners].min(axis=1), 3))
    corners = mesh.vertices[mesh.triangles].astype(np.float64)
    pieces = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    for part, piece in zip(root[mesh.triangles[:, 0]].tolist(), pieces.tolist(), strict=True):
        volumes[part] = volumes.get(part, 0) + piece
    # Trunk, neck, head, nose and tail; two eyes and ears; legs in two pieces, with a paw.
    assert len(volumes) == 5 + 4 + 4 * 3
    assert min(volumes.values()) > 0


def test_yaw_turns_the_animal_to_its_left() -> None:
    animal = Animal.random(np.random.default_rng(2))
    straight, turned = (build(animal, yaw=yaw, first_material=0, instance=0)[1] for yaw in (0.0, 90.0))
    np.testing.assert_allclose(turned[:, 0], straight[:, 2], atol=1e-9)
    np.testing.assert_allclose(turned[:, 2], -straight[:, 0], atol=1e-9)
