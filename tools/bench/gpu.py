"""DY-ReLU on a GPU: the time of a layer, and images a second and peak memory of training a network with it.

    python tools/bench/gpu.py [--batch 128] [--quick]

Layers are timed forward and backward, interleaved, against ReLU. Training is that of MobileNetV2 x1.0 pose: steps are
those of `pose train`, in channels_last, on a batch that lies on the GPU. "plain" is DY-ReLU in PyTorch's own
operators, "ours" its Triton kernels. Each network is trained alone, so that its memory is its own. Rows are printed
as they come, compiled networks last, as compiling takes a minute each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import torch
from models import DYRELU, NUM_KEYPOINTS, RELU6, build, images, plain_copy
from timing import interleave, median_ms, median_ratio
from torch import Tensor, nn

from pose.config.sections import TrainConfig
from pose.layers.dyrelu import DyReLU
from pose.training.learner import Learner
from pose.training.losses import heatmap_mse

STEPS, WARMUP = 30, 10
SHAPES = [(128, 32, 128, 96), (128, 144, 64, 48), (128, 576, 16, 12), (32, 144, 2, 2)]
DTYPE_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}
LAYOUT_NAMES = {torch.contiguous_format: "contiguous", torch.channels_last: "channels_last"}


def networks() -> Iterator[tuple[str, nn.Module]]:
    """One after another, in training mode."""
    yield "ReLU6", build(RELU6).train()
    yield "DY-ReLU-C plain", plain_copy(build(DYRELU)).train()
    yield "DY-ReLU-C ours", build(DYRELU).train()


def measure(
    model: nn.Module, settings: TrainConfig, *, batch: int, device: torch.device, quick: bool
) -> Sequence[float]:
    """Images a second, and the peak of memory in MB (NaN without a GPU)."""
    learner = Learner(model, settings, device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
    crops = images(batch, quick=quick).to(device)
    shape = (batch, NUM_KEYPOINTS, crops.shape[2] // 4, crops.shape[3] // 4)
    targets, weights = torch.rand(shape, device=device), torch.ones(shape[:2], device=device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        learner.backward(heatmap_mse(learner.forward(crops), targets, weights))
        learner.update(optimizer)  # reads the gradient's norm, so the GPU has done all but the update then

    on_gpu = device.type == "cuda"
    for _ in range(1 if quick else WARMUP):
        step()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    steps, started = 1 if quick else STEPS, time.perf_counter()
    for _ in range(steps):
        step()
    if on_gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return steps * batch / seconds, torch.cuda.max_memory_allocated() / 2**20 if on_gpu else torch.nan


def layers(device: torch.device, *, quick: bool) -> Iterator[str]:
    """Lines of a Markdown table: medians of forward and backward of one layer."""
    yield "| layer | type | layout | ReLU, ms | plain | ours |"
    yield "|---|---|---|---|---|---|"
    shapes = (
        [(2, 8, 4, 4)] if quick else [(128, 32, 128, 96), (128, 144, 64, 48), (128, 576, 16, 12), (32, 144, 2, 2)]
    )
    layouts = (torch.contiguous_format, torch.channels_last)
    for shape, variant, dtype, layout in product(shapes, "BC", (torch.float32, torch.bfloat16), layouts):
        layer = DyReLU(shape[1], variant).to(device)  # type: ignore[arg-type]
        x = torch.randn(shape, device=device, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
        dy = torch.randn_like(x)
        functions = {
            name: partial(_layer_step, function, x, dy, device)
            for name, function in (("relu", torch.relu), ("plain", layer.plain), ("ours", layer))
        }
        times = interleave(functions, repeats=1 if quick else 20, warmup=0 if quick else 5)
        ratios = [f"{median_ratio(times, name, 'relu'):.2f}x" for name in ("plain", "ours")]
        cells = (f"{variant} {shape}", DTYPE_NAMES[dtype], LAYOUT_NAMES[layout], f"{median_ms(times, 'relu'):.3f}")
        yield "| " + " | ".join((*cells, *ratios)) + " |"


def _layer_step(function: Callable[[Tensor], Tensor], x: Tensor, dy: Tensor, device: torch.device) -> None:
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=x.dtype is torch.bfloat16):
        y = function(x)
    torch.autograd.grad(y, x, dy)
    if device.type == "cuda":
        torch.cuda.synchronize()


def training(batch: int, *, device: torch.device, quick: bool) -> Iterator[str]:
    """Lines of a Markdown table; `quick` is eager only."""
    yield "| precision | mode | network | images/s | of ReLU6's | peak MB |"
    yield "|---|---|---|---|---|---|"
    for compiled, precision in product((False,) if quick else (False, True), ("fp32", "bf16")):
        settings = TrainConfig.model_validate({"precision": precision, "compile": compiled})
        baseline = torch.nan
        for name, model in networks():
            row = f"| {precision} | {'compiled' if compiled else 'eager'} | {name} | "
            try:
                speed, memory = measure(model, settings, batch=batch, device=device, quick=quick)
            except (RuntimeError, ValueError) as error:  # of the compiler, or out of memory: the others go on
                yield f"{row}failed: {str(error).splitlines()[0]} | | |"
                continue
            baseline = speed if name == "ReLU6" else baseline
            yield f"{row}{speed:.0f} | {speed / baseline:.2f} | {memory:.0f} |"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batch", type=int, default=128, help="images a step (default: 128)")
    parser.add_argument("--quick", action="store_true", help="small images, a step, CPU: only to see that it runs")
    args = parser.parse_args(argv)
    if not args.quick and not torch.cuda.is_available():
        parser.error("no CUDA device here; --quick tries the command without one")
    device = torch.device("cpu" if args.quick else "cuda")
    if not args.quick:
        print(f"{torch.cuda.get_device_name()}; PyTorch {torch.__version__}; batch {args.batch}, 256 x 192\n")
    for line in layers(device, quick=args.quick):
        print(line, flush=True)
    print()
    for line in training(2 if args.quick else args.batch, device=device, quick=args.quick):
        print(line, flush=True)


if __name__ == "__main__":
    main()
