"""Where the people are: torchvision's small detectors behind one interface.

Their weights, trained on COCO, are downloaded when they are first needed into the cache that torch.hub keeps for
all programs, and checked by the hash in their name. Whatever gives boxes and scores can stand in their place.
Shapes: N people. Images are (H, W, 3) uint8 RGB, boxes left, top, width, height in image pixels.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from pose.data.box_habits import odd_boxes
from pose.data.boxes import Boxes, usable_boxes
from pose.images.types import Image
from pose.runtime.errors import CheckpointError
from pose.runtime.files import sha256
from pose.runtime.paths import user_path
from pose.runtime.text import plural, shell_word

if TYPE_CHECKING:
    import torch
    from torch import nn

DETECTORS = ("ssdlite", "fasterrcnn")
DEFAULT_DETECTOR = "ssdlite"
MIN_SCORE = 0.5
PERSON = 1  # COCO's category
_GIVES = "for each image it gives boxes (N, 4) as x, y, width, height and scores (N,)"


@runtime_checkable
class Detector(Protocol):
    """Finds people: of each image (H, W, 3) uint8 RGB the boxes (N, 4) xywh and scores (N,), in one batch.

    `name` stands wherever it is said whose boxes were used. Several threads may call it at a time.
    """

    name: str

    def __call__(self, images_rgb: Sequence[Image]) -> list[Boxes]: ...


def is_exported(detector: str) -> bool:
    """Whether a name is that of a file of `pose export-detector`, which needs no PyTorch."""
    return Path(detector).suffix.lower() == ".onnx"


def check_detector(detector: str | Detector) -> str | Detector:
    """The same; raises ValueError for what is neither a known name nor a detector."""
    if isinstance(detector, str):
        if not (is_exported(detector) or detector in DETECTORS):
            raise ValueError(
                f"no detector '{detector}'; there are {' and '.join(DETECTORS)}, and .onnx files of "
                f"`pose export-detector`"
            )
        if is_exported(detector) and not Path(detector).is_file():
            raise FileNotFoundError(
                f"no detector {detector}; `pose export-detector --onnx {shell_word(detector)}` writes one"
            )
    elif not isinstance(detector, Detector) or not callable(detector):
        raise ValueError(
            f"detector is a {type(detector).__name__}; expected {', '.join(DETECTORS)}, or an object with a `name` "
            f"that is called with a list of images and gives their boxes and scores"
        )
    return detector


class CheckedDetector:
    """A detector without those of its boxes that cannot be used: the ones with a NaN, an infinity or no extent.

    Args:
        detector: any.
        min_score: people that score less are left out too, and not counted.
    Attributes:
        left_out: how many boxes could not be used so far.
        odd: what is odd about those of the first images of which something is.
    """

    def __init__(self, detector: Detector, *, min_score: float = -math.inf) -> None:
        self.detector, self.min_score = detector, min_score
        self.name = detector.name
        self.left_out = 0
        self.odd = ""

    def __call__(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        given: Any = self.detector(images_rgb)
        found = list(given) if isinstance(given, Iterable) else None
        if found is None or len(found) != len(images_rgb):
            got = f"a {type(given).__name__}" if found is None else plural(len(found), "result")
            raise ValueError(f"the detector {self.name} gave {got} for {plural(len(images_rgb), 'image')}; {_GIVES}")
        results = [self._usable(each) for each in found]
        sizes = [image.shape[:2] for image, (boxes, _) in zip(images_rgb, results, strict=True) for _ in boxes]
        if sizes and not self.odd:
            all_boxes = np.concatenate([boxes for boxes, _ in results])
            self.odd = odd_boxes(all_boxes, np.array(sizes, dtype=np.float64))
        return results

    def _usable(self, result: Any) -> Boxes:
        try:
            boxes, scores = result
            xywh = np.asarray(boxes, dtype=np.float64)
            confidence = np.asarray(scores, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise ValueError(f"the detector {self.name} gave {result!r:.80} for an image; {_GIVES}") from None
        xywh = xywh.reshape(-1, 4) if not xywh.size else xywh
        if xywh.ndim != 2 or xywh.shape != (len(confidence), 4):
            shapes = f"boxes of shape {np.shape(boxes)} and scores of shape {np.shape(scores)}"
            raise ValueError(f"the detector {self.name} gave {shapes} for an image; {_GIVES}")
        usable = usable_boxes(xywh) & np.isfinite(confidence)
        self.left_out += int((~usable).sum())
        keep = usable & (confidence >= self.min_score)
        return xywh[keep], confidence[keep]

    def warn(self) -> None:
        """Say how many boxes were left out, if any, and whether the others look like something else than boxes."""
        if self.odd:
            warnings.warn(f"the detector {self.name}: {self.odd}", stacklevel=3)
        if self.left_out:
            warnings.warn(
                f"left out {plural(self.left_out, 'box', 'boxes')} of the detector {self.name}: numbers that are not "
                f"finite, or no extent; is its network in order?",
                stacklevel=3,
            )


class TorchvisionDetector:
    """A detection network of torchvision's.

    Args:
        model: takes a list of (3, H, W) float images in [0, 1], gives for each a dict of boxes, labels and scores.
        name: which, for messages and file headers.
        min_score: people that score less are left out.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        device: torch.device | str = "cpu",
        min_score: float = MIN_SCORE,
    ) -> None:
        if not 0 <= min_score <= 1:
            raise ValueError(f"the detector's min_score is in [0, 1], got {min_score}")
        self.model = model.to(device).eval()
        self.name, self.device, self.min_score = name, device, min_score

    def __call__(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        import torch

        images = [
            torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1).float() / 255
            for image in images_rgb
        ]
        with torch.inference_mode():
            return [self._people(**result) for result in self.model(images)] if images else []

    def _people(self, boxes: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor) -> Boxes:
        # On the CPU first: Apple's MPS has no float64.
        corners, confidence = boxes.cpu().double().numpy(), scores.cpu().double().numpy()
        xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        keep = (labels.cpu().numpy() == PERSON) & (confidence >= self.min_score) & (xywh[:, 2:] > 0).all(axis=1)
        order = np.flatnonzero(keep)[np.argsort(-confidence[keep], kind="stable")]
        return xywh[order], confidence[order]


