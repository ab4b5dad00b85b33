"""Fill the table of docs/runtimes.md: an exported model in every runtime that is installed, against PyTorch.

    pip install -e ".[runtimes]"
    python tools/runtimes.py [--model CKPT] [--crops 60] [--only NAME] [--install DIR] [--node DIR]

Each route runs in a process of its own, as some runtimes do not get along in one, on crops of generated people: in
batches of 1 and, where the runtime allows it, of 7. `--install DIR` also installs other versions below DIR. Keypoints
that rounding can move (two equal pixels of a heatmap) are left out. Times are of the processor, on one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[Any], "tuple[Any, Any]"]  # crops (B, H, W, 3) uint8 -> keypoints (B, K, 2), scores (B, K)
BATCHES = (1, 7)
# By name: packages in a folder of their own, and the route that runs with them.
OTHER_VERSIONS = {
    "onnxruntime, the oldest": ("onnxruntime", ["onnxruntime==1.18.0", "numpy==1.26.4"]),
    "OpenCV 4": ("OpenCV", ["opencv-python-headless==4.14.0.94", "numpy==2.4.6"]),
}


def run_onnxruntime(model: str, batch: int) -> tuple[str, Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return onnxruntime.__version__, lambda crops: tuple(session.run(["keypoints", "scores"], {"crops": crops}))


def run_openvino(model: str, batch: int) -> tuple[str, Run]:
    """With a dynamic batch, or a static one of 1."""
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    if batch == 1:
        network.reshape([1, *(dimension.get_length() for dimension in list(network.input(0).partial_shape)[1:])])
    # Without the hint processors with bfloat16 compute in that: a part of the keypoints moves.
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})

    def run(crops: Any) -> tuple[Any, Any]:
        found = compiled([crops])
        return found["keypoints"].copy(), found["scores"].copy()

    return openvino.__version__.split("-")[0], run


def run_opencv(model: str, batch: int) -> tuple[str, Run]:
    import cv2

    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(model)
    names = list(network.getUnconnectedOutLayersNames())

    def run(crops: Any) -> tuple[Any, Any]:
        network.setInput(crops, "crops")
        found = dict(zip(names, network.forward(names), strict=True))  # OpenCV 5 wants all of them
        return found["keypoints"], found["scores"]

    return cv2.__version__, run


def run_mnn(model: str, batch: int) -> tuple[str, Run]:
    import MNN
    from MNN import expr, nn

    converted = f"{model}.mnn"
    arguments = ["-f", "ONNX", "--modelFile", model, "--MNNModel", converted, "--bizCode", "pose"]
    program = Path(sys.executable).parent / "mnnconvert"
    subprocess.run([str(program), *arguments], check=True, capture_output=True)
    network = nn.load_module_from_file(converted, ["crops"], ["keypoints", "scores"])

    def run(crops: Any) -> tuple[Any, Any]:
        found = network([expr.const(crops, list(crops.shape), expr.NCHW, expr.uint8)])
        return np.array(found[0].read()), np.array(found[1].read())

    return MNN.version(), run


NODE = """
const fs = require("fs"), [name, model, input, output, batch, ...shape] = process.argv.slice(1);
const ort = require(name), size = shape.map(Number), each = size[1] * size[2] * size[3];
(async () => {
  const options = { intraOpNumThreads: 1, executionProviders: [name === "onnxruntime-node" ? "cpu" : "wasm"] };
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(fs.readFileSync(model), options);
  const bytes = new Uint8Array(fs.readFileSync(input)), out = [[], []], started = process.cpuUsage();
  for (let i = 0; i < size[0]; i += Number(batch)) {
    const n = Math.min(Number(batch), size[0] - i), part = bytes.slice(i * each, (i + n) * each);
    const found = await session.run({ crops: new ort.Tensor("uint8", part, [n, ...size.slice(1)]) });
    out[0].push(...found.keypoints.data), out[1].push(...found.scores.data);
  }
  const used = process.cpuUsage(started), version = ort.env.versions?.common ?? "";
  fs.writeFileSync(output, JSON.stringify({ out, version, ms: (used.user + used.system) / 1e3 / size[0] }));
})();
"""

ROUTES: dict[str, tuple[str, Callable[[str, int], tuple[str, Run]]]] = {
    "onnxruntime": ("onnxruntime", run_onnxruntime),
    "OpenVINO, f32": ("openvino", run_openvino),
    "OpenCV": ("cv2", run_opencv),
    "MNN": ("MNN", run_mnn),
}
NODE_ROUTES = ("onnxruntime-node", "onnxruntime-web")


@dataclass(frozen=True)
class Row:
    """How a runtime compares with PyTorch; `problem` if it does not run."""

    name: str
    version: str = ""
    batch: int = 1
    keypoints: int = 0
    elsewhere: int = 0
    score_difference: float = 0.0
    ms: float = 0.0
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"| {self.name} | {self.version} | {self.batch} | {self.problem} | | |"
        return (
            f"| {self.name} | {self.version} | {self.batch} | {self.elsewhere} of {self.keypoints:,} | "
            f"{self.score_difference:.0e} | {self.ms:.1f} |"
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="demo", help="a checkpoint, a run folder or demo")
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--only", help="one route, by its name in the table")
    parser.add_argument("--install", type=Path, help="folder for other versions, installed by pip")
    parser.add_argument("--node", type=Path, help="folder with node_modules of onnxruntime-node and -web")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.worker:
        _work(*arguments.worker)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        expected = _prepare(arguments.model, arguments.crops, Path(folder))
        print("| runtime | version | batch | keypoints elsewhere | scores differ by | ms a crop |")
        print("|---|---|---|---|---|---|")
        bad = 0
        for name, python_path, route in _routes(arguments):
            for batch in BATCHES:
                row = _measure(
                    name, route, batch, Path(folder), expected, python_path=python_path, node=arguments.node
                )
                bad += row.elsewhere + bool(row.problem)
                print(row, flush=True)
    return int(bad > 0)


def _routes(arguments: argparse.Namespace) -> list[tuple[str, Path | None, str]]:
    """Name in the table, folder that Python looks into first, and the route; those that are installed."""
    found: list[tuple[str, Path | None, str]] = [
        (name, None, name) for name, (module, _) in ROUTES.items() if importlib.util.find_spec(module)
    ]
    for name, (route, packages) in OTHER_VERSIONS.items() if arguments.install else ():
        folder = arguments.install / packages[0]
        if not folder.is_dir():
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *packages]
            subprocess.run(command, check=True, stdout=sys.stderr)
        found.append((name, folder, route))
    found += [(name, None, name) for name in NODE_ROUTES if arguments.node and shutil.which("node")]
    return [each for each in found if arguments.only in (None, each[0])]


def _prepare(model: str, count: int, folder: Path) -> dict[str, Any]:
    """Export the model and make crops; gives PyTorch's keypoints, scores, and which are decided."""
    import torch

    from pose.checkpoint import load_checkpoint
    from pose.codecs.heatmap import decode
    from pose.export.check import generated_crops, margin
    from pose.export.export import export_onnx
    from pose.inference.torch_predictor import predict_heatmaps
    from pose.models.pose_net import STRIDE

    checkpoint = load_checkpoint(Path(model))
    export_onnx(checkpoint, folder / "m.onnx")
    crops = generated_crops(count, checkpoint.pose_config.model.input_size, seed=2)
    np.save(folder / "crops.npy", crops)
    heatmaps = predict_heatmaps(checkpoint.build(), torch.from_numpy(crops).permute(0, 3, 1, 2), flip_indices=None)
    xy, scores = decode(heatmaps)
    decided = margin(heatmaps) > 1e-4 * heatmaps.abs().max()
    return {"keypoints": STRIDE * xy.numpy(), "scores": scores.numpy(), "decided": decided.numpy()}


