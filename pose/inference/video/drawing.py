"""A frame with people on it, each in the color of its track and with its number."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pose.drawing.people import PEOPLE, draw_people
from pose.drawing.strokes import OUTLINE
from pose.images.types import Image
from pose.inference.results import People

ORDER = (0, 1, 3, 5, 4, 2)  # of the colors of `PEOPLE`: neighbors, who meet most often, unlike each other


def draw_tracks(image_rgb: Image, people: People, tracks: Sequence[int], *, threshold: float, boxes: bool) -> Image:
    """A copy of the frame with skeletons, boxes and numbers.

    Args:
        tracks: (N,) numbers from 1.
        boxes: mark corners and write the numbers; without, the box is the whole frame.
    """
    # `draw_people` colors by place in the list: everybody gets a place of the own color, the others stay empty.
    places: list[int] = []
    for track in tracks:
        place = _color(track)
        while place in places:
            place += len(PEOPLE)
        places.append(place)
    count, k = max(places, default=-1) + 1, people.skeleton.num_keypoints
    points, scores, corners = np.zeros((count, k, 2)), np.zeros((count, k)), np.full((count, 4), np.nan)
    for index, place in enumerate(places):
        points[place], scores[place], corners[place] = (
            people.keypoints[index],
            people.scores[index],
            people.boxes[index],
        )
    drawn = draw_people(
        image_rgb,
        points,
        scores,
        skeleton=people.skeleton,
        boxes_xywh=corners if boxes else None,
        threshold=max(threshold, 0.0),
    )
    if boxes:
        size = max(0.45, max(image_rgb.shape[:2]) / 1600)
        for track, (x, y, _, _) in zip(tracks, people.boxes.tolist(), strict=True):
            at = (max(int(x), 0) + 3, max(int(y) - 4, int(24 * size)))
            thick = max(1, round(2 * size))
            for color, width in ((OUTLINE, thick + 2), (PEOPLE[_color(track)], thick)):
                cv2.putText(drawn, str(track), at, cv2.FONT_HERSHEY_SIMPLEX, size, color, width, cv2.LINE_AA)
    return drawn


def _color(track: int) -> int:
    return ORDER[(track - 1) % len(ORDER)]
