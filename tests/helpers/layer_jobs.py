"""DY-ReLU as the processes of a distributed training see it; run by `processes.py`."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from pose.layers.dyrelu import DyReLU


def train_dyrelu(folder: Path, *, how: str) -> None:
    """Save the outputs and gradients of a step of half a batch in each process, wrapped in one way and unwrapped.

    Args:
        how: "ddp"; "fsdp", the layer in one piece; "fsdp_parts", each of its own layers; "fsdp_fc2", one of them.
    """
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    layer = DyReLU(8, "C", reduction=2, alpha=(1.0, 0.2), beta=(0.1, -0.1))
    nn.init.uniform_(layer.fc1.bias, 0.1, 0.5)
    network = nn.Sequential(nn.Conv2d(8, 8, 1), layer)
    plain = copy.deepcopy(network)
    plain[1].forward = plain[1].plain  # type: ignore[assignment, operator]
    x = torch.rand(2, 8, 6, 5) * 2

    wrapped: nn.Module = network
    if how == "ddp":
        wrapped = DistributedDataParallel(network)
    else:
        parts = {"fsdp": (layer,), "fsdp_parts": (layer.fc1, layer.fc2, layer.attention), "fsdp_fc2": (layer.fc2,)}
        for part in parts[how]:
            fully_shard(part)
        fully_shard(network)

    rank = dist.get_rank()
    y = wrapped(x[rank : rank + 1])
    y.square().sum().backward()
    whole = plain(x)
    (whole.square().sum() / 2).backward()  # both kinds of wrapper average over the processes
    torch.testing.assert_close(y, whole[rank : rank + 1], rtol=1e-4, atol=1e-5)
    for (name, weight), expected in zip(network.named_parameters(), plain.parameters(), strict=True):
        gradient = weight.grad.full_tensor() if isinstance(weight.grad, DTensor) else weight.grad
        assert expected.grad is not None
        assert expected.grad.abs().max() > 0, name
        torch.testing.assert_close(
            gradient, expected.grad, rtol=1e-4, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
        )
    print("equal")
    dist.destroy_process_group()
