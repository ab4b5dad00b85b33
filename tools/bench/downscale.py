"""How far noise moves keypoints in large images, by single pixels and by means over blocks of them.

    python tools/bench/downscale.py [MODEL]    # demo by default

Images of generated people are enlarged and get Gaussian noise. What is found there is compared with what is found in
the small clean image: the mean distance in percent of the box's height, of keypoints that score more than 0.2 there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pose.images.types import Image
from pose.images.warp import warp
from pose.inference import base
from pose.inference.load import load
from pose.synthetic.dataset import image_rng
from pose.synthetic.levels import LEVELS
from pose.synthetic.people.image import render_people

PEOPLE = 60
MARGIN = 0.6  # of the box's sides around it, which is more than a crop shows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="demo", help="what `pose.load` takes (default: demo)")
    model = parser.parse_args(argv).model
    torch.set_num_threads(1)
    predictor = load(model, "cpu", flip_test=False)
    people = [(image, box, predictor.predict(image, [box])) for image, box in islice(generated(), PEOPLE)]
    print(f"{predictor}; {PEOPLE} people\n\n| enlarged | deviation of the noise (of 255) | single pixels | means |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(0)
    for scale in (4, 8):
        for noise in (0, 20, 40):
            far: dict[bool, list[float]] = {False: [], True: []}
            for image, box, clean in people:
                sure = clean.scores[0] > 0.2
                large = enlarge(image, scale, noise, rng)
                for average in far:
                    with mock.patch.object(base, "warp", cut(average)):
                        found = predictor.predict(large, [box * scale]).keypoints[0]
                    back = (found + 0.5) / scale - 0.5  # integers are pixel centers
                    far[average] += (np.linalg.norm(back - clean.keypoints[0], axis=1)[sure] / box[3]).tolist()
            single, means = (100 * float(np.mean(each)) for each in far.values())
            print(f"| {scale} times | {noise} | {single:.1f} | {means:.1f} |", flush=True)


def generated() -> Iterator[tuple[Image, NDArray[np.float64]]]:
    """The surroundings of one person of each image, and the box in them."""
    for index in count():
        made = render_people(image_rng(0, "val", index), LEVELS["easy"])
        if made.figures:
            x, y, w, h = made.figures[0].box_xywh.tolist()
            left, top = max(0, int(x - MARGIN * w)), max(0, int(y - MARGIN * h))
            part = made.image[top : int(y + (1 + MARGIN) * h), left : int(x + (1 + MARGIN) * w)]
            yield np.ascontiguousarray(part), np.array([x - left, y - top, w, h])


def enlarge(image: Image, scale: int, noise: float, rng: np.random.Generator) -> Image:
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.float64)
    return np.clip(np.rint(large + rng.normal(0, noise, large.shape)), 0, 255).astype(np.uint8)


def cut(average: bool) -> Any:
    return lambda image, affine, size, **_: warp(image, affine, size, average=average)


if __name__ == "__main__":
    main()
