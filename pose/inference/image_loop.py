"""What the commands on images share: read one after the other, skip what is broken, and say so at the end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pose.images.files import ImageInput, read_ahead
from pose.images.read import warn_of_cut_off
from pose.images.types import Image
from pose.inference.box_source import BoxSource
from pose.inference.inputs import PredictRequest
from pose.runtime.errors import DataError
from pose.runtime.text import first_few

MAX_PIXELS_HELD = 2**26  # of images that wait for a batch together: 200 MB
Progress = Callable[[int, int], None]  # called with the numbers of images done and in all
Key = TypeVar("Key")


class ImageLoop:
    """Iterating gives the index and the pixels (H, W, 3) of each image that can be read, in order.

    Args:
        upright: turn files by their EXIF orientation.
        workers: threads that read files ahead; 0 reads each when its turn comes.
    Attributes:
        broken: the images that could not be read; each is warned of.
    """

    def __init__(
        self, images: Sequence[ImageInput], *, upright: bool, workers: int = 0, progress: Progress | None = None
    ) -> None:
        self.images, self.upright, self.workers = images, upright, workers
        self.broken: list[ImageInput] = []
        self._progress = progress
        self._done = -1

    def __iter__(self) -> Iterator[tuple[int, Image]]:
        self.tell(0)
        for index, read in enumerate(read_ahead(self.images, upright=self.upright, workers=self.workers)):
            try:
                pixels, cut_off = read()
            except (ValueError, OSError) as error:
                self.broken.append(self.images[index])
                warnings.warn(f"skipped: {error}", stacklevel=2)
                continue
            if cut_off:
                warn_of_cut_off(self.images[index].path or self.images[index].name)
            yield index, pixels

    def requests(self, source: BoxSource) -> Iterator[tuple[int, PredictRequest]]:
        """Give the index of each image that can be read, and the image with its boxes."""
        for index, pixels in self:
            image = self.images[index]
            yield index, PredictRequest(pixels, *source.find(image.name, pixels), image.path)

    def tell(self, done: int) -> None:
        """Report progress."""
        if self._progress is not None and done > self._done:
            self._progress(done, len(self.images))
        self._done = max(done, self._done)

    def finish(self, out: Path) -> tuple[Path, ...]:
        """Report that all is done, and where results are.

        Returns:
            The files that could not be read.
        Raises:
            DataError: among them is one that the user named, or they are all that there were.
        """
        self.tell(len(self.images))
        good = len(self.images) - len(self.broken)
        fatal = [image for image in self.broken if image.named] if good else self.broken
        if fatal:
            raise DataError(
                f"cannot read {first_few(image.path for image in fatal)}: broken, or not images; replace the files "
                f"({good} other images are done, in {out})"
            )
        return tuple(image.path for image in self.broken if image.path is not None)


def in_groups(
    requests: Iterable[tuple[Key, PredictRequest]], batch_size: int
) -> Iterator[list[tuple[Key, PredictRequest]]]:
    """Images whose people fill a batch together, but no more of them than fit in the memory.

    An image of nobody counts as one person, so that progress is told of, and Ctrl-C is heard, among many of them too.
    """
    group: list[tuple[Key, PredictRequest]] = []
    people = pixels = 0
    for key, request in requests:
        more_people = max(1, len(request.boxes_xywh))  # type: ignore[arg-type]
        more_pixels = request.image[..., 0].size
        if group and (people + more_people > batch_size or pixels + more_pixels > MAX_PIXELS_HELD):
            yield group
            group, people, pixels = [], 0, 0
        group.append((key, request))
        people, pixels = people + more_people, pixels + more_pixels
    if group:
        yield group
