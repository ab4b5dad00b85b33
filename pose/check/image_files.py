"""Image files: whether they are there, whole, of the annotated size and upright, and which hold the same image.

Frames: sizes are (height, width). Files are read in threads: decoding happens outside of Python's lock.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pose.check.columns import Split
from pose.check.findings import Findings
from pose.data.image_entries import leaves_folder, local_name
from pose.data.image_sizes import SizeJudgement, judge_sizes
from pose.images.read import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE, UnreadableImage, read_header, read_image
from pose.runtime.arrays import Array
from pose.runtime.system import processors

ORIENTATION = 0x0112  # the EXIF tag
THUMB = 16
CHUNK = 64
_TOO_MANY = f"more than {MAX_IMAGE_PIXELS / 1e6:.0f} million pixels"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class FileProbe:
    """What an image file holds.

    Attributes:
        problem: a kind of finding, "" if there is none.
        size: (height, width) as stored, whatever EXIF says; None if unknown.
        orientation: EXIF's 1 to 8; 1 is upright.
        digest: hash of the bytes; None if the file was not read as a whole.
        thumb: (16, 16) uint8 gray; None if it was not decoded.
    """

    problem: str = ""
    detail: str = ""
    size: tuple[int, int] | None = None
    orientation: int = 1
    digest: bytes | None = None
    thumb: NDArray[np.uint8] | None = None


def probe_files(split: Split, *, decode: bool, progress: Progress | None = None) -> list[FileProbe | None]:
    """Look at the file of each row of the split's images; None where there is no name to look for.

    Args:
        decode: False reads headers only.
        progress: called with (files done, files in all).
    """
    assert split.images_dir is not None
    folder = split.images_dir
    paths = [
        Path(folder, local_name(str(name))) if name and not leaves_folder(str(name)) else None
        for name in split.images.names
    ]
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    found: list[FileProbe | None] = []
    with ThreadPoolExecutor(min(8, processors())) as pool:
        for probes in pool.map(lambda chunk: [p and _look(p, decode=decode) for p in chunk], chunks):
            found += probes
            if progress is not None:
                progress(len(found), len(paths))
    return found


def _look(path: Path, *, decode: bool) -> FileProbe:
    if not path.is_file():
        return FileProbe("image-missing")
    try:
        data = path.read_bytes() if decode else None
        digest = None if data is None else hashlib.blake2b(data, digest_size=16).digest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large or odd images
            with Image.open(path if data is None else io.BytesIO(data)) as image:
                size = (image.height, image.width)
                has_exif = "exif" in image.info or image.format == "TIFF"
                orientation = image.getexif().get(ORIENTATION, 1) if has_exif else 1
                if image.format == "TIFF":  # Pillow tells the size upright; training reads it as stored
                    size = (image.tag_v2[257], image.tag_v2[256])  # type: ignore[attr-defined]
                if max(size) > MAX_IMAGE_SIDE:
                    return FileProbe(
                        "image-unreadable", f"{size[1]} x {size[0]}; sides go up to {MAX_IMAGE_SIDE}", size
                    )
                if size[0] * size[1] > MAX_IMAGE_PIXELS:
                    return FileProbe("image-unreadable", _TOO_MANY, size)
                thumb = _thumbnail(image) if decode else None
    except Exception as error:  # PIL raises whatever a broken file leads it to
        return _second_opinion(path, error)
    if not cv2.haveImageReader(str(path)):
        return FileProbe("image-unreadable", f"OpenCV does not read this format ({image.format})", size)
    return FileProbe("", "", size, orientation, digest, thumb)


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    image.draft("L", (2 * THUMB, 2 * THUMB))  # a JPEG is decoded at an eighth of its size where that is enough
    if image.mode.startswith("I"):  # of 16 bits, which Pillow would cut off at 255
        pixels = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((pixels * (255 / max(1.0, pixels.max()))).astype(np.uint8))
    gray = image.convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
    return np.asarray(gray, dtype=np.uint8)


def _second_opinion(path: Path, error: Exception) -> FileProbe:
    """Ask OpenCV, with which training reads, and which knows some formats that PIL does not."""
    reason = " ".join(str(error).split())
    too_many = isinstance(error, Image.DecompressionBombError)  # for Pillow, whose limit is its own
    if isinstance(error, OSError) and error.filename is not None:
        return FileProbe("image-unreadable", error.strerror or reason)
    if "truncated" in reason or "broken data stream" in reason:
        return FileProbe("image-truncated", f"{path.stat().st_size} bytes")
    try:
        read = read_image(path)
    except (UnreadableImage, OSError):
        broken = "empty file" if not path.stat().st_size else "no image, or broken"
        return FileProbe("image-unreadable", _TOO_MANY if too_many else broken)
    return FileProbe(size=(read.shape[0], read.shape[1]), orientation=read_header(path)[1])


def check_files(split: Split, probes: Sequence[FileProbe | None], found: Findings) -> None:
    """Check the files of one split, and find images that are in it twice."""
    names, judged = split.images.names, judge_probes(split, probes)
    for row, probe in enumerate(probes):
        if probe is None:
            continue
        if probe.problem:
            found.add(probe.problem, split.name, "image", names[row], probe.detail)
        if probe.size is None:
            continue
        height, width = probe.size
        given_height, given_width = split.images.sizes[row]
        detail = f"file {width} x {height}, annotated {given_width:g} x {given_height:g}"
        if judged.other[row]:
            turned = probe.orientation in (5, 6, 7, 8) and (given_height, given_width) == (width, height)
            found.add("image-turned" if turned else "image-size-differs", split.name, "image", names[row], detail)
        elif judged.wrong[row]:
            found.add("image-size-wrong", split.name, "image", names[row], detail)
        elif probe.orientation in range(2, 9):
            found.add("image-exif", split.name, "image", names[row], f"orientation {probe.orientation}")
    whole = [(row, p) for row, p in enumerate(probes) if p is not None and p.digest is not None]
    first: dict[bytes, int] = {}
    fresh = []  # files listed twice have a finding of their own
    for row, p in whole:
        assert p.digest is not None
        if (earlier := first.setdefault(p.digest, row)) == row:
            fresh.append((row, p))
        elif names[earlier] != names[row]:
            found.add("image-repeated", split.name, "image", names[row], f"same bytes as {names[earlier]}")
    earlier_of: dict[int, int] = {}
    for a, b in similar_pairs([p.thumb for _, p in fresh]):
        earlier_of.setdefault(max(a, b), min(a, b))
    for late, early in sorted(earlier_of.items()):
        found.add("image-similar", split.name, "image", names[fresh[late][0]], f"like {names[fresh[early][0]]}")


def judge_probes(split: Split, probes: Sequence[FileProbe | None]) -> SizeJudgement:
    """Judge the annotated size of each image by its file and by what is annotated there."""
    people = split.people
    reach = np.full((len(split.images.records), 2), -np.inf)
    points = np.where(people.labeled[..., None], people.keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    ends = np.where(
        np.isnan(people.boxes).any(axis=1, keepdims=True), -np.inf, people.boxes[:, :2] + people.boxes[:, 2:]
    )
    here = people.image >= 0
    np.maximum.at(reach, people.image[here], np.maximum(points, ends)[here])
    turned = np.array([p is not None and p.orientation != 1 for p in probes], dtype=bool)
    return judge_sizes(split.images.sizes, _stored(probes), reach, turned=turned)


def sizes_taken(split: Split, probes: Sequence[FileProbe | None]) -> Array:
    """Make the sizes (N, 2) that training takes: the file's where those given are missing or wrong."""
    judged = judge_probes(split, probes)
    replaced = np.logical_or(judged.missing, judged.wrong)
    result: Array = np.where(replaced[:, None], _stored(probes), split.images.sizes)
    return result


