"""The annotations of a file as arrays: as objects, a quarter million would be copied into each loader process.

Shapes: N annotations, K keypoints. Frames: image pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pose.data.annotations import Annotation
from pose.runtime.arrays import Array, Bools

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AnnotationColumns(Sequence[Annotation]):
    """Annotations as columns, and as a sequence that makes an `Annotation` where one is asked for.

    Attributes:
        ids, image_ids, counts, category_ids: (N,); counts are the labeled keypoints.
        boxes_xywh: (N, 4).
        areas: (N,).
        keypoints_img: (N, K, 3) float32 x, y, visibility.
        crowds: (N,) bool.
    """

    ids: Ints
    image_ids: Ints
    boxes_xywh: Array
    areas: Array
    keypoints_img: NDArray[np.float32]
    counts: Ints
    crowds: Bools
    category_ids: Ints

    @classmethod
    def of(cls, annotations: Sequence[Annotation]) -> AnnotationColumns:
        """Make columns of annotations, unless they are."""
        if isinstance(annotations, cls):
            return annotations
        n = len(annotations)

        def ints(name: str) -> Ints:
            return np.array([getattr(a, name) for a in annotations], dtype=np.int64).reshape(n)

        return cls(
            ids=ints("id"),
            image_ids=ints("image_id"),
            boxes_xywh=np.array([a.box_xywh for a in annotations], dtype=np.float64).reshape(n, 4),
            areas=np.array([a.area for a in annotations], dtype=np.float64),
            keypoints_img=np.stack([a.keypoints_img for a in annotations]) if n else np.zeros((0, 1, 3), np.float32),
            counts=ints("num_keypoints"),
            crowds=np.array([a.is_crowd for a in annotations], dtype=bool),
            category_ids=ints("category_id"),
        )

    def take(self, rows: Ints) -> AnnotationColumns:
        """Choose rows (M,)."""
        return AnnotationColumns(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Annotation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Annotation]: ...
    def __getitem__(self, index: int | slice) -> Annotation | list[Annotation]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        x, y, w, h = self.boxes_xywh[index].tolist()
        return Annotation(
            id=int(self.ids[index]),
            image_id=int(self.image_ids[index]),
            box_xywh=(x, y, w, h),
            area=float(self.areas[index]),
            keypoints_img=self.keypoints_img[index],
            num_keypoints=int(self.counts[index]),
            is_crowd=bool(self.crowds[index]),
            category_id=int(self.category_ids[index]),
        )

    def __iter__(self) -> Iterator[Annotation]:
        return (self[i] for i in range(len(self)))
