"""Write CVAT's XML and the labels of its task; `pose.formats.cvat` reads the XML."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pose.formats.cvat import BOX_SUFFIX
from pose.formats.labels import LabeledPerson, LabelSet, Notes, ObjectKind, count_lost
from pose.runtime.errors import DataError
from pose.runtime.text import first_few


def render_cvat(labels: LabelSet, notes: Notes) -> bytes:
    """Make annotations.xml, whose boxes are shapes of their own in the group of their skeleton.

    Raises:
        DataError: the size of an image is not known, or two labels would share a name.
    """
    unknown = [image.path for image in labels.images if image.size is None]
    if unknown:
        raise DataError(f"the sizes of images are not known ({first_few(unknown, 3)}); give their folder by --images")
    people = labels.people_by_image()
    named = _by_name(labels)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "<version>1.1</version>"]
    lines += [
        "<meta><task><labels>",
        *(line for kind in named.values() for line in _label(kind)),
        "</labels></task></meta>",
    ]
    group = 0
    for number, image in enumerate(labels.images):
        assert image.size is not None
        height, width = image.size
        subset = f" subset={quoteattr(image.split)}" if image.split else ""
        lines.append(f'<image id="{number}" name={quoteattr(image.path)}{subset} width="{width}" height="{height}">')
        for person in people[id(image)]:
            group += 1
            lines += _shapes(person, group)
        lines.append("</image>")
    lines.append("</annotations>")
    count_lost(labels, notes, "ids of people", "ids of images", "areas", "outlines", "tracks")
    return ("\n".join(lines) + "\n").encode()


def render_cvat_labels(labels: LabelSet) -> bytes:
    """Make the labels of the task that the annotations are uploaded into, for CVAT's constructor (*Raw*)."""
    listed: list[dict[str, Any]] = []
    for name, kind in _by_name(labels).items():
        points = [{"name": point, "type": "points", "attributes": []} for point in kind.keypoint_names]
        listed += [
            {"name": name, "type": "skeleton", "attributes": [], "sublabels": points, "svg": _drawing(kind)},
            {"name": name + BOX_SUFFIX, "type": "rectangle", "attributes": []},
        ]
    return (json.dumps(listed, ensure_ascii=False, indent=1) + "\n").encode()


def _by_name(labels: LabelSet) -> dict[str, ObjectKind]:
    kinds = labels.kinds()
    if len({kind.name for kind in kinds}) < len({(kind.name, kind.keypoint_names) for kind in kinds}):
        raise DataError("two categories share a name but not their keypoints; CVAT tells labels by name")
    named = {kind.name: kind for kind in kinds}
    taken = next((name for name in named if name + BOX_SUFFIX in named), None)
    if taken is not None:
        raise DataError(
            f"the boxes of '{taken}' would have the label '{taken}{BOX_SUFFIX}', which is another category's name; "
            "CVAT tells labels by name, so rename one of the two"
        )
    return named


def _drawing(kind: ObjectKind) -> str:
    """The drawing of a skeleton, within 100 x 100: its keypoints in rows, and its edges."""
    count = len(kind.keypoint_names)
    across = max(1, round(count**0.5))
    places = [(10 + 80 * (i % across) / across, 10 + 80 * (i // across) / across) for i in range(count)]
    drawing = [
        f'<line x1="{places[a][0]:.2f}" y1="{places[a][1]:.2f}" x2="{places[b][0]:.2f}" y2="{places[b][1]:.2f}" '
        f'stroke="black" stroke-width="0.5" data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in kind.edges
    ]
    drawing += [
        f'<circle r="1.5" stroke="black" fill="#b3b3b3" stroke-width="0.1" cx="{x:.2f}" cy="{y:.2f}" '
        f'data-type="element node" data-element-id="{i + 1}" data-node-id="{i + 1}" '
        f"data-label-name={quoteattr(point)}></circle>"
        for i, ((x, y), point) in enumerate(zip(places, kind.keypoint_names, strict=True))
    ]
    return "".join(drawing)


def _label(kind: ObjectKind) -> list[str]:
    """A skeleton's label with its drawing, those of its points, and that of its boxes."""
    name = escape(kind.name)
    lines = [
        f"<label><name>{name}</name><type>skeleton</type><attributes></attributes>"
        f"<svg>{escape(_drawing(kind))}</svg></label>"
    ]
    lines += [
        f"<label><name>{escape(point)}</name><type>points</type><attributes></attributes>"
        f"<parent>{name}</parent></label>"
        for point in kind.keypoint_names
    ]
    return [*lines, f"<label><name>{name}{BOX_SUFFIX}</name><type>rectangle</type><attributes></attributes></label>"]


def _shapes(person: LabeledPerson, group: int) -> list[str]:
    name = person.kind.name
    head = f'<skeleton label={quoteattr(name)} source="manual" z_order="0" group_id="{group}">'
    lines = [head]
    assert person.box_xywh is not None
    left, top, w, h = person.box_xywh
    for point, (x, y, v) in zip(person.kind.keypoint_names, person.keypoints_img.tolist(), strict=True):
        if v == 0:  # where whoever labels it in the tool finds it, not in the corner of the image
            x, y = left + w / 2, top + h / 2
        lines.append(
            f'<points label={quoteattr(point)} source="manual" outside="{int(v == 0)}" occluded="{int(v == 1)}" '
            f'points="{x:.4f},{y:.4f}"></points>'
        )
    lines.append("</skeleton>")
    lines.append(
        f'<box label={quoteattr(name + BOX_SUFFIX)} source="manual" occluded="0" xtl="{left:.4f}" ytl="{top:.4f}" '
        f'xbr="{left + w:.4f}" ybr="{top + h:.4f}" z_order="0" group_id="{group}"></box>'
    )
    return lines
