"""From an image and the boxes of its people to their keypoints.

Shapes: N boxes, K keypoints, B batch. Frames: `_img` the image, `_crop` the network's input, `_hm` its heatmaps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.codecs.codec import QUARTER, Codec
from pose.data.transforms import normalize
from pose.images.types import Image
from pose.inference.base import CropPredictions, PredictorBase, crop_boxes
from pose.inference.detector import DEFAULT_DETECTOR, Detector
from pose.keypoints.skeletons import Skeleton
from pose.models.folding import fold_batch_norms_
from pose.runtime.device import pick_device


@torch.inference_mode()
def predict_heatmaps(
    model: nn.Module,
    images_uint8: Tensor,
    *,
    flip_indices: Tensor | NDArray[np.int64] | None,
    codec: Codec = QUARTER,
) -> Tensor:
    """Run the network on a batch of crops, and on the mirrored crops too if `flip_indices` are given.

    Args:
        model: in evaluation mode, on the device of the images.
        images_uint8: (B, 3, H, W) RGB.
        flip_indices: (K,) permutation that swaps left and right (`Skeleton.flip_indices`).
        codec: of the network's training; it merges the two.
    Returns:
        (B, K, h, w) float32.
    """
    images = normalize(images_uint8)
    heatmaps = model(images).float()
    if flip_indices is None:
        return heatmaps
    return codec.merge_flip(heatmaps, model(images.flip(-1)).float(), flip_indices)


class Predictor(PredictorBase):
    """Predicts keypoints by a PyTorch network. Safe to share between threads.

    Args:
        model: (B, 3, H, W) normalized crops -> (B, K, h, w) heatmaps. Moved to `device`, set to evaluation mode.
        input_size: (height, width) of the crops.
        codec: of the network's training.
        flip_test: average with the mirrored crop, as published numbers do; it takes twice the time.
        batch_size: boxes at a time.
        source: where the weights come from, for the header of predictions.json.
        detector: what finds people for `boxes="detect"`: a name of `pose.inference.detector.DETECTORS`, loaded when
            first needed, or any `Detector`.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        skeleton: Skeleton,
        input_size: tuple[int, int],
        codec: Codec = QUARTER,
        device: torch.device | str = "cpu",
        flip_test: bool = True,
        batch_size: int = 64,
        source: str | None = None,
        detector: str | Detector = DEFAULT_DETECTOR,
    ) -> None:
        super().__init__(
            skeleton=skeleton,
            input_size=input_size,
            unbiased=codec.unbiased,
            device=device,
            flip_test=flip_test,
            batch_size=batch_size,
            source=source,
            detector=detector,
        )
        self.codec = codec
        self.device = torch.device(device)
        self.model = model.to(self.device).eval()

    @classmethod
    def from_checkpoint(
        cls,
        source: str | Path,
        device: str = "auto",
        *,
        flip_test: bool = True,
        batch_size: int = 64,
        detector: str | Detector = DEFAULT_DETECTOR,
    ) -> Predictor:
        """Load a predictor from a checkpoint, a run folder (its best weights) or the bundled demo model.

        Its batch norms are folded. `pose.load` explains the arguments.

        Raises:
            FileNotFoundError, ValueError: no such file, not a checkpoint, or no such device.
        """
        chosen = pick_device(device)
        checkpoint = load_checkpoint(source)
        return cls(
            fold_batch_norms_(checkpoint.build(chosen)),
            skeleton=checkpoint.skeleton,
            input_size=checkpoint.config.model.input_size,
            codec=checkpoint.pose_config.model.make_codec(),
            device=chosen,
            flip_test=flip_test,
            batch_size=batch_size,
            source=str(checkpoint.path),
            detector=detector,
        )

    def _predict_crops(self, crops: Image, *, heatmaps: bool) -> CropPredictions:
        maps = self._run(crops)
        xy_crop, scores = self.codec.decode(maps, input_size=self.input_size)
        return xy_crop.cpu().numpy(), scores.cpu().numpy(), maps.cpu().numpy() if heatmaps else None

    def heatmaps(self, image_rgb: Image, boxes_xywh: ArrayLike) -> tuple[Image, Tensor]:
        crops = crop_boxes(image_rgb, boxes_xywh, self.input_size, unbiased=self.unbiased)
        return crops, self._run(crops)

    def _run(self, crops: Image) -> Tensor:
        """Heatmaps (N, K, h, w) of crops (N, H, W, 3)."""
        images = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
        flip_indices = self.skeleton.flip_indices if self.flip_test else None
        heatmaps = predict_heatmaps(self.model, images, flip_indices=flip_indices, codec=self.codec)
        if heatmaps.shape[:2] != (len(crops), self.skeleton.num_keypoints):
            raise ValueError(
                f"skeleton '{self.skeleton.name}' has {self.skeleton.num_keypoints} keypoints, the network gives "
                f"heatmaps {tuple(heatmaps.shape)}; use the skeleton that it was trained with"
            )
        if not torch.isfinite(heatmaps).all():
            raise ValueError("the network's heatmaps are not finite; are these the weights of a run that diverged?")
        return heatmaps
