"""What all formats are read into and written from: images, people with keypoints, and what was said on the way.

Frames: `_img` is the image's pixels, (0, 0) the upper left corner, as COCO has them. Points are (x, y), sizes
(height, width), boxes left, top, width, height.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.records import is_int
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import Skeleton, guess_flip_pairs
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

BOX_MARGIN = 0.1  # of a guessed box around keypoints: this share of its longer side, on each side


@dataclass(eq=False)
class LabeledImage:
    """An image, with or without people.

    Attributes:
        file_name: below `folder`, with forward slashes.
        folder: below the root of the dataset, "" for the root itself.
        size: (height, width); None where neither the annotations nor the file say it.
        split: "train", "val", "test" and so on; "" where the format has none.
        extra: other entries of its COCO record.
    """

    file_name: str
    folder: str = ""
    size: tuple[int, int] | None = None
    id: int | None = None
    split: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The file's name below the root."""
        return f"{self.folder}/{self.file_name}" if self.folder else self.file_name


@dataclass(eq=False)
class ObjectKind:
    """A category with keypoints: their names, and what else the format says of them by index.

    Attributes:
        extra: other entries of its COCO record.
    """

    name: str
    keypoint_names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] | None = None
    id: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def flips(self) -> tuple[tuple[int, int], ...]:
        """The pairs that the format gives, else those by name."""
        return self.flips_by_name() if self.flip_pairs is None else self.flip_pairs

    def flips_by_name(self) -> tuple[tuple[int, int], ...]:
        """The pairs of a known skeleton, else what the names say."""
        known = known_skeleton(self.keypoint_names)
        if known is not None:
            return known.flip_pairs
        index = {name: i for i, name in enumerate(self.keypoint_names)}
        return tuple((index[a], index[b]) for a, b in guess_flip_pairs(self.keypoint_names))


@dataclass(eq=False)
class LabeledPerson:
    """One object with keypoints.

    Attributes:
        keypoints_img: (K, 3) x, y, visibility (0 not labeled, 1 hidden, 2 visible).
        box_xywh: None where the format has no box for it.
        area: of the outline, in square pixels; None where the format has none.
        track: its name over the frames of a video.
        extra: other entries of its COCO record, such as the outline.
    """

    image: LabeledImage
    kind: ObjectKind
    keypoints_img: Floats
    box_xywh: tuple[float, float, float, float] | None = None
    id: int | None = None
    area: float | None = None
    is_crowd: bool = False
    track: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class LabelSet:
    """All that was read.

    Attributes:
        root: the folder that the images' paths are below; None where it is not known.
        listed: kinds in the order of the format, also those that nobody is of.
    """

    images: list[LabeledImage]
    people: list[LabeledPerson]
    root: Path | None = None
    listed: list[ObjectKind] = field(default_factory=list)

    def kinds(self) -> list[ObjectKind]:
        """The kinds that occur and those listed with the same keypoints, in the order of the list, else of people."""
        occurring = {id(p.kind): p.kind for p in self.people}
        names = {kind.keypoint_names for kind in occurring.values()}
        listed = {id(kind): kind for kind in self.listed if kind.keypoint_names in names}
        return list((listed | occurring).values())

    def share_kinds(self, notes: Notes) -> None:
        """Make one of the kinds of several files that have the same name and keypoints, in whatever order."""
        first: dict[tuple[str, frozenset[str]], ObjectKind] = {}
        for person in self.people:
            own = person.kind
            kind = first.setdefault((own.name, frozenset(own.keypoint_names)), own)
            if kind.keypoint_names != own.keypoint_names:
                order = [own.keypoint_names.index(name) for name in kind.keypoint_names]
                person.keypoints_img = person.keypoints_img[order]
                notes.guessed[
                    f"people of '{own.name}' with keypoints in another order, put into that of the first"
                ] += 1
            person.kind = kind
        shared = [first.setdefault((k.name, frozenset(k.keypoint_names)), k) for k in self.listed]
        self.listed = list({id(kind): kind for kind in shared}.values())

    def splits(self) -> list[str]:
        """The names of the splits, in the order of their first image."""
        return list(dict.fromkeys(image.split for image in self.images))

    def people_by_image(self) -> dict[int, list[LabeledPerson]]:
        """The people of each image, by `id()` of the image."""
        found: dict[int, list[LabeledPerson]] = {id(image): [] for image in self.images}
        for person in self.people:
            found[id(person.image)].append(person)
        return found

    def single_kind(self, title: str) -> ObjectKind:
        """The one kind, for formats that hold no more.

        Raises:
            DataError: there are several with other keypoints.
        """
        kinds = self.kinds()
        if not kinds:
            raise DataError(f"nobody has keypoints, so there is nothing to write as {title}")
        if len({kind.keypoint_names for kind in kinds}) > 1:
            names = first_few(f"'{kind.name}'" for kind in kinds)
            raise DataError(f"{title} holds one list of keypoints, and {names} differ; choose one by --category")
        return kinds[0]


