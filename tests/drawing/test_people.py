"""Drawings: where color lands, how wide and how strong, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.data.coco import load_coco
from pose.data.people import ground_truth_people
from pose.drawing import strokes
from pose.drawing.people import LEFT, PEOPLE, RIGHT, draw_people, line_width
from pose.drawing.sheets import draw_batch, draw_heatmaps, draw_pairs
from pose.images.read import read_image
from pose.images.write import write_image
from pose.keypoints.skeletons import COCO17, Skeleton

THREE = Skeleton.from_names(
    "three",
    keypoint_names=["l", "r", "m"],
    flip_pairs=[("l", "r")],
    edges=[("l", "m"), ("r", "m")],
)
POINTS = np.array([[[150.0, 50.0], [50.0, 50.0], [100.0, 150.0]]])


def blank(height: int = 200, width: int = 200, value: int = 128) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)


def changed(image: np.ndarray, value: int | np.ndarray = 128) -> np.ndarray:
    return (image != value).any(axis=-1)


def test_sides_have_their_colors_and_the_middle_the_persons() -> None:
    image = blank()
    drawn = draw_people(image, POINTS, np.ones((1, 3)), skeleton=THREE)
    assert (image == 128).all(), "the given image must stay as it is"
    assert tuple(drawn[50, 150]) == LEFT
    assert tuple(drawn[50, 50]) == RIGHT
    assert tuple(drawn[150, 100]) == PEOPLE[0]
    assert tuple(drawn[100, 125]) == LEFT, "an edge from a side to the middle belongs to the side"
    two = draw_people(image, np.concatenate([POINTS, POINTS + np.array([40, 20])]), np.ones((2, 3)), skeleton=THREE)
    assert tuple(two[170, 140]) == PEOPLE[1]


@pytest.mark.parametrize(
    ("score", "opacity"), [(0.9, 1.0), (0.6, 1.0), (0.3, 0.5), (0.2, 0.0), (-1, 0.0), (np.nan, 0.0)]
)
def test_opacity_follows_the_score(score: float, opacity: float) -> None:
    drawn = draw_people(blank(), POINTS, np.array([[1.0, score, 1.0]]), skeleton=THREE)
    expected = 128 + (np.array(RIGHT) - 128) * opacity
    np.testing.assert_allclose(drawn[50, 50], expected, atol=1)
    # An edge is as sure as its less sure end.
    np.testing.assert_allclose(drawn[100, 75], expected, atol=1)


def test_outline_shows_on_its_own_color() -> None:
    for color in (LEFT, RIGHT, PEOPLE[0], (255, 255, 255)):
        image = np.broadcast_to(np.array(color, dtype=np.uint8), (200, 200, 3)).copy()
        drawn = draw_people(image, POINTS, np.ones((1, 3)), skeleton=THREE)
        across = drawn[100].astype(int).sum(axis=-1)
        assert across.min() < 0.6 * sum(color)


def test_widths_follow_the_person_and_the_image() -> None:
    person = 60.0
    assert line_width(person, screen=4.0) <= 0.025 * person + 0.9
    assert line_width(1800.0, screen=3.0) >= 3 * 1.7
    assert line_width(3000.0, screen=1.0) == 4.5
    sizes = np.geomspace(10, 5000, 60)
    widths = [line_width(s, screen=2.0) for s in sizes]
    assert (np.diff(widths) >= 0).all()
    # What is drawn has that width: the colored run across a horizontal limb.
    bar = Skeleton.from_names("bar", keypoint_names=["a", "b"], edges=[("a", "b")])
    ends = np.array([[[50.0, 100.0], [450.0, 100.0]]])
    drawn = draw_people(blank(200, 500, 0), ends, np.ones((1, 2)), skeleton=bar)
    coverage = drawn[:, 250, 1].astype(float).sum() / PEOPLE[0][1]
    assert coverage == pytest.approx(line_width(400.0, 1.0), rel=0.15)


def test_small_person_in_a_large_image_is_no_blob() -> None:
    person = np.array([[[1000.0, 1000.0], [1020.0, 1005.0], [1010.0, 1060.0]]])
    drawn = draw_people(blank(2000, 3000), person, np.ones((1, 3)), skeleton=THREE)
    patch = changed(drawn)[990:1070, 990:1030]
    assert 0.02 < patch.mean() < 0.3


def test_shapes_are_anti_aliased_at_fractions_of_a_pixel() -> None:
    sums = []
    for shift in (0.0, 0.3, 0.5):
        drawn = draw_people(blank(value=0), POINTS + shift, np.array([[0, 0, 1.0]]), skeleton=THREE)[..., 0].astype(
            float
        )
        sums.append((drawn.sum(), (drawn * np.arange(200)).sum() / drawn.sum()))
    assert sums[1][0] == pytest.approx(sums[0][0], rel=0.05)
    assert sums[1][1] - sums[0][1] == pytest.approx(0.3, abs=0.06)
    assert sums[2][1] - sums[0][1] == pytest.approx(0.5, abs=0.06)


def test_keypoints_outside_and_not_finite_are_harmless() -> None:
    wild = np.array([[[-1e9, 1e9], [np.nan, np.inf], [100.0, 150.0]], [[-30.0, 50.0], [230.0, 50.0], [1e300, 0.0]]])
    drawn = draw_people(blank(), wild, np.ones((2, 3)), skeleton=THREE)
    assert tuple(drawn[150, 100]) == PEOPLE[0]
    assert changed(draw_people(blank(), wild[1:, [1, 0, 1]], np.ones((1, 3)), skeleton=THREE)).any()


def test_the_compiled_loop_draws_as_numpy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    if strokes.KERNEL is None:
        pytest.skip("not compiled here")
    rng = np.random.default_rng(0)
    for spread in (3, 40, 400):  # of people: within the image, and beyond it
        image = rng.integers(0, 256, (150, 211, 3), dtype=np.uint8)
        points = rng.uniform(0, 200, (2, 1, 2)) + rng.normal(0, spread, (2, 17, 2))
        scores, boxes = rng.uniform(0, 0.9, (2, 17)), rng.uniform(0, 200, (2, 4))
        drawn = []
        for kernel in (strokes.KERNEL, None):
            monkeypatch.setattr(strokes, "KERNEL", kernel)
            drawn.append(draw_people(image, points, scores, skeleton=COCO17, boxes_xywh=boxes).astype(int))
            monkeypatch.undo()
        assert changed(drawn[0], image).any()
        # Where a processor multiplies and adds at once, a value may round the other way.
        np.testing.assert_allclose(drawn[0], drawn[1], atol=1)


def test_boxes_are_marked_at_their_corners() -> None:
    box = np.array([[20.0, 30.0, 100.0, 120.0]])
    drawn = changed(draw_people(blank(), POINTS, np.zeros((1, 3)), skeleton=THREE, boxes_xywh=box))
    for x, y in ((20, 30), (120, 30), (20, 150), (120, 150)):
        assert drawn[y, x]
    assert not drawn[90, 70]
    assert not drawn[30, 70], "only the corners"


def test_nobody_gives_a_copy() -> None:
    image = blank()
    drawn = draw_people(image, np.zeros((0, 3, 2)), np.zeros((0, 3)), skeleton=THREE, boxes_xywh=np.zeros((0, 4)))
    assert drawn is not image
    np.testing.assert_array_equal(drawn, image)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"keypoints \(N, 3, 2\)"):
        draw_people(blank(), np.zeros((1, 17, 2)), np.zeros((1, 17)), skeleton=THREE)
    with pytest.raises(ValueError, match="boxes must be"):
        draw_people(blank(), POINTS, np.ones((1, 3)), skeleton=THREE, boxes_xywh=np.zeros(4))
    with pytest.raises(ValueError, match="uint8"):
        draw_people(blank().astype(np.float32), POINTS, np.ones((1, 3)), skeleton=THREE)
    with pytest.raises(ValueError, match=r"heatmaps \(3, h, w\)"):
        draw_heatmaps(blank(), np.zeros((17, 8, 8)), THREE)
    with pytest.raises(ValueError, match="images"):
        draw_batch(np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 3, 2)), np.zeros((0, 3)), skeleton=THREE)


def test_heatmaps_lie_where_decoding_puts_them() -> None:
    """Heatmap pixel (x, y) is crop pixel (4 x, 4 y), not the center of a 4 x 4 block."""
    maps = np.zeros((3, 64, 48), dtype=np.float32)
    maps[0, 20, 30] = 1.0
    crop = np.zeros((256, 192, 3), dtype=np.uint8)
    grid = draw_heatmaps(crop, maps, THREE, columns=4)
    height, width = grid.shape[0] - 2 * 6, (grid.shape[1] - 5 * 6) // 4
    bar, zoom = height - round(256 * 200 / 192), width / 192
    panels = [grid[6 + bar : 6 + height, 6 + i * (width + 6) : 6 + i * (width + 6) + width] for i in range(4)]
    for panel in panels[:2]:  # the sum, and the first keypoint
        rows, cols = np.nonzero(panel.sum(axis=-1) > 60)
        assert cols.mean() == pytest.approx(30 * 4 * zoom, abs=1.0)
        assert rows.mean() == pytest.approx(20 * 4 * zoom, abs=1.0)
    assert panels[2].max() < 60, "an empty map shows the crop alone"


def test_batch_sheet_shows_every_crop_and_a_legend() -> None:
    images = np.stack([blank(64, 48, 60 + 10 * i) for i in range(5)])
    keypoints = np.tile(np.array([[36.0, 16.0], [12.0, 16.0], [24.0, 48.0]]), (5, 1, 1))
    weights = np.ones((5, 3))
    weights[4] = 0
    sheet = draw_batch(images, keypoints, weights, skeleton=THREE, columns=3)
    legend = sheet.shape[0] - 2 * (64 + 4) - 4
    assert sheet.shape[1] == 3 * (48 + 4) + 4
    for index in range(5):
        y, x = legend + 4 + index // 3 * 68, 4 + index % 3 * 52
        cell = sheet[y : y + 64, x : x + 48]
        assert tuple(cell[0, 0]) == (60 + 10 * index,) * 3
        assert (tuple(cell[16, 36]) == LEFT) == (index != 4)
    colors = {tuple(p) for p in sheet[:legend].reshape(-1, 3)}
    assert {LEFT, RIGHT} <= colors


def test_pairs_show_what_is_annotated_and_what_was_found() -> None:
    """Side by side on the same crop; a keypoint that is found with a low score is drawn, one not annotated is not."""
    images = np.stack([blank(64, 48, 60 + 10 * i) for i in range(3)])
    annotated = np.tile(np.array([[36.0, 16.0], [12.0, 16.0], [24.0, 48.0]]), (3, 1, 1))
    found = annotated + np.array([0.0, 10.0])
    weights, scores = np.ones((3, 3)), np.ones((3, 3))
    weights[1], scores[2] = 0, 0.01
    sheet = draw_pairs(images, annotated, weights, found, scores, skeleton=THREE, columns=2)
    legend = sheet.shape[0] - 2 * (64 + 8) - 8
    assert sheet.shape[1] == 2 * (96 + 8) + 8
    for index in range(3):
        y, x = legend + 8 + index // 2 * 72, 8 + index % 2 * 104
        pair = sheet[y : y + 64, x : x + 96]
        assert (tuple(pair[16, 36]) == LEFT) == (index != 1)
        background = (60 + 10 * index,) * 3
        assert tuple(pair[16, 48 + 36]) == background
        assert (tuple(pair[26, 48 + 36]) == LEFT) == (index != 2)
        assert tuple(pair[26, 48 + 36]) != background


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_write_image_and_read_it_back(tmp_path: Path, suffix: str) -> None:
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    image[:, :30] = (200, 30, 60)
    path = tmp_path / f"deep/down/x{suffix}"
    write_image(path, image)
    back = read_image(path)
    assert np.abs(back[:, 5:25].astype(int) - image[:, 5:25]).max() <= (0 if suffix == ".png" else 12)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_write_image_refuses_other_formats_and_sizes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.gif'.*\.png"):
        write_image(tmp_path / "x.gif", blank())
    with pytest.raises(ValueError, match=r"70000 x 1 .*use \.png"):
        write_image(tmp_path / "x.jpg", blank(1, 70000))
    assert not list(tmp_path.iterdir())


def test_quality_changes_the_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write_image(tmp_path / "a.jpg", noise, quality=30)
    write_image(tmp_path / "b.jpg", noise)
    assert (tmp_path / "a.jpg").stat().st_size < (tmp_path / "b.jpg").stat().st_size


def test_drawing_does_without_torch() -> None:
    code = "import sys, pose.drawing.people, pose.inference.results; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_real_people(coco_sample: Path) -> None:
    coco = load_coco(coco_sample / "annotations/person_keypoints_val2017.json", COCO17)
    (person,) = [p for p in ground_truth_people(coco, coco_sample / "images/val2017") if p.image_id == 785]
    image = read_image(person.path)
    for scale in (0.25, 1.0, 5.0):
        large = cv2.resize(image, None, fx=scale, fy=scale)
        xy = person.keypoints_img[None, :, :2] * scale
        drawn = draw_people(large, xy, person.keypoints_img[None, :, 2] > 0, skeleton=COCO17)
        share = (drawn != large).any(axis=-1).mean()
        assert 0.004 < share < 0.06, "neither hairlines nor blobs, at any size"
        x, y = np.rint(xy[0, COCO17.keypoint_names.index("left_knee")]).astype(int)
        np.testing.assert_allclose(drawn[y, x], LEFT, atol=40)
