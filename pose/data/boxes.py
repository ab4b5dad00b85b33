"""A JSON file of boxes, matched to images by file name or id."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.box_categories import as_key, choose_categories, is_id
from pose.data.image_names import ImageMatcher, contradicts, meant_by, normal_name
from pose.data.json_file import read_document
from pose.data.left_out import Unusable, warn_left_out
from pose.data.records import read_flag, read_number, read_numbers, read_whole
from pose.data.usage import Usage
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import DataError
from pose.runtime.text import plural

Boxes = tuple[NDArray[np.float64], NDArray[np.float64]]  # (N, 4) xywh, (N,) scores
LARGEST_COORDINATE = 1e9  # pixels; images are far smaller
SMALLEST_SIDE = 1e-3  # pixels of a box; crops of much smaller ones have coordinates that are not finite
_EXPECTED = f"expected [x, y, width, height] in pixels, width and height positive and at least {SMALLEST_SIDE:g}"
NO_SIZE = "without width or height"
_EXAMPLE = '{"file_name": "street.jpg", "bbox": [x, y, width, height], "score": 0.9}'


def read_box_records(path: Path, *, example: str) -> Any:
    """Read a JSON file of boxes; `example` is a record, for the message.

    Raises:
        FileNotFoundError, DataError: no such file, no JSON, or that of another tool.
    """
    return read_document(
        path,
        what="boxes",
        missing="give a JSON file of boxes, 'detect' or 'whole'",
        expected=f"expected a list of records such as {example}",
    )


def read_box(where: str, record: Mapping[str, Any]) -> tuple[list[float], float]:
    """Read the box (4) of a record and its score, 1 where there is none; `where` names it in messages.

    Raises:
        Unusable: either is malformed, or the box has no size.
    """
    given = record.get("bbox")
    box = read_numbers(given)
    if box is None or len(box) != 4 or not (np.abs(box) < LARGEST_COORDINATE).all():
        message = f"{where} has bbox {given!r:.80}; {_EXPECTED}"
        raise Unusable("with a bbox that is not four numbers", message)
    other = next((key for key in ("confidence", "conf", "probability") if key in record), None)
    if other is not None and "score" not in record:
        message = f"{where} has {other} {record[other]!r:.40} and no score; call it score"
        raise Unusable("whose score has another name", message)
    score = read_number(record.get("score", 1.0))
    if score is None:
        message = f"{where} has score {record['score']!r:.40}; expected a finite number, or none for 1"
        raise Unusable("whose score is no number", message)
    if is_empty(box.tolist()):
        message = f"{where} has bbox {given!r:.80}; {_EXPECTED}"
        raise Unusable(NO_SIZE, message)
    return box.tolist(), score


def usable_boxes(boxes_xywh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes (N, 4) can be cut out of an image: (N,). Others give numbers that are not finite."""
    small_enough = np.abs(boxes_xywh) < LARGEST_COORDINATE
    large_enough = boxes_xywh[:, 2:] >= SMALLEST_SIDE
    return np.asarray(small_enough.all(axis=1) & large_enough.all(axis=1))


def is_empty(box: Sequence[float]) -> bool:
    """Whether a box x, y, width, height has no width or no height to speak of."""
    return min(box[2:]) < SMALLEST_SIDE


@dataclass(frozen=True, eq=False)
class BoxFile:
    """The boxes of a file for some images.

    Attributes:
        boxes: by the name of the image.
        usage: how many of the file's boxes these are, and why not the others.
        sizes: (height, width) that the file gives images, by name, where it does.
    """

    boxes: dict[str, Boxes]
    usage: Usage
    sizes: dict[str, tuple[int, int]]


