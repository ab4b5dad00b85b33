"""Who is who from frame to frame: by overlap of the boxes and similarity of the keypoints (OKS). numpy alone.

Shapes: N people of a frame, T tracks, K keypoints. Pixels and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose.keypoints.geometry import iou
from pose.keypoints.oks import keypoint_similarity
from pose.runtime.arrays import Array

MAX_SPEED = 3.0  # boxes' longer sides a second; what seems faster is a jump of the box


@dataclass
class _Track:
    number: int
    time: float
    box: Array  # (4,) x, y, width, height
    points: Array  # (K, 2)
    sure: Array  # (K,)
    velocity: Array  # (2,) pixels a second, of the box's middle
    frames: int = 1


class Tracker:
    """Numbers people through a video.

    Args:
        sigmas: K OKS sigmas.
        min_similarity: people who are less similar than this are different people.
        max_gap: seconds after which somebody who was not seen is forgotten; later they get a new number.
        min_score: keypoints that score less are not compared.
    """

    def __init__(
        self, sigmas: tuple[float, ...], *, min_similarity: float = 0.2, max_gap: float = 1.0, min_score: float = 0.2
    ) -> None:
        self.sigmas = np.array(sigmas)
        self.min_similarity, self.max_gap, self.min_score = min_similarity, max_gap, min_score
        self._tracks: list[_Track] = []
        self._last = 0

    @property
    def count(self) -> int:
        """How many people were told apart so far: the highest number."""
        return self._last

    @property
    def alive(self) -> set[int]:
        """The numbers that may be given again; the others are forgotten."""
        return {track.number for track in self._tracks}

    def update(self, boxes: Array, points: Array, scores: Array, time: float) -> list[int]:
        """The numbers, from 1, of the people of the next frame.

        Args:
            boxes: (N, 4) x, y, width, height. points: (N, K, 2). scores: (N, K).
            time: seconds, later than the last frame's.
        """
        self._tracks = [t for t in self._tracks if time - t.time <= self.max_gap]
        sure = scores > self.min_score
        similar = self._similarity(boxes, points, sure, time)
        owner: dict[int, _Track] = {}
        taken: set[int] = set()
        # The most similar pair first. An optimal assignment would trade a sure pair for two doubtful ones.
        for flat in np.argsort(-similar, axis=None, kind="stable"):
            person, track = divmod(int(flat), max(len(self._tracks), 1))
            if similar[person, track] < self.min_similarity:
                break
            if person not in owner and track not in taken:
                owner[person] = self._tracks[track]
                taken.add(track)
        numbers = []
        for person in range(len(boxes)):
            known = owner.get(person)
            if known is None:
                self._last += 1
                known = _Track(self._last, time, boxes[person], points[person], sure[person], np.zeros(2))
                self._tracks.append(known)
            else:
                self._move(known, boxes[person], points[person], sure[person], time)
            numbers.append(known.number)
        return numbers

    def _move(self, track: _Track, box: Array, points: Array, sure: Array, time: float) -> None:
        step = max(time - track.time, 1e-6)
        velocity = (box[:2] + box[2:] / 2 - track.box[:2] - track.box[2:] / 2) / step
        limit = MAX_SPEED * float(box[2:].max())
        velocity *= min(1.0, limit / max(float(np.linalg.norm(velocity)), 1e-6))
        # A box's middle swings with arms and legs: the mean over several frames.
        share = max(1 / track.frames, 0.2)
        track.velocity = share * velocity + (1 - share) * track.velocity
        track.time, track.box, track.points, track.sure = time, box, points, sure
        track.frames += 1

    def _similarity(self, boxes: Array, points: Array, sure: Array, time: float) -> Array:
        """(N, T) to where each track was, or would be at its speed: people stop and turn round."""
        if not self._tracks or not len(boxes):
            return np.zeros((len(boxes), len(self._tracks)))
        moved = np.array([t.velocity * (time - t.time) for t in self._tracks])
        at = [self._similarity_at(shift, boxes, points, sure) for shift in (np.zeros_like(moved), moved)]
        return np.maximum(*at)

    def _similarity_at(self, shift: Array, boxes: Array, points: Array, sure: Array) -> Array:
        """(N, T) mean of IoU and OKS with tracks moved by (T, 2); IoU alone where no sure keypoint is common."""
        old = np.array([t.box for t in self._tracks])
        moved = np.concatenate([old[:, :2] + shift, old[:, 2:]], axis=1)
        old_points = np.array([t.points for t in self._tracks]) + shift[:, None]
        both = sure[:, None] & np.array([t.sure for t in self._tracks])[None]
        areas = (boxes[:, None, 2:].prod(axis=-1) + moved[None, :, 2:].prod(axis=-1)) / 2
        squared = ((points[:, None] - old_points[None]) ** 2).sum(axis=-1)
        near = keypoint_similarity(squared, areas, self.sigmas)
        count = both.sum(axis=-1)
        oks = (near * both).sum(axis=-1) / np.maximum(count, 1)
        overlap = iou(boxes, moved)
        result: Array = np.where(count > 0, (overlap + oks) / 2, overlap)
        return result