@dataclass
class Notes:
    """What was left out, guessed, or cannot be held by the target, with counts."""

    left_out: Counter[str] = field(default_factory=Counter)
    guessed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def add(self, others: Notes) -> None:
        """Take over what others hold."""
        self.left_out.update(others.left_out)
        self.guessed.update(others.guessed)
        self.lost.update(others.lost)
        for text in others.remarks:
            self.remark(text)

    def remark(self, text: str) -> None:
        """A sentence of its own, once."""
        if text not in self.remarks:
            self.remarks.append(text)


_LOSSES: dict[str, Callable[[LabelSet], int]] = {
    "ids of people": lambda labels: sum(p.id is not None for p in labels.people),
    "ids of images": lambda labels: sum(i.id is not None for i in labels.images),
    "sizes of images": lambda labels: sum(i.size is not None for i in labels.images),
    "boxes": lambda labels: sum(p.box_xywh is not None for p in labels.people),
    "areas": lambda labels: sum(p.area is not None for p in labels.people),
    "outlines": lambda labels: sum(bool(p.extra.get("segmentation")) for p in labels.people),
    "edges": lambda labels: sum(len(kind.edges) for kind in labels.kinds()),
    "names of categories": lambda labels: len(labels.kinds()),
    "tracks": lambda labels: sum(p.track is not None for p in labels.people),
    "hidden keypoints (now visible)": lambda labels: sum(
        int((p.keypoints_img[:, 2] == 1).sum()) for p in labels.people
    ),
}


def count_lost(labels: LabelSet, notes: Notes, *what: str) -> None:
    """Count what a format does not hold, by the names above."""
    for name in what:
        notes.lost[name] += _LOSSES[name](labels)


def known_skeleton(names: Sequence[str]) -> Skeleton | None:
    """The known skeleton of exactly these names, or None."""
    return next((s for s in SKELETONS.values() if s.keypoint_names == tuple(names)), None)


def order_names(
    people: Iterable[Iterable[str]], *, given: tuple[str, ...] | None, declared: Sequence[str] = (), notes: Notes
) -> tuple[str, ...]:
    """Choose the order of keypoints for a format that has none.

    Args:
        people: the names of each person's keypoints.
        given: the user's choice.
        declared: what the files say themselves.
    Raises:
        DataError: a name is not among those that were given.
    """
    ranked = sorted((list(names) for names in people), key=len, reverse=True)
    seen = tuple(dict.fromkeys(name for names in ranked for name in names))
    if given is not None:
        unknown = [name for name in seen if name not in given]
        if unknown:
            raise DataError(f"the files have keypoints that --keypoints lacks: {first_few(unknown)}")
        return given
    if declared and set(seen) <= set(declared):
        return tuple(declared)
    for skeleton in SKELETONS.values():
        if set(skeleton.keypoint_names) == set(seen):
            return skeleton.keypoint_names
    if seen:
        notes.remark(
            f"guessed: the order of the keypoints, which the files do not say: {', '.join(seen)}; "
            "--keypoints gives another"
        )
    return seen


def keypoints_from(points: dict[str, tuple[float, float, int]], names: Sequence[str]) -> Floats:
    """(K, 3) x, y, visibility of a person's points by name; what has no point is not labeled."""
    return np.array([points.get(name, (0.0, 0.0, 0)) for name in names], dtype=np.float64).reshape(-1, 3)


def box_around(
    points: Floats, size: tuple[int, int] | None, *, margin: float = BOX_MARGIN
) -> tuple[float, float, float, float] | None:
    """A box around the labeled keypoints, larger by `margin`, inside the image; None of nobody."""
    labeled = points[points[:, 2] > 0, :2]
    if not len(labeled):
        return None
    low, high = labeled.min(axis=0), labeled.max(axis=0)
    grow = max(margin * float((high - low).max()), 4.0)  # pixels; one point alone has no size
    low, high = low - grow, high + grow
    if size is not None:
        limit = np.array([size[1], size[0]], dtype=np.float64)
        low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    return extent(np.stack([low, high]))


def extent(points: Floats) -> tuple[float, float, float, float]:
    """The upright box around points (N, 2)."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right - left, bottom - top


def as_list(value: Any) -> list[Any]:
    """A value of somebody's JSON where a list belongs; what is none counts as empty."""
    return value if isinstance(value, list) else []


def read_edges(value: Any, count: int) -> tuple[tuple[int, int], ...]:
    """The pairs of a list that join two of `count` keypoints, counted from 0."""
    fits = [
        p
        for p in as_list(value)
        if isinstance(p, list) and len(p) == 2 and all(is_int(i) and 0 <= i < count for i in p)
    ]
    return tuple((a, b) for a, b in fits if a != b)


def inside(box: tuple[float, float, float, float], point: tuple[float, float]) -> bool:
    """Whether a point lies in a box or on its edge."""
    x, y, w, h = box
    return x <= point[0] <= x + w and y <= point[1] <= y + h