def read_boxes(
    path: Path, names: Sequence[str], *, skeleton: Skeleton, min_score: float, files: Mapping[str, Path] | None = None
) -> BoxFile:
    """Read the boxes of each of the images `names`, in pixels as stored, as COCO's are.

    Args:
        path: a JSON list of {bbox: [x, y, width, height], score (1 if left out), file_name or image_id}, or COCO
            annotations. `file_name` is the path below the input folder, or the end of it where that is unambiguous;
            an `image_id` that no `images` explain is the number in the file's name (785 for 000000000785.jpg).
            Left out are other images, crowds, and all but one category: that with the skeleton's name (of COCO's 17
            keypoints also "person" and the like), with keypoints (several with the skeleton's keypoints are one),
            COCO's 1 for people where it has no other name, or the only one.
        min_score: boxes that score less are left out.
        files: where the images lie, by name. They tell which is meant where the file has boxes of several paths that
            end in the name of one image, as a/1.jpg and b/1.jpg do in 1.jpg.

    Records that cannot be read, and boxes of size 0, are left out with a warning. One counts the boxes whose image_id
    is another image's than their file_name, which is taken.

    Raises:
        FileNotFoundError, DataError: no such file; or boxes are ambiguous, all of other images, or none is left.
    """
    content = _load_records(path, skeleton)
    found = _Collector(path, names, content, min_score, files or {})
    problems: list[Unusable] = []
    for index, record in content.records:
        try:
            found.add(f"record {index}", record)
        except Unusable as problem:
            problems.append(problem)
    total = len(content.records)
    reasons = content.left_out + found.left_out + warn_left_out(path, "boxes", problems, total, advice="")
    if not found.matched:
        raise DataError(
            f"none of the {total} boxes of {path} is of the {plural(len(names), 'image')} given: the boxes are of "
            f"{', '.join(list(dict.fromkeys(found.said))[:3])}, the images are {', '.join(names[:3])}"
        )
    if found.contradicting:
        warnings.warn(
            f"{path}: {len(found.contradicting)} of {total} boxes have a file_name that is not that of their "
            f"image_id; their file_name is taken; the first: {found.contradicting[0]}",
            stacklevel=3,
        )
    used = sum(map(len, found.boxes.values()))
    usage = Usage(used + reasons.total(), used, dict(reasons), what="boxes")
    if not used and problems:
        raise DataError(f"{path} has no box to use for these images ({usage}); the first: {problems[0]}")
    arrays = {name: np.array(rows, dtype=np.float64).reshape(-1, 5) for name, rows in found.boxes.items()}
    return BoxFile({name: (array[:, :4], array[:, 4]) for name, array in arrays.items()}, usage, found.sizes)


def confident(boxes: Boxes, min_score: float) -> Boxes:
    """Keep the boxes that score at least `min_score`."""
    xywh, scores = boxes
    return xywh[scores >= min_score], scores[scores >= min_score]


@dataclass(frozen=True, eq=False)
class _Content:
    """The records of one category with their indexes; by image id the name and size; what else was left out."""

    records: list[tuple[int, Any]]
    images: dict[Any, tuple[str, tuple[int, int] | None]]
    left_out: Counter[str]


class _Collector:
    """The boxes of some images: by name rows of x, y, width, height, score, and what has to be said of them."""

    def __init__(
        self, path: Path, names: Sequence[str], content: _Content, min_score: float, files: Mapping[str, Path]
    ) -> None:
        self.path, self.listed, self.min_score = path, content.images, min_score
        self.match = ImageMatcher(names)
        longer: dict[str, set[str]] = {}  # paths that end in the name of an image
        for _, record in content.records:
            if file_name := self._file_name(record):
                for hit in self.match.by_name(file_name):
                    if len(said := normal_name(file_name)) > len(hit):
                        longer.setdefault(hit, set()).add(said)
        places = {name: files[name].absolute().as_posix() if name in files else name for name in longer}
        self.meant = {name: meant_by(paths, places[name]) for name, paths in longer.items()}
        self.boxes: dict[str, list[list[float]]] = {name: [] for name in names}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.left_out: Counter[str] = Counter()
        self.said: list[str] = []  # how the records name their images
        self.contradicting: list[str] = []
        self.matched = 0

    def add(self, where: str, record: Any) -> None:
        """Put the box of a record where it belongs; `where` names it in messages.

        Raises:
            Unusable: it is left out.
            DataError: it fits several images.
        """
        _check_record(where, record)
        image_id = as_key(record.get("image_id"))
        listed, size = self.listed.get(image_id, (None, None))
        own_name = record.get("file_name")
        file_name = self._file_name(record)
        self.said.append(f"file_name {file_name}" if file_name else f"image_id {record['image_id']}")
        hits = self.match.by_name(file_name) if file_name else self.match.by_id(image_id)
        if len(hits) > 1:
            raise DataError(
                f"{self.path}: {where} with {self.said[-1]} fits {hits[0]} and {hits[1]}; "
                f"write the path below the input folder as its file_name"
            )
        if hits and file_name:
            hits = self._meant(hits[0], normal_name(file_name))
        self.matched += len(hits)
        box, score = read_box(where, record)
        if not hits:
            self.left_out["of other images"] += 1
            return
        if own_name:
            others = [listed] if listed else self.match.by_id(image_id)
            if others and all(contradicts(own_name, other) for other in others):
                size = None  # another image's
                self.contradicting.append(
                    f"{where} has file_name {own_name!r:.60}, but image_id {image_id} is {others[0]}"
                )
        if score < self.min_score:
            self.left_out[f"that score less than {self.min_score:g}"] += 1
            return
        self.boxes[hits[0]].append([*box, score])
        if size:
            self.sizes[hits[0]] = size

    def _file_name(self, record: Any) -> str | None:
        """What a record says, else what the file says of its image_id."""
        if not isinstance(record, dict):
            return None
        own, (listed, _) = record.get("file_name"), self.listed.get(as_key(record.get("image_id")), (None, None))
        return own if isinstance(own, str) and own else listed

    def _meant(self, name: str, said: str) -> list[str]:
        """The image `name` if a record with the path `said` means it, and not one of that name elsewhere.

        Raises:
            DataError: nothing tells.
        """
        if len(said) <= len(name):
            return [name]
        if not self.meant[name]:
            raise DataError(
                f"{self.path} has boxes of several images whose path ends in {name}, such as {said}; give the folder "
                "above it, so that it is plain which is meant, or write the path below the input folder as file_name"
            )
        return [name] if said in self.meant[name] else []


