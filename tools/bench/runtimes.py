"""One crop on one thread in each CPU runtime: MobileNetV2 x1.0 with DY-ReLU-C against ReLU6, and the demo model.

    python tools/bench/runtimes.py [--rounds 30] [--litert PYTHON] [--only NAME ...]

Each runtime has processes of its own, one for each network, which take turns: a round calls each once. Times are of
the processor, ratios medians over rounds. From crops in bytes to keypoints, or of the network alone where it says so.

The demo model is compared with a network as large as MoveNet Lightning's, whose weights are not at hand: 192 x 192,
MobileNetV2 x1.0 with its 1,280 channels, the pyramid down to stride 4 that TensorFlow's Object Detection API has for
CenterNet (center_net_mobilenet_v2_fpn_feature_extractor.py), by separable convolutions, and four heads. It has 2.3 M
parameters, 9.3 MB; MoveNet as an ONNX file has 9.4 MB.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from timing import interleave, median_ms, median_ratio
from torch import nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.export.graph import Graph, Map
from pose.export.layers import emit
from pose.layers.conv import ConvNormAct
from pose.models.mobilenet_v2 import MobileNetV2

sys.path.insert(0, str(Path(__file__).parents[1]))
from runtime_models import Model, prepare
from runtime_routes import TIMED_ROUTES

PROGRAM = Path(__file__).parents[1] / "runtime_routes.py"
NETWORKS = {
    name: Model({"activation": activation, "head": {"activation": activation}})
    for name, activation in (("ReLU6", "default"), ("DY-ReLU-C", "dyrelu_c"))
}
DEMO, LIGHTNING = "demo", "MoveNet Lightning's size"
# Blocks of the backbone that the pyramid takes and its channels; channels of the heads' 3x3 convolutions, and of what
# they give: keypoints' heatmaps, offsets and regression, centers.
LEVELS, PYRAMID, HIDDEN, HEADS = (2, 5, 9), (64, 32, 24), 96, (17, 34, 34, 1)


class Worker:
    """A runtime with a network in a process of its own."""

    def __init__(self, stack: ExitStack, python: str, route: str, folder: Path) -> None:
        command = [python, str(PROGRAM), route, str(folder), "--serve"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = stack.enter_context(subprocess.Popen(command, cwd=folder, text=True, **pipes))
        stack.callback(self.process.terminate)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        while not (line := self.answers.readline()).startswith("ready"):
            if not line:
                raise RuntimeError(f"{route} does not start")
        self.version = line.split()[-1]
        self.seconds = 0.0  # of the processor, all calls together

    def __call__(self) -> None:
        self.requests.write("\n")
        self.requests.flush()
        self.seconds += float(self.answers.readline())


Workers = dict[tuple[str, str], Worker]  # by runtime and network


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--litert", metavar="PYTHON", help="that of an environment with onnx2tf and ai-edge-litert")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="runtimes, by their names in the table")
    arguments = parser.parse_args(argv)
    pythons = {"ai_edge_litert": arguments.litert}
    routes = {
        name: pythons.get(route.module) or sys.executable
        for name, route in TIMED_ROUTES.items()
        if (importlib.util.find_spec(route.module) or pythons.get(route.module))
        and (not arguments.only or name in arguments.only)
    }
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folders = _prepare(Path(place))
        workers: Workers = {}
        for route, python in routes.items():
            for network in NETWORKS:
                workers[route, network] = Worker(stack, python, route, folders[network])
        if "onnxruntime" in routes:
            for network in (DEMO, LIGHTNING):
                workers["onnxruntime", network] = Worker(stack, sys.executable, "onnxruntime", folders[network])
        times = _take_turns(workers, rounds=arguments.rounds)
    _print(times, workers, list(routes))


def _prepare(place: Path) -> dict[str, Path]:
    """Write all networks, each into a folder."""
    folders = {name: place / str(i) for i, name in enumerate((*NETWORKS, DEMO, LIGHTNING))}
    for folder in folders.values():
        folder.mkdir()
    for name, model in NETWORKS.items():
        prepare(model.make(name), folders[name], crops=1)
    prepare(load_checkpoint(DEMO), folders[DEMO], crops=1)
    lightning = folders[LIGHTNING]
    onnx.save(build_lightning(), lightning / "m.onnx")
    np.save(lightning / "crops.npy", np.zeros((1, 3, 192, 192), dtype=np.float32))
    return folders


@torch.no_grad()
def build_lightning() -> onnx.ModelProto:
    """A network of MoveNet Lightning's size with random weights: images (1, 3, 192, 192) to four maps of 48 x 48."""
    torch.manual_seed(0)
    g, backbone = Graph(only_convolutions=True), MobileNetV2().eval()
    x, levels = emit(g, backbone.stem, Map("images", 3, 192, 192)), []
    for index, block in enumerate(backbone.blocks):
        x = emit(g, block, x)
        if index in LEVELS:
            levels.insert(0, x)
    x = emit(g, backbone.last, x)
    x = emit(g, nn.Conv2d(x.channels, PYRAMID[0], 1), x)
    for level, channels, narrower in zip(levels, PYRAMID, (*PYRAMID[1:], PYRAMID[-1]), strict=True):
        scales = g.constant([1.0, 1.0, 2.0, 2.0])
        up = g.op("Resize", x.name, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
        side = emit(g, nn.Conv2d(level.channels, channels, 1), level)
        x = emit(g, _separable(channels, narrower), replace(side, name=g.op("Add", up, side.name)))
    outputs = []
    for count in HEADS:
        y = emit(g, nn.Conv2d(HIDDEN, count, 1), emit(g, _separable(x.channels, HIDDEN), x))
        outputs.append(helper.make_tensor_value_info(y.name, TensorProto.FLOAT, [1, count, 48, 48]))
    return g.model([helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 192, 192])], outputs)


def _convolution(channels: int, out: int, *, kernel: int, groups: int = 1) -> ConvNormAct:
    return ConvNormAct(channels, out, kernel=kernel, groups=groups, activation=nn.ReLU()).eval()


def _separable(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(channels, channels, kernel=3, groups=channels), _convolution(channels, out, kernel=1)
    )


def _take_turns(workers: Workers, *, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of the processor of each call, whichever process they were spent in."""

    def clock() -> float:
        return sum(worker.seconds for worker in workers.values())

    return interleave(workers, repeats=rounds, warmup=5, clock=clock)


def _print(times: dict[tuple[str, str], list[float]], workers: Workers, routes: Sequence[str]) -> None:
    static, dynamic = NETWORKS
    best = min(((route, static) for route in routes), key=partial(median_ms, times))
    print("| MobileNetV2 x1.0, 256 x 192 | version | ReLU6, ms | DY-ReLU-C, ms | ratio | to the fastest ReLU6 |")
    print("|---|---|---|---|---|---|")
    for route in routes:
        ms = [f"{median_ms(times, (route, network)):.1f}" for network in NETWORKS]
        ratios = [f"{median_ratio(times, (route, dynamic), other):.2f}" for other in ((route, static), best)]
        print(f"| {' | '.join([route, workers[route, static].version, *ms, *ratios])} |")
    demo, lightning = ("onnxruntime", DEMO), ("onnxruntime", LIGHTNING)
    if demo in times:
        print(
            f"\nonnxruntime: the demo model {median_ms(times, demo):.2f} ms, a network of {LIGHTNING} "
            f"{median_ms(times, lightning):.2f} ms: {median_ratio(times, demo, lightning):.2f}"
        )


if __name__ == "__main__":
    main()
