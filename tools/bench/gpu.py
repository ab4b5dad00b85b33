"""Training on a GPU: images a second and peak memory of MobileNetV2 x1.0 pose with ReLU6 and with DY-ReLU-C.

    python tools/bench/gpu.py [--batch 128] [--quick]

Steps are those of `pose train`, in channels_last, on a batch that lies on the GPU. "plain" is DY-ReLU in PyTorch's
own operators, "ours" its Triton kernels. Each network is trained alone, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import torch
from models import DYRELU, NUM_KEYPOINTS, RELU6, build, images, plain_copy
from torch import nn

from pose.config.sections import TrainConfig
from pose.training.learner import Learner
from pose.training.losses import heatmap_mse

STEPS, WARMUP = 30, 10


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


def table(batch: int, *, device: torch.device, quick: bool) -> str:
    """A Markdown table; `quick` is eager only."""
    lines = ["| precision | mode | network | images/s | of ReLU6's | peak MB |", "|---|---|---|---|---|---|"]
    for precision in ("fp32", "bf16"):
        for compiled in (False,) if quick else (False, True):
            settings = TrainConfig.model_validate({"precision": precision, "compile": compiled})
            baseline = torch.nan
            for name, model in networks():
                row = f"| {precision} | {'compiled' if compiled else 'eager'} | {name} | "
                try:
                    speed, memory = measure(model, settings, batch=batch, device=device, quick=quick)
                except (RuntimeError, ValueError) as error:  # of the compiler, or out of memory: the others go on
                    lines.append(f"{row}failed: {str(error).splitlines()[0]} | | |")
                    continue
                baseline = speed if name == "ReLU6" else baseline
                lines.append(f"{row}{speed:.0f} | {speed / baseline:.2f} | {memory:.0f} |")
    return "\n".join(lines)


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
    print(table(2 if args.quick else args.batch, device=device, quick=args.quick))


if __name__ == "__main__":
    main()
