"""Batch 1 on one thread, MobileNetV2 x1.0 with the pose head, 256 x 192: DY-ReLU-C against ReLU6 in every way we run.

    python tools/bench/inference.py [--quick]

Each way runs both networks, in turns with all others. Times are of the processor (`time.process_time`), as other
programs on the machine would stretch those of the clock; ratios are medians over rounds that call each once. The
baseline of the row to reach is the fastest way of the ReLU6 network, whichever that is. Two rows more show what
folding batch norms, as `pose predict` and `pose eval` do, gives the smaller network.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from models import plain_copy
from timing import Row, interleave, markdown, median_ms, row
from torch import nn

from pose.config.zoo import model_config
from pose.export import dyrelu as emitted
from pose.export.check import generated_crops
from pose.export.graph import Graph, Map
from pose.export.network import build_graph
from pose.inference.torch_predictor import predict_heatmaps
from pose.keypoints.skeletons import COCO17
from pose.layers.dyrelu import DyReLU
from pose.models.folding import fold_batch_norms
from pose.models.pose_net import STRIDE

NETWORKS = {"ReLU6": "mobilenet_v2_x1.0_relu", "DY-ReLU-C": "mobilenet_v2_x1.0_dyrelu"}
TARGET = "<= 2.2"
FOLDED = "mobilenet_v2_x0.5_dyrelu"
ROUNDS, WARMUP = 40, 5

Run = Callable[[], object]


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` takes small crops and one round, to see that it runs."""
    torch.set_num_threads(1)
    size = (64, 64) if quick else (256, 192)
    crop = generated_crops(1, size)
    runs: dict[tuple[str, str], Run] = {}
    for network, name in NETWORKS.items():
        for way, run in _ways(make_network(name), crop, compiled=not quick):
            runs[way, network] = run
    repeats, warmup = (1, 1) if quick else (ROUNDS, WARMUP)
    times = interleave(runs, repeats=repeats, warmup=warmup, clock=time.process_time)
    median = partial(median_ms, times)
    best = min((key for key in times if key[1] == "ReLU6"), key=median)
    ours = min((key for key in times if key[1] == "DY-ReLU-C" and "floor" not in key[0]), key=median)
    found = [
        row(
            times,
            what=f"inference batch 1, DY-ReLU-C, the fastest ({ours[0]})",
            against=f"ReLU6, the fastest ({best[0]})",
            target=TARGET,
            ours=ours,
            baseline=best,
        )
    ]
    for way, network in times:
        if network == "DY-ReLU-C":
            same = (way, "ReLU6") if (way, "ReLU6") in times else best
            found.append(
                row(
                    times,
                    what=f"{way}, DY-ReLU-C",
                    against=f"{same[0]}, ReLU6",
                    target="",
                    ours=(way, network),
                    baseline=same,
                )
            )
    return found + [_folding_row(count, quick=quick) for count in (1, 32)]


def _folding_row(count: int, *, quick: bool) -> Row:
    """The network of FOLDED on `count` crops, with its batch norms folded against the same without."""
    model = make_network(FOLDED).to(memory_format=torch.channels_last)
    images = torch.from_numpy(generated_crops(2 if quick else count, (64, 64) if quick else (256, 192)))
    runs: dict[str, Run] = {
        name: partial(predict_heatmaps, network, images.permute(0, 3, 1, 2), flip_indices=None)
        for name, network in (("folded", fold_batch_norms(model)), ("plain", model))
    }
    repeats, warmup = (1, 1) if quick else (ROUNDS, WARMUP) if count == 1 else (ROUNDS // 4, 2)
    return row(
        interleave(runs, repeats=repeats, warmup=warmup, clock=time.process_time),
        what=f"PyTorch, batch norms folded, MobileNetV2 x0.5 DY-ReLU-C, batch {count}",
        against="the same without folding",
        target="",
        ours="folded",
        baseline="plain",
    )


def make_network(name: str) -> nn.Module:
    """With every residual and attention at work, and batch norms that fit."""
    torch.manual_seed(0)
    model = model_config(name).build(num_keypoints=COCO17.num_keypoints)
    for module in model.modules():
        if isinstance(module, DyReLU):
            nn.init.normal_(module.fc2.weight, std=0.1)
            nn.init.normal_(module.attention.weight)
    return model.eval()


def _ways(model: nn.Module, crop: np.ndarray, *, compiled: bool) -> Iterator[tuple[str, Run]]:
    """Each way to run a network on a crop (1, H, W, 3)."""
    image = torch.from_numpy(crop).permute(0, 3, 1, 2)
    dynamic = any(isinstance(module, DyReLU) for module in model.modules())

    def in_torch(network: nn.Module) -> Run:
        network = network.to(memory_format=torch.channels_last)
        return lambda: predict_heatmaps(network, image, flip_indices=None)

    if dynamic:
        yield "PyTorch, plain operators", in_torch(plain_copy(model))
    yield "PyTorch", in_torch(copy.deepcopy(model))
    folded = fold_batch_norms(model)
    yield "PyTorch, batch norms folded", in_torch(folded)
    if compiled:
        yield "torch.compile, batch norms folded", in_torch(torch.compile(folded))  # type: ignore[arg-type]
    yield "onnxruntime", _in_onnxruntime(model, crop)
    if dynamic:
        with _one_pass():
            yield "onnxruntime, floor (one pass a DY-ReLU)", _in_onnxruntime(model, crop)


def _in_onnxruntime(model: nn.Module, crop: np.ndarray) -> Run:
    """From the crop to the keypoints, which the others stop short of."""
    import onnxruntime

    graph = build_graph(model, skeleton=COCO17, input_size=crop.shape[1:3], stride=STRIDE, flip_test=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"crops": crop})


@contextmanager
def _one_pass() -> Iterator[None]:
    """DY-ReLUs that take their means, their attention and their hyper function, but then read and write the map once,
    as a single operator would have to."""

    def pieces(g: Graph, layer: DyReLU, x: Map, *, a: Sequence[str], minus_b: Sequence[str], pi: str | None) -> Map:
        assert pi is not None
        first = g.op("Slice", pi, *(g.constant([value]) for value in (0, 1, 2)))  # else the attention were left out
        return replace(x, name=g.op("Mul", x.name, g.op("Mul", a[0], first)), scale=None)

    original = emitted._pieces
    emitted._pieces = pieces
    try:
        yield
    finally:
        emitted._pieces = original


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="small crops, one round: only to see that it runs")
    print(markdown(rows(parser.parse_args(argv).quick)))


if __name__ == "__main__":
    main()