def load_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    weights: Path | str | None = None,
    device: torch.device | str = "cpu",
    min_score: float = MIN_SCORE,
) -> Detector:
    """Load a detector with its weights.

    Args:
        name: "ssdlite" (SSDLite320 on MobileNetV3-Large: 3.4M parameters, box AP 21.3 on COCO) or "fasterrcnn"
            (Faster R-CNN 320 on the same: 19.4M, 22.8), or an .onnx of `pose export-detector`, which runs on the
            CPU without PyTorch.
        weights: a file of torchvision's, instead of the downloaded one.
        min_score: people that score less are left out.
    Raises:
        FileNotFoundError: no such file.
        OSError: the download fails; the message says where to put the file.
        ValueError: no such detector, or (`CheckpointError`) other weights; weights for an .onnx.
    """
    check_detector(name)
    if is_exported(name):
        from pose.inference.onnx_detector import OnnxDetector

        if weights is not None:
            raise ValueError(f"{name} has its weights inside; leave out {weights}")
        return OnnxDetector.open(name, min_score=min_score)
    network = build_network(name, min_score=min_score)
    file = _cached_weights(name) if weights is None else user_path(weights)
    _load_weights(network, file, name)
    return TorchvisionDetector(network, name=name, device=device, min_score=min_score)


@dataclass(frozen=True)
class _Network:
    make: Callable[..., nn.Module]
    url: str


def _network(name: str) -> _Network:
    from torchvision.models import detection as d

    if name == "ssdlite":
        return _Network(d.ssdlite320_mobilenet_v3_large, d.SSDLite320_MobileNet_V3_Large_Weights.COCO_V1.url)
    return _Network(
        d.fasterrcnn_mobilenet_v3_large_320_fpn, d.FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1.url
    )


def build_network(name: str, *, min_score: float = MIN_SCORE) -> nn.Module:
    """The network with fresh weights; what scores less than `min_score` does not count among its best 100 or 300."""
    threshold = {"score_thresh" if name == "ssdlite" else "box_score_thresh": min_score}
    return _network(name).make(weights=None, weights_backbone=None, **threshold)


def _cached_weights(name: str) -> Path:
    """The file in torch's cache, downloaded if it is not there yet.

    torchvision's own `get_state_dict(check_hash=True)` compares the hash of what it downloads only: it uses a file of
    the cache in which a byte was damaged, or which holds other weights, without a word.
    """
    import torch

    url = _network(name).url
    file = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[1])
    match = re.search(r"-([0-9a-f]{8,})\.", file.name)
    assert match is not None  # torchvision names all its weights so
    digest = match[1]
    if not file.is_file():
        print(f"downloading the detector's weights into {file}", file=sys.stderr)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), hash_prefix=digest, progress=sys.stderr.isatty())
        except (OSError, RuntimeError) as error:  # RuntimeError: another hash
            raise OSError(
                f"cannot download the weights of the detector '{name}' ({error}); fetch {url} on a machine that can, "
                f"put it there as {file} or name it by --weights (or `load_detector(weights=...)`), "
                f"or give boxes of your own"
            ) from None
    found = sha256(file)
    if not found.startswith(digest):
        raise CheckpointError(f"{file} is damaged: its SHA-256 starts with {found[:8]}, not {digest}; delete it")
    return file


def _load_weights(network: nn.Module, file: Path, name: str) -> None:
    from pose.runtime.safe_torch import read_torch

    if not file.is_file():
        raise FileNotFoundError(f"no weights {file}; give torchvision's file {_network(name).url.rsplit('/', 1)[1]}")
    try:
        network.load_state_dict(read_torch(file, what="file of weights", name=file))
    except (ValueError, RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[min(1, str(error).count("\n"))].strip()
        raise CheckpointError(
            f"{file} does not hold the weights of the detector '{name}' ({reason:.120}); expected torchvision's file "
            f"{_network(name).url.rsplit('/', 1)[1]}"
        ) from None
