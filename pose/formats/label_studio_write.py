"""Write Label Studio's tasks and labeling config; `pose.formats.label_studio` reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pose.formats.label_studio import HIDDEN, PERSON
from pose.formats.labels import LabeledPerson, LabelSet, Notes, ObjectKind, count_lost
from pose.runtime.errors import DataError
from pose.runtime.text import shell_word


def render_label_studio(labels: LabelSet, notes: Notes) -> tuple[bytes, bytes]:
    """Make the tasks to import, with annotations, and the labeling config of the project.

    Raises:
        DataError: the size of an image is not known.
    """
    people = labels.people_by_image()
    kinds = {kind.name: kind for kind in labels.kinds()}
    folder = _served_folder(labels, notes)
    tasks = []
    for number, image in enumerate(labels.images, 1):
        if image.size is None:
            raise DataError(f"the size of {image.path} is not known; give the folder of the images by --images")
        own = people[id(image)]
        data: dict[str, Any] = {
            "image": f"/data/local-files/?d={quote(folder + image.path)}",
            "file_name": image.path,
            "height": image.size[0],
            "width": image.size[1],
        }
        data |= {"image_id": image.id} if image.id is not None else {}
        data |= {"split": image.split} if image.split else {}
        data["keypoints"] = {name: list(kind.keypoint_names) for name, kind in kinds.items()}
        data["skeleton"] = {name: [list(edge) for edge in kind.edges] for name, kind in kinds.items()}
        result = [region for i, person in enumerate(own) for region in _regions(person, f"{number}-{i}", image.size)]
        tasks.append({"data": data, "annotations": [{"result": result}]})
    count_lost(labels, notes, "areas", "outlines", "tracks")
    return (json.dumps(tasks, ensure_ascii=False) + "\n").encode(), _labeling_config(list(kinds.values())).encode()


def _served_folder(labels: LabelSet, notes: Notes) -> str:
    """The folder of the images with a slash: Label Studio serves what lies in folders below its document root."""
    if labels.root is None:
        notes.remark("the folder of the images is not known (--images), so Label Studio will not show them")
        return ""
    root = Path(os.path.abspath(labels.root))
    notes.remark(
        "to show the images: LOCAL_FILES_SERVING_ENABLED=true "
        f"LOCAL_FILES_DOCUMENT_ROOT={shell_word(root.parent)} label-studio start, and {root} as the project's "
        "local storage, not synced"
    )
    return f"{root.name}/" if root.name else ""


def _regions(person: LabeledPerson, place: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    """A rectangle, and below it a point for each labeled keypoint."""
    height, width = size
    key = f"{PERSON}{person.id}" if person.id is not None else f"box-{place}"
    common = {"to_name": "image", "original_height": height, "original_width": width, "image_rotation": 0}
    assert person.box_xywh is not None
    x, y, w, h = person.box_xywh
    value = {"x": 100 * x / width, "y": 100 * y / height, "width": 100 * w / width, "height": 100 * h / height}
    box = {**value, "rotation": 0, "rectanglelabels": [person.kind.name]}
    regions: list[dict[str, Any]] = [
        {"id": key, "from_name": "box", "type": "rectanglelabels", "value": box, **common}
    ]
    for name, (px, py, v) in zip(person.kind.keypoint_names, person.keypoints_img.tolist(), strict=True):
        if v > 0:
            point = {"x": 100 * px / width, "y": 100 * py / height, "width": 0.5, "keypointlabels": [name]}
            region = {"id": f"{key}-{name}", "from_name": "keypoint", "type": "keypointlabels", "parentID": key}
            note = {"meta": {"text": [HIDDEN]}} if v == 1 else {}
            regions.append({**region, "value": point, **note, **common})
    return regions


def _labeling_config(kinds: list[ObjectKind]) -> str:
    points = dict.fromkeys(name for kind in kinds for name in kind.keypoint_names)
    lines = ["<View>", '  <Image name="image" value="$image"/>', '  <RectangleLabels name="box" toName="image">']
    lines += [f"    <Label value={quoteattr(kind.name)}/>" for kind in kinds]
    lines += ["  </RectangleLabels>", '  <KeyPointLabels name="keypoint" toName="image">']
    # Label Studio's own exports leave out keypoints without an index.
    lines += [f'    <Label value={quoteattr(name)} model_index="{i}"/>' for i, name in enumerate(points)]
    return "\n".join([*lines, "  </KeyPointLabels>", "</View>", ""])
