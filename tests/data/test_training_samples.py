"""Unreadable images in training: named with their ids, or left out of the batch and named."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from pose.data.loader import EpochSampler, make_loader
from pose.data.training_samples import Loaded, LoadedCollate, TrainingSamples
from pose.images.read import UnreadableImage


class Numbers:
    """Ten samples that are their index; some are broken, and one fails by a mistake of the code."""

    broken = (2, 6, 7, 8)

    def __len__(self) -> int:
        return 10

    def path(self, index: int) -> Path:
        return Path(str(index % 2))

    def describe(self, index: int) -> str:
        return f"number {index}"

    def __getitem__(self, item: tuple[int, int]) -> int:
        if item[0] == 1:
            raise ValueError("a mistake")
        if item[1] in self.broken:
            raise UnreadableImage("cannot read it") if item[1] != 2 else FileNotFoundError("no image")
        return item[1]


def stack(samples: Sequence[Any]) -> torch.Tensor:
    return torch.tensor(samples)


@pytest.mark.parametrize("workers", [0, 1])
def test_they_are_left_out_and_named(workers: int) -> None:
    dataset = TrainingSamples(Numbers(), skip=True)
    sampler = EpochSampler(10, seed=0, shuffle=False)
    loader = make_loader(dataset, batch_size=3, workers=workers, sampler=sampler, collate=LoadedCollate(stack))
    batches = list(loader)
    assert [loaded.taken for loaded in batches] == [3, 3, 3, 1]
    assert [None if loaded.batch is None else loaded.batch.tolist() for loaded in batches] == [
        *([0, 1], [3, 4, 5], None, [9])
    ]
    assert [len(loaded.unreadable) for loaded in batches] == [1, 0, 3, 0]
    assert batches[0].unreadable == ("no image (number 2)",)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("start", "kind"), [(2, FileNotFoundError), (6, UnreadableImage)])
def test_or_they_are_errors(workers: int, start: int, kind: type[Exception]) -> None:
    sampler = EpochSampler(10, seed=0, shuffle=False, start=start)
    dataset = TrainingSamples(Numbers(), skip=False)
    loader = make_loader(dataset, batch_size=1, workers=workers, sampler=sampler, collate=LoadedCollate(stack))
    with pytest.raises(kind, match=rf"\(number {start}\); data\.skip_unreadable=true trains without such images"):
        next(iter(loader))


def test_other_errors_are_never_skipped() -> None:
    with pytest.raises(ValueError, match="a mistake"):
        TrainingSamples(Numbers(), skip=True)[1, 0]


def test_it_pickles_and_an_empty_batch_can_be_pinned() -> None:
    assert len(pickle.loads(pickle.dumps(TrainingSamples(Numbers(), skip=True)))) == 10
    assert Loaded(None, ("x",), 1).pin_memory() == Loaded(None, ("x",), 1)
