"""Folders of images, one folder a class, as ImageNet comes (torchvision's ImageFolder) -> batches.

Each sample's augmentation is drawn from (seed, epoch, index), as in `pose.data.dataset`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pose.data.photometric import build_extra, import_albumentations, seed_compose
from pose.images.files import SUFFIXES, files_below, is_image_name
from pose.images.read import read_image
from pose.images.types import Image
from pose.runtime.errors import DataError
from pose.runtime.streams import Stream, stream
from pose.runtime.text import first_few

HUE_SHARE = 0.25  # of colour_jitter: torchvision's 0.4, 0.4, 0.4, 0.1


@dataclass(frozen=True)
class LabeledImage:
    """An image file and the index of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class ImageAugment:
    """How much images are varied in training.

    Attributes:
        min_area: the crop has min_area to all of the image's area, at an aspect of 3:4 to 4:3.
        flip: probability.
        colour_jitter: range of the factors of brightness, contrast and saturation about 1; the hue moves by a
            quarter of it, in turns. 0 for none.
    """

    min_area: float = 0.08
    flip: float = 0.5
    colour_jitter: float = 0.4


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """B images of one class each.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        labels: (B,) int64.
        index: (B,) int64 into the dataset's `images`.
    """

    images: Tensor
    labels: Tensor
    index: Tensor

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> ImageBatch:
        """Move what the training step needs; `index` stays on the CPU."""
        return ImageBatch(
            self.images.to(device, non_blocking=non_blocking),
            self.labels.to(device, non_blocking=non_blocking),
            self.index,
        )

    def pin_memory(self) -> ImageBatch:
        """Called by the DataLoader."""
        return ImageBatch(self.images.pin_memory(), self.labels.pin_memory(), self.index)


def find_classes(folder: Path) -> list[str]:
    """Names of the classes: the folders in `folder`, sorted.

    Raises:
        FileNotFoundError, DataError: no such folder, or fewer than two classes in it.
    """
    layout = "expected one folder of images a class, such as train/cat/1.jpg"
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; {layout} (data.root, data.train and data.val say where)")
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(classes) < 2:
        found = f"only one class ('{classes[0]}')" if classes else "no classes"
        raise DataError(f"{folder} has {found}; {layout}, and at least two of them")
    return classes


def find_images(folder: Path, classes: Sequence[str]) -> list[LabeledImage]:
    """The images of a split, sorted by class and name.

    Args:
        classes: of the network; the folder must have these and no others.
    Raises:
        FileNotFoundError, DataError: no such folder, other classes, or a class without images.
    """
    found = find_classes(folder)
    if found != list(classes):
        missing, unknown = sorted(set(classes) - set(found)), sorted(set(found) - set(classes))
        raise DataError(
            f"{folder} has other classes than the network: missing {first_few(missing) or 'none'}, "
            f"unknown {first_few(unknown) or 'none'}"
        )
    images: list[LabeledImage] = []
    empty: list[str] = []
    for label, name in enumerate(classes):
        files = [path for path in files_below(folder / name) if is_image_name(path)]
        if not files:
            empty.append(name)
        images += [LabeledImage(path, label) for path in files]
    if empty:
        raise DataError(f"{folder} has classes without images ({', '.join(SUFFIXES)}): {first_few(empty)}")
    return images


class ImageFolderDataset(Dataset[tuple[Image, int, int]]):
    """Images of `input_size` with their label and index, augmented or plain.

    Args:
        input_size: (height, width).
        augment: None for the plain crop of evaluation.
        extra: albumentations' transforms from the config (see `build_extra`), after the others.
        crop: share of the image's height or width that the plain crop shows; 224 of 256 is ImageNet's custom.
        seed: of the augmentation; not negative.
    """

    def __init__(
        self,
        images: Sequence[LabeledImage],
        *,
        input_size: tuple[int, int],
        augment: ImageAugment | None = None,
        extra: Sequence[Mapping[str, Any]] = (),
        crop: float = 0.875,
        seed: int = 0,
    ) -> None:
        build_extra(extra)  # wrong transforms fail here, not in a worker
        self.images = images
        self.input_size = input_size
        self.augment = augment
        self.extra = tuple(extra)
        self.crop = crop
        self.seed = seed
        self._compose: Any = None  # built on first use: its class does not pickle

    def __len__(self) -> int:
        return len(self.images)

    def path(self, index: int) -> Path:
        """The file of an image."""
        return self.images[index].path

    def describe(self, index: int) -> str:
        """Which image it is, for messages."""
        return f"image {index}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compose": None}

    def __getitem__(self, item: tuple[int, int]) -> tuple[Image, int, int]:
        """One image.

        Args:
            item: (epoch, index) as `EpochSampler` gives them.
        Raises:
            FileNotFoundError, ValueError: the image is missing or broken.
        """
        epoch, index = item
        labeled = self.images[index]
        image = read_image(labeled.path)
        if self.augment is None:
            return center_crop(image, self.input_size, share=self.crop), labeled.label, index
        if self._compose is None:
            self._compose = _build_compose(self.augment, self.extra, input_size=self.input_size)
        rng = stream(Stream.IMAGE, self.seed, epoch, index)
        seed_compose(self._compose, rng)
        return self._compose(image=image)["image"], labeled.label, index


def center_crop(image: Image, input_size: tuple[int, int], *, share: float) -> Image:
    """The largest central crop of the input's aspect, `share` of it, resized to `input_size` (height, width)."""
    height, width = image.shape[:2]
    scale = min(height / input_size[0], width / input_size[1]) * share
    crop_height, crop_width = (max(1, round(side * scale)) for side in input_size)
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    crop = image[top : top + crop_height, left : left + crop_width]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, input_size[::-1], interpolation=method), dtype=np.uint8)


def collate_images(samples: Sequence[tuple[Image, int, int]]) -> ImageBatch:
    """Stack samples to a batch."""
    images, labels, index = zip(*samples, strict=True)
    return ImageBatch(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),  # channels_last, as for people
        labels=torch.tensor(labels),
        index=torch.tensor(index),
    )


def _build_compose(augment: ImageAugment, extra: Sequence[Mapping[str, Any]], *, input_size: tuple[int, int]) -> Any:
    library = import_albumentations()
    jitter = augment.colour_jitter
    parts: list[Any] = [
        library.RandomResizedCrop(
            input_size, scale=(augment.min_area, 1.0), ratio=(3 / 4, 4 / 3), area_for_downscale="image"
        ),
        library.HorizontalFlip(p=augment.flip),
    ]
    if jitter:
        span = (1 - jitter, 1 + jitter)
        hue = jitter * HUE_SHARE
        parts.append(library.ColorJitter(brightness=span, contrast=span, saturation=span, hue=(-hue, hue), p=1.0))
    return library.Compose([*parts, *build_extra(extra)])
