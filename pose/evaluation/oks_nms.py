"""Drop people who were found twice, as they are too similar to a better one.

Shapes: N people, K keypoints. Points are (x, y), in image pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.keypoints.oks import keypoint_similarity

NMS_THRESHOLD = 0.9  # HRNet's: above this OKS one of two people is dropped
_NMS_ELEMENTS = 2**20  # similarities of keypoints held at once


def oks_nms(
    keypoints: ArrayLike, scores: ArrayLike, areas: ArrayLike, sigmas: ArrayLike, *, threshold: float = NMS_THRESHOLD
) -> NDArray[np.int64]:
    """Drop the people of one image who are too similar to one that scores higher.

    Args:
        keypoints: (N, K, 2) image pixels; all K count, whatever their scores.
        scores: (N,); equal ones keep their order.
        areas: (N,) square pixels, averaged over a pair.
        sigmas: (K,) OKS sigmas.
        threshold: two people with more similarity (OKS) than this are one.
    Returns:
        (M,) indexes of the kept, best first.
    Source: HRNet, `lib/nms/nms.py`, oks_nms.
    """
    points, area = np.asarray(keypoints, dtype=np.float64), np.asarray(areas, dtype=np.float64)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    points, area = points[order], area[order]
    x, y = points.transpose(2, 1, 0).copy()  # (K, N): the sum over keypoints is one over whole rows
    # All pairs at once, each once; those of several people if there are so many that all would not fit in memory.
    count = len(order)
    step = max(1, _NMS_ELEMENTS // max(x.size, 1))
    dropped = np.zeros(count, dtype=bool)
    for start in range(0, count, step):
        better, other = np.nonzero(np.arange(start, min(start + step, count))[:, None] < np.arange(count))
        better += start
        squared = (x[:, better] - x[:, other]) ** 2 + (y[:, better] - y[:, other]) ** 2
        similarity = keypoint_similarity(squared.T, (area[better] + area[other]) / 2, sigmas)
        # From the best on, so whether a person stays is known before those behind are compared to it.
        for pair in np.flatnonzero(similarity.mean(axis=-1) > threshold).tolist():
            if not dropped[better[pair]]:
                dropped[other[pair]] = True
    return order[~dropped]
