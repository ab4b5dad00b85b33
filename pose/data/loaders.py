"""The order of samples and the loader of their batches, with no random state in any worker.

The order is drawn from (seed, epoch), and each sample draws from (seed, epoch, its id), so neither the number of
workers nor a resumed run changes anything. The epoch travels with each index, which reaches workers that
persist over epochs.
"""

from __future__ import annotations

import atexit
import signal
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from pose.data.people_dataset import collate
from pose.data.sharing import share

WINDOW = 4  # batches that people of one image spread over, and that a worker makes at once


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
        _LOADERS.add(self)

    def __len__(self) -> int:
        """Batches of the sampler's next iteration."""
        count = len(self._samples)
        return count // self._batch_size if self._drops_last else -(-count // self._batch_size)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for batches in super().__iter__():
            yield from batches

    def close(self) -> None:
        """End the worker processes; the next iteration would start others."""
        iterator: Any = self._iterator
        self._iterator = None
        if iterator is not None:
            iterator._shutdown_workers()


_LOADERS: weakref.WeakSet[Loader] = weakref.WeakSet()


@atexit.register
def _close_loaders() -> None:
    # An error that ends the program keeps the loader it came through alive. Python's own exit would then send each
    # worker one SIGTERM, which it ignores, and wait for it for ever. This runs before that one, as it is the later.
    for loader in list(_LOADERS):
        loader.close()


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
    return share([collate(batch) for batch in batches if len(batch) == batch_size or not drop_last])


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
