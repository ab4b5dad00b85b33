"""The image files of a set of labels: where they are, how large, and which are stored turned.

Most tools show photographs upright, by their EXIF orientation, and their coordinates are of what they show. Training
reads the pixels as they are stored, as COCO's annotations count them. What is known to be upright is turned here.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath, PurePosixPath

import numpy as np

from pose.data.image_entries import leaves_folder, local_name
from pose.data.image_names import meant_by
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, extent
from pose.images.files import is_image_name
from pose.images.read import read_header
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

_PARTS = 64
_SUFFIXES = (".PNG", ".png", ".jpg", ".JPG", ".jpeg")  # of frames that annotation tools write
_WHICH = "give the folder above as --images, so that it is plain which is meant"


def upright_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of an image as viewers show it; None of what is no image."""
    size, orientation = _header(path)
    return size if size is None or orientation < 5 else (size[1], size[0])


def _header(path: Path) -> tuple[tuple[int, int] | None, int]:
    try:
        return read_header(path)
    except (OSError, ValueError):
        return None, 1


def locate(labels: LabelSet, images: Path | None, notes: Notes, *, upright: bool) -> None:
    """Look for the images below `images`, or else below the set's own root.

    Images are found by their path, or by the end of it; sizes that the format lacks are read from the files. Where
    the paths of several images end in the same file, its own path tells whose it is; if it does not, it is nobody's,
    which is said.

    Args:
        upright: whether the coordinates are those of the images as viewers show them.
    Raises:
        DataError: none of the images is in the folder that the user gave.
    """
    root = images or labels.root
    if root is None:
        return
    claims: dict[str, list[LabeledImage]] = {}
    for image in labels.images:
        name = next((found for end in _ends(image.path) if (found := find_file(root, end)) is not None), None)
        if name is not None:
            claims.setdefault(name, []).append(image)
    located = 0
    for name, claimants in claims.items():
        paths = {image.path for image in claimants}
        meant = {name} if name in paths else meant_by(paths, (root / name).absolute().as_posix())
        if not meant:
            several = first_few(sorted(paths), 3)
            notes.remark(f"missing: {root / name} may be any of {len(paths)} images, {several}; {_WHICH}")
        for image in claimants:
            if image.path in meant:
                located += 1
                _take_file(image, name, root, notes, upright=upright)
    if images is not None and labels.images and not located:
        raise DataError(
            f"none of the {len(labels.images)} images is in {images}, e.g. {labels.images[0].path}"
            + (f"; the paths of several end in the same file: {_WHICH}" if claims else "")
        )
    if 0 < located < len(labels.images):
        notes.remark(f"missing: {len(labels.images) - located} of {len(labels.images)} images are not in {root}")
    labels.root = root if located else None


def find_file(root: Path, name: str) -> str | None:
    """A name below the root that is a file; CVAT names frames of videos without the suffix that their files have."""
    if is_file(root / name):
        return name
    if is_image_name(PurePath(name)):
        return None
    return next((name + suffix for suffix in _SUFFIXES if is_file(root / (name + suffix))), None)


def _take_file(image: LabeledImage, name: str, root: Path, notes: Notes, *, upright: bool) -> None:
    if name != image.path:
        without = name.removesuffix(PurePath(name).suffix) == image.path
        how = "named without a suffix, found with one" if without else "found by the end of their path"
        notes.guessed[f"images {how}"] += 1
        image.folder, image.file_name = "", name
    if image.size is None:
        image.size = upright_size(root / name) if upright else _header(root / name)[0]


def below_common(names: list[str]) -> dict[str, str]:
    """Names below the folder that all of them share: files of other machines are named in full.

    Where they share none, as on two drives, C:/a.png becomes C/a.png and /a.png becomes a.png.
    """
    parts = {name: PurePosixPath(local_name(name)).parts for name in names}
    folders = [p[:-1] for p in parts.values()]
    common = 0
    while folders and all(len(f) > common and f[common] == folders[0][common] for f in folders):
        common += 1
    below = {name: "/".join(p[common:]).lstrip("/") for name, p in parts.items()}
    return {name: re.sub(r"\A([A-Za-z]):(?=/)", r"\1", path) for name, path in below.items()}


def is_file(path: Path) -> bool:
    """Whether a file is there; a name too long for the system is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _ends(path: str) -> list[str]:
    """a/b/c.jpg, b/c.jpg, c.jpg; of a longer path than people have, its last parts.

    Not /c.jpg of b//c.jpg: what begins so leads out of the folder.
    """
    parts = path.split("/")
    ends = ["/".join(parts[i:]) for i in range(max(0, len(parts) - _PARTS), len(parts))]
    return [end for end in ends if not leaves_folder(end)]


def turn(labels: LabelSet, *, upright: bool, notes: Notes) -> None:
    """Turn the coordinates of images that are stored turned, from the upright image to the stored one or back.

    An outline is left out. Without the images nothing is turned, which is said.

    Args:
        upright: whether the coordinates shall be those of the upright image.
    """
    if labels.root is None:
        notes.remark(
            "guessed: no image is stored turned (EXIF), as none was found to look at; give their folder by --images, "
            "or the annotations of such images lie on their side"
        )
        return
    people = labels.people_by_image()
    for image in labels.images:
        stored, orientation = _header(labels.root / image.path)
        if stored is None or orientation == 1 or image.size is None:
            continue
        shown = stored if orientation < 5 else (stored[1], stored[0])
        if image.size != (stored if upright else shown):
            continue
        notes.guessed["images stored turned (EXIF), whose annotations were turned too"] += 1
        for person in people[id(image)]:
            notes.lost["outlines"] += bool(person.extra.get("segmentation"))
            _turn_person(person, stored, orientation, upright=upright)
        image.size = shown if upright else stored


def _turn_person(person: LabeledPerson, stored: tuple[int, int], orientation: int, *, upright: bool) -> None:
    move = shown_from_stored if upright else stored_from_shown
    points = person.keypoints_img.copy()
    labeled = points[:, 2] > 0
    points[labeled, :2] = move(points[labeled, :2], stored, orientation)
    person.keypoints_img = points
    if person.box_xywh is not None:
        x, y, w, h = person.box_xywh
        corners = move(np.array([[x, y], [x + w, y + h]]), stored, orientation)
        person.box_xywh = extent(corners)
    person.extra = {key: value for key, value in person.extra.items() if key != "segmentation"}


def stored_from_shown(points: Floats, stored: tuple[int, int], orientation: int) -> Floats:
    """Points (N, 2) of the upright image, in the stored one of (height, width) `stored`.

    Orientations are those of EXIF 2.3, tag 0x0112: 1 upright, 3 turned by 180 degrees, 6 and 8 by 90, the others
    mirrored as well.
    """
    height, width = stored
    x, y = points.T
    moved = {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (y, height - x),
        7: (width - y, height - x),
        8: (width - y, x),
    }[orientation]
    return np.stack(moved, axis=1)


def shown_from_stored(points: Floats, stored: tuple[int, int], orientation: int) -> Floats:
    """The way back of `stored_from_shown`."""
    height, width = stored
    x, y = points.T
    moved = {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }[orientation]
    return np.stack(moved, axis=1)
