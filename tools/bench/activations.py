"""DY-ReLU-B and -C as modules, forward and backward, against nn.ReLU, on the CPU in fp32.

    python tools/bench/activations.py [--quick]

The weights' gradients are computed as well. "plain" is the same module in PyTorch's own operators, "AVX2" the kernel
kept from using AVX-512, where the processor has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import torch
from timing import Row, interleave, markdown, row
from torch import Tensor, nn

from pose.layers.dyrelu import DyReLU, Variant
from pose.layers.dyrelu_fused import CPU_KERNEL
from pose.runtime.native import LEVELS

SHAPES = ((32, 96, 64, 48), (32, 144, 32, 24))
TARGETS: dict[Variant, str] = {"B": "<= 1.6", "C": "<= 2.0"}
MEMORY_TARGET = "<= 1.1"
FIXED = (32, 144, 2, 2)  # so small that what remains is the cost of the hyper function and of calling operators
FIXED_TARGET = "<= 4"
AVX2, AVX512 = LEVELS.index("avx2"), LEVELS.index("avx512")


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` takes tiny tensors and one round, to see that it runs."""
    found: list[Row] = []
    for shape in ((2, 8, 6, 5),) if quick else SHAPES:
        for layout in ("contiguous", "channels_last"):
            found += _time_rows(shape, layout, repeats=1 if quick else 15)
        found += [_memory_row(variant, shape) for variant in TARGETS]
    fixed = _time_rows(FIXED, "channels_last", repeats=1 if quick else 100)
    return found + [{**row, "target": FIXED_TARGET} for row in fixed if row["target"]]


def _time_rows(shape: tuple[int, ...], layout: str, *, repeats: int) -> list[Row]:
    torch.manual_seed(0)
    x, dy = torch.randn(shape), torch.randn(shape)
    if layout == "channels_last":
        x, dy = (t.contiguous(memory_format=torch.channels_last) for t in (x, dy))
    x.requires_grad_()
    functions: dict[str, Callable[[], object]] = {"relu": _step(nn.ReLU(), x, dy)}
    for variant in TARGETS:
        layer = _layer(shape[1], variant)
        functions[variant] = _step(layer, x, dy)
        if _has_avx512():
            functions[f"{variant}, AVX2"] = _with_avx2(_step(layer, x, dy))
        functions[f"{variant} plain"] = _step(layer.plain, x, dy, layer)
    times = interleave(functions, repeats=repeats, warmup=min(repeats, 5))
    return [
        row(
            times,
            what=f"DY-ReLU-{name}, forward + backward, {shape}, {layout}",
            against="nn.ReLU",
            target="" if "plain" in name else TARGETS[variant],
            ours=name,
            baseline="relu",
        )
        for variant in TARGETS
        for name in functions
        if name.startswith(variant)
    ]


def _has_avx512() -> bool:
    return CPU_KERNEL is not None and CPU_KERNEL.pose_limit(AVX512) == AVX512


def _with_avx2(function: Callable[[], object]) -> Callable[[], None]:
    def limited() -> None:
        assert CPU_KERNEL is not None
        CPU_KERNEL.pose_limit(AVX2)
        function()
        CPU_KERNEL.pose_limit(AVX512)

    return limited


def _step(
    function: Callable[[Tensor], Tensor], x: Tensor, dy: Tensor, module: nn.Module | None = None
) -> Callable[[], None]:
    """Forward and backward, with gradients that are dropped afterwards, as `zero_grad` does in training."""
    module = function if isinstance(function, nn.Module) else module
    weights = [] if module is None else list(module.parameters())

    def step() -> None:
        function(x).backward(dy)
        for tensor in (x, *weights):
            tensor.grad = None

    return step


def _layer(channels: int, variant: Variant) -> DyReLU:
    layer = DyReLU(channels, variant)
    if variant == "C":
        nn.init.normal_(layer.attention.weight)
    return layer


def _memory_row(variant: Variant, shape: tuple[int, ...]) -> Row:
    torch.manual_seed(0)
    layer = _layer(shape[1], variant)
    x = torch.randn(shape, requires_grad=True)
    size = x.untyped_storage().nbytes()
    ours, plain = (kept_bytes(function, x, layer) for function in (layer, layer.plain))
    return {
        "what": f"DY-ReLU-{variant}, bytes kept for backward, {shape}",
        "against": "the input's bytes",
        "target": MEMORY_TARGET,
        "ratio": ours / size,
        "ours_ms": None,
        "baseline_ms": None,
        "note": f"plain: {plain / size:.1f}x",
    }


def kept_bytes(function: Callable[[Tensor], Tensor], x: Tensor, module: nn.Module) -> int:
    """Bytes that autograd keeps after `function(x)`, beside the module's weights and buffers."""
    owned = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, int] = {}
    alive = []  # else a freed tensor's address could be given to the next one

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        function(x)
    return sum(kept.values())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="tiny tensors, one round: only to see that it runs")
    print(markdown(rows(parser.parse_args(argv).quick)))


if __name__ == "__main__":
    main()
