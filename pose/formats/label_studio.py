"""Label Studio's JSON: tasks with regions in percent of the image, keypoints below the rectangle of their person.

Its COCO export keeps one person an image, so the JSON is what is read. It has no visibility: a hidden keypoint is
marked by the region's note "hidden", which Label Studio keeps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np

from pose.data.image_entries import leaves_folder, local_name
from pose.data.json_file import read_json
from pose.data.records import read_id, read_number, read_whole
from pose.formats.grouping import Box, Declared, Points, join_boxes, spread_points
from pose.formats.image_files import below_common, is_file
from pose.formats.labels import (
    LabeledImage,
    LabeledPerson,
    LabelSet,
    Notes,
    as_list,
    extent,
    keypoints_from,
)
from pose.images.files import is_image_name
from pose.runtime.errors import DataError

TITLE = "Label Studio"
HIDDEN = "hidden"
REGIONS = ("rectanglelabels", "keypointlabels")
PERSON = "person-"  # begins the region ids that are written, before the id of the person


def read_label_studio(
    path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None, images: Path | None = None
) -> LabelSet:
    """Read a JSON export.

    Args:
        images: the folder of the images; where uploads keep their random digits in it, they do here.
    Raises:
        DataError: it is another export of Label Studio.
    """
    tasks = read_json(path)
    tasks = tasks if isinstance(tasks, list) else [tasks]
    if not any(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks):
        raise DataError(
            f"{path} is no JSON export of Label Studio (tasks with data and annotations); export JSON, not JSON-MIN"
        )
    labels = LabelSet([], [])
    found: list[tuple[LabeledImage, Points]] = []
    declared = Declared()
    shown: list[tuple[Mapping[str, Any], str, list[Mapping[str, Any]]]] = []
    for task in tasks:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            notes.left_out["tasks without data"] += 1
            continue
        shown += [(data, url, results) for url, results in _images_of(data, _results(task, notes), notes)]
    names = _file_names([url for _, url, _ in shown], images, notes)
    for data, url, results in shown:
        image = _read_image(data, url, names[url], results, notes)
        if image is None:
            continue
        labels.images.append(image)
        declared.add(data)
        found += [(image, person) for person in _read_people(results, image, notes)]
    kinds = declared.make_kinds([p for _, p in found], keypoints, notes)
    for image, person in found:
        kind = kinds[person.label]
        number = read_id(person.key.removeprefix(PERSON)) if person.key and person.key.startswith(PERSON) else None
        points = keypoints_from(person.by_name, kind.keypoint_names)
        labels.people.append(LabeledPerson(image, kind, points, person.box, number))
    return labels


def _results(task: Mapping[str, Any], notes: Notes) -> list[Mapping[str, Any]]:
    """The regions of the task's annotation: of several, the ground truth or the last one that was not skipped."""
    listed = task.get("annotations", task.get("completions"))  # the latter before version 1.0
    given = [a for a in as_list(listed) if isinstance(a, dict)]
    kept = [a for a in given if not a.get("was_cancelled")]
    notes.left_out["annotations that were skipped in Label Studio"] += len(given) - len(kept)
    if len(kept) > 1:
        notes.left_out["annotations of an image beside the one that is taken"] += len(kept) - 1
    if not kept:
        notes.left_out["predictions, of images without an annotation"] += len(as_list(task.get("predictions")))
        return []
    chosen = next((a for a in kept if a.get("ground_truth")), kept[-1])
    return [r for r in as_list(chosen.get("result")) if isinstance(r, dict)]


