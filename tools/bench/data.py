"""Training samples a second on one core, from image files to what the network and the loss take.

    POSE_COCO_SAMPLE=FOLDER OMP_NUM_THREADS=1 python tools/bench/data.py [--quick]

FOLDER has annotations/ and images/ of COCO 2017, or a part of it. The baseline is the textbook way of HRNet and
SimpleBaselines: each person's image is decoded, flipped if so drawn, warped by a matrix from three points, made a
normalized float tensor, and its keypoints are mapped and painted one at a time. Both draw the same augmentation.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from codec import plain_targets
from numpy.typing import NDArray
from timing import Row, interleave, markdown, median_ms, row
from torch import Tensor

from pose.codecs.heatmap import encode
from pose.data.coco import load_coco
from pose.data.dataset import PeopleDataset
from pose.data.loader import WINDOW, EpochSampler, make_loader
from pose.data.people import Person, ground_truth_people
from pose.data.transforms import IMAGE_MEAN, IMAGE_STD, Augment, normalize
from pose.images.cache import DiskCache
from pose.images.read import read_image
from pose.keypoints.skeletons import COCO17
from pose.runtime.streams import Stream, stream

INPUT, HEATMAP = (256, 192), (64, 48)
BATCH = 64
AUGMENT = Augment()
Array = NDArray[Any]
# Images (B, 3, H, W), targets (B, K, H / 4, W / 4), weights (B, K), and which people they are.
Arrays = tuple[Tensor, Tensor, Tensor, list[int]]


def plain_half_body(points: Array, rng: np.random.Generator) -> tuple[Array, Array] | None:
    """HRNet's half_body_transform: center and size of the box."""
    upper, lower = [], []
    for k in range(17):
        if points[k, 2] > 0:
            (upper if k <= 10 else lower).append(points[k, :2])
    prefer_upper = rng.standard_normal() < 0.5 and len(upper) > 2
    selected = lower if not prefer_upper and len(lower) > 2 else upper
    if len(selected) < 2:
        return None
    chosen = np.array(selected, dtype=np.float64)
    return chosen.mean(axis=0), chosen.max(axis=0) - chosen.min(axis=0)


def plain_size(size: Array, padding: float) -> Array:
    w, h = size
    aspect = INPUT[1] / INPUT[0]
    if w > aspect * h:
        h = w / aspect
    elif w < aspect * h:
        w = h * aspect
    return np.array([w, h]) * padding


def plain_affine(center: Array, size: Array, degrees: float) -> Array:
    """HRNet's get_affine_transform: three points, and OpenCV solves for the matrix."""
    angle = np.pi * degrees / 180
    sn, cs = np.sin(angle), np.cos(angle)

    def third(a: Array, b: Array) -> Array:
        direct = a - b
        return b + np.array([-direct[1], direct[0]], dtype=np.float32)

    width, height = INPUT[1], INPUT[0]
    src, dst = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
    reach = size[0] * -0.5
    src[0], src[1] = center, center + np.array([-reach * sn, reach * cs])
    dst[0], dst[1] = [width * 0.5, height * 0.5], [width * 0.5, height * 0.5 - width * 0.5]
    src[2], dst[2] = third(src[0], src[1]), third(dst[0], dst[1])
    return np.asarray(cv2.getAffineTransform(src, dst))


