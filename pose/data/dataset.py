"""Crops of people, one by one and stacked to batches.

Each sample's augmentation is drawn from (seed, epoch, person id), so no worker holds random state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pose.data.people import Person
from pose.data.photometric import build_compose, check_extra, seed_compose
from pose.data.transforms import Augment, Draw
from pose.images.read import read_image
from pose.images.warp import warp
from pose.keypoints.geometry import Affine, apply_affine
from pose.keypoints.skeletons import Skeleton
from pose.runtime.streams import Stream, stream


@dataclass(frozen=True, eq=False)
class Sample:
    """One crop. See `Batch` for the fields; the image is (H, W, 3) uint8 RGB here."""

    image: NDArray[np.uint8]
    keypoints_crop: NDArray[np.float32]
    weights: NDArray[np.float32]
    index: int
    affine: Affine


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of B people with K keypoints.

    Attributes:
        images: (B, 3, H, W) uint8 RGB; `pose.data.transforms.normalize` makes them the network's input.
        keypoints_crop: (B, K, 2) float32 x, y in crop pixels, 0 where not labeled.
        weights: (B, K) float32, 1 where labeled, else 0.
        index: (B,) int64 into the dataset's `people`.
        affines: (B, 2, 3) float64 from image to crop pixels; their inverse brings keypoints back.
    """

    images: Tensor
    keypoints_crop: Tensor
    weights: Tensor
    index: Tensor
    affines: Tensor

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """Move what the training step needs; `index` and the float64 `affines` stay on the CPU."""
        return Batch(
            self.images.to(device, non_blocking=non_blocking),
            self.keypoints_crop.to(device, non_blocking=non_blocking),
            self.weights.to(device, non_blocking=non_blocking),
            self.index,
            self.affines,
        )

    def pin_memory(self) -> Batch:
        """Copy the tensors to pinned memory; called by the DataLoader."""
        return Batch(
            self.images.pin_memory(),
            self.keypoints_crop.pin_memory(),
            self.weights.pin_memory(),
            self.index,
            self.affines,
        )


class PeopleDataset(Dataset[Sample]):
    """Crops of people, augmented or plain, as samples of a dataset.

    Args:
        people: what to crop; those without keypoints (detections) get weights of 0.
        skeleton: of their keypoints.
        input_size: (height, width) of the crop.
        unbiased: how its pixels are counted, see `pose.codecs.codec.Codec`.
        augment: None for the plain crop of evaluation.
        extra: albumentations' transforms from the config (see `check_extra`), applied to the crop.
        seed: of the augmentation; not negative.
        average: take means of what is made much smaller, see `warp`; False is HRNet's protocol.
        read: from a path to an image (H, W, 3) uint8 RGB, e.g. a `DiskCache`.
    Raises:
        ValueError: an `extra` transform is wrong.
    """

    def __init__(
        self,
        people: Sequence[Person],
        skeleton: Skeleton,
        *,
        input_size: tuple[int, int],
        unbiased: bool = False,
        augment: Augment | None = None,
        extra: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        average: bool = False,
        read: Callable[[Path], NDArray[np.uint8]] = read_image,
    ) -> None:
        check_extra(extra)  # wrong transforms fail here, not in a worker
        self.people = people
        self.skeleton = skeleton
        self.input_size = input_size
        self.unbiased = unbiased
        self.augment = augment
        self.extra = tuple(extra)
        self.seed = seed
        self.average = average
        self.read = read
        self._last: tuple[Path, NDArray[np.uint8]] | None = None
        self.epoch = 0
        self._compose: Any = None  # built on first use: its class does not pickle

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of indexes that bring none with them."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.people)

    def describe(self, index: int) -> str:
        """Name where a person comes from, for messages."""
        return f"image id {self.people[index].image_id}, annotation id {self.people[index].id}"

    def identify(self, indices: Sequence[int]) -> dict[str, list[int]]:
        """List the ids of several people and of their images, for messages."""
        people = [self.people[index] for index in indices]
        images = sorted({person.image_id for person in people})
        return {"image_ids": images, "annotation_ids": sorted(person.id for person in people)}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compose": None, "_last": None}

    def path(self, index: int) -> Path:
        """Return the image file of a person."""
        return self.people[index].path

    def person(self, epoch: int, index: int) -> Person:
        """Return who is cropped as sample `index` of an epoch."""
        return self.people[index]

    def image(self, epoch: int, index: int) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) uint8 RGB of a sample of an epoch; the last one is kept."""
        path = self.path(index)
        if self._last is None or self._last[0] != path:
            self._last = path, self.read(path)
        return self._last[1]

    def __getitems__(self, items: Sequence[tuple[int, int] | int]) -> list[Sample]:
        """Crop several people at once, as the DataLoader asks for them."""
        paths = [self.path(item[1] if isinstance(item, tuple) else item) for item in items]
        return image_by_image(paths, lambda place: self[items[place]])

    def __getitem__(self, item: tuple[int, int] | int) -> Sample:
        """Crop one person.

        Args:
            item: (epoch, index) as `EpochSampler` gives them, or an index.
        Raises:
            FileNotFoundError, ValueError: the image is missing or broken.
        """
        epoch, index = item if isinstance(item, tuple) else (self.epoch, item)
        person = self.person(epoch, index)
        rng = stream(Stream.CROP, self.seed, epoch, person.id)
        points = person.keypoints_img
        draw = Draw() if self.augment is None else self.augment.draw(points, skeleton=self.skeleton, rng=rng)
        affine = draw.affine(
            person.box_xywh, points, skeleton=self.skeleton, input_size=self.input_size, unbiased=self.unbiased
        )
        if points is None:
            points = np.zeros((self.skeleton.num_keypoints, 3), np.float32)
        image = self.image(epoch, index)
        if self.extra:
            crop, keypoints = self._with_extra(image, points[:, :2], affine, rng)
        else:
            crop = warp(image, affine, self.input_size, average=self.average)
            keypoints = apply_affine(points[:, :2], affine)
        weights = (points[:, 2] > 0).astype(np.float32)
        keypoints = np.where(weights[:, None] > 0, keypoints, 0).astype(np.float32)
        if draw.flip:
            keypoints, weights = keypoints[self.skeleton.flip_indices], weights[self.skeleton.flip_indices]
        return Sample(crop, keypoints, weights, index, affine)

    def _with_extra(
        self, image: NDArray[np.uint8], keypoints: NDArray[np.float32], affine: Affine, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        if self._compose is None:
            self._compose = build_compose(self.extra, input_size=self.input_size, average=self.average)
        seed_compose(self._compose, rng)
        result = self._compose(image=image, keypoints=keypoints, affine=affine)
        return result["image"], result["keypoints"]


def image_by_image(paths: Sequence[Path], make: Callable[[int], Any]) -> list[Any]:
    """Call `make(place)` for each place, image after image, so that a dataset which keeps the last one is quick."""
    made = {place: make(place) for place in sorted(range(len(paths)), key=paths.__getitem__)}
    return [made[place] for place in range(len(paths))]


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples to a batch."""
    return Batch(
        # Seen as (B, 3, H, W) without a copy: channels_last, which convolutions are faster in.
        images=torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2),
        keypoints_crop=torch.from_numpy(np.stack([s.keypoints_crop for s in samples])),
        weights=torch.from_numpy(np.stack([s.weights for s in samples])),
        index=torch.tensor([s.index for s in samples]),
        affines=torch.from_numpy(np.stack([s.affine for s in samples])),
    )
