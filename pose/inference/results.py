"""The people found in one image, and the score of each.

No torch. Shapes: N people, K keypoints. Points are (x, y), in image pixels.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.data.image_names import image_number
from pose.drawing.people import draw_people
from pose.images.read import read_upright
from pose.images.types import Image, check_image
from pose.images.write import encode_image, write_image
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import MissingPackage
from pose.runtime.paths import user_path
from pose.runtime.text import plural

SHOWN_SIDE = 1024  # pixels, of the longer side of the image that a notebook shows


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


@dataclass(frozen=True, eq=False, repr=False)
class FoundPerson:
    """One person of `People`.

    Attributes:
        keypoints: (K, 2) float32 x, y in image pixels.
        scores: (K,) float32.
        box: (4,) float32 x, y, width, height, image pixels.
        box_score: the detector's score, 1 without a detector.
        score: what people are ranked by.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    box: NDArray[np.float32]
    box_score: float
    score: float
    skeleton: Skeleton

    def __repr__(self) -> str:
        return f"<person of score {self.score:.2f}, {plural(len(self.scores), 'keypoint')}>"

    def __getitem__(self, name: str) -> tuple[float, float, float]:
        """x, y and score of a keypoint by its name.

        Raises:
            KeyError: the skeleton has no such keypoint; with those that it has.
        """
        if name not in self.skeleton.keypoint_names:
            raise KeyError(f"no keypoint '{name}'; there are {', '.join(self.skeleton.keypoint_names)}")
        index = self.skeleton.keypoint_names.index(name)
        x, y = self.keypoints[index].tolist()
        return x, y, float(self.scores[index])


