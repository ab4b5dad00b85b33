"""Image files in folders, found and read ahead."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pose.images.types import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class ImageFile:
    """An image: its name below the folder given, its file, and whether the user named it."""

    name: str
    path: Path
    named: bool


def find_images(inputs: Sequence[Path], *, out: Path) -> list[ImageFile]:
    """Image files, and those of folders with their sub-folders: each once, those that were named first.

    Args:
        out: where results go; nothing below it is read, nor anything hidden.
    Raises:
        FileNotFoundError, ValueError: an input is missing or no image, or there is none in all.
    """
    listed: list[tuple[str, Path, bool]] = []
    below_out = out.resolve()
    for given in map(Path, inputs):
        if given.is_dir():
            if below_out == given.resolve():
                raise ValueError(f"--out {out} is the folder of the images, which would be overwritten; give another")
            for path in sorted(given.rglob("*")):
                relative = path.relative_to(given)
                hidden = any(part.startswith(".") for part in relative.parts)
                # Results that lie in the folder are no input; a folder of images that lies in `out` is one.
                ours = given.resolve() in below_out.parents and below_out in path.resolve().parents
                if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and not ours:
                    listed.append((relative.as_posix(), path, False))
        elif given.is_file():
            if given.suffix.lower() not in SUFFIXES:
                raise ValueError(f"{given} is no image; expected {', '.join(SUFFIXES)}, or a folder")
            listed.append((given.name, given, True))
        else:
            url = "; it is a URL, and nothing is downloaded here" if re.match(r"https?:/", str(given)) else ""
            raise FileNotFoundError(f"no image or folder {given}{url or '; check the path'}")
    if not listed:
        raise ValueError(
            f"no image in {', '.join(map(str, inputs)) or 'the list given'}; expected {', '.join(SUFFIXES)}"
        )
    found: dict[Path, ImageFile] = {}
    for name, path, named in sorted(listed, key=lambda entry: not entry[2]):
        found.setdefault(path.resolve(), ImageFile(name, path, named))
    return list(found.values())


def read_ahead(paths: Sequence[Path], read: Callable[[Path], Image], workers: int) -> Iterator[Callable[[], Image]]:
    """For each path what gives its image, or raises what `read` raises.

    Args:
        workers: threads that read ahead; 0 reads each when its turn comes.
    """
    if workers == 0:
        yield from (partial(read, path) for path in paths)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Image]] = deque()
        for path in paths:
            waiting.append(pool.submit(read, path))
            if len(waiting) > workers:  # more would only fill the memory
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result
