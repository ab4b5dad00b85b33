"""A training step of MobileNetV2 x1.0 with DY-ReLU-C against the same with ReLU6, on the CPU in fp32.

    OMP_NUM_THREADS=1 python tools/bench/training_step.py [--quick]

A step is what the trainer does with a batch that is there: forward, loss, backward, Adam. "plain" is the same network
with DY-ReLU in PyTorch's own operators. "bf16" is under autocast, as `train.precision: bf16` is; "PyTorch's
gradients" is that without pose.layers.conv.DepthwiseConv2d, also of the demo model's network, MobileNetV3-Small.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import torch
from models import DYRELU, NUM_KEYPOINTS, RELU6, build, images, plain_copy, torch_gradients
from timing import Row, interleave, markdown, row
from torch import nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.training.losses import heatmap_mse

BATCH = 8
TARGET = "<= 1.6"


def make_step(model: nn.Module, *, batch: int, quick: bool, bf16: bool = False) -> Callable[[], None]:
    """A function that trains the model for a step, always on the same batch."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    crops = images(batch, quick=quick)
    height, width = crops.shape[2] // 4, crops.shape[3] // 4
    targets, weights = torch.rand(batch, NUM_KEYPOINTS, height, width), torch.ones(batch, NUM_KEYPOINTS)

    def step() -> None:
        with torch.profiler.record_function("forward"), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            heatmaps = model(crops)
        with torch.profiler.record_function("loss"):
            loss = heatmap_mse(heatmaps, targets, weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def optimizer_steps() -> dict[str, Callable[[], object]]:
    """A step of Adam on all weights of the network, by PyTorch's default and as `pose train` takes it."""
    steps: dict[str, Callable[[], object]] = {}
    for name, fused in (("default", None), ("fused", True)):
        model = build(DYRELU)
        for weight in model.parameters():
            weight.grad = torch.randn_like(weight)
        steps[name] = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused).step
    return steps


def rows(quick: bool) -> list[Row]:
    """Ours and the plain path; `quick` takes small images and one round, to see that it runs."""
    dyrelu = build(DYRELU).train()
    models = {"relu6": build(RELU6).train(), "ours": dyrelu, "plain": plain_copy(dyrelu)}
    batch = 2 if quick else BATCH
    steps = {name: make_step(model, batch=batch, quick=quick) for name, model in models.items()}
    times = interleave(steps, repeats=1 if quick else 9, warmup=1 if quick else 2)
    models["demo"] = load_checkpoint("demo").build().train().to(memory_format=torch.channels_last)
    halves = {
        f"{name}, {precision}": make_step(models[name], batch=batch, quick=quick, bf16=precision == "bf16")
        for name in ("ours", "relu6", "demo")
        for precision in ("fp32", "bf16")
    }
    for name in ("ours", "demo"):
        own = torch_gradients(models[name])
        halves[f"{name}, PyTorch's gradients"] = make_step(own, batch=batch, quick=quick, bf16=True)
    halved = interleave(halves, repeats=1 if quick else 9, warmup=1 if quick else 2)
    updates = interleave(optimizer_steps(), repeats=1 if quick else 30, warmup=1 if quick else 3)
    what = f"training step, MobileNetV2 x1.0 pose, DY-ReLU-C, batch {batch}"
    return [
        row(times, what=what, against="the same with ReLU6", target=TARGET, ours="ours", baseline="relu6"),
        row(times, what=f"{what}, plain", against="the same with ReLU6", target="", ours="plain", baseline="relu6"),
        row(
            halved,
            what=f"{what}, bf16",
            against="the same in fp32",
            target="<= 0.76",
            ours="ours, bf16",
            baseline="ours, fp32",
        ),
        row(
            halved,
            what=f"training step, MobileNetV2 x1.0 pose, ReLU6, batch {batch}, bf16",
            against="the same in fp32",
            target="",
            ours="relu6, bf16",
            baseline="relu6, fp32",
        ),
        row(
            halved,
            what=f"training step, MobileNetV3-Small pose, DY-ReLU-C, batch {batch}, bf16",
            against="the same in fp32",
            target="<= 0.9",
            ours="demo, bf16",
            baseline="demo, fp32",
        ),
        *(
            row(
                halved,
                what=f"training step, {network} pose, DY-ReLU-C, batch {batch}, bf16",
                against="the same with PyTorch's gradients",
                target="",
                ours=f"{name}, bf16",
                baseline=f"{name}, PyTorch's gradients",
            )
            for name, network in (("ours", "MobileNetV2 x1.0"), ("demo", "MobileNetV3-Small"))
        ),
        row(
            updates,
            what="optimizer step, x1.0 DY-ReLU-C",
            against="PyTorch's default Adam",
            target="<= 0.35",
            ours="fused",
            baseline="default",
        ),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small images, one round: only to see that it runs")
    print(markdown(rows(parser.parse_args(argv).quick)))


if __name__ == "__main__":
    main()
