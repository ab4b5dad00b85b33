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

T = TypeVar("T")

WAIT = timedelta(hours=2)  # for a process that generates or evaluates while the others have nothing to do
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_END = "pose/end"


@dataclass(frozen=True)
class Shard:
    """The part of each batch that one of several processes takes; by default it is all of it.

    Attributes:
        index: of the process, from 0.
        count: of processes.
    """

    index: int = 0
    count: int = 1

    def of(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Shares in order, whose sizes differ by one at most, the larger ones first, as torch's `tensor_split`."""
        size, larger = divmod(len(batch), self.count)
        begin = self.index * size + min(self.index, larger)
        return batch[begin : begin + size + (self.index < larger)]


@dataclass(frozen=True)
class SyncedBatch:
    """A batch as all processes know it before its step.

    Attributes:
        batch: this process's share. One that has none gets another's first sample, as all have to take part in each
            step; `sizes` still says 0 for it. None if nobody has a sample.
        sizes: usable samples of each process.
        unreadable: a line for each sample that is missing, of all processes.
        taken: samples of the epoch's order that the batch of all processes stands for.
        signal: that one of the processes got, which ends the training before this step.
    """

    batch: Any
    sizes: tuple[int, ...]
    unreadable: tuple[str, ...]
    taken: int
    signal: int | None


class World:
    """The processes that train together.

    Attributes:
        rank: number of this one, from 0.
        size: how many there are.
        shard: this one's part of each batch.
        is_main: whether this is the one that prints, and writes files.
    """

    def __init__(self, rank: int = 0, size: int = 1, *, store: dist.Store | None = None) -> None:
        self.rank, self.size, self.store = rank, size, store
        self.shard = Shard(rank, size)
        self.is_main = rank == 0

    def __repr__(self) -> str:
        return f"World(rank={self.rank}, size={self.size})"

    def gather(self, value: T) -> list[T]:
        """The `value` of each process, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def broadcast(self, value: T | None, *, source: int) -> T:
        """The `value` of the process `source`."""
        values: list[Any] = [value]
        if self.size > 1:
            dist.broadcast_object_list(values, src=source)
        return values[0]

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` gives on the main process; the others wait for it."""
        return self.broadcast(make() if self.is_main else None, source=0)

    def once_per_node(self, make: Callable[[], object]) -> None:
        """Call `make`, which makes files unless they are there, in a process of each machine; all wait.

        The main process is first, so where machines share the files the others find them.
        """
        first_of_machine = os.environ.get("LOCAL_RANK", "0") == "0"
        for turn in (self.is_main, first_of_machine and not self.is_main):
            if turn:
                make()
            self.barrier()

    def barrier(self) -> None:
        """Wait until all are here."""
        self.gather(None)

    def mean(self, value: float) -> float:
        """Over the processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return total.item() / self.size

    def average(self, tensors: Sequence[Tensor], *, share: float) -> None:
        """Replace tensors of one device and dtype by their mean over the processes, each with its `share` of 1."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors]) * share
        dist.all_reduce(flat)
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with DDP around it: a backward pass averages the gradients over the processes.

        Buffers are left alone. Parameters start as those of the main process.
        """
        if self.size == 1:
            return module
        device = next(module.parameters()).device
        devices = [device.index] if device.type == "cuda" else None
        # That this name of the argument is older than another, and that 1 x 1 weights in channels_last are copied.
        for start in ("`broadcast_buffers` is deprecated", "Grad strides do not match bucket view strides"):
            warnings.filterwarnings("ignore", message=start)
        return DistributedDataParallel(module, device_ids=devices, broadcast_buffers=False)

    def sync_batch(self, batch: Any, *, unreadable: tuple[str, ...], taken: int, signal: int | None) -> SyncedBatch:
        """Tell the others what was loaded here, and whether this process was asked to stop.

        Args:
            batch: a dataclass of tensors with `index` (B,); None where nothing could be read.
            unreadable: a line for each sample that is missing in it.
            taken: samples of the epoch's order that it stands for.
            signal: that this process got.
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
        """The items of this process, where whole batches go to the processes in turns; see `gather_outputs`."""
        return [item for i, item in enumerate(items) if i // batch_size % self.size == self.rank]

    def gather_outputs(self, outputs: Sequence[T]) -> list[T]:
        """The outputs of all processes, one for each batch of `shard_batches`, in the order of the batches."""
        hands = self.gather(list(outputs))
        return [hands[i % self.size][i // self.size] for i in range(sum(map(len, hands)))]

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """Around work that must end in all processes if it does in one.

        The first that fails says why to the user, and to the others, through the store.

        Raises:
            Ended, Stopped: another one was first. It failed, or was asked to stop.
            OSError: another one has gone without a word.
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
        """Write down how the training ends, unless another did already; what is written then."""
        assert self.store is not None
        try:
            return json.loads(self.store.compare_set(_END, "", json.dumps(end)))
        except RuntimeError:  # the machine of the store is gone
            return end


def _first_sample(batch: Any) -> Any:
    return type(batch)(*(getattr(batch, field.name)[:1] for field in fields(batch)))


def lost_contact(error: BaseException) -> str | None:
    """A message for errors that only say that another process is gone; None for others."""
    text = str(error)
    gone = isinstance(error, dist.DistError) or (type(error) is RuntimeError and "gloo/" in text)
    if not gone:
        return None
    return "another process of this training is gone without a message: it was killed, or its machine is down"


@contextmanager
def join_world(device: str) -> Iterator[tuple[World, torch.device]]:
    """Find the other processes if torchrun started this one, and the device to run on.

    Args:
        device: as for `pick_device`; of a machine's GPUs each process takes the one of its local rank.
    Raises:
        ValueError: started otherwise, or more processes than GPUs.
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
            f"this machine has {count} GPU{'s' if count > 1 else ''}, and torchrun started more processes on it; "
            f"start it with --nproc_per_node={count}, or give --device cpu"
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)
