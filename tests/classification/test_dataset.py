"""Folders of images: what is found, how it is cropped and varied, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pose.classification.dataset import (
    ImageAugment,
    ImageFolderDataset,
    LabeledImage,
    center_crop,
    collate_images,
    find_classes,
    find_images,
)
from pose.data.loader import EpochSampler, make_loader

CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three classes of four images each, of several sizes and formats; another folder's files lie beside them."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (tmp_path / name).mkdir()
        for index in range(4):
            image = rng.integers(0, 256, (40 + 8 * label, 50, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{index}.{'png' if index % 2 else 'JPEG'}"), image)
        (tmp_path / name / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "README").write_text("")
    return tmp_path


def dataset(tree: Path, **options: object) -> ImageFolderDataset:
    return ImageFolderDataset(find_images(tree, CLASSES), input_size=(32, 32), **options)  # type: ignore[arg-type]


def test_classes_are_the_folders_in_order(tree: Path) -> None:
    assert find_classes(tree) == list(CLASSES)
    images = find_images(tree, CLASSES)
    assert [image.label for image in images] == [0] * 4 + [1] * 4 + [2] * 4
    assert [image.path.name for image in images[:4]] == ["0.JPEG", "1.png", "2.JPEG", "3.png"]


def test_folders_below_a_class_count(tree: Path) -> None:
    (tree / "ant" / "more").mkdir()
    (tree / "ant" / "0.JPEG").rename(tree / "ant" / "more" / "9.JPEG")
    assert len(find_images(tree, CLASSES)) == 12


def test_center_crop_by_hand() -> None:
    """Of 64 x 100, a square of half its height about the center; shrunk by whole pixels it is their mean."""
    image = np.random.default_rng(0).integers(0, 256, (64, 100, 3), dtype=np.uint8)
    crop = center_crop(image, (16, 16), share=0.5)
    expected = image[16:48, 34:66].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop - expected).max() <= 0.5
    assert np.array_equal(center_crop(image[:32, :32], (32, 32), share=1.0), image[:32, :32])
    assert center_crop(image, (32, 64), share=1.0).shape == (32, 64, 3)
    assert center_crop(image[:3, :1], (32, 32), share=0.1).shape == (32, 32, 3)


def test_augmentation_is_a_function_of_seed_epoch_and_index(tree: Path) -> None:
    augment = ImageAugment(min_area=0.3, colour_jitter=0.3)
    first, second = dataset(tree, augment=augment, seed=3), dataset(tree, augment=augment, seed=3)
    wanted = [(epoch, index) for epoch in (0, 1) for index in range(12)]
    images = {item: first[item][0] for item in wanted}
    for item in reversed(wanted):
        assert np.array_equal(second[item][0], images[item])
    assert not np.array_equal(images[0, 0], images[1, 0])
    assert not np.array_equal(dataset(tree, augment=augment, seed=4)[0, 0][0], images[0, 0])
    assert all(image.shape == (32, 32, 3) and image.dtype == np.uint8 for image in images.values())


@pytest.mark.slow
def test_workers_change_nothing(tree: Path) -> None:
    data = dataset(tree, augment=ImageAugment(), extra=[{"name": "GaussNoise", "p": 0.5}])
    batches = {}
    for workers in (0, 2):
        sampler = EpochSampler(12, seed=1, epoch=2)
        loader = make_loader(data, batch_size=5, workers=workers, sampler=sampler, collate=collate_images)
        batches[workers] = list(loader)
    assert [len(batch.labels) for batch in batches[0]] == [5, 5, 2]
    for ours, theirs in zip(batches[0], batches[2], strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
        assert torch.equal(ours.labels, ours.index // 4)


def test_flip_and_colors_can_be_off(tree: Path) -> None:
    """Nothing left to draw: the whole image, resized."""
    augment = ImageAugment(min_area=1.0, flip=0.0, colour_jitter=0.0)
    square = ImageFolderDataset([LabeledImage(tree / "ant" / "1.png", 0)], input_size=(32, 32), augment=augment)
    image = cv2.imread(str(tree / "ant" / "1.png"))[..., ::-1]
    seen = [square[epoch, 0][0].astype(int) for epoch in range(4)]
    assert all(np.abs(s.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 12 for s in seen)


def test_no_folder_and_no_classes(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*gone; expected one folder of images a class"):
        find_classes(tmp_path / "gone")
    with pytest.raises(ValueError, match="ant has no classes; expected one folder of images a class"):
        find_classes(tree / "ant")
    (tmp_path / "single" / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"only one class \('cat'\)"):
        find_classes(tmp_path / "single")


def test_classes_that_differ_or_are_empty(tree: Path) -> None:
    with pytest.raises(ValueError, match="other classes than the network: missing dog, unknown cat"):
        find_images(tree, ("ant", "bee", "dog"))
    for file in (tree / "bee").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"has classes without images \(\.jpg, .*\): bee"):
        find_images(tree, CLASSES)


def test_a_corrupt_file_is_named(tree: Path) -> None:
    (tree / "bee" / "2.JPEG").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(ValueError, match=r"cannot read .*bee/2\.JPEG: broken, or not an image"):
        dataset(tree)[0, 6]
