"""`pose predict` on 500 small photos with a box each: people of several images in one batch, against one by one.

    OMP_NUM_THREADS=1 python tools/bench/predict.py [--quick]

Whole commands, from their start to the last drawn image, in turns; the times are those of the processor.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from startup import children
from timing import Row, interleave, markdown, row

from pose.runtime.files import write_json

PHOTOS, SIZE = 500, (320, 256)


def make_photos(folder: Path, *, count: int) -> Path:
    """JPEGs of soft noise, and a file of one box on each; returns that file."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    boxes = []
    for number in range(1, count + 1):
        small = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(small, SIZE[::-1]))
        boxes.append({"image_id": number, "category_id": 1, "bbox": [60.0, 40.0, 120.0, 240.0], "score": 1.0})
    write_json(folder.parent / "boxes.json", boxes)
    return folder.parent / "boxes.json"


def rows(quick: bool) -> list[Row]:
    """A row for the checkpoint and one for the .onnx; `quick` takes few photos, once."""
    count = 10 if quick else PHOTOS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        boxes = make_photos(folder / "photos", count=count)
        run = partial(subprocess.run, check=True, capture_output=True, cwd=folder)
        run([sys.executable, "-m", "pose", "export", "demo", "--onnx", "demo.onnx"])
        common = ["photos", "--boxes", str(boxes), "--workers", "0", "--no-flip-test"]
        functions = {
            (model, way): partial(
                run, [sys.executable, "-m", "pose", "predict", model, *common, "--out", f"{model}-{way}", *words]
            )
            for model in ("demo", "demo.onnx")
            for way, words in (("batches", []), ("one by one", ["--batch-size", "1"]))
        }
        times = interleave(functions, repeats=1 if quick else 2, warmup=0, clock=children)
    return [
        row(
            times,
            what=f"`pose predict {model}` on {count} small photos with boxes",
            against="the same with `--batch-size 1`",
            target=">= 1.5",
            ours=(model, "batches"),
            baseline=(model, "one by one"),
        )
        for model in ("demo", "demo.onnx")
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="few photos, once: only to see that it runs")
    print(markdown(rows(parser.parse_args(argv).quick)))


if __name__ == "__main__":
    main()
