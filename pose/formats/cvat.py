"""CVAT's XML "CVAT for images 1.1", with skeletons; COCO exports of CVAT are read as COCO.

A point that is `outside` is not labeled, one that is `occluded` is hidden. CVAT writes no box around a skeleton, so a
box of its own that the annotator drew is taken: of the same group, or the one that holds its points.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pose.data.image_entries import leaves_folder, local_name
from pose.data.records import read_id, read_number, read_whole
from pose.formats.grouping import Box, Points, by_label, join_boxes
from pose.formats.image_files import find_file
from pose.formats.labels import (
    LabeledImage,
    LabeledPerson,
    LabelSet,
    Notes,
    ObjectKind,
    keypoints_from,
    order_names,
)
from pose.runtime.errors import DataError

TITLE = "CVAT"
BOX_SUFFIX = " box"  # of the label of boxes, which a skeleton's label cannot have in CVAT


class _NoDoctype(ET.TreeBuilder):
    """Refuse a document type: it may define entities that grow without end, or that read other files."""

    def doctype(self, *_: object) -> NoReturn:
        raise DataError("it has a DOCTYPE, which CVAT does not write and which is not read")


def parse_xml(path: Path) -> ET.Element:
    """Read an XML file that has no document type.

    Raises:
        DataError: it is no XML, or has one.
    """
    try:
        return ET.fromstring(path.read_bytes(), ET.XMLParser(target=_NoDoctype()))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} is no XML ({error}); the download may have been cut off") from error


def read_cvat(
    path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None, images: Path | None = None
) -> LabelSet:
    """Read annotations.xml, or the one in a folder.

    Args:
        images: the folder of the images; of a project they may be in a folder for each subset.
    Raises:
        DataError: no such file, or it is of videos.
    """
    file = path / "annotations.xml" if path.is_dir() else path
    root = parse_xml(file)
    if root.tag != "annotations" or root.find("image") is None:
        video = (
            ", as CVAT for video has tracks; export `CVAT for images 1.1`" if root.find("track") is not None else ""
        )
        raise DataError(f"{file} has no <image> below <annotations>{video}")
    beside = file.parent / "images"
    place = images or (beside if beside.is_dir() else file.parent)
    labels = LabelSet([], [], place)
    named = {_box_label(box) for box in root.iter("box")} & {s.get("label", "") for s in root.iter("skeleton")}
    found: list[tuple[LabeledImage, Points]] = []
    for element in root.iter("image"):
        image = _read_image(element, place, notes)
        if image is not None:
            labels.images.append(image)
            found += [(image, person) for person in _read_people(element, named, notes)]
    kinds = _read_kinds(root, [person for _, person in found], keypoints, notes)
    for image, person in found:
        kind = kinds[person.label]
        points = keypoints_from(person.by_name, kind.keypoint_names)
        labels.people.append(LabeledPerson(image, kind, points, person.box))
    return labels


def _read_image(element: ET.Element, place: Path, notes: Notes) -> LabeledImage | None:
    name = element.get("name") or ""
    if not name or leaves_folder(name):
        notes.left_out["images whose name leaves their folder, or is empty"] += 1
        return None
    height, width = read_whole(element.get("height")), read_whole(element.get("width"))
    subset = element.get("subset") or ""
    split = {"validation": "val", "valid": "val", "default": ""}.get(subset.lower(), subset.lower())
    size = (height, width) if height and width else None
    below = bool(subset) and not leaves_folder(subset) and find_file(place / subset, local_name(name)) is not None
    return LabeledImage(local_name(name), subset if below else "", size, read_id(element.get("id")), split)


def _read_people(element: ET.Element, named: Collection[str], notes: Notes) -> list[Points]:
    people: list[Points] = []
    grouped: dict[str, list[tuple[str, Box]]] = {}
    for shape in element:
        if shape.tag == "skeleton":
            people.append(_read_skeleton(shape, notes))
        elif shape.tag == "box" and (box := _read_box(shape, notes)) is not None:
            grouped.setdefault(shape.get("group_id") or "0", []).append((_box_label(shape), box))
        elif shape.tag not in ("box", "tag"):
            notes.left_out[f"shapes of the kind <{shape.tag:.40}>"] += 1
    for group in grouped.keys() - {"0"}:
        own = [person for person in people if person.key == group]
        label, box = grouped[group][0]
        if len(own) == len(grouped[group]) == 1 and (label == own[0].label or not {label, own[0].label} & set(named)):
            own[0].box = box
            del grouped[group]
        else:
            grouped[group] = join_boxes(own, grouped[group], named=named, notes=notes)
    left = join_boxes(people, [box for boxes in grouped.values() for box in boxes], named=named, notes=notes)
    notes.left_out["boxes without keypoints"] += len(left)
    return people


def _box_label(shape: ET.Element) -> str:
    """The label of the skeletons that a box belongs to."""
    return shape.get("label", "").removesuffix(BOX_SUFFIX)


def _read_skeleton(shape: ET.Element, notes: Notes) -> Points:
    group = shape.get("group_id")
    person = Points(shape.get("label", ""), key=group if group not in (None, "", "0") else None)
    notes.left_out["attributes"] += len(shape.findall(".//attribute"))
    for element in shape.findall("points"):
        values = [read_number(v) for v in element.get("points", "").replace(";", ",").split(",")]
        if len(values) != 2 or values[0] is None or values[1] is None:
            notes.left_out["keypoints that cannot be read"] += 1
            continue
        seen = 0 if element.get("outside") == "1" else 1 if element.get("occluded") == "1" else 2
        person.add(element.get("label", ""), (values[0], values[1], seen) if seen else (0.0, 0.0, 0), notes)
    return person


def _read_box(shape: ET.Element, notes: Notes) -> Box | None:
    corners = [read_number(shape.get(key)) for key in ("xtl", "ytl", "xbr", "ybr")]
    if any(v is None for v in corners):
        notes.left_out["boxes that cannot be read"] += 1
        return None
    left, top, right, bottom = (float(v) for v in corners if v is not None)
    if read_number(shape.get("rotation") or 0):
        notes.guessed["boxes that are rotated, taken as they stand"] += 1
    return left, top, right - left, bottom - top


def _read_kinds(
    root: ET.Element, people: Sequence[Points], keypoints: tuple[str, ...] | None, notes: Notes
) -> dict[str, ObjectKind]:
    """The skeletons' keypoints in the order of the labels in <meta>, and the edges of their drawing."""
    declared: dict[str, list[str]] = {}
    drawings: dict[str, str] = {}
    for label in root.findall(".//labels/label"):
        name, parent = label.findtext("name", ""), label.findtext("parent", "")
        if parent:
            declared.setdefault(parent, []).append(name)
        drawings[name] = label.findtext("svg", "") or ""
    kinds = {}
    for name, own in by_label(people).items():
        names = order_names(own, given=keypoints, declared=declared.get(name, ()), notes=notes)
        kinds[name] = ObjectKind(name, names, _edges(drawings.get(name, ""), names, declared.get(name, ())))
    return kinds


def _edges(svg: str, names: Sequence[str], declared: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The lines of a skeleton's drawing, which join nodes by number; a circle says which label a node is."""
    index = {name: i for i, name in enumerate(names)}
    nodes: dict[str, int] = {}
    lines: list[tuple[str, str]] = []
    for tag, text in re.findall(r"<(circle|line)\b([^<>]*)>", svg):  # these find nothing twice, so they take no time
        entries: Mapping[str, str] = dict(re.findall(r'(?<![\w-])([\w-]+)="([^"]*)"', text))
        if tag == "circle":
            number, name = entries.get("data-node-id", ""), entries.get("data-label-name", "")
            place = read_whole(entries.get("data-element-id"))
            if name not in index and place is not None and 0 < place <= len(declared):
                name = declared[place - 1]
            if name in index:
                nodes[number] = index[name]
        else:
            lines.append((entries.get("data-node-from", ""), entries.get("data-node-to", "")))
    return tuple((nodes[a], nodes[b]) for a, b in lines if a in nodes and b in nodes and a != b)
