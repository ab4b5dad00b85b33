"""Object keypoint similarity, COCO's measure of two poses, and the limits of its evaluation. numpy alone.

Source: COCO's keypoint evaluation (pycocotools, `COCOeval.computeOks`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

METRICS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")
MAX_DETECTIONS = 20  # per image


def keypoint_similarity(squared: NDArray[Any], areas: NDArray[Any], sigmas: ArrayLike) -> NDArray[np.float64]:
    """Compute exp(-d^2 / (2 area (2 sigma)^2)) of each keypoint, in [0, 1]; OKS is its mean over keypoints.

    Args:
        squared: (..., K) squared distances, square pixels.
        areas: (...) of the people, square pixels, to be broadcast.
        sigmas: (K,) OKS sigmas.
    """
    variances = (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    result: NDArray[np.float64] = np.exp(-squared / variances / (areas[..., None] + np.spacing(1)) / 2)
    return result
