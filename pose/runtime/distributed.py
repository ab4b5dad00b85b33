"""Several processes, started by torchrun, that train one network together.

Gradients are averaged by torch's DDP: over NCCL on GPUs, over Gloo on CPUs. All else that the processes tell each
other is small, lies in the CPU's memory, and goes over Gloo everywhere. A process alone is a `World` of size 1, which
has nobody to wait for.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pose.runtime.device import pick_device
from pose.runtime.stop import Ended, Stopped
from pose.runtime.text import plural

T = TypeVar("T")

WAIT = timedelta(hours=2)  # for a process that generates or evaluates while the others have nothing to do
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_END = "pose/end"


@dataclass(frozen=True)
class Shard:
    """The part of each batch that one of several processes takes; by default the whole batch.

    Attributes:
        index: of the process, from 0.
        count: of processes.
    """

    index: int = 0
    count: int = 1

    def of(self, batch: Sequence[Any]) -> Sequence[Any]:
        """This process's share of a batch.

        Shares are in order; their sizes differ by one at most, the larger ones first, as torch's `tensor_split`.
        """
        size, larger = divmod(len(batch), self.count)
        begin = self.index * size + min(self.index, larger)
        return batch[begin : begin + size + (self.index < larger)]


@dataclass(frozen=True)
class SyncedBatch:
    """What all processes know of a batch before its step.

    Attributes:
        batch: this process's share. A process without a sample gets the first sample of another one, because all have
            to take part in each step; its entry in `sizes` is still 0. None if no process has a sample.
        sizes: number of usable samples of each process.
        unreadable: a line for each sample that could not be read, of all processes.
        taken: number of samples of the epoch's order that the batch of all processes stands for.
        signal: number of a signal that one of the processes got, which ends the training before this step.
    """

    batch: Any
    sizes: tuple[int, ...]
    unreadable: tuple[str, ...]
    taken: int
    signal: int | None


class World:
    """The processes that train together.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        shard: this process's part of each batch.
        is_main: whether this is the process that prints and writes files.
    """

    def __init__(self, rank: int = 0, size: int = 1, *, store: dist.Store | None = None) -> None:
        self.rank, self.size, self.store = rank, size, store
        self.shard = Shard(rank, size)
        self.is_main = rank == 0

    def __repr__(self) -> str:
        return f"World(rank={self.rank}, size={self.size})"

    def gather(self, value: T) -> list[T]:
        """Give all processes the `value` of each, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def broadcast(self, value: T | None, *, source: int) -> T:
        """Give all processes the `value` of the process `source`."""
        values: list[Any] = [value]
        if self.size > 1:
            dist.broadcast_object_list(values, src=source)
        return values[0]

    def from_main(self, make: Callable[[], T]) -> T:
        """Call `make` on the main process and give all processes its result."""
        return self.broadcast(make() if self.is_main else None, source=0)

    def once_per_node(self, make: Callable[[], object]) -> None:
        """Call `make`, which makes files unless they are there, in one process of each machine; all others wait.

        The main process calls it first, so that the others find the files where machines share a file system.
        """
        first_of_node = os.environ.get("LOCAL_RANK", "0") == "0"
        for calls in (self.is_main, first_of_node and not self.is_main):
            if calls:
                make()
            self.barrier()

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        self.gather(None)

    def mean(self, value: float) -> float:
        """The mean of `value` over the processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return total.item() / self.size

    def average(self, tensors: Sequence[Tensor], *, share: float) -> None:
        """Replace tensors, all of one device and dtype, by their mean over the processes.

        Args:
            share: weight of this process in the mean; the weights of all processes add up to 1.
        """
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors]) * share
        dist.all_reduce(flat)
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def wrap(self, module: nn.Module) -> nn.Module:
        """Put DDP around a module, so that its backward pass averages the gradients over the processes.

        Buffers are left alone. Parameters start as those of the main process.
        """
        if self.size == 1:
            return module
        device = next(module.parameters()).device
        devices = [device.index] if device.type == "cuda" else None
        # The argument's name is deprecated but the only one of older versions; copies of 1 x 1 weights are harmless.
        for start in ("`broadcast_buffers` is deprecated", "Grad strides do not match bucket view strides"):
            warnings.filterwarnings("ignore", message=start)
        return DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False)

    def sync_batch(self, batch: Any, *, unreadable: tuple[str, ...], taken: int, signal: int | None) -> SyncedBatch:
        """Tell the other processes what was loaded here, and whether this process was asked to stop.

        Args:
            batch: a dataclass of tensors with `index` (B,); None if nothing could be read.
            unreadable: a line for each of its samples that could not be read.
            taken: number of samples of the epoch's order that it stands for.
            signal: number of a signal that this process got.
        """
        size = 0 if batch is None else len(batch.index)
        if self.size == 1:
            return SyncedBatch(batch, (size,), unreadable, taken, signal)
        row = torch.tensor([size, taken, len(unreadable), signal or 0])
        rows = [torch.empty_like(row) for _ in range(self.size)]
        dist.all_gather(rows, row)
        sizes, all_taken, missing, signals = (tuple(column) for column in torch.stack(rows, dim=1).tolist())
        lines = sum(self.gather(unreadable), ()) if any(missing) else ()
        if any(sizes) and not all(sizes):
            lender = next(rank for rank, count in enumerate(sizes) if count)
            sample = self.broadcast(_first_sample(batch) if self.rank == lender else None, source=lender)
            batch = sample if batch is None else batch
        return SyncedBatch(batch, sizes, lines, sum(all_taken), max(signals) or None)

    def shard_batches(self, items: Sequence[T], batch_size: int) -> list[T]:
        """The items of this process: batch i of the items goes to process i modulo `size`.

        See `gather_outputs` for the way back.
        """
        return [item for i, item in enumerate(items) if i // batch_size % self.size == self.rank]

    def gather_outputs(self, outputs: Sequence[T]) -> list[T]:
        """The outputs of all processes, one for each batch of `shard_batches`, in the order of the batches."""
        by_rank = self.gather(list(outputs))
        return [by_rank[i % self.size][i // self.size] for i in range(sum(map(len, by_rank)))]

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """Around work that has to end in all processes if it ends in one.

        The first process that fails tells the user why, and the other processes through the store.

        Raises:
            Ended, Stopped: another process was first: it failed, or was asked to stop.
            OSError: another process is gone without a message.
        """
        try:
            yield
        except Ended:
            raise
        except (Exception, KeyboardInterrupt) as error:
            if self.store is None:
                raise
            lost = lost_contact(error)
            number = error.signal if isinstance(error, Stopped) else None
            first = self._claim_end({"rank": self.rank, "signal": number, "text": lost or str(error)})
            if first["rank"] == self.rank:
                if lost:
                    raise OSError(lost) from error
                raise
            if first["signal"] is None:
                raise Ended(f"process {first['rank']}: {first['text']}") from None
            raise Stopped(first["signal"]) from None

    def _claim_end(self, end: dict[str, Any]) -> dict[str, Any]:
        """Write into the store how the training ends, unless another process has; returns what stands there then."""
        assert self.store is not None
        try:
            return json.loads(self.store.compare_set(_END, "", json.dumps(end)))
        except RuntimeError:  # the machine of the store is gone
            return end


def _first_sample(batch: Any) -> Any:
    return type(batch)(*(getattr(batch, field.name)[:1] for field in fields(batch)))


def lost_contact(error: BaseException) -> str | None:
    """The message for an error that only says that another process is gone; None for other errors."""
    text = str(error)
    gone = isinstance(error, dist.DistError) or (type(error) is RuntimeError and "gloo/" in text)
    if not gone:
        return None
    return "another process of this training is gone without a message: it was killed, or its machine is down"


@contextmanager
def join_world(device: str) -> Iterator[tuple[World, torch.device]]:
    """Find the other processes if torchrun started this one, and the device to run on.

    Args:
        device: as for `pick_device`; each process takes the GPU of its local rank.
    Raises:
        ValueError: the processes were not started by torchrun, or are more than there are GPUs.
        Ended, Stopped, OSError: see `World.fail_together`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World(), pick_device(device)
        return
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise ValueError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(missing)} not set: start several processes by "
            "torchrun, or unset WORLD_SIZE"
        )
    on_gpus = device != "cpu" and torch.cuda.is_available()
    store, rank, size = next(dist.rendezvous("env://", timeout=WAIT))
    world = World(rank, size, store=store)
    if not world.is_main:
        warnings.simplefilter("ignore")  # the main process says the same
    with world.fail_together():
        chosen = _own_device(device)
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)
        yield world, chosen
        world.barrier()  # nobody leaves while another could still fail
    dist.destroy_process_group()


def _own_device(name: str) -> torch.device:
    device = pick_device(name)
    if device.type == "mps" or device.index is not None:
        raise ValueError(f"several processes cannot share the device {device}; give --device cuda or cpu")
    if device.type == "cpu":
        return device
    place, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if place >= count:
        raise ValueError(
            f"this machine has {plural(count, 'GPU')}, and torchrun started more processes on it; "
            f"start it with --nproc_per_node={count}, or give --device cpu"
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)
