"""Images to work on: files, those found in folders, and arrays with a name; and reading files ahead."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from pose.images.read import read_and_check
from pose.images.types import Image, check_image
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


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


def find_images(inputs: Sequence[Path] | Mapping[str, Image], *, out: Path) -> list[ImageInput]:
    """Image files, and those of folders with their sub-folders: each once, those that were named first.

    Args:
        inputs: paths, or arrays (H, W, 3) of uint8 in RGB by their names.
        out: where results go; nothing below it is read, nor anything hidden.
    Raises:
        FileNotFoundError, DataError: an input is missing or no image, or there is none in all.
    """
    if isinstance(inputs, Mapping):
        return _named_arrays(inputs)
    listed: list[tuple[str, Path, bool]] = []
    below_out = out.resolve()
    for given in map(Path, inputs):
        if given.is_dir():
            if below_out == given.resolve():
                raise DataError(f"--out {out} is the folder of the images, which would be overwritten; give another")
            for path in sorted(given.rglob("*")):
                relative = path.relative_to(given)
                hidden = any(part.startswith(".") for part in relative.parts)
                # Results that lie in the folder are no input; a folder of images that lies in `out` is one.
                ours = given.resolve() in below_out.parents and below_out in path.resolve().parents
                if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and not ours:
                    listed.append((relative.as_posix(), path, False))
        elif given.is_file():
            if given.suffix.lower() not in SUFFIXES:
                raise DataError(f"{given} is no image; expected {', '.join(SUFFIXES)}, or a folder")
            listed.append((given.name, given, True))
        else:
            url = "; it is a URL, and nothing is downloaded here" if re.match(r"https?:/", str(given)) else ""
            raise FileNotFoundError(f"no image or folder {given}{url or '; check the path'}")
    if not listed:
        raise DataError(f"no image in {first_few(inputs) or 'the list given'}; expected {', '.join(SUFFIXES)}")
    found: dict[Path, ImageInput] = {}
    for name, path, named in sorted(listed, key=lambda entry: not entry[2]):
        found.setdefault(path.resolve(), ImageInput(name, path, named))
    return list(found.values())


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
