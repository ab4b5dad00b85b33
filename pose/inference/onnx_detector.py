"""Find people by a file of `pose export-detector`: numpy, OpenCV and onnxruntime only.

Shapes: N images, A anchors. Images are (H, W, 3) uint8 RGB, boxes left, top, width, height in image pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pose.data.boxes import Boxes
from pose.images.types import Image
from pose.runtime.arrays import Floats
from pose.runtime.headers import parse_header
from pose.runtime.onnx_session import start_session
from pose.runtime.text import shell_word

FORMAT = "pose-detector-1"
INPUT = "images"
OUTPUTS = ("boxes", "scores")


class OnnxDetector:
    """A detector of people that onnxruntime runs. Safe to share between threads.

    Args:
        session: onnxruntime's.
        header: the file's metadata.
        min_score: people that score less are left out.
        source: the file, or its bytes, from which a copy is opened anew.
        threads: of onnxruntime.
    """

    def __init__(
        self, session: Any, header: dict[str, Any], *, min_score: float, source: str | bytes, threads: int = 0
    ) -> None:
        if not 0 <= min_score <= 1:
            raise ValueError(f"the detector's min_score is in [0, 1], got {min_score}")
        self.session, self.min_score = session, min_score
        self.source, self.threads = source, threads
        self.name: str = header["name"]
        self.input_size = (header["input_size"][0], header["input_size"][1])
        self.candidates: int = header["candidates"]
        self.max_iou: float = header["max_iou"]

    @classmethod
    def open(cls, source: str | Path | bytes, *, min_score: float, threads: int = 0) -> OnnxDetector:
        """Load a file, or its bytes.

        Args:
            threads: of onnxruntime; 0 for as many as there are cores.
        Raises:
            FileNotFoundError, ValueError: no such file, not written by `pose export-detector`, damaged, or no
                onnxruntime.
        """
        if not isinstance(source, bytes) and not Path(source).is_file():
            raise FileNotFoundError(
                f"no detector {source}; `pose export-detector --onnx {shell_word(source)}` writes one"
            )
        name = "the detector in memory" if isinstance(source, bytes) else str(source)
        session = start_session(source if isinstance(source, bytes) else str(source), name=name, threads=threads)
        header = parse_header(
            session.get_modelmeta().custom_metadata_map.get("pose"),
            format=FORMAT,
            kinds={"name": str, "input_size": list, "candidates": int, "max_iou": float},
        )
        shape = session.get_inputs()[0].shape
        if (
            header is None
            or tuple(output.name for output in session.get_outputs()) != OUTPUTS
            or shape[1:] != [*header["input_size"], 3]
        ):
            raise ValueError(f"{name} is no detector; give a file that `pose export-detector` wrote")
        kept = source if isinstance(source, bytes) else str(Path(source).absolute())
        return cls(session, header, min_score=min_score, source=kept, threads=threads)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the session, which cannot be: it is opened anew."""
        return partial(OnnxDetector.open, min_score=self.min_score, threads=self.threads), (self.source,)

    def __call__(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        return [self._find(image) for image in images_rgb]

    def run(self, image: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Corners (A, 4) in pixels of the network's input, and scores (A,), of all anchors."""
        height, width = self.input_size
        # In float, as torchvision resizes: rounding to bytes would move boxes.
        resized = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        (corners,), (scores,) = self.session.run(None, {INPUT: resized[None]})
        return corners, scores

    def _find(self, image: Image) -> Boxes:
        height, width = self.input_size
        corners, scores = self.run(image)
        above = np.flatnonzero(scores > self.min_score)
        best = above[np.argsort(-scores[above], kind="stable")[: self.candidates]]
        kept = best[suppress(corners[best], self.max_iou)]
        scale = np.array([image.shape[1] / width, image.shape[0] / height] * 2)
        found = corners[kept].astype(np.float64) * scale
        return np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1), scores[kept].astype(np.float64)


def suppress(corners: Floats | NDArray[np.float32], max_iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: which boxes overlap no better one that is kept by more than `max_iou`.

    Args:
        corners: (N, 4) left, top, right, bottom, the best first.
    """
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    waiting = np.arange(len(corners))
    kept = []
    while len(waiting):
        first, rest = waiting[0], waiting[1:]
        kept.append(first)
        low, high = (
            np.maximum(corners[first, :2], corners[rest, :2]),
            np.minimum(corners[first, 2:], corners[rest, 2:]),
        )
        shared = np.clip(high - low, 0, None).prod(axis=1)
        union = areas[first] + areas[rest] - shared
        waiting = rest[~(shared > max_iou * union)]
    return np.array(kept, dtype=np.intp)
