"""Which box belongs to which points, where a tool keeps them apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pose.formats.labels import Notes, ObjectKind, extent, inside, known_skeleton, order_names, read_edges

Box = tuple[float, float, float, float]
LIKE = 0.2  # intersection over union of a box of any label and the extent of the keypoints that it is for


@dataclass(eq=False)
class Points:
    """Named points that belong together: x, y, visibility (0, 1, 2) by name.

    Attributes:
        label: of the kind of object; "" as long as nothing says it.
    """

    label: str
    by_name: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    box: Box | None = None
    key: str | None = None

    def add(self, name: str, point: tuple[float, float, int], notes: Notes) -> None:
        """Put a point in; a second one of the same name is left out."""
        if name in self.by_name:
            notes.left_out["points of a name that the person has already"] += 1
        else:
            self.by_name[name] = point


class Declared:
    """What files written here say of their keypoints, in formats that have no place for it."""

    def __init__(self) -> None:
        self.keypoints: dict[str, list[str]] = {}
        self.edges: dict[str, Any] = {}

    def add(self, entries: Mapping[str, Any]) -> None:
        """Take the entries keypoints and skeleton, by the names of kinds."""
        names, edges = entries.get("keypoints"), entries.get("skeleton")
        for kind, own in names.items() if isinstance(names, dict) else ():
            if isinstance(own, list) and all(isinstance(n, str) for n in own) and len(set(own)) == len(own):
                self.keypoints[kind] = own
        self.edges |= edges if isinstance(edges, dict) else {}

    def make_kinds(
        self, people: Sequence[Points], keypoints: tuple[str, ...] | None, notes: Notes
    ) -> dict[str, ObjectKind]:
        """The kind of each label; see `order_names`."""
        kinds = {}
        for label, own in by_label(people).items():
            names = order_names(own, given=keypoints, declared=self.keypoints.get(label, ()), notes=notes)
            known, edges = known_skeleton(names), read_edges(self.edges.get(label), len(names))
            kinds[label] = ObjectKind(label, names, edges or (known.edges if known else ()))
        return kinds


def by_label(people: Sequence[Points]) -> dict[str, list[dict[str, tuple[float, float, int]]]]:
    """The points of the people of each label, in the order of their first person."""
    found: dict[str, list[dict[str, tuple[float, float, int]]]] = {}
    for person in people:
        found.setdefault(person.label, []).append(person.by_name)
    return found


def join_boxes(
    people: Sequence[Points], boxes: Sequence[tuple[str, Box]], *, named: Collection[str] = (), notes: Notes
) -> list[tuple[str, Box]]:
    """Give people without a box one that holds at least half of their points; each box is used once.

    Of several it is one of the person's own label, then the one that is most like the extent of the points, then the
    smallest. One of another label must be like it: who stands before a car has not its box. Who has no label gets
    that of the box.

    Args:
        boxes: with their labels.
        named: labels of which there are people with boxes of their own: other people do not take such a box, and they
            take no other.
    Returns:
        The boxes that are left.
    """
    free = [p for p in people if p.box is None and any(v > 0 for _, _, v in p.by_name.values())]
    scores = []
    for i, person in enumerate(free):
        for j, (label, box) in enumerate(boxes):
            own, likeness = label == person.label, _likeness(person, box)
            other = not {label, person.label} & set(named) and (not person.label or likeness >= LIKE)
            if (own or other) and _share_inside(person, box) >= 0.5:
                scores.append((own, likeness, -box[2] * box[3], -i, -j))
    used: set[int] = set()
    for _, _, _, i, j in sorted(scores, reverse=True):
        person, (label, box) = free[-i], boxes[-j]
        if person.box is None and -j not in used:
            if person.label and label not in ("", person.label):
                notes.guessed[f"boxes labeled '{label:.40}', taken for '{person.label:.40}'"] += 1
            person.label, person.box = person.label or label, box
            used.add(-j)
    return [box for j, box in enumerate(boxes) if j not in used]


def _share_inside(points: Points, box: Box) -> float:
    """The share of the labeled points that lie in a box."""
    labeled = [(x, y) for x, y, v in points.by_name.values() if v > 0]
    return sum(inside(box, point) for point in labeled) / len(labeled)


def _likeness(points: Points, box: Box) -> float:
    """How much of both a box and the extent of the labeled points have in common: intersection over union."""
    labeled = np.array([(x, y) for x, y, v in points.by_name.values() if v > 0])
    x, y, w, h = extent(labeled)
    common_w = max(0.0, min(x + w, box[0] + box[2]) - max(x, box[0]))
    common_h = max(0.0, min(y + h, box[1] + box[3]) - max(y, box[1]))
    union = w * h + box[2] * box[3] - common_w * common_h
    return common_w * common_h / union if union > 0 else 0.0


def spread_points(
    points: Sequence[tuple[str, tuple[float, float, int]]], people: Sequence[Points], *, notes: Notes
) -> list[Points]:
    """Give points that name no person to the smallest box around them.

    Without any box they are one person, if each name stands once.

    Returns:
        People that were made for them.
    """
    boxed = [p for p in people if p.box is not None]
    if not boxed and not people:
        names = [name for name, _ in points]
        if len(set(names)) < len(names):
            notes.left_out["points of several people that nothing tells apart"] += len(points)
            return []
        return [Points("", dict(points))] if points else []
    for name, point in points:
        around = [p for p in boxed if p.box is not None and inside(p.box, point[:2])]
        if not around:
            notes.left_out["points in nobody's box"] += 1
            continue
        around = [p for p in around if name not in p.by_name]
        if not around:
            notes.left_out["points of a name that the person has already"] += 1
            continue
        if len(around) > 1:
            notes.guessed["points in several boxes, given to the smallest"] += 1
        best = min(around, key=lambda p: p.box[2] * p.box[3] if p.box else 0.0)
        best.by_name[name] = point
    return []
