"""People -> batches: the dataset, its order and its loader, with no random state in any worker.

Each sample's augmentation is drawn from (seed, epoch, person id), the order from (seed, epoch), so neither the
number of workers nor a resumed run changes anything. The epoch travels with each index, which reaches workers that
persist over epochs.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pose.data.images import read_image
from pose.data.people import Person
from pose.data.transforms import Augment, build_compose, build_extra, sample_affine, seed_compose, warp
from pose.geometry import Affine, apply_affine
from pose.skeleton import Skeleton

WINDOW = 4  # batches that people of one image spread over, and that a worker makes at once


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
        keypoints_crop: (B, K, 2) float32 x, y in crop pixels, 0 where not labelled.
        weights: (B, K) float32, 1 where labelled, else 0.
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
        """Called by the DataLoader."""
        return Batch(
            self.images.pin_memory(),
            self.keypoints_crop.pin_memory(),
            self.weights.pin_memory(),
            self.index,
            self.affines,
        )


class PeopleDataset(Dataset[Sample]):
    """Crops of people, augmented or plain.

    Args:
        people: what to crop; those without keypoints (detections) get weights of 0.
        skeleton: of their keypoints.
        input_size: (height, width) of the crop.
        augment: None for the plain crop of evaluation.
        extra: albumentations' transforms from the config (see `build_extra`), applied to the crop.
        seed: of the augmentation; not negative.
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
        augment: Augment | None = None,
        extra: Sequence[Mapping[str, Any]] = (),
        seed: int = 0,
        read: Callable[[Path], NDArray[np.uint8]] = read_image,
    ) -> None:
        build_extra(extra)  # wrong transforms fail here, not in a worker
        self.people = people
        self.skeleton = skeleton
        self.input_size = input_size
        self.augment = augment
        self.extra = tuple(extra)
        self.seed = seed
        self.read = read
        self._last: tuple[Path, NDArray[np.uint8]] | None = None
        self.epoch = 0
        self._compose: Any = None  # built on first use: its class does not pickle

    def set_epoch(self, epoch: int) -> None:
        """The epoch of indexes that bring none with them."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.people)

    def describe(self, index: int) -> str:
        """Where a person comes from, for messages."""
        return f"image id {self.people[index].image_id}, annotation id {self.people[index].id}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compose": None, "_last": None}

    def path(self, index: int) -> Path:
        """The image of a person."""
        return self.people[index].path

    def __getitems__(self, items: Sequence[tuple[int, int] | int]) -> list[Sample]:
        """Several at once, as the DataLoader asks for them."""
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
        person = self.people[index]
        rng = np.random.default_rng((self.seed, epoch, person.id))
        points = person.keypoints_img
        affine, flipped = sample_affine(
            person.box_xywh,
            points,
            skeleton=self.skeleton,
            input_size=self.input_size,
            augment=self.augment,
            rng=rng,
        )
        if points is None:
            points = np.zeros((self.skeleton.num_keypoints, 3), np.float32)
        if self._last is None or self._last[0] != person.path:
            self._last = person.path, self.read(person.path)
        image = self._last[1]
        if self.extra:
            crop, keypoints = self._with_extra(image, points[:, :2], affine, rng)
        else:
            crop, keypoints = warp(image, affine, self.input_size), apply_affine(points[:, :2], affine)
        weights = (points[:, 2] > 0).astype(np.float32)
        keypoints = np.where(weights[:, None] > 0, keypoints, 0).astype(np.float32)
        if flipped:
            keypoints, weights = keypoints[self.skeleton.flip_indices], weights[self.skeleton.flip_indices]
        return Sample(crop, keypoints, weights, index, affine)

    def _with_extra(
        self, image: NDArray[np.uint8], keypoints: NDArray[np.float32], affine: Affine, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        if self._compose is None:
            self._compose = build_compose(self.extra, input_size=self.input_size)
        seed_compose(self._compose, rng)
        result = self._compose(image=image, keypoints=keypoints, affine=affine)
        return result["image"], result["keypoints"]


def image_by_image(paths: Sequence[Path], make: Callable[[int], Any]) -> list[Any]:
    """`make(place)` for each place, called image after image, so that a dataset which keeps the last is quick."""
    made = {place: make(place) for place in sorted(range(len(paths)), key=paths.__getitem__)}
    return [made[place] for place in range(len(paths))]


class EpochSampler(Sampler[tuple[int, int]]):
    """(epoch, index) pairs in an order that depends on (seed, epoch) only.

    With `groups` the images are shuffled, and then the people within each `window`: a worker makes the batches of a
    window at once and decodes each of its images once, while the people of an image spread over its batches.

    Args:
        length: of the dataset.
        seed: not negative.
        groups: (length,) the image of each sample, to keep those of one image close; None shuffles samples alone.
        window: samples that are shuffled among each other if there are groups: whole batches.
        start: position in the epoch's order to begin at, to resume within an epoch.
        shuffle: False for the dataset's own order.
    Raises:
        ValueError: `start` lies outside the epoch, or `groups` has another length.
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        epoch: int = 0,
        start: int = 0,
        shuffle: bool = True,
        groups: Sequence[int] | None = None,
        window: int = 1,
    ) -> None:
        if groups is not None and len(groups) != length:
            raise ValueError(f"groups needs one number for each of {length} samples, got {len(groups)}")
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.groups = None if groups is None else np.unique(groups, return_inverse=True)[1]
        self.window = window
        self.set_epoch(epoch, start=start)

    def set_epoch(self, epoch: int, *, start: int = 0) -> None:
        """What the next iteration gives."""
        if not 0 <= start <= self.length:
            raise ValueError(f"start must be in [0, {self.length}], the epoch's samples; got {start}")
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.length - self.start

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.length)
        if self.shuffle:
            rng = np.random.default_rng((self.seed, self.epoch))
            if self.groups is None:
                order = rng.permutation(self.length)
            elif self.length:
                places = rng.permutation(self.groups.max() + 1)[self.groups]
                order = np.argsort(places, kind="stable")
                for begin in range(0, self.length, self.window):
                    rng.shuffle(order[begin : begin + self.window])
        epoch = self.epoch  # a set_epoch during iteration concerns the next one
        return iter([(epoch, int(index)) for index in order[self.start :]])


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


