"""A training step around the network: precision, compiling, parts of a batch, clipping, averaged weights.

The keys are those of `train`; at their defaults the step is the plain one: forward, backward, `optimizer.step()`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pose.config.sections import TrainConfig
from pose.runtime.distributed import World
from pose.runtime.errors import ConfigError
from pose.runtime.streams import Stream, stream
from pose.training.bad_batches import check_finite

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
RUNNING = ("running_mean", "running_var")
Loss = Callable[[Callable[[Tensor], Tensor], Any, np.random.Generator], Tensor]  # as `Task.loss`


class Learner:
    """A network in training.

    Args:
        model: the network; it is moved to `device`, and to channels_last if the settings say so.
        settings: `train` of the config.
        world: the processes that train the network, each on its share of every batch. Between two steps all of them
            hold the same numbers.
    Attributes:
        model: the network, in the state of the last update.
        averaged: the network to evaluate and to save: the moving average with `ema`, else `model`.
    Raises:
        ConfigError: the device cannot do fp16, or norms over several processes.
    """

    def __init__(
        self, model: nn.Module, settings: TrainConfig, *, device: torch.device, world: World = World()
    ) -> None:
        if settings.precision == "fp16" and device.type != "cuda":
            raise ConfigError(
                f"train.precision: fp16 needs a CUDA device, and this run is on {device.type}; set it to bf16 or fp32"
            )
        if settings.sync_batch_norm and world.size > 1:
            if device.type != "cuda":
                raise ConfigError(
                    f"train.sync_batch_norm needs CUDA devices, and these processes are on {device.type}; set it to "
                    "false: each then normalizes by its own share of a batch"
                )
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # in place, with the same parameters
        self.settings, self.device, self.world = settings, device, world
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.model = model.to(device).to(memory_format=layout)
        # The network itself is never replaced by the compiled one, whose weights have other names.
        # With dynamic=False a batch's kernels depend on its shape alone and not on the shapes before it, so that a
        # resumed run computes the same.
        network: Any = torch.compile(model, dynamic=False) if settings.compile else model
        self.call = world.wrap(network)
        self.norms = [
            module
            for module in model.modules()
            if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
        ]
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
        self.ema: AveragedModel | None = None
        if settings.ema is not None:
            average = get_ema_multi_avg_fn(settings.ema)
            # The buffers too, as means and variances of the norms belong to the averaged weights.
            self.ema = AveragedModel(model, multi_avg_fn=average, use_buffers=True)

    @property
    def averaged(self) -> nn.Module:
        return self.model if self.ema is None else self.ema.module

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        batch: Any,
        *,
        seed: Sequence[int],
        sizes: Sequence[int] = (),
    ) -> float:
        """Forward and backward of the batch's parts, then one update.

        Args:
            loss: gives the loss of a part in fp32, from `forward`, the part, and a generator for what is random.
            batch, sizes: as for `split`; the batch is on the network's device.
            seed: (seed, epoch, step), from which each part's generator is made.
        Returns:
            The loss of the batch of all processes.
        Raises:
            NotFinite: the loss or a gradient is not finite; only buffers have changed then.
        """
        optimizer.zero_grad(set_to_none=True)
        world, parts, total = self.world, self.split(batch, sizes), 0.0
        for number, (part, share) in enumerate(parts):
            # N processes draw what one process draws for N parts.
            rng = stream(Stream.STEP, *seed, world.rank * len(parts) + number)
            torch.manual_seed(int(rng.integers(2**63)))  # for dropout and RReLU, on any device
            with self.joining(last=number + 1 == len(parts)):
                value = loss(self.forward, part, rng)
                # Gradients become the mean over the processes, as the loss does below.
                weight = share * world.size
                value = value if weight == 1 else value * weight
                self.backward(value)
            total += value.item()
        total = world.mean(total)
        check_finite("the loss", total)
        self.update(optimizer, share=sum(share for _, share in parts))
        return total

    def split(self, batch: Any, sizes: Sequence[int] = ()) -> list[tuple[Any, float]]:
        """Cut a batch into `accumulate` parts, whose sizes differ by one at most.

        A batch of fewer samples has fewer parts. All processes have the same number of parts.

        Args:
            batch: this process's share of the batch.
            sizes: number of samples that each process has; 0 for a process whose `batch` is borrowed to take part.
        Returns:
            Each part, and its share of the samples of all processes.
        """
        sizes = sizes or (len(batch.index),)
        count = min(self.settings.accumulate, *(max(size, 1) for size in sizes))
        total = sum(sizes) if sizes[self.world.rank] else math.inf
        if count == 1:
            return [(batch, len(batch.index) / total)]
        columns = (getattr(batch, field.name).tensor_split(count) for field in fields(batch))
        parts = [type(batch)(*tensors) for tensors in zip(*columns, strict=True)]
        return [(part, len(part.index) / total) for part in parts]

    def joining(self, last: bool) -> AbstractContextManager[None]:
        """Around forward and backward of a part; the processes average their gradients once, in the `last` part."""
        if last or not isinstance(self.call, DistributedDataParallel):
            return nullcontext()
        return self.call.no_sync()

    def forward(self, images: Tensor) -> Tensor:
        """The network's output for (B, 3, H, W) fp32 images, in the precision of the settings."""
        if not self.settings.channels_last:
            images = images.contiguous()
        dtype = DTYPES.get(self.settings.precision)
        with _explained_compiler(), torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            return self.call(images)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a part's loss, which is already weighted by the part's share."""
        with _explained_compiler():
            self.scaler.scale(loss).backward()

    def update(self, optimizer: torch.optim.Optimizer, *, share: float = 1.0) -> None:
        """Clip, step and average; the gradients stay for the caller to see.

        Args:
            share: this process's part of the batch. It weights the average over the processes of the norms' running
                means and variances, which are linear in what each process saw.
        Raises:
            NotFinite: a gradient is not finite; nothing has changed then. With fp16 the scaler leaves such a step out
                instead: weights and average stay as they are, and the next step has a lower scale.
        """
        self.scaler.unscale_(optimizer)
        if self.settings.clip_grad_norm is None:
            norm = gradient_norm(self.model)
        else:
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_grad_norm)
        if not self.scaler.is_enabled():
            check_finite("the gradient's norm", float(norm))
        scale = self.scaler.get_scale()
        self.scaler.step(optimizer)
        self.scaler.update()
        skipped = self.scaler.get_scale() < scale  # it lowers its scale after a step that it left out, and only then
        norms = [norm for norm in self.norms if norm.training and norm.running_mean is not None]
        self.world.average([norm.get_buffer(n) for norm in norms for n in RUNNING], share=share)
        if self.ema is not None and not skipped:
            self.ema.update_parameters(self.model)

    def state_dict(self) -> dict[str, Any]:
        """The states of `model`, with fp16 of `scaler`, and with averaging of `ema`."""
        state: dict[str, Any] = {"model": self.model.state_dict()}
        if self.scaler.is_enabled():
            state["scaler"] = self.scaler.state_dict()
        if self.ema is not None:
            state["ema"] = self.ema.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; other keys are ignored.

        Raises:
            KeyError, RuntimeError, ValueError: the state is of another network, or of other settings.
        """
        for key, own in (("scaler", self.scaler.is_enabled()), ("ema", self.ema is not None)):
            if own != (key in state):
                raise ValueError(f"it has {'no' if own else 'a'} state '{key}', the config says otherwise")
        self.model.load_state_dict(state["model"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])


def gradient_norm(model: nn.Module) -> Tensor:
    """What `clip_grad_norm_` returns, without its multiplying each gradient by 1 where there is no limit."""
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    # As in PyTorch's own get_total_norm, which is new in 2.6.
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))


@contextmanager
def _explained_compiler() -> Iterator[None]:
    """Turn a failure of torch.compile, at the first forward or backward, into one message."""
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("Set TORCHDYNAMO")]  # torch's advice to its developers
        raise ConfigError(f"torch.compile failed ({' '.join(lines[:2])}); set train.compile: false") from None
