"""Batches that give a loss or a gradient that is not finite: recorded, and skipped as if they had not been there."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pose.runtime.distributed import World
from pose.runtime.files import write_json


class NotFinite(Exception):
    """A step that must not reach the weights; the text says what was not finite."""


def check_finite(what: str, value: float) -> None:
    """Raise `NotFinite` for a value, such as "the loss", that is infinite or NaN."""
    if not math.isfinite(value):
        raise NotFinite(f"{what} is {value}")


class BadBatches:
    """Counts and records bad batches; stops training after too many.

    Args:
        run: folder, whose bad_batches.json lists them.
        limit: how many may be skipped in a run.
        skipped: how many were.
        identify: the ids of a batch's samples by kind, such as {"image_ids": [...]}.
        world: the processes that each have a share of a batch. All of them call this; the main one writes.
    """

    def __init__(
        self,
        run: Path,
        model: nn.Module,
        *,
        limit: int,
        skipped: int,
        identify: Callable[[Any], dict[str, list[Any]]],
        world: World = World(),
    ) -> None:
        self.run, self.model, self.limit, self.skipped, self.identify = run, model, limit, skipped, identify
        self.world = world

    @contextlib.contextmanager
    def watch(self, batch: Any, *, epoch: int, step: int) -> Iterator[None]:
        """Around a training step of `batch`, in an epoch and a step from 0.

        After `NotFinite` the network's buffers are as before: the forward pass has put the batch into the averages of
        normalisation already. Weights and optimiser are not touched before the check.

        Raises:
            ValueError: one bad batch too many.
        """
        buffers = [buffer.clone() for buffer in self.model.buffers()] if self.limit else []
        try:
            yield
        except NotFinite as error:
            with torch.no_grad():
                for buffer, before in zip(self.model.buffers(), buffers, strict=False):
                    buffer.copy_(before)
            self.skipped += 1
            self._record(str(error), batch, epoch=epoch + 1, step=step + 1)

    def _record(self, reason: str, batch: Any, *, epoch: int, step: int) -> None:
        shares, path = self.world.gather(self.identify(batch)), self.run / "bad_batches.json"
        ids = {kind: list(dict.fromkeys(chain.from_iterable(of[kind] for of in shares))) for kind in shares[0]}
        skipped = self.skipped <= self.limit
        if self.world.is_main:
            entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            # A resumed run can meet a batch again.
            entries = [entry for entry in entries if (entry["epoch"], entry["step"]) != (epoch, step)]
            write_json(path, [*entries, {"epoch": epoch, "step": step, "reason": reason, "skipped": skipped, **ids}])
        if not skipped:
            listed = ", ".join(f"{kind.replace('_', ' ')} {values[:8]}" for kind, values in ids.items())
            raise ValueError(
                f"{reason} in epoch {epoch}, step {step} ({listed}; all of them in {path}). Look at these images, "
                f"try a lower train.lr, or let train.max_skipped_batches (now {self.limit}) skip such batches: "
                f"change {self.run / 'config.yaml'} and go on with: pose train --resume {self.run}"
            )
