"""What INT8 costs in AP, and which parts of the graph it costs most in.

    python tools/bench/int8.py CKPT    # AP, size and time of each choice
    python tools/bench/int8.py         # size and time alone, of MobileNetV2 x1.0 with either activation

AP is that of the checkpoint's own config, as `pose eval --no-flip-test` has it. Times are of the processor, on one
thread, one crop, medians of calls in turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from inference import NETWORKS, make_network
from numpy.typing import NDArray
from onnx import ModelProto
from timing import interleave, median_ms
from torch import Tensor

from pose.checkpoints.checkpoint import Checkpoint, load_checkpoint
from pose.cli.options import prepare_figures
from pose.evaluation.run import predict_people, score
from pose.evaluation.splits import ValidationSet, validation_set
from pose.export.check import generated_crops
from pose.export.export import DOC
from pose.export.metadata import header_of, put_header
from pose.export.network import build_graph
from pose.export.quantize import calibration_crops, quantize, quantize_products
from pose.inference.onnx_predictor import FORMAT, INPUT, OnnxModel
from pose.keypoints.skeletons import COCO17
from pose.models.pose_net import STRIDE
from pose.runtime.console import make_console

Run = Callable[[NDArray[np.uint8]], object]

# "products" stands for the weights of matrix products, the others for operators that calibration gives ranges to.
VARIANTS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "products: what `--int8` does": ("products",),
    "convolutions": ("Conv",),
    "convolutions and the hyper functions": ("Conv", "Gemm"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    path = parser.parse_args().checkpoint
    if path is None:
        _compare_speed()
        return
    checkpoint = load_checkpoint(path)
    prepare_figures(checkpoint.pose_config, make_console(), to_train=False)
    val = validation_set(checkpoint.pose_config.data)
    crops = calibration_crops(None, checkpoint.pose_config.model.input_size)
    models, sizes = {}, {}
    for name, kinds in VARIANTS.items():
        products = kinds == ("products",)
        graph = _graph(checkpoint, only_convolutions=bool(kinds) and not products)
        if kinds:
            graph = quantize_products(graph) if products else quantize(graph, crops, kinds=kinds)
        put_header(graph, header_of(checkpoint, format=FORMAT, in_graph=True, flip_test=False, int8=bool(kinds)), DOC)
        data = graph.SerializeToString()
        models[name], sizes[name] = OnnxModel.open(data, threads=1), len(data) / 1e6
    times = _times({name: model.run for name, model in models.items()}, crops[:1])
    print("| int8 | AP | MB | ms |\n|---|---|---|---|")
    for name, model in models.items():
        print(f"| {name} | {_ap(model, val):.4f} | {sizes[name]:.2f} | {times[name]:.1f} |", flush=True)


def _compare_speed() -> None:
    """Of networks that are not trained, which costs the same time."""
    size = (256, 192)
    crops = generated_crops(16, size)
    data: dict[str, bytes] = {}
    for network, name in NETWORKS.items():
        model = make_network(name)
        for int8 in (False, True):
            relu = network == "ReLU6"
            graph = build_graph(
                model,
                skeleton=COCO17,
                input_size=size,
                stride=STRIDE,
                flip_test=False,
                only_convolutions=int8 and relu,
            )
            if int8:
                graph = quantize(graph, crops) if relu else quantize_products(graph)
            data[f"{network}, {'int8' if int8 else 'float'}"] = graph.SerializeToString()
    times = _times({name: _runner(model) for name, model in data.items()}, crops[:1])
    print("| MobileNetV2 x1.0 | MB | ms |\n|---|---|---|")
    for name, model_bytes in data.items():
        print(f"| {name} | {len(model_bytes) / 1e6:.1f} | {times[name]:.1f} |")


def _runner(data: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda crop: session.run(None, {INPUT: crop})


def _graph(checkpoint: Checkpoint, *, only_convolutions: bool) -> ModelProto:
    return build_graph(
        checkpoint.build(),
        skeleton=checkpoint.skeleton,
        input_size=checkpoint.pose_config.model.input_size,
        stride=STRIDE,
        flip_test=False,
        only_convolutions=only_convolutions,
    )


def _ap(model: OnnxModel, val: ValidationSet) -> float:
    def find(images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        keypoints, scores, *_ = model.run(images.permute(0, 2, 3, 1).contiguous().numpy())
        return keypoints, scores

    found = predict_people(
        find, val.people, skeleton=model.skeleton, input_size=model.input_size, batch_size=32, workers=0
    )
    metrics = score(found, val, model.skeleton).metrics
    assert metrics is not None
    return metrics["AP"]


def _times(models: dict[str, Run], crop: NDArray[np.uint8]) -> dict[str, float]:
    runs = {name: partial(model, crop) for name, model in models.items()}
    times = interleave(runs, repeats=40, warmup=5, clock=time.process_time)
    return {name: median_ms(times, name) for name in times}


if __name__ == "__main__":
    main()