def _images_of(
    data: Mapping[str, Any], results: list[Mapping[str, Any]], notes: Notes
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The addresses of a task's images, each with its regions.

    Where regions are on several images, they name those as the labeling config does, which is not in the export; so
    they count where the data have an address of that name.
    """
    on = list(dict.fromkeys(str(r.get("to_name")) for r in results if r.get("type") in REGIONS))
    if len(on) <= 1 and not (on and _is_image(data.get(on[0]))):
        if len(set(filter(_is_image, data.values()))) > 1 and not _called(data):
            notes.guessed["tasks with several images, whose regions are taken for those of the first"] += 1
        return [(_address(data), results)]
    images = []
    for name in on:
        own = [r for r in results if str(r.get("to_name")) == name]
        if isinstance(data.get(name), str):
            images.append((data[name], own))
        else:
            notes.left_out["regions on one of several images, of which nothing tells the file"] += len(own)
    return images


def _address(data: Mapping[str, Any]) -> str:
    """Where the image of a task is: an entry that is called so, else one that looks so; "" without any."""
    texts = [v for v in data.values() if isinstance(v, str)]
    others = [text for text in texts if re.search(r"\.\w{3,4}(\?|$)", text)]
    return next(iter([*_called(data), *filter(_is_image, texts), *others]), "")


def _called(data: Mapping[str, Any]) -> list[str]:
    return [data[key] for key in ("image", "img", "image_url") if isinstance(data.get(key), str)]


def _is_image(value: Any) -> bool:
    """Whether a value is an address or name that ends as those of images do."""
    return isinstance(value, str) and is_image_name(PurePosixPath(re.sub(r"[?#].*", "", value)))


def _read_image(
    data: Mapping[str, Any], url: str, name: str, results: list[Mapping[str, Any]], notes: Notes
) -> LabeledImage | None:
    own = data.get("file_name")
    if isinstance(own, str) and name.endswith(f"/{own}"):  # as written here, without the folder that is served
        name = own
    if not name or leaves_folder(name):
        notes.left_out["tasks without the name of an image"] += 1
        return None
    if re.match(r"\w+:|/", url) and "/upload/" not in url and "?d=" not in url:
        notes.guessed["file names that are the last part of a URL"] += 1
    sizes = [(read_whole(r.get("original_height")), read_whole(r.get("original_width"))) for r in results]
    height, width = next(
        (s for s in sizes if s[0] and s[1]), (read_whole(data.get("height")), read_whole(data.get("width")))
    )
    size = (height, width) if height and width else None
    return LabeledImage(local_name(name), "", size, read_id(data.get("image_id")), str(data.get("split") or ""))


def _file_names(urls: list[str], images: Path | None, notes: Notes) -> dict[str, str]:
    """The file's name of each address; of those that would have one name, what tells their addresses apart."""
    names = {url: _file_name(url) for url in urls}
    for url, name in names.items():
        whole = _path(url).rpartition("/")[2] if name else ""
        if images is not None and not is_file(images / name) and whole and is_file(images / whole):
            names[url] = whole
    counts = Counter(names.values())
    alike = {url: _path(url) for url, name in names.items() if name and counts[name] > 1}
    below = below_common(list(alike.values()))
    notes.guessed["file names that several addresses share, with what tells these apart"] += len(alike)
    return names | {url: below[path] for url, path in alike.items()}


def _path(url: str) -> str:
    parts = urlparse(url)
    return f"/{parts.netloc}{unquote(parts.path)}"


def _file_name(url: str) -> str:
    """The path below local storage; of an upload, what follows its 8 random digits; else the last part."""
    try:
        parts = urlparse(url)
    except ValueError:  # no address
        return ""
    query = parse_qs(parts.query)
    if query.get("d"):
        return query["d"][0].lstrip("/")
    if not parts.scheme and not url.startswith("/"):
        return unquote(url)
    name = unquote(parts.path).rpartition("/")[2]
    return re.sub(r"^[0-9a-f]{8}-", "", name) if "/upload/" in parts.path else name


def _read_people(results: list[Mapping[str, Any]], image: LabeledImage, notes: Notes) -> list[Points]:
    people: dict[str, Points] = {}
    free: list[tuple[str, tuple[float, float, int]]] = []
    keyed: list[tuple[str, str, tuple[float, float, int]]] = []
    related = _relations(results)
    for region in results:
        kind, value = region.get("type"), region.get("value")
        size = (read_number(region.get("original_height")), read_number(region.get("original_width")))
        if kind not in REGIONS or not isinstance(value, dict):
            if kind != "relation":
                notes.left_out[f"regions of the kind {kind!s:.40}"] += 1
            continue
        if not size[0] or not size[1]:
            notes.left_out["regions without the image's size"] += 1
            continue
        if read_number(region.get("image_rotation") or 0):
            notes.left_out["regions of images turned in Label Studio"] += 1
            continue
        names = value.get(str(kind))
        x, y = read_number(value.get("x")), read_number(value.get("y"))
        if not isinstance(names, list) or not names or x is None or y is None:
            notes.left_out["regions without a label or a place"] += 1
            continue
        x, y = x / 100 * size[1], y / 100 * size[0]
        if kind == "rectanglelabels":
            box = _read_box(value, x, y, (size[0], size[1]), notes)
            key = str(region.get("id"))
            if box is not None:
                people[key] = Points(str(names[0]), box=box, key=key)
        else:
            point = (x, y, 1 if _is_hidden(region) else 2)
            parent = region.get("parentID") or related.get(str(region.get("id")))
            if isinstance(parent, str) and parent:
                keyed.append((parent, str(names[0]), point))
            else:
                free.append((str(names[0]), point))
    return _group(people, keyed, free, notes)


def _relations(results: list[Mapping[str, Any]]) -> dict[str, str]:
    """The rectangle of each point that a relation joins to one, as sleap-io writes it, in either direction."""
    boxes = {str(r.get("id")) for r in results if r.get("type") == "rectanglelabels"}
    pairs = [(str(r.get("from_id")), str(r.get("to_id"))) for r in results if r.get("type") == "relation"]
    return {a: b for pair in pairs for a, b in (pair, pair[::-1]) if b in boxes and a not in boxes}


def _group(
    boxed: dict[str, Points],
    keyed: list[tuple[str, str, tuple[float, float, int]]],
    free: list[tuple[str, tuple[float, float, int]]],
    notes: Notes,
) -> list[Points]:
    """People of rectangles with the points below them; other points go to the boxes that they lie in."""
    people = dict(boxed)
    for parent, name, point in keyed:
        people.setdefault(parent, Points("", key=parent)).add(name, point, notes)
    made = spread_points(free, list(people.values()), notes=notes)
    empty = [p for p in people.values() if not p.by_name]
    without = [p for p in people.values() if p.box is None]
    if without:  # of a group whose rectangle is no parent
        left = join_boxes(without, [(p.label, p.box) for p in empty if p.box is not None], notes=notes)
        notes.left_out["boxes without keypoints"] += len(left)
    kept = [*(p for p in people.values() if p.by_name or (not without and p.box is not None)), *made]
    for person in kept:
        person.label = person.label or "person"
    return kept


def _is_hidden(region: Mapping[str, Any]) -> bool:
    meta = region.get("meta")
    texts = meta.get("text") if isinstance(meta, dict) else None
    return HIDDEN in (texts if isinstance(texts, list) else [texts])


def _read_box(value: Mapping[str, Any], x: float, y: float, size: tuple[float, float], notes: Notes) -> Box | None:
    """A rectangle is rotated about its upper left corner; the upright box around it is taken."""
    w, h = read_number(value.get("width")), read_number(value.get("height"))
    angle = read_number(value.get("rotation") or 0)
    if w is None or h is None or angle is None:
        notes.left_out["boxes that cannot be read"] += 1
        return None
    w, h = w / 100 * size[1], h / 100 * size[0]
    if not angle:
        return x, y, w, h
    notes.guessed["rotated boxes, taken as the upright ones around them"] += 1
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    corners = np.array([[0, 0], [w * c, w * s], [w * c - h * s, w * s + h * c], [-h * s, h * c]])
    return extent(corners + np.array([x, y]))