@dataclass(frozen=True, eq=False, repr=False)
class People:
    """N people of one image. Iterating gives each as `FoundPerson`, and so does an index.

    Attributes:
        image_path: None for an image that came as an array.
        image_size: (height, width).
        keypoints: (N, K, 2) float32, image pixels; integers are pixel centers.
        scores: (N, K) float32, peak values of the heatmaps: about 0 to 1, though not clipped.
        boxes: (N, 4) float32 x, y, width, height as given, image pixels.
        box_scores: (N,) float32 scores of the detector, 1 without a detector.
        image: (H, W, 3) uint8 RGB that came as an array, not copied; None for a file.
    """

    image_path: Path | None
    image_size: tuple[int, int]
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    box_scores: NDArray[np.float32]
    skeleton: Skeleton
    image: Image | None = None

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

    def __repr__(self) -> str:
        of = f" of {self.image_path}" if self.image_path else ""
        who, points = plural(len(self), "person", "people"), plural(self.skeleton.num_keypoints, "keypoint")
        return f"<{who}{of}, {points} each>"

    def __iter__(self) -> Iterator[FoundPerson]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> FoundPerson: ...

    @overload
    def __getitem__(self, index: slice | ArrayLike) -> People: ...

    def __getitem__(self, index: int | slice | ArrayLike) -> FoundPerson | People:
        """One of them; for a slice, a mask or a list of indexes `People`: people[people.person_scores > 0.5]."""
        if isinstance(index, np.ndarray) and index.shape == () and index.dtype.kind in "iu":
            index = int(index)
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            return FoundPerson(
                keypoints=self.keypoints[index],
                scores=self.scores[index],
                box=self.boxes[index],
                box_score=float(self.box_scores[index]),
                score=float(self.person_scores[index]),
                skeleton=self.skeleton,
            )
        if isinstance(index, str):
            raise TypeError(f"a keypoint is of one person: people[0][{index!r}], or loop over them; got {index!r}")
        chosen = index if isinstance(index, slice) else np.asarray(index)
        if isinstance(chosen, np.ndarray) and chosen.ndim != 1:
            raise TypeError(
                f"people are chosen by one number, a slice, a mask (N,) or a list of numbers, got {chosen.shape}; of "
                "scores (N, K) make a mask by .any(axis=1) or .all(axis=1)"
            )
        if isinstance(chosen, np.ndarray) and chosen.size == 0:
            chosen = chosen.astype(int)  # an empty list
        names = ("keypoints", "scores", "boxes", "box_scores")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    @property
    def names(self) -> tuple[str, ...]:
        """The K keypoints' names."""
        return self.skeleton.keypoint_names

    @property
    def person_scores(self) -> NDArray[np.float64]:
        """(N,) scores to rank people by, as COCO's evaluation does."""
        return person_scores(self.box_scores, self.scores)

    def to_coco(self, image_id: int | None = None, *, category_id: int = 1) -> list[dict[str, Any]]:
        """COCO's keypoint result records, one per person, with each keypoint's score in the place of its visibility.

        Without a `bbox`: with one, COCO's tools take the box's area for the person's.

        Args:
            image_id: by default the number that is the file's name, as COCO's are: 785 of 000000000785.jpg.
            category_id: as in the annotations to compare with; 1 is COCO's person.
        Raises:
            ValueError: no id, and no such name.
        """
        if image_id is None:
            image_id = image_number(self.image_path.stem) if self.image_path else None
        if image_id is None:
            raise ValueError(f"{self.image_path or 'an array'} has no number for a name; give to_coco(image_id)")
        flat = np.concatenate([self.keypoints, self.scores[..., None]], axis=-1).astype(np.float64)
        return [
            {
                "image_id": int(image_id),
                "category_id": int(category_id),
                "keypoints": person.ravel().tolist(),
                "score": float(score),
            }
            for person, score in zip(flat, self.person_scores, strict=True)
        ]

    def to_records(self) -> list[dict[str, Any]]:
        """One dict per person for JSON, rounded: bbox, box_score, score, and keypoints as K lists of x, y, score.

        None (null) stands for what is not finite, which JSON cannot hold: predictions are always finite, but not all
        that one can make `People` of.
        """
        points = np.concatenate([self.keypoints, self.scores[..., None]], axis=-1).astype(np.float64)
        return [
            {
                "bbox": [_rounded(v, 2) for v in box],
                "box_score": _rounded(box_score, 5),
                "score": _rounded(score, 5),
                "keypoints": [[_rounded(x, 2), _rounded(y, 2), _rounded(s, 5)] for x, y, s in person],
            }
            for box, box_score, score, person in zip(
                self.boxes.astype(np.float64).tolist(),
                self.box_scores.astype(np.float64).tolist(),
                self.person_scores.tolist(),
                points.tolist(),
                strict=True,
            )
        ]

    def to_supervision(self, *, threshold: float = 0.2) -> Any:
        """`supervision.KeyPoints` for its annotators, with keypoints that score `threshold` or less not visible.

        Raises:
            MissingPackage: the library is not installed.
        """
        try:
            import supervision
        except ImportError:
            raise MissingPackage("People.to_supervision", "supervision") from None
        return supervision.KeyPoints(
            xy=self.keypoints,
            keypoint_confidence=self.scores,
            detection_confidence=self.person_scores.astype(np.float32),
            visible=self.scores > threshold,
        )

    def draw(self, image_rgb: Image | None = None, *, threshold: float = 0.2, boxes: bool = True) -> Image:
        """A copy of the image with the people on it, the best on top.

        Args:
            image_rgb: (H, W, 3) uint8 of that size; by default the image that they were found in, whose file is
                read again.
            threshold: keypoints that score less are left out.
            boxes: mark the corners of each box.
        Raises:
            FileNotFoundError, ValueError: the image has another size or is gone.
        """
        if image_rgb is None:
            image_rgb = self.image if self.image_path is None else read_upright(self.image_path)
        if image_rgb is None:
            raise ValueError("these people carry no image; give the one they were found in: draw(image_rgb)")
        check_image(image_rgb, "image_rgb")
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

    def _repr_jpeg_(self) -> bytes | None:
        """The drawn image, for notebooks; None if the image is gone."""
        try:
            drawn = self.draw()
        except (ValueError, OSError):
            return None
        scale = SHOWN_SIDE / max(drawn.shape[:2])
        if scale < 1:
            size = [max(1, round(side * scale)) for side in drawn.shape[1::-1]]
            drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return encode_image(".jpg", drawn)

    def save(self, path: str | Path, *, threshold: float = 0.2, boxes: bool = True) -> None:
        """`draw` into a file, with a warning if no keypoint of anybody passes the threshold.

        Args:
            path: ends in .jpg, .jpeg, .png or .webp.
        Raises:
            ValueError: another suffix, or the image itself: it is not overwritten.
            OSError: not writable.
        """
        path = user_path(path)
        if self.image_path is not None and path.resolve() == self.image_path.resolve():
            raise ValueError(f"{path} is the image itself and would be overwritten; give another name")
        if nothing_to_draw(self, threshold):
            warnings.warn(
                f"no keypoint of {plural(len(self), 'person', 'people')} scores more than {threshold:g}, so none is "
                f"drawn in {path}; a lower threshold draws them",
                stacklevel=2,
            )
        write_image(path, self.draw(threshold=threshold, boxes=boxes))


def nothing_to_draw(people: People, threshold: float) -> bool:
    """Whether there are people, but no keypoint of anybody scores more than `threshold`."""
    return len(people) > 0 and not (people.scores > threshold).any()


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
