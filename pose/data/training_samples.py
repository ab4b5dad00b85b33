"""What training reads: samples whose image may turn out to be unreadable, which are named, or named and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch.utils.data import Dataset

from pose.data.dataset import image_by_image
from pose.images.read import UnreadableImage


class Describable(Protocol):
    """A dataset that can say where a sample comes from."""

    def __getitem__(self, item: tuple[int, int]) -> Any: ...
    def __len__(self) -> int: ...
    def path(self, index: int) -> Path: ...
    def describe(self, index: int) -> str: ...


@dataclass(frozen=True)
class Loaded:
    """One turn of the training loader.

    Attributes:
        batch: what could be read, stacked; None if that is nothing.
        unreadable: a line for each sample that is missing in it.
        taken: samples of the epoch's order that it stands for.
    """

    batch: Any
    unreadable: tuple[str, ...]
    taken: int

    def pin_memory(self) -> Loaded:
        """Copy the batch to pinned memory; called by the DataLoader."""
        return Loaded(None if self.batch is None else self.batch.pin_memory(), self.unreadable, self.taken)


class TrainingSamples(Dataset[Any]):
    """A dataset whose unreadable images are errors with the sample's ids, or lines in the place of samples.

    Args:
        skip: give a line in the place of an unreadable sample, which `LoadedCollate` takes out; otherwise raise.
    """

    def __init__(self, dataset: Describable, *, skip: bool) -> None:
        self.dataset, self.skip = dataset, skip

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> list[Any]:
        """Read several samples at once, as the DataLoader asks for them."""
        return image_by_image([self.dataset.path(index) for _, index in items], lambda place: self[items[place]])

    def __getitem__(self, item: tuple[int, int]) -> Any:
        """Read a sample, or describe in a line why it cannot be read.

        Raises:
            FileNotFoundError, UnreadableImage: the image cannot be read, and `skip` is False.
        """
        try:
            return self.dataset[item]
        except (FileNotFoundError, UnreadableImage) as error:
            line = f"{error} ({self.dataset.describe(item[1])})"
            if self.skip:
                return line
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else UnreadableImage
            raise kind(f"{line}; data.skip_unreadable=true trains without such images") from None


class LoadedCollate:
    """Stacks the samples that could be read with `collate`."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence[Any]) -> Loaded:
        good = [sample for sample in samples if not isinstance(sample, str)]
        lines = tuple(sample for sample in samples if isinstance(sample, str))
        return Loaded(self.collate(good) if good else None, lines, len(samples))
