"""Run the files of `pose export`: numpy, OpenCV and onnxruntime only.

Shapes: N boxes, B batch, K keypoints, h x w heatmap. Frames: `_img` the image, `_crop` the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.images.types import Image
from pose.inference.base import CropPredictions, PredictorBase, crop_boxes
from pose.inference.detector import DEFAULT_DETECTOR, Detector
from pose.keypoints.skeletons import Skeleton
from pose.runtime.headers import parse_header
from pose.runtime.onnx_session import start_session
from pose.runtime.paths import user_path
from pose.runtime.text import shell_word

FORMAT = "pose-onnx-1"
INPUT = "crops"
OUTPUTS = ("keypoints", "scores", "heatmaps")
CROPS_AT_ONCE = 4  # one alone costs a small network half as much again, and the maps of many leave the caches


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An exported network, ready to run.

    Attributes:
        path: of the file; None for one in memory.
        session: onnxruntime's.
        skeleton: of the K keypoints.
        input_size: (height, width) of the crops.
        unbiased: how their pixels are counted, see `pose.codecs.codec.Codec`.
        flip_test: whether the mirrored crops' heatmaps are merged in.
        int8: whether convolutions are quantized.
        header: all of the file's metadata, the config of training among them.
        threads: of onnxruntime; 0 for as many as there are cores.
        content: of a file in memory; None if there is a path.
    """

    path: Path | None
    session: Any
    skeleton: Skeleton
    input_size: tuple[int, int]
    unbiased: bool
    flip_test: bool
    int8: bool
    header: dict[str, Any]
    threads: int = 0
    content: bytes | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the session, which cannot be: it is opened anew."""
        source = self.content if self.path is None else self.path.absolute()
        return partial(OnnxModel.open, threads=self.threads), (source,)

    @classmethod
    def open(cls, source: str | Path | bytes, *, threads: int = 0) -> OnnxModel:
        """Load a file, or its bytes.

        Args:
            threads: of onnxruntime; 0 for as many as there are cores.
        Raises:
            FileNotFoundError, ValueError: no such file, not written by `pose export`, damaged, no onnxruntime, or a
                negative number of threads.
        """
        if threads < 0:
            raise ValueError(f"threads must be at least 0 (0: as many as there are cores), got {threads}")
        path = None if isinstance(source, bytes) else user_path(source)
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"no file {path}; `pose export CKPT --onnx {shell_word(path)}` writes one")
        name = path or "the model in memory"
        session = start_session(source if isinstance(source, bytes) else str(path), name=str(name), threads=threads)
        header = parse_header(
            session.get_modelmeta().custom_metadata_map.get("pose"),
            format=FORMAT,
            kinds={"skeleton": dict, "input_size": list, "flip_test": bool, "int8": bool, "config": dict},
        )
        outputs = tuple(output.name for output in session.get_outputs())
        if outputs == OUTPUTS[2:]:
            raise ValueError(
                f"{name} is the network alone, which --network-only writes for converters; `pose export` without it "
                "writes a file that finds keypoints"
            )
        if header is None or outputs not in (OUTPUTS, OUTPUTS[:2]):
            raise ValueError(
                f"{name} is an ONNX file without this project's metadata, or with other outputs; give one that "
                f"`pose export` wrote"
            )
        try:
            height, width = header["input_size"]
            skeleton = Skeleton.from_dict(header["skeleton"])
        except (TypeError, LookupError, AttributeError, ValueError) as error:
            raise ValueError(f"{name} has metadata that is not as `pose export` writes it: {error}") from None
        (_, *shape), keypoints = session.get_inputs()[0].shape, session.get_outputs()[0].shape
        if shape != [height, width, 3] or keypoints[1:] != [skeleton.num_keypoints, 2]:
            raise ValueError(
                f"{name} takes crops of {shape} and gives keypoints {keypoints[1:]}, but says it is for input_size "
                f"{[height, width]} and {skeleton.num_keypoints} keypoints; export it again"
            )
        return cls(
            path=path,
            session=session,
            skeleton=skeleton,
            input_size=(height, width),
            unbiased=header.get("unbiased") is True,  # older files do not say, and are not
            flip_test=header["flip_test"],
            int8=header["int8"],
            header=header,
            threads=threads,
            content=source if isinstance(source, bytes) else None,
        )

    def check_options(self, *, device: str, flip_test: bool) -> None:
        """Refuse options that contradict what was decided when the file was exported.

        Raises:
            ValueError: a device other than the CPU, or no flip test with a file that has it inside.
        """
        if device not in ("auto", "cpu"):
            raise ValueError(f"{self.path} runs on the CPU, got device {device}; a checkpoint runs on others")
        if self.flip_test and not flip_test:
            raise ValueError(f"{self.path} has the flip test inside; for one without it export without --flip-test")

    @property
    def has_heatmaps(self) -> bool:
        return len(self.session.get_outputs()) == len(OUTPUTS)

    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Run the network on a batch.

        Args:
            crops: (B, H, W, 3) uint8 RGB.
        Returns:
            keypoints: (B, K, 2) x, y in crop pixels.
            scores: (B, K) peak values of the heatmaps; at <= 0 there is no peak and the keypoint is 0, 0.
            heatmaps: (B, K, h, w), if the file has them.
        Raises:
            ValueError: what comes out is not finite.
        """
        # What int8 products are multiplied with has one range for a whole batch: a person would depend on the others.
        count = 1 if self.int8 else CROPS_AT_ONCE
        parts = [
            self.session.run(None, {INPUT: crops[start : start + count]})
            for start in range(0, max(len(crops), 1), count)
        ]
        found: list[NDArray[np.float32]] = [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
        if not all(np.isfinite(array).all() for array in found):
            name = self.path or "the network in memory"
            raise ValueError(f"{name}: the network's output is not finite; are these weights of a good run?")
        return found


class OnnxPredictor(PredictorBase):
    """Predicts keypoints by an exported file. Safe to share between threads.

    Only `boxes="detect"` with one of the package's detectors needs PyTorch.
    """

    def __init__(
        self, model: OnnxModel, *, batch_size: int = 64, detector: str | Detector = DEFAULT_DETECTOR
    ) -> None:
        super().__init__(
            skeleton=model.skeleton,
            input_size=model.input_size,
            unbiased=model.unbiased,
            device="cpu",
            flip_test=model.flip_test,
            batch_size=batch_size,
            source=str(model.path),
            detector=detector,
        )
        self.model = model
        self.device = None

    @classmethod
    def from_file(
        cls,
        source: str | Path,
        *,
        device: str = "auto",
        flip_test: bool = True,
        batch_size: int = 64,
        detector: str | Detector = DEFAULT_DETECTOR,
        threads: int = 0,
    ) -> OnnxPredictor:
        """Load a predictor from a file of `pose export`. `pose.load` explains the arguments.

        Raises:
            FileNotFoundError, ValueError: see `OnnxModel.open` and `OnnxModel.check_options`.
        """
        model = OnnxModel.open(source, threads=threads)
        model.check_options(device=device, flip_test=flip_test)
        return cls(model, batch_size=batch_size, detector=detector)

    def _predict_crops(self, crops: Image, *, heatmaps: bool) -> CropPredictions:
        keypoints, scores, *maps = self.model.run(crops)
        return keypoints, scores, maps[0] if heatmaps else None

    def check_heatmaps(self) -> None:
        if not self.model.has_heatmaps:
            raise ValueError(f"{self.source} gives no heatmaps; export it with --heatmaps")

    def heatmaps(self, image_rgb: Image, boxes_xywh: ArrayLike) -> tuple[Image, NDArray[np.float32]]:
        self.check_heatmaps()
        crops = crop_boxes(image_rgb, boxes_xywh, self.input_size, unbiased=self.unbiased)
        return crops, self.model.run(crops)[2]