class Loader(DataLoader[Any]):
    """A DataLoader that asks its workers for the batches of a window at once, and gives them one by one."""

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        windows: _Windows,
        batch_size: int,
        collate: Callable[[Sequence[Any]], Any],
        drop_last: bool,
        workers: int,
        pin_memory: bool,
        start_method: str | None,
    ) -> None:
        super().__init__(
            dataset,
            batch_sampler=windows,
            num_workers=workers,
            collate_fn=partial(_split, batch_size=batch_size, collate=collate, drop_last=drop_last),
            pin_memory=pin_memory,
            worker_init_fn=_init_worker,
            persistent_workers=workers > 0,
            multiprocessing_context=start_method if workers else None,
            # Without its own, each iterator would draw a seed from torch's global generator, and dropout would depend
            # on how often a loader was started.
            generator=torch.Generator(),
        )
        self._batch_size, self._drops_last = batch_size, drop_last
        self._samples: Any = windows.sampler

    def __len__(self) -> int:
        """Batches of the sampler's next iteration."""
        count = len(self._samples)
        return count // self._batch_size if self._drops_last else -(-count // self._batch_size)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for batches in super().__iter__():
            yield from batches


class _Windows(Sampler[list[Any]]):
    """The sampler's items in lists of `size`, which begin where windows do also after a resume within one."""

    def __init__(self, sampler: Sampler[Any], size: int) -> None:
        self.sampler, self.size = sampler, size

    def __iter__(self) -> Iterator[list[Any]]:
        start = getattr(self.sampler, "start", 0)
        items = iter(self.sampler)
        window = list(islice(items, self.size - start % self.size))
        while window:
            yield window
            window = list(islice(items, self.size))


def _split(
    samples: Sequence[Any], *, batch_size: int, collate: Callable[[Sequence[Any]], Any], drop_last: bool
) -> list[Any]:
    batches = [samples[begin : begin + batch_size] for begin in range(0, len(samples), batch_size)]
    return [collate(batch) for batch in batches if len(batch) == batch_size or not drop_last]


def make_loader(
    dataset: Dataset[Any],
    *,
    batch_size: int,
    workers: int,
    sampler: Sampler[Any],
    collate: Callable[[Sequence[Any]], Any] = collate,
    pin_memory: bool = False,
    drop_last: bool = False,
    start_method: str | None = None,
) -> Loader:
    """Batches of a dataset in the sampler's order.

    Args:
        collate: makes a batch of the dataset's samples: `Batch` of people by default.
        workers: processes; 0 loads in this one. They persist over epochs.
        sampler: `EpochSampler`, or any sampler of indexes.
        start_method: of the workers: "fork", "spawn", "forkserver"; None for the platform's own.
    Raises:
        ValueError: the sampler's window is no multiple of `batch_size`.
    """
    size = sampler.window if isinstance(sampler, EpochSampler) and sampler.groups is not None else batch_size
    if size % batch_size:
        raise ValueError(f"a window must be whole batches of {batch_size}, got {size} samples")
    return Loader(
        dataset,
        windows=_Windows(sampler, size),
        batch_size=batch_size,
        collate=collate,
        drop_last=drop_last,
        workers=workers,
        pin_memory=pin_memory,
        start_method=start_method,
    )


def _init_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism
    # Ctrl-C, and the SIGTERM of a cluster's scheduler, reach the whole process group; the trainer answers them, and
    # needs its workers until then. A second SIGTERM ends a worker: Python's exit waits for those that it sent one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ignore_once)


def _ignore_once(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
