"""Fill the tables of docs/runtimes.md: exported models in every runtime that is installed, against PyTorch.

    pip install -e ".[onnx,runtimes]"
    python tools/runtimes.py [--model CKPT] [--crops 60] [--only NAME] [--install DIR] [--node DIR] [--litert PYTHON]
    python tools/runtimes.py --fp16     # with weights in half precision, but for the network alone
    python tools/runtimes.py --sweep    # the networks of tools/runtime_models.py instead of one

Each route runs in a process of its own, as some runtimes do not get along in one, on crops of generated people: in
batches of 1 and, where the runtime allows it, of 7. `--install DIR` adds other versions, below DIR; `--litert`
is the Python of an environment with LiteRT and onnx2tf, whose conversion takes minutes. Keypoints that rounding can
move (two equal pixels of a heatmap) are left out. Times are of the processor, on one thread.
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from runtime_models import MODELS, Expected, prepare
from runtime_routes import ROUTES
from torch import Tensor

from pose.checkpoints.checkpoint import Checkpoint, load_checkpoint
from pose.export.check import KEYPOINT_TOLERANCE

# By name: packages in a folder of their own, and the route that runs with them.
OTHER_VERSIONS = {
    "onnxruntime, the oldest": ("onnxruntime", ["onnxruntime==1.18.0", "numpy==1.26.4"]),
    "OpenCV 4": ("OpenCV", ["opencv-python-headless==4.14.0.94", "numpy==2.4.6"]),
}
NODE = """
const fs = require("fs"), [name, folder, batch, ...shape] = process.argv.slice(1);
const ort = require(name), size = shape.map(Number), each = size[1] * size[2] * size[3];
(async () => {
  const options = { intraOpNumThreads: 1, executionProviders: [name === "onnxruntime-node" ? "cpu" : "wasm"] };
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(fs.readFileSync(folder + "/m.onnx"), options);
  const bytes = new Uint8Array(fs.readFileSync(folder + "/crops.bin")), out = [[], []];
  const started = process.cpuUsage();
  for (let i = 0; i < size[0]; i += Number(batch)) {
    const n = Math.min(Number(batch), size[0] - i), part = bytes.slice(i * each, (i + n) * each);
    const found = await session.run({ crops: new ort.Tensor("uint8", part, [n, ...size.slice(1)]) });
    out[0].push(...found.keypoints.data), out[1].push(...found.scores.data);
  }
  const used = process.cpuUsage(started), version = ort.env.versions?.common ?? "";
  const ms = (used.user + used.system) / 1e3 / size[0];
  fs.writeFileSync(folder + "/node.json", JSON.stringify({ out, version, ms }));
})();
"""
NODE_ROUTES = ("onnxruntime-node", "onnxruntime-web")


@dataclass(frozen=True)
class Way:
    """A route as it is installed: its name in the table and in ROUTES, what runs it, and where it is looked for."""

    name: str
    route: str
    python: str = sys.executable
    python_path: Path | None = None
    node: Path | None = None

    @property
    def network_only(self) -> bool:
        return self.route in ROUTES and ROUTES[self.route].network_only


@dataclass(frozen=True)
class Row:
    """How a runtime compares with PyTorch; `problem` if it does not run."""

    name: str
    batch: int
    version: str = ""
    keypoints: int = 0
    elsewhere: int = 0
    score_difference: float = 0.0
    ms: float = 0.0
    problem: str = ""

    @property
    def is_bad(self) -> bool:
        return bool(self.problem) or self.elsewhere > 0 or self.keypoints == 0

    @property
    def verdict(self) -> str:
        return self.problem or f"{self.elsewhere} of {self.keypoints:,}"

    def __str__(self) -> str:
        numbers = "| | |" if self.problem else f"| {self.score_difference:.0e} | {self.ms:.1f} |"
        return f"| {self.name} | {self.version} | {self.batch} | {self.verdict} {numbers}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="demo", help="a checkpoint, a run folder or demo")
    parser.add_argument("--sweep", nargs="*", metavar="NAME", help="networks of tools/runtime_models.py; all")
    parser.add_argument("--fp16", action="store_true", help="weights in half precision")
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="routes, by their names in the table")
    parser.add_argument("--install", type=Path, help="folder for other versions, installed by pip")
    parser.add_argument("--node", type=Path, help="folder with node_modules of onnxruntime-node and -web")
    parser.add_argument("--litert", metavar="PYTHON", help="that of an environment with onnx2tf and ai-edge-litert")
    arguments = parser.parse_args(argv)
    ways = [way for way in _ways(arguments) if not arguments.only or way.name in arguments.only]
    if not ways:
        parser.error(
            f"none of {', '.join(arguments.only)} is installed; known are {', '.join([*ROUTES, *NODE_ROUTES])}"
        )
    if arguments.sweep is None:
        rows = _table(ways, load_checkpoint(arguments.model), crops=arguments.crops, fp16=arguments.fp16)
    else:
        rows = _sweep(ways, arguments.sweep or list(MODELS), crops=arguments.crops)
    return int(any(row.is_bad for row in rows))


def _table(ways: Sequence[Way], checkpoint: Checkpoint, *, crops: int, fp16: bool) -> list[Row]:
    """One model, a line for each runtime and size of batch."""
    print("| runtime | version | batch | keypoints elsewhere | scores differ by | ms a crop |")
    print("|---|---|---|---|---|---|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        expected = prepare(checkpoint, Path(folder), crops=crops, fp16=fp16)
        for way in ways:
            for row in measure(way, Path(folder), expected):
                rows.append(row)
                print(row, flush=True)
    return rows


def _sweep(ways: Sequence[Way], names: Sequence[str], *, crops: int) -> list[Row]:
    """Many models, a line for each and a column for each runtime; both sizes of batch in a cell where they differ."""
    print(f"| network | {' | '.join(way.name for way in ways)} |")
    print("|---" * (1 + len(ways)) + "|")
    rows = []
    for name in names:
        cells = []
        with tempfile.TemporaryDirectory() as folder:
            model = MODELS[name]
            expected = prepare(model.make(name), Path(folder), crops=crops, flip_test=model.flip_test)
            for way in ways:
                if way.network_only and model.flip_test:
                    cells.append("–")
                    continue
                found = measure(way, Path(folder), expected)
                rows += found
                cells.append("; ".join(dict.fromkeys(row.verdict for row in found)))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return rows


def _ways(arguments: argparse.Namespace) -> Iterator[Way]:
    """Those that are installed."""
    for name, route in ROUTES.items():
        if importlib.util.find_spec(route.module):
            yield Way(name, name)
        elif route.module == "ai_edge_litert" and arguments.litert:
            yield Way(name, name, python=arguments.litert)
    for name, (route, packages) in OTHER_VERSIONS.items() if arguments.install else ():
        folder = arguments.install / packages[0]
        if not folder.is_dir():
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *packages]
            subprocess.run(command, check=True, stdout=sys.stderr)
        yield Way(name, route, python_path=folder)
    if arguments.node and shutil.which("node"):
        yield from (Way(name, name, node=arguments.node) for name in NODE_ROUTES)


def measure(way: Way, folder: Path, expected: Expected) -> list[Row]:
    """Run a route on what `prepare` has left in a folder: a row for each size of batch."""
    if way.node is not None:
        return [_measure_node(way, folder, expected, batch=batch) for batch in (1, 7)]
    program = Path(__file__).with_name("runtime_routes.py")
    error = _run([way.python, str(program), way.route, str(folder)], folder, PYTHONPATH=way.python_path)
    results = json.loads((folder / "out.json").read_text()) if (folder / "out.json").exists() else {}
    (folder / "out.json").unlink(missing_ok=True)
    if error:
        results["1" if not results else "7"] = {"problem": error}
    rows = []
    for batch, result in results.items():
        if "problem" in result:
            rows.append(
                Row(way.name, int(batch), problem=result["problem"].replace("|", "/").replace("\n", " ")[:120])
            )
            continue
        with np.load(folder / f"out-{batch}.npz") as data:
            found = [torch.from_numpy(data[name]).float() for name in data.files]
        if way.network_only:
            found = list(expected.codec.decode(found[0], input_size=expected.crops.shape[1:3]))
        rows.append(_compare(way.name, int(batch), found, expected, version=result["version"], ms=result["ms"]))
    return rows


def _measure_node(way: Way, folder: Path, expected: Expected, *, batch: int) -> Row:
    assert way.node is not None
    command = ["node", "-e", NODE, way.route, str(folder), str(batch), *map(str, expected.crops.shape)]
    error = _run(command, folder, NODE_PATH=way.node.resolve() / "node_modules")
    if error:
        return Row(way.name, batch, problem=error)
    data = json.loads((folder / "node.json").read_text())
    shapes = (expected.keypoints.shape, expected.scores.shape)
    found = [torch.tensor(values).reshape(shape) for values, shape in zip(data["out"], shapes, strict=True)]
    return _compare(way.name, batch, found, expected, version=data["version"], ms=data["ms"])


def _run(command: Sequence[str], folder: Path, **environment: Path | None) -> str:
    """Run a program on one thread; gives the last line of its error, or nothing."""
    more: Mapping[str, str] = {name: str(value.resolve()) for name, value in environment.items() if value is not None}
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | more,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    if done.returncode == 0:
        return ""
    lines = [line for line in (done.stderr or done.stdout).splitlines() if "rror" in line]
    return (lines or [f"exit code {done.returncode}"])[-1].replace("|", "/")[:120]


def _compare(name: str, batch: int, found: Sequence[Tensor], expected: Expected, *, version: str, ms: float) -> Row:
    keypoints, scores = found
    moved = (keypoints - expected.keypoints).abs().amax(dim=-1)
    elsewhere = expected.decided & ~(moved <= KEYPOINT_TOLERANCE)
    difference = float((scores - expected.scores).abs().max())
    return Row(name, batch, str(version), int(expected.decided.sum()), int(elsewhere.sum()), difference, float(ms))


if __name__ == "__main__":
    sys.exit(main())
