"""What the trainer has to know of a task: data, network, loss, evaluation. The trainer itself knows no task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pose.data.loader import EpochSampler
from pose.images.types import Image
from pose.runtime.distributed import Shard, World

T = TypeVar("T")


def evenly_spaced(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of the items, evenly over all of them; always the same ones."""
    return items[:: max(1, -(-len(items) // most))]


class Task(ABC):
    """One kind of training, made from a config.

    Attributes:
        num_samples: of an epoch.
        metrics: names of the evaluation's numbers; the first one chooses the best checkpoint.
        classes: names of what the network tells apart; None for keypoints.
        groups: the image of each sample, to keep those of one image close in the order; None to shuffle freely.
    """

    num_samples: int
    metrics: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    groups: Sequence[int] | None = None

    @abstractmethod
    def make_loader(
        self, sampler: EpochSampler, *, workers: int, pin_memory: bool, shard: Shard = Shard()
    ) -> DataLoader[Any]:
        """`Loaded` batches, which have `index` (B,) and `to(device)`."""

    @abstractmethod
    def build_model(self) -> nn.Module:
        """With fresh weights."""

    @abstractmethod
    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer: ...

    @abstractmethod
    def learning_rate(self, epoch: float) -> float:
        """At an epoch from 0 and the fraction of it that is done."""

    @abstractmethod
    def loss(self, forward: Callable[[Tensor], Tensor], batch: Any, rng: np.random.Generator) -> Tensor:
        """Of a batch on the network's device, in fp32; `forward` is the network. What is random comes from `rng`."""

    @abstractmethod
    def evaluate(
        self,
        model: nn.Module,
        *,
        device: torch.device,
        workers: int,
        on_batch: Callable[[int], None],
        world: World = World(),
    ) -> tuple[dict[str, float], str]:
        """The numbers named in `metrics` (none without annotations), and a line for people."""

    @abstractmethod
    def describe_data(self) -> str: ...

    @abstractmethod
    def identify(self, batch: Any) -> dict[str, list[Any]]:
        """Which images are in it, by kind of id, to look for what broke the loss."""

    @abstractmethod
    def draw_first_batch(self, path: Path, batch: Any) -> Image:
        """The batch with what the network is taught on it, written to `path` too."""

    @abstractmethod
    def draw_evaluation(self, model: nn.Module, *, device: torch.device) -> Image | None:
        """What the network makes of a few samples of the evaluation, always the same ones, beside what is right.

        The model is left in evaluation mode. None if nothing is known of what is right.
        """