def _stored(probes: Sequence[FileProbe | None]) -> Array:
    unknown = (np.nan, np.nan)
    sizes = [unknown if p is None or p.size is None else p.size for p in probes]
    return np.array(sizes, dtype=np.float64).reshape(-1, 2)


def check_overlap(
    train: tuple[Split, Sequence[FileProbe | None]], val: tuple[Split, Sequence[FileProbe | None]], found: Findings
) -> None:
    """Find validation images that are in training too, by bytes, or by looks after another encoding or size."""
    (train_split, train_probes), (val_split, val_probes) = train, val
    by_digest = {p.digest: row for row, p in enumerate(train_probes) if p is not None and p.digest is not None}
    rest = []
    for row, probe in enumerate(val_probes):
        if probe is None or probe.digest is None:
            continue
        if probe.digest in by_digest:
            name = train_split.images.names[by_digest[probe.digest]]
            found.add("split-overlap", val_split.name, "image", val_split.images.names[row], f"{name} in training")
        elif probe.thumb is not None:
            rest.append((row, probe.thumb))
    known = [(row, p.thumb) for row, p in enumerate(train_probes) if p is not None and p.thumb is not None]
    said: set[int] = set()
    for a, b in similar_pairs([thumb for _, thumb in (*known, *rest)]):
        low, high = min(a, b), max(a, b)
        if low < len(known) <= high and high not in said:
            said.add(high)
            early, late = train_split.images.names[known[low][0]], val_split.images.names[rest[high - len(known)][0]]
            found.add("split-similar", val_split.name, "image", late, f"like {early} in training")


def similar_pairs(thumbs: Sequence[NDArray[np.uint8] | None], *, tolerance: float = 3.0) -> Iterator[tuple[int, int]]:
    """Find pairs of images that are the same but for encoding and size.

    Candidates agree in one of four 16-bit parts of a difference hash (whether each cell of an 8 x 8 grid is brighter
    than its right neighbor) and in all but a few of its bits; their thumbnails must agree too.

    Args:
        thumbs: (16, 16) uint8 gray each; flat ones say nothing and match nothing.
        tolerance: mean difference in gray levels, of 255.
    """
    rows = [i for i, thumb in enumerate(thumbs) if thumb is not None and thumb.std() > 8]
    if len(rows) < 2:
        return
    stack = np.stack([np.asarray(thumbs[i]) for i in rows]).astype(np.float32)
    cells = stack.reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4))
    bits = (cells > np.roll(cells, -1, axis=2)).reshape(-1, 64)
    parts = np.packbits(bits, axis=1).view(np.uint16)  # (N, 4)
    seen: set[tuple[int, int]] = set()
    for part in range(4):
        order = np.argsort(parts[:, part], kind="stable")
        edges = np.flatnonzero(np.diff(parts[order, part])) + 1
        for group in np.split(order, edges):
            for position in range(len(group) - 1):
                one, others = group[position], group[position + 1 :]
                near = others[(bits[one] != bits[others]).sum(axis=1) <= 6]
                if len(near):
                    near = near[np.abs(stack[one] - stack[near]).mean(axis=(1, 2)) <= tolerance]
                for other in near.tolist():
                    pair = (rows[min(one, other)], rows[max(one, other)])
                    if pair not in seen:
                        seen.add(pair)
                        yield pair
