"""Generated people who are made while training, in the loader's workers: no image twice, and none on the disk.

An image is a pure function of (seed, epoch, number), so neither the number of workers nor a resumed run changes
anything.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pose.config.keypoints import FiguresConfig, SplitConfig
from pose.data.dataset import PeopleDataset
from pose.data.people import Person
from pose.images.types import Image
from pose.keypoints.geometry import clean_boxes
from pose.keypoints.skeletons import COCO17
from pose.runtime.errors import DataError
from pose.runtime.streams import Stream, stream
from pose.runtime.text import plural
from pose.synthetic.annotate import SyntheticImage
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people

PEOPLE_PER_IMAGE = 2
ATTEMPTS = 1000  # so that no training ends after hours by the bad luck of one image
TRIED = 10
LOWER = "lower data.train.min_keypoints and data.train.min_area"


@dataclass(frozen=True, eq=False)
class _Made:
    """A generated image, its (epoch, number), and who of it is trained on: at least one person."""

    place: tuple[int, int]
    image: Image
    people: Sequence[Person]


class StreamedPeople(PeopleDataset):
    """Crops of `PEOPLE_PER_IMAGE` people of each generated image, or of one person twice where no more can be used.

    Args:
        figures: level, seed, and as `train` the number of images of an epoch.
        split: who can be used. An image in which nobody can is replaced by another.
        crops: input_size, unbiased, augment, extra, seed and average, as for `PeopleDataset`.
    """

    def __init__(self, figures: FiguresConfig, split: SplitConfig, **crops: Any) -> None:
        super().__init__((), COCO17, **crops)
        self.figures, self.split = figures, split
        self._made: _Made | None = None

    def __len__(self) -> int:
        return PEOPLE_PER_IMAGE * self.figures.train

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_made": None}

    def describe(self, index: int) -> str:
        """Name where a sample comes from, for messages."""
        return f"generated image {index // PEOPLE_PER_IMAGE} of the epoch"

    def identify(self, indices: Sequence[int]) -> dict[str, list[int]]:
        """List the numbers of samples and of their images within the epoch, for messages."""
        return {"images": sorted({index // PEOPLE_PER_IMAGE for index in indices}), "samples": sorted(indices)}

    def path(self, index: int) -> Path:
        """Return a name for a sample's image, of which there is no file."""
        return Path(f"{index // PEOPLE_PER_IMAGE:09}")

    def person(self, epoch: int, index: int) -> Person:
        """Return who is cropped as sample `index` of an epoch.

        Raises:
            DataError: no image has anybody who can be used.
        """
        people = self._image_of(epoch, index).people
        return replace(people[index % PEOPLE_PER_IMAGE % len(people)], id=index)

    def image(self, epoch: int, index: int) -> Image:
        """Return the image (H, W, 3) uint8 RGB of a sample of an epoch."""
        return self._image_of(epoch, index).image

    def _image_of(self, epoch: int, index: int) -> _Made:
        place = epoch, index // PEOPLE_PER_IMAGE
        if self._made is None or self._made.place != place:
            self._made = self._make(place)
        return self._made

    def _make(self, place: tuple[int, int]) -> _Made:
        for attempt in range(ATTEMPTS):
            rng, image, people = self._render(place, attempt)
            if people:  # which ones differs from image to image, as the first is the one that the camera looks at
                start = int(rng.integers(len(people)))
                return _Made(place, image, people[start:] + people[:start])
        raise DataError(f"{ATTEMPTS} generated images have nobody {self._asked_for()}; {LOWER}")

    def _render(self, place: tuple[int, int], attempt: int) -> tuple[np.random.Generator, Image, list[Person]]:
        """Make an image; give its random stream too, and who of it can be used."""
        rng = stream(Stream.STREAMED, self.figures.seed, *place, attempt)
        made = render_people(rng, LEVELS[self.figures.level])
        return rng, made.image, self._usable(made, number=place[1])

    def _asked_for(self) -> str:
        enough = plural(self.split.min_keypoints, "labeled keypoint")
        return f"with {enough} and an area of {self.split.min_area:g}"

    def warn_of_waste(self) -> None:
        """Make a few images, and warn if most of them have nobody who can be used: training would wait for others."""
        if self.split.min_keypoints == 1 and not self.split.min_area:
            return
        wasted = sum(not self._render((0, number), 0)[2] for number in range(TRIED))
        if wasted > TRIED / 2:
            warnings.warn(
                f"{wasted} of the first {TRIED} generated images have nobody {self._asked_for()}: such images are "
                f"made for nothing, and others in their place; {LOWER}",
                stacklevel=3,
            )

    def _usable(self, made: SyntheticImage, *, number: int) -> list[Person]:
        """List who would be used of the same image in a file."""
        height, width = made.image.shape[:2]
        people = []
        for figure in made.figures:
            x, y, w, h = clean_boxes(figure.box_xywh[None], [(height, width)])[0].tolist()
            enough = (figure.keypoints[:, 2] > 0).sum() >= self.split.min_keypoints
            if enough and figure.area > 0 and figure.area >= self.split.min_area and not np.isnan(x):
                person = Person(
                    id=0,
                    image_id=number,
                    path=self.path(PEOPLE_PER_IMAGE * number),
                    box_xywh=(x, y, w, h),
                    keypoints_img=figure.keypoints.astype(np.float32),
                    image_size=(height, width),
                    area=figure.area,
                )
                people.append(person)
        return people