def plain_sample(person: Person, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
    """HRNet's JointsDataset.__getitem__."""
    rng = stream(Stream.CROP, 0, epoch, person.id)
    image = cv2.imread(str(person.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    assert person.keypoints_img is not None
    points = person.keypoints_img.astype(np.float64)
    visible = points[:, 2] > 0
    x, y, w, h = person.box_xywh
    center, size = np.array([x + w * 0.5, y + h * 0.5]), plain_size(np.array([w, h]), 1.25)
    if visible.sum() > AUGMENT.half_body_min_keypoints and rng.random() < AUGMENT.half_body:
        half = plain_half_body(points, rng)
        if half is not None:
            center, size = half[0], plain_size(half[1], 1.5)
    size = size * np.clip(rng.standard_normal() * AUGMENT.scale + 1, 1 - AUGMENT.scale, 1 + AUGMENT.scale)
    degrees = 0.0
    if rng.random() < AUGMENT.rotation_prob:
        degrees = rng.uniform(-AUGMENT.rotation, AUGMENT.rotation)
    if rng.random() < AUGMENT.flip:
        image = image[:, ::-1, :]
        points[:, 0] = image.shape[1] - points[:, 0] - 1
        for left, right in COCO17.flip_pairs:
            points[left], points[right] = points[right].copy(), points[left].copy()
        center[0] = image.shape[1] - center[0] - 1
    matrix = plain_affine(center, size, degrees)
    crop = cv2.warpAffine(image, matrix, (INPUT[1], INPUT[0]), flags=cv2.INTER_LINEAR)
    # torchvision's ToTensor and Normalize.
    tensor = torch.from_numpy(crop).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    mean, std = torch.tensor(IMAGE_MEAN)[:, None, None], torch.tensor(IMAGE_STD)[:, None, None]
    tensor = tensor.clone().sub_(mean).div_(std)
    for k in range(17):
        if points[k, 2] > 0:
            points[k, :2] = np.dot(matrix, np.array([points[k, 0], points[k, 1], 1.0]))[:2]
    target, weights = plain_targets(points[:, :2], (points[:, 2] > 0).astype(np.float32))
    return tensor, torch.from_numpy(target), torch.from_numpy(weights)


def plain_epoch(people: Sequence[Person], epoch: int) -> list[Arrays]:
    order = list(EpochSampler(len(people), seed=0, epoch=epoch))
    batches = []
    for start in range(0, len(order), BATCH):
        indexes = [index for _, index in order[start : start + BATCH]]
        images, targets, weights = zip(*(plain_sample(people[i], epoch) for i in indexes), strict=True)
        batches.append((torch.stack(images), torch.stack(targets), torch.stack(weights), indexes))
    return batches


def our_epoch(dataset: PeopleDataset, epoch: int, groups: Sequence[int] | None) -> list[Arrays]:
    sampler = EpochSampler(len(dataset), seed=0, epoch=epoch, groups=groups, window=WINDOW * BATCH)
    batches = []
    for b in make_loader(dataset, batch_size=BATCH, workers=0, sampler=sampler):
        targets, weights = encode(b.keypoints_crop / 4, b.weights, heatmap_size=HEATMAP)
        batches.append((normalize(b.images), targets, weights, b.index.tolist()))
    return batches


def sample_folder() -> Path:
    folder = os.environ.get("POSE_COCO_SAMPLE")
    if not folder:
        raise ValueError("set POSE_COCO_SAMPLE to a folder with annotations/ and images/ of COCO 2017")
    return Path(folder)


def load_people(sample: Path, *, quick: bool) -> list[Person]:
    coco = load_coco(sample / "annotations/person_keypoints_train2017.json", COCO17)
    return ground_truth_people(coco, sample / "images/train2017", limit=20 if quick else None)


def cases(people: Sequence[Person], cache: Path) -> dict[str, Callable[[int], list[Arrays]]]:
    """An epoch each way, as a function of its number."""

    def dataset(read: Callable[[Path], NDArray[np.uint8]] = read_image) -> PeopleDataset:
        return PeopleDataset(people, COCO17, input_size=INPUT, augment=AUGMENT, read=read)

    groups = [person.image_id for person in people]
    stored = DiskCache(cache, max_bytes=10**9)
    return {
        "baseline": partial(plain_epoch, people),
        "grouped": lambda epoch: our_epoch(dataset(), epoch, groups),
        "plain order": lambda epoch: our_epoch(dataset(), epoch, None),
        "grouped, cache": lambda epoch: our_epoch(dataset(stored), epoch, groups),
        "plain order, cache": lambda epoch: our_epoch(dataset(stored), epoch, None),
    }


def mixing(images: Sequence[int], batch: int, *, grouped: bool, epochs: int = 20) -> tuple[float, float]:
    """How many others of a sample's batch are of its image (mean), and decodings over people.

    An image is decoded once for each list that a worker gets: a window if grouped, else a batch.
    """
    others = decodings = 0
    sampler = EpochSampler(len(images), seed=0, groups=images if grouped else None, window=WINDOW * batch)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        order = [images[index] for _, index in sampler]
        for start in range(0, len(order), batch):
            others += sum(n * (n - 1) for n in Counter(order[start : start + batch]).values())
        size = WINDOW * batch if grouped else batch
        decodings += sum(len(set(order[start : start + size])) for start in range(0, len(order), size))
    return others / len(images) / epochs, decodings / len(images) / epochs


def rows(quick: bool) -> list[Row]:
    """Epochs of the sample's people; the files and the cache are in the system's memory."""
    people = load_people(sample_folder(), quick=quick)
    counter = iter(range(10**6))
    with tempfile.TemporaryDirectory() as folder:
        functions = cases(people, Path(folder))

        def timed(function: Callable[[int], list[Arrays]]) -> Callable[[], object]:
            return lambda: function(next(counter))

        times = interleave(
            {name: timed(function) for name, function in functions.items()},
            repeats=1 if quick else 9,
            warmup=1 if quick else 2,
        )
    # ">= 1" is for the record: a batch of so few images shares more of them by chance than one of a large data set.
    targets = {"grouped": ">= 2.5", "plain order": ">= 1", "grouped, cache": ">= 4", "plain order, cache": ">= 4"}
    speeds = {name: len(people) / median_ms(times, name) * 1e3 for name in functions}
    return [
        row(
            times,
            what=f"{len(people)} training samples, {name}",
            against="the textbook way: decode, flip, warp, per-keypoint targets",
            target=target,
            ours=name,
            baseline="baseline",
            note=f"{speeds[name]:.0f} samples/s against {speeds['baseline']:.0f}",
        )
        for name, target in targets.items()
    ]


def mixing_table(images: Sequence[int]) -> str:
    """`mixing` of a data set a hundred times as large, with as many people an image."""
    many = [copy * 10**9 + image for copy in range(100) for image in images]
    lines = [
        "| batch | order | of a batch's others, from a sample's image | decodings a person |",
        "|---|---|---|---|",
    ]
    for batch in (32, 128):
        for grouped in (False, True):
            others, decodings = mixing(many, batch, grouped=grouped, epochs=3)
            lines.append(f"| {batch} | {'grouped' if grouped else 'plain'} | {others:.2f} | {decodings:.2f} |")
    pairs = sum(n * n for n in Counter(images).values()) / len(images) - 1
    return "\n".join(lines) + f"\n\nA sample shares its image with {pairs:.2f} others on average."


def half_scale(people: Sequence[Person], *, epochs: int = 10) -> str:
    """What decoding at half the size, which libjpeg does by itself, could save where crops shrink as much."""
    dataset = PeopleDataset(people, COCO17, input_size=INPUT, augment=AUGMENT)
    least: dict[tuple[int, Path], float] = {}  # image pixels a crop pixel, of each image of an epoch
    for epoch in range(epochs):
        for index, person in enumerate(people):
            size = abs(float(np.linalg.det(dataset[epoch, index].affine[:, :2]))) ** -0.5
            least[epoch, person.path] = min(size, least.get((epoch, person.path), np.inf))
    share = np.mean(np.array(list(least.values())) >= 2)
    files = [np.fromfile(path, np.uint8) for path in {person.path for person in people}]
    flags = {"full": cv2.IMREAD_COLOR, "half": cv2.IMREAD_REDUCED_COLOR_2}
    functions = {name: partial(_decode_all, files, flag) for name, flag in flags.items()}
    times = interleave(functions, repeats=5, warmup=1, clock=time.process_time)
    full, half = (median_ms(times, name) / len(files) for name in flags)
    return (
        f"Of {share:.1%} of the images all people are made smaller by 2 or more; decoding these at half their size "
        f"takes {half:.2f} ms instead of {full:.2f}: {share * (1 - half / full):.1%} of all decoding saved."
    )


def _decode_all(files: Sequence[Array], flag: int) -> None:
    for data in files:
        cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it runs")
    quick = parser.parse_args().quick
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(markdown(rows(quick=quick)))
    people = load_people(sample_folder(), quick=False)
    print("\n" + mixing_table([person.image_id for person in people]))
    print("\n" + half_scale(people))


if __name__ == "__main__":
    main()
