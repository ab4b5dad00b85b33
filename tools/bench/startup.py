"""What a command takes from nothing: processor time of whole processes, against `import torch` or onnxruntime alone.

    python tools/bench/startup.py

Each command is a process of its own, in turns; the times are those of the processor (user and system).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from timing import Row, interleave, markdown, row

# What an app would write by hand: a session, one image, one run.
SCRIPT = """
import sys, cv2, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
height, width = session.get_inputs()[0].shape[1:3]
image = cv2.resize(cv2.imread(sys.argv[2]), (width, height))[None, :, :, ::-1]
session.run(None, {session.get_inputs()[0].name: numpy.ascontiguousarray(image)})
"""


def children() -> float:
    """Processor seconds of all processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def rows(quick: bool) -> list[Row]:
    """Rows of a table; `quick` runs each command once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo, model = folder / "photo.png", folder / "demo.onnx"
        cv2.imwrite(str(photo), np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))
        pose = [sys.executable, "-m", "pose"]
        # As installed packages are: Python keeps what it compiled. The first round, which does not count, writes it.
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        run = partial(subprocess.run, check=True, capture_output=True, cwd=folder, env=environment)
        run([*pose, "export", "demo", "--onnx", str(model)])
        commands = {
            "import torch": [sys.executable, "-c", "import torch"],
            "predict": [*pose, "predict", "demo", str(photo), "--out", "found"],
            "onnxruntime": [sys.executable, "-c", SCRIPT, str(model), str(photo)],
            "predict onnx": [*pose, "predict", str(model), str(photo), "--out", "found_onnx"],
        }
        functions = {name: partial(run, command) for name, command in commands.items()}
        times = interleave(functions, repeats=1 if quick else 5, warmup=1, clock=children)
    pairs = [
        ("demo", "`import torch`", "<= 1.15", "predict", "import torch"),
        ("m.onnx", "an onnxruntime script", "<= 1.5", "predict onnx", "onnxruntime"),
    ]
    return [
        row(times, what=f"cold `pose predict {source}`", against=against, target=target, ours=ours, baseline=baseline)
        for source, against, target, ours, baseline in pairs
    ]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(markdown(rows(False)))
