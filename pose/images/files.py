"""Images to work on: files, those found in folders, and arrays with a name; and reading files ahead."""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from pose.images.names import explain_missing, is_pattern
from pose.images.read import read_and_check
from pose.images.types import Image, check_image
from pose.runtime.errors import DataError
from pose.runtime.paths import user_path
from pose.runtime.text import first_few, plural

# What OpenCV 5.0 decodes into colors of 8 or 16 bits, by the usual names of such files.
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".apng", ".webp", ".avif", ".gif", ".bmp", ".dib",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pxm", ".ras", ".sr",
)
# fmt: on
_HEIC = (".heic", ".heif", ".hif")


@dataclass(frozen=True, eq=False)
class ImageInput:
    """An image to work on, in a file or in memory.

    Attributes:
        name: what results call it; of a file the path below the folder that was given.
        path: None for an array.
        named: whether the user gave it by itself, and not by its folder.
        array: (H, W, 3) uint8 RGB; None for a file.
    """

    name: str
    path: Path | None
    named: bool
    array: Image | None = None


def is_image_name(path: PurePath) -> bool:
    """Whether a file is an image by the end of its name."""
    return path.suffix.lower() in SUFFIXES


def files_below(folder: Path) -> list[Path]:
    """The files in a folder and its sub-folders, sorted.

    Links to folders are followed, but no folder is entered twice, so that a link to a folder above does no harm.
    A folder that may not be read is warned of.
    """
    seen: set[str] = set()
    found: list[Path] = []
    folders, links = [folder], deque[Path]()
    while folders or links:
        current = folders.pop() if folders else links.popleft()  # real folders first: they keep their own names
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if entry.is_dir():
                        (links if entry.is_symlink() else folders).append(current / entry.name)
                    elif entry.is_file():
                        found.append(current / entry.name)
        except PermissionError:
            warnings.warn(f"{current} may not be read, so its files are left out", stacklevel=2)
        links = deque(sorted(links))
    return sorted(found)


def find_images(
    inputs: Sequence[Path] | Mapping[str, Image], *, out: Path, tell: Callable[[str], None] = lambda line: None
) -> list[ImageInput]:
    """Image files, and those of folders with their sub-folders: each once, those that were named first.

    Args:
        inputs: paths, patterns such as "photos/*.jpg", or arrays (H, W, 3) of uint8 in RGB by their names.
        out: where results go; nothing below it is read, nor anything hidden.
        tell: gets a line of how many files of folders are used, and of which suffixes others are left out.
    Raises:
        FileNotFoundError, DataError: an input is missing or no image, or there is none in all.
    """
    if isinstance(inputs, Mapping):
        return _named_arrays(inputs)
    listed: list[tuple[str, Path, bool]] = []
    left_out = Counter[str]()
    below_out = out.resolve()
    for given in _resolved(inputs):
        if given.is_dir():
            if below_out == given.resolve():
                raise DataError(f"--out {out} is the folder of the images, which would be overwritten; give another")
            for path in files_below(given):
                relative = path.relative_to(given)
                hidden = any(part.startswith(".") for part in relative.parts)
                # Results that lie in the folder are no input; a folder of images that lies in `out` is one.
                ours = given.resolve() in below_out.parents and below_out in path.resolve().parents
                if hidden or ours:
                    continue
                if is_image_name(path):
                    listed.append((relative.as_posix(), path, False))
                else:
                    left_out[path.suffix.lower() or "without suffix"] += 1
        elif given.is_file():
            if given.suffix.lower() in _HEIC:
                raise DataError(
                    f"{given} is HEIC, as telephones store it, which is not read here; convert it to JPEG"
                )
            if not is_image_name(given):
                raise DataError(f"{given} is no image; expected {', '.join(SUFFIXES)}, or a folder")
            listed.append((given.name, given, True))
        else:
            raise FileNotFoundError(f"no image or folder {given}; {explain_missing(given)}")
    if not listed:
        there = f" (there are {_counts(left_out)})" if left_out else ""
        raise DataError(f"no image in {first_few(inputs) or 'the list given'}{there}; expected {', '.join(SUFFIXES)}")
    found: dict[Path, ImageInput] = {}
    for name, path, named in sorted(listed, key=lambda entry: not entry[2]):
        found.setdefault(path.resolve(), ImageInput(name, path, named))
    if any(not named for _, _, named in listed):
        tell(_used(len(listed), len(found), left_out))
    return list(found.values())


def check_names(images: Sequence[ImageInput]) -> None:
    """Make sure that boxes, which know images by their names, can tell them apart.

    Raises:
        DataError: two have one name.
    """
    seen: dict[str, Path | None] = {}
    for image in images:
        if image.name in seen:
            raise DataError(
                f"{seen[image.name]} and {image.path} are both {image.name} below the folder that was given, and "
                "boxes are known by that; give the folder above both"
            )
        seen[image.name] = image.path


def _resolved(inputs: Sequence[Path]) -> Iterator[Path]:
    """The paths, with `~` and patterns as a shell resolves them where they are not in quotes."""
    for given in map(user_path, inputs):
        matches = sorted(glob.glob(str(given), recursive=True)) if is_pattern(str(given)) else []
        yield from map(Path, matches) if matches and not given.exists() else [given]


def _used(listed: int, used: int, left_out: Counter[str]) -> str:
    """For example "11 files: 8 images, 3 left out: .heic 2, .txt 1"."""
    if listed > used:
        left_out = left_out + Counter({"given twice": listed - used})
    files = plural(used + left_out.total(), "file")
    out = f", {left_out.total()} left out: {_counts(left_out)}" if left_out else ""
    return f"{files}: {plural(used, 'image')}{out}"


def _counts(suffixes: Counter[str]) -> str:
    return first_few(f"{suffix} {count}" for suffix, count in suffixes.most_common())


def _named_arrays(arrays: Mapping[str, Image]) -> list[ImageInput]:
    if not arrays:
        raise DataError("no image in the list given; expected arrays by their names, or paths")
    for name in arrays:
        if not name or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise DataError(f"an image is called {name!r}; results need a name below their folder, e.g. 'a/b.jpg'")
    return [ImageInput(name, None, True, check_image(array, name)) for name, array in arrays.items()]


def read_ahead(
    images: Sequence[ImageInput], *, upright: bool, workers: int
) -> Iterator[Callable[[], tuple[Image, bool]]]:
    """For each image what gives its pixels and whether its file is cut off, or raises what reading it raises.

    Args:
        upright: turn files by their EXIF orientation.
        workers: threads that read ahead; 0 reads each when its turn comes.
    """
    read = partial(_read, upright=upright)
    if workers == 0:
        yield from (partial(read, image) for image in images)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[tuple[Image, bool]]] = deque()
        for image in images:
            waiting.append(pool.submit(read, image))
            if len(waiting) > workers:  # more would only fill the memory
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result


def _read(image: ImageInput, *, upright: bool) -> tuple[Image, bool]:
    if image.array is not None:
        return image.array, False
    assert image.path is not None
    return read_and_check(image.path, upright=upright)