def _load_records(path: Path, skeleton: Skeleton) -> _Content:
    data = read_box_records(path, example=_EXAMPLE)
    images: list[Any] = []
    categories: list[Any] = []
    if isinstance(data, dict):
        images, categories, data = data.get("images") or [], data.get("categories") or [], data.get("annotations")
    if not isinstance(data, list) or not isinstance(images, list) or not isinstance(categories, list):
        raise DataError(f"{path} holds no list of boxes; expected records such as {_EXAMPLE}, or COCO annotations")
    if not data:
        raise DataError(f"{path} holds no boxes; expected records such as {_EXAMPLE}, or give 'whole'")
    listed_images: dict[Any, tuple[str, tuple[int, int] | None]] = {}
    problems = []
    for index, image in enumerate(images):
        if isinstance(image, dict) and is_id(image.get("id")) and isinstance(image.get("file_name"), str):
            height, width = read_whole(image.get("height")), read_whole(image.get("width"))
            size = (height, width) if height and width else None
            listed_images[as_key(image["id"])] = image["file_name"], size
        else:
            message = f"images[{index}] needs an id and a file_name, got {image!r:.80}"
            problems.append(Unusable("without id or file_name", message))
    warn_left_out(path, "images", problems, len(images), advice="")
    wanted = choose_categories(path, data, categories, skeleton)
    left_out: Counter[str] = Counter()
    records = []
    for index, record in enumerate(data):
        if isinstance(record, dict) and as_key(record.get("category_id")) not in (None, *wanted):
            left_out["of other categories"] += 1
        elif isinstance(record, dict) and read_flag(record.get("iscrowd")) is True:
            left_out["crowd"] += 1
        else:
            records.append((index, record))
    return _Content(records, listed_images, left_out)


def _check_record(where: str, record: Any) -> None:
    """Check that a record names its image, and is no crowd.

    Raises:
        Unusable: it does not, or cannot be read.
    """
    if not isinstance(record, dict):
        raise Unusable("that are no objects", f"{where} is {record!r:.80}; expected an object such as {_EXAMPLE}")
    name = record.get("file_name")
    if not (isinstance(name, str) and name if name is not None else is_id(record.get("image_id"))):
        message = f"{where} needs a file_name or an image_id, got {record!r:.80}; e.g. {_EXAMPLE}"
        raise Unusable("without file_name and image_id", message)
    if read_flag(record.get("iscrowd")) is None:
        message = f"{where} has iscrowd {record['iscrowd']!r:.40}; expected 0, or 1 for a group"
        raise Unusable("whose iscrowd is neither 0 nor 1", message)