def _measure(
    name: str,
    route: str,
    batch: int,
    folder: Path,
    expected: dict[str, Any],
    *,
    python_path: Path | None,
    node: Path | None,
) -> Row:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if route in NODE_ROUTES:
        assert node is not None
        crops = np.load(folder / "crops.npy")
        crops.tofile(folder / "crops.bin")
        environment["NODE_PATH"] = str(node.resolve() / "node_modules")
        files = [str(folder / each) for each in ("m.onnx", "crops.bin", "out.json")]
        command = ["node", "-e", NODE, route, *files, str(batch), *map(str, crops.shape)]
    else:
        if python_path is not None:
            environment["PYTHONPATH"] = str(python_path.resolve())
        files = [str(folder / each) for each in ("m.onnx", "crops.npy", "out.npz")]
        command = [sys.executable, __file__, "--worker", route, *files, str(batch)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        lines = [line for line in (result.stderr or result.stdout).splitlines() if "rror" in line]
        reason = (lines or [f"exit code {result.returncode}"])[-1].replace("|", "/")
        return Row(name, batch=batch, problem=reason[:120])
    if route in NODE_ROUTES:
        data = json.loads((folder / "out.json").read_text())
        keypoints, scores = (
            np.array(values).reshape(expected[key].shape)
            for values, key in zip(data["out"], ("keypoints", "scores"), strict=True)
        )
        version, ms = data["version"], data["ms"]
    else:
        with np.load(folder / "out.npz") as data:
            keypoints, scores, version, ms = (data[key] for key in ("keypoints", "scores", "version", "ms"))
    moved = np.abs(keypoints - expected["keypoints"]).max(axis=-1)
    elsewhere = expected["decided"] & ~(moved <= 0.01)
    difference = np.abs(scores - expected["scores"]).max()
    return Row(name, str(version), batch, int(expected["decided"].sum()), int(elsewhere.sum()), difference, float(ms))


def _work(route: str, model: str, crops_file: str, out: str, batch: str) -> None:
    """In a process of its own: one runtime."""
    crops = np.load(crops_file)
    version, run = ROUTES[route][1](model, int(batch))
    parts = [crops[i : i + int(batch)] for i in range(0, len(crops), int(batch))]
    run(parts[0])
    started = time.process_time()
    found = [run(part) for part in parts]
    ms = 1e3 * (time.process_time() - started) / len(crops)
    keypoints, scores = (np.concatenate(each) for each in zip(*found, strict=True))
    np.savez(out, keypoints=keypoints, scores=scores, version=version, ms=ms)


if __name__ == "__main__":
    sys.exit(main())
