"""Record batches whose loss or gradient is not finite, and skip them as if they had not been there."""

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
from pose.runtime.text import resume_command


class NotFinite(Exception):
    """This step must not reach the weights; the text says what was not finite."""


def check_finite(what: str, value: float) -> None:
    """Raise `NotFinite` for a value, such as "the loss", that is infinite or NaN."""
    if not math.isfinite(value):
        raise NotFinite(f"{what} is {value}")


class BadBatches:
    """Counts and records bad batches; stops training after too many.

    Args:
        run: the run folder, whose bad_batches.json lists them.
        limit: how many batches may be skipped in a run.
        skipped: how many have been skipped so far.
        identify: gives the ids of a batch's samples by kind, such as {"image_ids": [...]}.
        world: the processes that each have a share of a batch; all of them call this, and the main process writes.
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
        """Around the training step of `batch`; epoch and step are counted from 0.

        After `NotFinite` the network's buffers are put back, as the forward pass has already taken the batch into
        the running averages of the norms. Weights and optimizer are not touched before the check.

        Raises:
            ValueError: more batches are bad than may be skipped.
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
                f"change {self.run / 'config.yaml'} and go on with: {resume_command(self.run)}"
            )
