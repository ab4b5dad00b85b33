"""The people found in one image, and the score of a person.

No torch. Shapes: N people, K keypoints. Points are (x, y), in image pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.skeleton import Skeleton
from pose.visualize import Image, draw_people


def person_scores(
    box_scores: ArrayLike, keypoint_scores: ArrayLike, *, threshold: float = 0.2
) -> NDArray[np.float64]:
    """Each person's score: the box's times the mean of the keypoint scores above `threshold`, 0 if none is.

    Args:
        box_scores: (N,).
        keypoint_scores: (N, K).
    Returns:
        (N,) float64.
    Source: HRNet, COCODataset.evaluate.
    """
    scores = np.asarray(keypoint_scores, dtype=np.float64)
    above = scores > threshold
    mean = (scores * above).sum(axis=1) / np.maximum(above.sum(axis=1), 1)
    return np.asarray(box_scores, dtype=np.float64) * mean


@dataclass(frozen=True, eq=False)
class People:
    """N people of one image.

    Attributes:
        image_path: None for an image that came as an array.
        image_size: (height, width).
        keypoints: (N, K, 2) float32, image pixels; integers are pixel centres.
        scores: (N, K) float32, peak values of the heatmaps: about 0 to 1, though not clipped.
        boxes: (N, 4) float32 x, y, width, height as given, image pixels.
        box_scores: (N,) float32 of the detector, 1 without one.
    """

    image_path: Path | None
    image_size: tuple[int, int]
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_scores: NDArray[np.float32]
    skeleton: Skeleton

    def __post_init__(self) -> None:
        n, k = len(self.keypoints), self.skeleton.num_keypoints
        shapes = {"keypoints": (n, k, 2), "scores": (n, k), "boxes": (n, 4), "box_scores": (n,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(
                    f"{n} people of skeleton '{self.skeleton.name}': {name} must be {shape}, got {array.shape}"
                )

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def person_scores(self) -> NDArray[np.float64]:
        """(N,) scores to rank people by, as COCO's evaluation does."""
        return person_scores(self.box_scores, self.scores)

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """COCO's keypoint result records, one a person, with each keypoint's score in the place of its visibility.

        Without a `bbox`: with one, COCO's tools take the box's area for the person's.
        """
        flat = np.concatenate([self.keypoints, self.scores[..., None]], axis=-1).astype(np.float64)
        return [
            {"image_id": image_id, "category_id": 1, "keypoints": person.ravel().tolist(), "score": float(score)}
            for person, score in zip(flat, self.person_scores, strict=True)
        ]

    def to_records(self) -> list[dict[str, Any]]:
        """A dict a person for JSON, rounded: bbox, box_score, score, and keypoints as K lists of x, y, score."""
        points = np.concatenate([self.keypoints, self.scores[..., None]], axis=-1).astype(np.float64)
        return [
            {
                "bbox": [round(v, 2) for v in box],
                "box_score": round(box_score, 5),
                "score": round(score, 5),
                "keypoints": [[round(x, 2), round(y, 2), round(s, 5)] for x, y, s in person],
            }
            for box, box_score, score, person in zip(
                self.boxes.astype(np.float64).tolist(),
                self.box_scores.astype(np.float64).tolist(),
                self.person_scores.tolist(),
                points.tolist(),
                strict=True,
            )
        ]

    def draw(self, image_rgb: Image, *, threshold: float = 0.2, boxes: bool = True) -> Image:
        """A copy of the image with the people on it, the best on top.

        Args:
            image_rgb: (H, W, 3) uint8, the image that they were found in.
            threshold: keypoints that score less are left out.
            boxes: mark the corners of each box.
        Raises:
            ValueError: the image has another size.
        """
        if image_rgb.shape[:2] != self.image_size:
            raise ValueError(
                f"these people were found in an image of (height, width) {self.image_size}, got {image_rgb.shape[:2]}"
            )
        order = np.argsort(-self.person_scores, kind="stable")
        return draw_people(
            image_rgb,
            self.keypoints[order],
            self.scores[order],
            skeleton=self.skeleton,
            boxes_xywh=self.boxes[order] if boxes else None,
            threshold=threshold,
        )
