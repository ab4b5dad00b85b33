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
    # All pairs at once; rows of several people if there are so many that all would not fit in memory.
    step = max(1, _NMS_ELEMENTS // max(x.size, 1))
    dropped = np.zeros(len(order), dtype=bool)
    for start in range(0, len(order), step):
        rows = slice(start, start + step)
        squared = (x[:, rows, None] - x[:, None]) ** 2 + (y[:, rows, None] - y[:, None]) ** 2
        similarity = keypoint_similarity(squared.transpose(1, 2, 0), (area[rows, None] + area) / 2, sigmas)
        oks = similarity.mean(axis=-1)
        # Row by row, so whether a person stays is known before those behind are compared to it.
        for person, other in np.argwhere(np.triu(oks > threshold, k=1 + start)).tolist():
            if not dropped[start + person]:
                dropped[other] = True
    return order[~dropped]
