"""Generated shapes: functions of their seed, without a class in the hue, and written once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.classification.dataset import find_classes, find_images
from pose.classification.shapes import CLASSES, SHAPES, TEXTURES, draw_image, generate_shapes
from pose.runtime.streams import Stream, stream


def test_ten_classes() -> None:
    assert len(CLASSES) == 10
    assert set(CLASSES) == set(SHAPES) | set(TEXTURES)


@pytest.mark.parametrize("name", CLASSES)
def test_images_are_functions_of_their_seed(name: str) -> None:
    first, again, other = (draw_image(name, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.std() > 10


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("disk", np.pi * 0.81),
        ("ring", np.pi * (0.95**2 - 0.55**2)),
        ("square", 1.6**2),
        ("triangle", 3 * np.sqrt(3) / 4),
        ("star", 5 * np.sin(np.pi / 5) * 0.42),
    ],
)
def test_areas_of_the_shapes(name: str, area: float) -> None:
    side = (np.arange(800) + 0.5) / 400 - 1
    x, y = np.meshgrid(side, side)
    assert SHAPES[name](x, y).mean() * 4 == pytest.approx(area, rel=0.01)


def test_the_hue_says_nothing() -> None:
    """The same draws color all classes alike."""
    colors = []
    for name in ("disk", "square"):
        corner = [draw_image(name, np.random.default_rng(i))[:3, :3].mean(axis=(0, 1)) for i in range(8)]
        colors.append(np.stack(corner))
    assert np.abs(colors[0] - colors[1]).max() < 40


def test_a_dataset_is_written_once(tmp_path: Path) -> None:
    folder, calls = tmp_path / "shapes", []
    generate_shapes(folder, train=20, val=10, seed=1, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 30) for i in range(1, 31)]
    assert find_classes(folder / "train") == list(CLASSES)
    assert len(find_images(folder / "train", CLASSES)) == 20
    assert len(find_images(folder / "val", CLASSES)) == 10
    file = folder / "train" / "bricks" / "00000.png"
    expected = draw_image("bricks", stream(Stream.SHAPES, 1, 0, 0))
    assert np.array_equal(cv2.imread(str(file))[..., ::-1], expected)
    before = file.stat().st_mtime_ns
    generate_shapes(folder, train=20, val=10, seed=1)
    assert file.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"holds shapes of other settings: .*'seed': 1.*asked for .*'seed': 2"):
        generate_shapes(folder, train=20, val=10, seed=2)


def test_an_interrupted_dataset_is_finished(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_shapes(tmp_path / "shapes", train=10, val=10, seed=0, progress=stop)
    generate_shapes(tmp_path / "shapes", train=10, val=10, seed=0)
    assert len(find_images(tmp_path / "shapes" / "train", CLASSES)) == 10


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(ValueError, match=r"is not empty and holds no shapes\.json"):
        generate_shapes(tmp_path, train=10, val=10, seed=0)
