"""COCO keypoint files, and Roboflow's folders of them, as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pose.formats.coco import ROBOFLOW, WHOLEBODY_PARTS
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind
from pose.keypoints.known import COCO_WHOLEBODY133
from pose.runtime.errors import DataError
from pose.runtime.text import first_few, plural


def write_coco(
    labels: LabelSet, notes: Notes, *, description: str, name_of: Callable[[LabeledImage], str] = lambda i: i.path
) -> dict[str, Any]:
    """Make the document of a COCO keypoint file.

    Ids are kept where each stands once; else all of them are numbered from 1.

    Args:
        name_of: the file_name of an image.
    Raises:
        DataError: the size of an image is not known.
    """
    unknown = [image.path for image in labels.images if image.size is None]
    if unknown:
        raise DataError(
            f"the sizes of {plural(len(unknown), 'image')} are not known, e.g. of {first_few(unknown, 3)}; give the "
            "folder of the images by --images"
        )
    image_ids = _ids([image.id for image in labels.images], "ids of images", notes, least=0)
    person_ids = _ids([person.id for person in labels.people], "ids of people", notes)
    kinds = labels.kinds() or labels.listed  # of a split without people too
    kind_ids = _ids([kind.id for kind in kinds], "ids of categories", notes)
    by_image = {id(image): number for image, number in zip(labels.images, image_ids, strict=True)}
    by_kind = {id(kind): number for kind, number in zip(kinds, kind_ids, strict=True)}
    images = [
        {"id": by_image[id(i)], "file_name": name_of(i), "height": i.size[0], "width": i.size[1], **i.extra}
        for i in labels.images
        if i.size is not None
    ]
    notes.guessed["areas, as width * height of the box"] += sum(person.area is None for person in labels.people)
    annotations = [
        {"id": number, "image_id": by_image[id(p.image)], "category_id": by_kind[id(p.kind)], **_annotation(p)}
        for p, number in zip(labels.people, person_ids, strict=True)
    ]
    categories = [{"id": by_kind[id(kind)], **_category(kind)} for kind in kinds]
    return {
        "info": {"description": description},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _annotation(person: LabeledPerson) -> dict[str, Any]:
    """A record without its ids."""
    box = person.box_xywh or (0.0, 0.0, 0.0, 0.0)
    joined = WHOLEBODY_PARTS[1:] if person.kind.keypoint_names == COCO_WHOLEBODY133.keypoint_names else ()
    return {
        "iscrowd": int(person.is_crowd),
        "bbox": [short(v) for v in box],
        "area": short(box[2] * box[3] if person.area is None else person.area),
        "num_keypoints": int((person.keypoints_img[:, 2] > 0).sum()),
        "keypoints": [short(v) for v in person.keypoints_img.ravel().tolist()],
        **{key: value for key, value in person.extra.items() if key not in joined},
        **({"track": person.track} if person.track is not None else {}),
    }


def _category(kind: ObjectKind) -> dict[str, Any]:
    edges = [[a + 1, b + 1] for a, b in kind.edges]
    return {"name": kind.name, "keypoints": list(kind.keypoint_names), "skeleton": edges, **kind.extra}


def by_split(labels: LabelSet, notes: Notes) -> dict[str, LabelSet]:
    """The labels of each split, with categories of the same numbers."""
    kinds = labels.kinds()
    for kind, number in zip(kinds, _ids([kind.id for kind in kinds], "ids of categories", notes), strict=True):
        kind.id = number
    parts = {split: LabelSet([], [], labels.root, kinds) for split in labels.splits()}
    for image in labels.images:
        parts[image.split].images.append(image)
    for person in labels.people:
        parts[person.image.split].people.append(person)
    return parts


def render_roboflow(labels: LabelSet, notes: Notes) -> dict[str, bytes]:
    """The annotation file of each split, for beside its images."""
    files = {}
    for split, part in by_split(labels, notes).items():
        document = write_coco(part, notes, description="by pose convert", name_of=lambda i: i.file_name)
        files[f"{_roboflow_folder(split)}/{ROBOFLOW}"] = (json.dumps(document, allow_nan=False) + "\n").encode()
    return files


def roboflow_place(image: LabeledImage) -> str:
    """Where an image goes."""
    return f"{_roboflow_folder(image.split)}/{image.file_name}"


def _roboflow_folder(split: str) -> str:
    return {"val": "valid", "": "train"}.get(split, split)


def _ids(given: list[int | None], what: str, notes: Notes, *, least: int = 1) -> list[int]:
    known = [number for number in given if number is not None and number >= least]
    if len(known) == len(given) and len(set(known)) == len(known):
        return known
    if any(number is not None for number in given):
        notes.remark(f"renumbered: the {what} from 1, as some are missing, 0 or doubled")
    return list(range(1, len(given) + 1))


def short(number: float) -> int | float:
    """To a ten thousandth, and whole numbers as such."""
    rounded = round(number, 4)
    return int(rounded) if rounded == int(rounded) else rounded
