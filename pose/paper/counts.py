"""Parameters and multiply-adds of a network, counted while it runs once.

- params: every learnable number, norms and biases included.
- madds: convolutions and fully connected layers (squeeze-and-excite included) without biases, DY-ReLU excluded.
- madds_dyrelu: DY-ReLU's two FCs, its 1x1 convolution (C), and 2K multiply-adds an element (of the forms with fewer
  coefficients, one for each). The paper's DY-ReLU rows are compared with the sum of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU


@dataclass(frozen=True)
class Counts:
    """Counts of a network or of one of its stages; `output` is (C, H, W) for one image."""

    name: str
    output: tuple[int, ...]
    params: int
    madds: int
    madds_dyrelu: int


def count(model: nn.Module, input_size: tuple[int, int]) -> tuple[Counts, list[Counts]]:
    """Count a network on one image of `input_size` (height, width).

    Returns:
        The total, and a list by stage: the lowest modules that are called one after the other in a backbone or
        head (blocks, single convolutions, upsampling).
    """
    madds: dict[str, int] = {}
    dynamic: dict[str, int] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    stages = dict(_stages(model))
    inside_dyrelu = {
        f"{name}.{child}"
        for name, module in model.named_modules()
        if isinstance(module, DyReLU)
        for child, _ in module.named_children()
    }

    def add_hook(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            if name in stages:
                outputs[name] = tuple(output.shape[1:])
            if isinstance(module, DyReLU):
                dynamic[name] = _dyrelu_madds(module, output)
            elif isinstance(module, nn.Conv2d | nn.Linear) and name not in inside_dyrelu:
                madds[name] = (output.numel() // module.weight.shape[0]) * module.weight.numel()

        return module.register_forward_hook(hook)

    handles = [add_hook(name, module) for name, module in model.named_modules()]
    was_training = model.training
    try:
        with torch.no_grad():
            device = next(model.parameters()).device
            output = model.eval()(torch.zeros(1, 3, *input_size, device=device))
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()

    def within(values: dict[str, int], stage: str) -> int:
        return sum(value for name, value in values.items() if name == stage or name.startswith(f"{stage}."))

    rows = [
        Counts(name, outputs[name], _params(stage), within(madds, name), within(dynamic, name))
        for name, stage in stages.items()
    ]
    shape = tuple(output.shape[1:])
    total = Counts("total", shape, _params(model), sum(madds.values()), sum(dynamic.values()))
    return total, rows


def _stages(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk through children in order, with the lists of blocks taken apart."""
    for name, child in model.named_children():
        path = f"{prefix}{name}"
        if path in ("backbone", "head") or type(child) is nn.Sequential:
            yield from _stages(child, f"{path}.")
        else:
            yield path, child


def _params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _dyrelu_madds(module: DyReLU, output: Tensor) -> int:
    fcs = module.fc1.weight.numel() + module.fc2.weight.numel()
    attention = output.numel() if module.variant == "C" else 0
    kinds = 2 if module.intercept else 1
    return fcs + attention + kinds * module.num_pieces * output.numel()
