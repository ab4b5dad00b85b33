"""How each runtime runs an exported model: what tools/runtimes.py and tools/bench/runtimes.py call.

    python tools/runtime_routes.py ROUTE FOLDER            # runs FOLDER/crops.npy, in a process of its own
    python tools/runtime_routes.py ROUTE FOLDER --serve    # one crop for each line of its input; prints its time

A folder holds `m.onnx` (crops in bytes to keypoints), for the routes of the network alone `net.onnx` and its trace
`net.pt`, and the inputs `crops.npy` and `images.npy`. Everything runs on one thread. Of the project nothing is needed
here, as some runtimes live in environments of their own.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[Any], "tuple[Any, ...]"]
Opened = tuple[str, Run]  # the runtime's version; from an input to the outputs


def open_onnxruntime(folder: Path, batch: int, *, file: str = "m.onnx") -> Opened:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return onnxruntime.__version__, lambda crops: tuple(session.run(None, {given.name: crops}))


def open_openvino(folder: Path, batch: int, *, file: str = "m.onnx") -> Opened:
    """With a dynamic batch, or a static one of 1."""
    import openvino

    core = openvino.Core()
    network = core.read_model(folder / file)
    if batch == 1:
        network.reshape([1, *(dimension.get_length() for dimension in list(network.input(0).partial_shape)[1:])])
    # Without the hint processors with bfloat16 compute in that: a part of the keypoints moves.
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    version = openvino.__version__.split("-")[0]
    return version, lambda crops: tuple(value.copy() for value in compiled([crops]).values())


def open_opencv(folder: Path, batch: int, *, file: str = "m.onnx") -> Opened:
    import cv2

    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(folder / file))
    names = list(network.getUnconnectedOutLayersNames())
    order = [name for name in ("keypoints", "scores", "heatmaps") if name in names]

    def run(crops: Any) -> tuple[Any, ...]:
        network.setInput(crops)
        found = dict(zip(names, network.forward(names), strict=True))  # OpenCV 5 wants all of them
        return tuple(found[name] for name in order)

    return cv2.__version__, run


def open_mnn(folder: Path, batch: int, *, file: str = "m.onnx") -> Opened:
    import _tools as converter  # of MNN; its program mnnconvert installs packages and reports to its maker
    import MNN
    from MNN import expr, nn

    network_only = file == "net.onnx"
    converted = folder / f"{file}.mnn"
    arguments = ["-f", "ONNX", "--modelFile", str(folder / file), "--MNNModel", str(converted), "--bizCode", "pose"]
    converter.mnnconvert(["mnnconvert", *arguments])
    names = (["images"], ["heatmaps"]) if network_only else (["crops"], ["keypoints", "scores"])
    one_thread = nn.create_runtime_manager(({"backend": "CPU", "numThread": 1},))  # by default four, which spin
    network = nn.load_module_from_file(str(converted), *names, runtime_manager=one_thread)
    kind = expr.float if network_only else expr.uint8

    def run(crops: Any) -> tuple[Any, ...]:
        found = network([expr.const(crops, list(crops.shape), expr.NCHW, kind)])
        return tuple(np.array(each.read()) for each in found)

    return MNN.version(), run


def open_litert(folder: Path, batch: int) -> Opened:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    # As a module: the program's first line may be of an environment that has moved.
    _call(sys.executable, "-m", "onnx2tf", "-i", folder / "net.onnx", "-o", folder / "tflite", "-k", "images", "-n")
    network = Interpreter(str(folder / "tflite/net_float32.tflite"), num_threads=1)
    network.allocate_tensors()
    given, found = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def run(images: Any) -> tuple[Any, ...]:
        network.set_tensor(given, images)
        network.invoke()
        return (network.get_tensor(found),)

    return version("ai-edge-litert"), run


def open_ncnn(folder: Path, batch: int) -> Opened:
    import ncnn

    shape = ",".join(map(str, np.load(folder / "images.npy", mmap_mode="r").shape[1:]))
    _call(_program("pnnx"), folder / "net.pt", f"inputshape=[1,{shape}]", "fp16=0")
    network = ncnn.Net()
    network.opt.num_threads = 1
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(network.opt, f"use_{name}", False)
    network.load_param(str(folder / "net.ncnn.param"))
    network.load_model(str(folder / "net.ncnn.bin"))

    def run(images: Any) -> tuple[Any, ...]:
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(images[0]).clone())
        return (np.array(extractor.extract("out0")[1])[None],)

    return ncnn.__version__, run


@dataclass(frozen=True)
class Route:
    """A way to run a model.

    Attributes:
        module: what has to be installed.
        open: from a folder and a batch's size to the runtime's version and a function.
        network_only: whether it takes images.npy, one at a time, and gives heatmaps.
    """

    module: str
    open: Callable[[Path, int], Opened]
    network_only: bool = False


ROUTES = {
    "onnxruntime": Route("onnxruntime", open_onnxruntime),
    "OpenVINO, f32": Route("openvino", open_openvino),
    "OpenCV": Route("cv2", open_opencv),
    "MNN": Route("MNN", open_mnn),
    "onnxruntime, network alone": Route("onnxruntime", functools.partial(open_onnxruntime, file="net.onnx"), True),
    "ncnn, f32, network alone": Route("ncnn", open_ncnn, True),
    "LiteRT by onnx2tf, network alone": Route("ai_edge_litert", open_litert, True),
}
# For times only: the same library as above, with the other file.
TIMED_ROUTES = ROUTES | {
    "OpenVINO, f32, network alone": Route("openvino", functools.partial(open_openvino, file="net.onnx"), True),
    "OpenCV, network alone": Route("cv2", functools.partial(open_opencv, file="net.onnx"), True),
    "MNN, network alone": Route("MNN", functools.partial(open_mnn, file="net.onnx"), True),
}


def _program(name: str) -> str:
    """Beside this Python, or on PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"no program {name}")
    return found


def _call(*command: str | Path) -> None:
    """Run a converter, which may be chatty."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def work(name: str, folder: Path) -> None:
    """Run a route in each size of batch; writes what it finds to out-BATCH.npz, and out.json."""
    route = ROUTES[name]
    inputs = np.load(folder / ("images.npy" if route.network_only else "crops.npy"))
    results: dict[str, dict[str, Any]] = {}
    for batch in (1,) if route.network_only else (1, 7):
        try:
            version, run = route.open(folder, batch)
            parts = [np.ascontiguousarray(inputs[i : i + batch]) for i in range(0, len(inputs), batch)]
            run(parts[0])
            started = time.process_time()
            found = [run(part) for part in parts]
            ms = 1e3 * (time.process_time() - started) / len(inputs)
            np.savez(folder / f"out-{batch}.npz", *(np.concatenate(each) for each in zip(*found, strict=True)))
            results[str(batch)] = {"version": version, "ms": ms}
        except Exception as error:
            results[str(batch)] = {"problem": f"{type(error).__name__}: {error}"}
        (folder / "out.json").write_text(json.dumps(results))


def serve(name: str, folder: Path) -> None:
    """Run the first crop once for each line that comes in, and print the seconds of the processor that it took."""
    route = TIMED_ROUTES[name]
    version, run = route.open(folder, 1)
    crop = np.load(folder / ("images.npy" if route.network_only else "crops.npy"))[:1]
    print("ready", version, flush=True)
    for _ in sys.stdin:
        started = time.process_time()
        run(crop)
        print(time.process_time() - started, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("route", choices=sorted(TIMED_ROUTES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--serve", action="store_true", help="run one crop for each line of the input")
    options = parser.parse_args()
    (serve if options.serve else work)(options.route, options.folder)
