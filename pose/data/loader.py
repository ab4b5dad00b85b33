"""The order of samples and the loader of their batches, with no random state in any worker.

The order is drawn from (seed, epoch), and each sample draws from (seed, epoch, its id), so neither the number of
workers nor a resumed run changes anything. The epoch travels with each index, which reaches workers that
persist over epochs.
"""

from __future__ import annotations

import atexit
import os
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

from pose.data.dataset import collate
from pose.data.sharing import share
from pose.runtime.distributed import Shard
from pose.runtime.streams import Stream, stream

WINDOW = 4  # batches that people of one image spread over, and that a worker makes at once
GRACE_SECONDS = 20.0


class EpochSampler(Sampler[tuple[int, int]]):
    """Gives (epoch, index) pairs in an order that depends on (seed, epoch) only.

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
        """Set what the next iteration gives."""
        if not 0 <= start <= self.length:
            raise ValueError(f"start must be in [0, {self.length}], the epoch's samples; got {start}")
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return self.length - self.start

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.length)
        if self.shuffle:
            rng = stream(Stream.ORDER, self.seed, self.epoch)
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
    """A DataLoader that asks its workers for the batches of a window at once, and gives them one by one.

    Of several processes, each gets its share of every batch, so that all take the same number of turns.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        windows: _Windows,
        collate: Callable[[Sequence[Any]], Any],
        workers: int,
        pin_memory: bool,
    ) -> None:
        super().__init__(
            dataset,
            batch_sampler=windows,
            num_workers=workers,
            collate_fn=partial(_split, size=windows.share, collate=collate),
            pin_memory=pin_memory,
            worker_init_fn=_init_worker,
            persistent_workers=workers > 0,
            # Without its own, each iterator would draw a seed from torch's global generator, and dropout would depend
            # on how often a loader was started.
            generator=torch.Generator(),
        )
        self._batch_size = windows.batch_size
        self._samples: Any = windows.sampler
        _LOADERS.add(self)
        self._collate = collate

    def __len__(self) -> int:
        """Count the batches of the sampler's next iteration."""
        return -(-len(self._samples) // self._batch_size)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        turns, count = len(self), 0
        for batches in super().__iter__():
            for batch in batches:
                count += 1
                yield batch
        if count < turns:  # the last batch has fewer samples than there are processes, and none for this one
            yield self._collate([])

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
    """Gives the sampler's items in lists of `size`, which begin where windows do also after a resume within one.

    Of each of a window's batches only the shard's share is in the list; that of a whole batch has `share` items.
    """

    def __init__(self, sampler: Sampler[Any], *, size: int, batch_size: int, shard: Shard) -> None:
        self.sampler, self.size, self.batch_size, self.shard = sampler, size, batch_size, shard
        self.share = len(shard.of(range(batch_size)))

    def __iter__(self) -> Iterator[list[Any]]:
        start = getattr(self.sampler, "start", 0)
        items = iter(self.sampler)
        window = list(islice(items, self.size - start % self.size))
        while window:
            batches = (window[begin : begin + self.batch_size] for begin in range(0, len(window), self.batch_size))
            yield [item for batch in batches for item in self.shard.of(batch)]
            window = list(islice(items, self.size))


def _split(samples: Sequence[Any], *, size: int, collate: Callable[[Sequence[Any]], Any]) -> list[Any]:
    return share([collate(samples[begin : begin + size]) for begin in range(0, len(samples), size)])


def make_loader(
    dataset: Dataset[Any],
    *,
    batch_size: int,
    workers: int,
    sampler: Sampler[Any],
    collate: Callable[[Sequence[Any]], Any] = collate,
    pin_memory: bool = False,
    shard: Shard = Shard(),
) -> Loader:
    """Make the loader of a dataset's batches in the sampler's order.

    Args:
        batch_size: of all processes together.
        collate: makes a batch of the dataset's samples: `Batch` of people by default. With a `shard` it is asked for
            a batch of none where a last batch is smaller than the number of processes.
        workers: processes; 0 loads in this one. They persist over epochs.
        sampler: `EpochSampler`, or any sampler of indexes.
        shard: what this process takes of each batch.
    Raises:
        ValueError: the sampler's window is no multiple of `batch_size`, or not all processes would get a sample.
    """
    if batch_size < shard.count:
        raise ValueError(
            f"a batch of {batch_size} cannot be shared by {shard.count} processes; raise train.batch_size, or start "
            "fewer"
        )
    size = sampler.window if isinstance(sampler, EpochSampler) and sampler.groups is not None else batch_size
    if size % batch_size:
        raise ValueError(f"a window must be whole batches of {batch_size}, got {size} samples")
    return Loader(
        dataset,
        windows=_Windows(sampler, size=size, batch_size=batch_size, shard=shard),
        collate=collate,
        workers=workers,
        pin_memory=pin_memory,
    )


def _init_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # the processes are the parallelism
    # Ctrl-C, and the SIGTERM of a cluster's scheduler, reach the whole process group; the trainer answers them, and
    # needs its workers until then. A second SIGTERM ends a worker: Python's exit waits for those that it sent one.
    # Below torchrun, which passes on what the scheduler may have sent to everyone already, it ends it later.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ignore_once)


def _ignore_once(number: int, frame: object) -> None:
    signal.signal(number, _end_later if "TORCHELASTIC_RUN_ID" in os.environ else signal.SIG_DFL)


def _end_later(number: int, frame: object) -> None:
    signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)  # SIGALRM ends the process
