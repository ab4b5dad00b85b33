"""What the trainer needs from a task: data, network, loss and evaluation. The trainer itself knows no task."""

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
    """At most `most` of the items, at even distances; always the same ones."""
    return items[:: max(1, -(-len(items) // most))]


class Task(ABC):
    """One kind of training, made from a config.

    Attributes:
        num_samples: number of samples of an epoch.
        metrics: names of the evaluation's numbers; the first one chooses the best checkpoint.
        classes: names of the classes that a classifier tells apart; None for keypoints.
        checksum: of what the samples are taught and tested by, to see whether it changed; 0 if it cannot.
        groups: the image of each sample, to keep samples of one image close in the order; None to shuffle freely.
    """

    num_samples: int
    metrics: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    groups: Sequence[int] | None = None
    checksum: int = 0

    @abstractmethod
    def make_loader(
        self, sampler: EpochSampler, *, workers: int, pin_memory: bool, shard: Shard = Shard()
    ) -> DataLoader[Any]:
        """A loader of `Loaded` batches, which have `index` (B,) and `to(device)`."""

    @abstractmethod
    def build_model(self) -> nn.Module:
        """The network with fresh weights."""

    @abstractmethod
    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the network's weights."""

    @abstractmethod
    def learning_rate(self, epoch: float) -> float:
        """The learning rate at an epoch, counted from 0, with the fraction of it that is done."""

    @abstractmethod
    def loss(self, forward: Callable[[Tensor], Tensor], batch: Any, rng: np.random.Generator) -> Tensor:
        """The loss of a batch in fp32.

        Args:
            forward: the network.
            batch: on the network's device.
            rng: the source of everything random.
        """

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
        """Evaluate the network.

        Args:
            on_batch: called with the number of samples after each batch; may raise to stop.
            world: processes that all call this; they share the work, and each gets the result.
        Returns:
            The numbers named in `metrics` (none without annotations), and a line for people.
        """

    @abstractmethod
    def describe_data(self) -> str:
        """How much there is to train on and to evaluate, in a line for people."""

    @abstractmethod
    def identify(self, batch: Any) -> dict[str, list[Any]]:
        """The ids of a batch's images by kind of id, to find what broke the loss."""

    @abstractmethod
    def draw_first_batch(self, path: Path, batch: Any) -> Image:
        """Draw the batch with what the network is taught on it, and write the drawing to `path` too."""

    @abstractmethod
    def draw_evaluation(self, model: nn.Module, *, device: torch.device) -> Image | None:
        """Draw the network's answers for a few samples of the evaluation, always the same ones, beside the truth.

        The model is left in evaluation mode. The result is None if there are no annotations.
        """
