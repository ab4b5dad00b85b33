"""Samples and batches: values, and that nothing but (seed, epoch, person) decides them."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from pose.data.dataset import Batch, PeopleDataset, Sample, collate
from pose.data.loader import EpochSampler, make_loader
from pose.data.people import Person
from pose.data.transforms import Augment
from pose.images.read import read_image
from pose.images.warp import warp
from pose.keypoints.geometry import apply_affine, invert_affine
from pose.keypoints.skeletons import COCO17
from pose.runtime.distributed import Shard

INPUT = (256, 192)
EXTRA = [{"name": "ColorJitter", "p": 0.8}, {"name": "CoarseDropout", "p": 0.5}, {"name": "GaussNoise", "p": 0.5}]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Person]:
    """Ten people on three images of noise."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    found = []
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    for number in range(10):
        x, y = rng.uniform(0, 100, 2)
        points = rng.uniform([x, y], [x + 80, y + 120], (17, 2))
        keypoints = np.column_stack([points, rng.integers(0, 3, 17)]).astype(np.float32)
        path = folder / f"{number % 3}.png"
        found.append(Person(100 + number, number % 3, path, (x, y, 80.0, 120.0), keypoints, (240, 320), 5000.0))
    return found


def make(people: list[Person], **other: Any) -> PeopleDataset:
    return PeopleDataset(people, COCO17, **{"input_size": INPUT, "augment": Augment(), "seed": 3, **other})


def test_means_are_taken_only_where_asked(people: list[Person]) -> None:
    small = {"augment": None, "input_size": (64, 48)}
    plain, mean, extra = (
        make(people, **small, **other)[0]
        for other in ({}, {"average": True}, {"average": True, "extra": [{"name": "GaussNoise", "p": 0.0}]})
    )
    image = read_image(people[0].path)
    np.testing.assert_array_equal(plain.image, warp(image, plain.affine, (64, 48)))
    np.testing.assert_array_equal(mean.image, warp(image, plain.affine, (64, 48), average=True))
    np.testing.assert_array_equal(mean.image, extra.image)
    assert (mean.image != plain.image).any()


def digest(batches: Iterable[Batch]) -> str:
    sha = hashlib.sha256()
    for b in batches:
        for tensor in (b.images, b.keypoints_crop, b.weights, b.index, b.affines):
            sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()


def epochs(dataset: PeopleDataset, workers: int) -> list[str]:
    """The digests of two epochs from one loader, whose workers persist."""
    sampler = EpochSampler(len(dataset), seed=3)
    loader = make_loader(dataset, batch_size=4, workers=workers, sampler=sampler)
    found = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        found.append(digest(loader))
    return found


@pytest.fixture
def spawning() -> Iterator[Callable[[], None]]:
    """Call it to have worker processes spawned, as on systems without fork."""
    before = multiprocessing.get_start_method()
    yield lambda: multiprocessing.set_start_method("spawn", force=True)
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_number_and_kind_of_workers_change_nothing(people: list[Person], spawning: Callable[[], None]) -> None:
    dataset = make(people, extra=EXTRA)
    want = epochs(dataset, 0)
    assert want[0] != want[1]
    assert epochs(dataset, 2) == want
    assert epochs(make(people, extra=EXTRA, seed=4), 0)[0] != want[0]
    spawning()
    assert epochs(dataset, 1) == want


def test_a_sample_depends_on_seed_epoch_and_person_only(people: list[Person]) -> None:
    dataset = make(people, extra=EXTRA)
    first = dataset[(5, 2)]
    for index in (7, 2, 0):
        dataset[(4, index)]
    again = dataset[(5, 2)]
    alone = make(people[2:3], extra=EXTRA)[(5, 0)]
    for other in (again, alone):
        np.testing.assert_array_equal(first.image, other.image)
        np.testing.assert_array_equal(first.keypoints_crop, other.keypoints_crop)
    assert (dataset[(6, 2)].affine != first.affine).any()
    dataset.set_epoch(5)
    np.testing.assert_array_equal(dataset[2].image, first.image)


def test_global_random_states_are_neither_read_nor_moved(people: list[Person]) -> None:
    def states() -> tuple[bytes, bytes]:
        return torch.get_rng_state().numpy().tobytes(), pickle.dumps(np.random.get_state())  # noqa: NPY002

    dataset = make(people, extra=EXTRA)
    before = states()
    first = epochs(dataset, 0)
    assert states() == before
    torch.manual_seed(99)
    assert epochs(make(people, extra=EXTRA), 0) == first


def test_extra_draws_do_not_change_the_geometry(people: list[Person]) -> None:
    for index in range(10):
        plain, extra = make(people)[(0, index)], make(people, extra=EXTRA)[(0, index)]
        np.testing.assert_array_equal(plain.affine, extra.affine)
        # albumentations carries keypoints as float32.
        np.testing.assert_allclose(plain.keypoints_crop, extra.keypoints_crop, atol=2e-4)


def test_plain_crop_and_batch(people: list[Person]) -> None:
    dataset = make(people, augment=None)
    sampler = EpochSampler(10, seed=0, shuffle=False)
    batches = list(make_loader(dataset, batch_size=4, workers=0, sampler=sampler))
    assert [len(b.index) for b in batches] == [4, 4, 2]
    assert torch.cat([b.index for b in batches]).tolist() == list(range(10))
    batch = batches[0]
    assert (batch.images.shape, batch.images.dtype) == ((4, 3, 256, 192), torch.uint8)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert (batch.keypoints_crop.dtype, batch.weights.dtype) == (torch.float32, torch.float32)
    assert batch.affines.dtype == torch.float64
    for row, person in enumerate(people[:4]):
        keypoints = person.keypoints_img
        assert keypoints is not None
        labeled = keypoints[:, 2] > 0
        np.testing.assert_array_equal(batch.weights[row].numpy(), labeled)
        assert (batch.keypoints_crop[row][~torch.from_numpy(labeled)] == 0).all()
        # Back to the image; float32 crop coordinates of some hundreds hold 3e-5.
        back = apply_affine(batch.keypoints_crop[row].numpy(), invert_affine(batch.affines[row].numpy()))
        np.testing.assert_allclose(back[labeled], keypoints[labeled, :2], atol=1e-4)
        np.testing.assert_array_equal(batch.images[row].permute(1, 2, 0).numpy(), dataset[row].image)


def test_flip_swaps_keypoints_and_weights(people: list[Person]) -> None:
    settings = {"half_body": 0.0, "scale": 0.0, "rotation_prob": 0.0}
    plain = make(people, augment=Augment(**settings, flip=0.0))[0]
    flipped = make(people, augment=Augment(**settings, flip=1.0))[0]
    order = COCO17.flip_indices
    np.testing.assert_array_equal(flipped.weights, plain.weights[order])
    labeled = flipped.weights > 0
    want = plain.keypoints_crop[order] * [-1, 1] + [192, 0]
    np.testing.assert_allclose(flipped.keypoints_crop[labeled], want[labeled], atol=1e-4)  # float32
    # Pixel x lands on 192 - x: column 0 of the plain crop falls outside. The warp rounds weights to 1/32 px.
    difference = flipped.image[:, 1:].astype(int) - plain.image[:, :0:-1]
    assert np.abs(difference).mean() < 4


def test_detections_have_no_weights(people: list[Person]) -> None:
    person = Person(0, 0, people[0].path, (5.0, 5.0, 90.0, 100.0), None, (240, 320), 9000.0, 0.9)
    sample = make([person], augment=None)[0]
    assert sample.weights.shape == (17,)
    assert not sample.weights.any()
    assert not sample.keypoints_crop.any()


def test_dataset_pickles_after_use(people: list[Person]) -> None:
    dataset = make(people, extra=EXTRA)
    first = dataset[(0, 0)]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset))[(0, 0)].image, first.image)


def test_wrong_extra_fails_when_built(people: list[Person]) -> None:
    with pytest.raises(ValueError, match="did you mean 'ColorJitter'"):
        make(people, extra=[{"name": "ColorJiter"}])


def test_sampler_order_is_a_function_of_seed_and_epoch() -> None:
    def order(**given: Any) -> list[tuple[int, int]]:
        return list(EpochSampler(50, **given))

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert sorted(i for _, i in order(seed=1, epoch=2)) == list(range(50))
    assert {e for e, _ in order(seed=1, epoch=2)} == {2}
    assert len({tuple(i for _, i in order(seed=s, epoch=e)) for s in (0, 1) for e in (0, 1)}) == 4
    assert order(seed=1, shuffle=False) == [(0, i) for i in range(50)]


def test_sampler_resumes_within_an_epoch() -> None:
    whole = list(EpochSampler(50, seed=1, epoch=2))
    rest = EpochSampler(50, seed=1, epoch=2, start=20)
    assert len(rest) == 30
    assert list(rest) == whole[20:]
    rest.set_epoch(3)
    assert list(rest) == list(EpochSampler(50, seed=1, epoch=3))
    with pytest.raises(ValueError, match=r"\[0, 50\]"):
        rest.set_epoch(3, start=51)


IMAGES = np.repeat(np.arange(40), np.arange(40) % 5 + 1)  # of 120 people, 1 to 5 an image


def test_grouped_order_is_a_function_of_seed_and_epoch() -> None:
    def order(**given: Any) -> list[tuple[int, int]]:
        return list(EpochSampler(120, groups=IMAGES.tolist(), window=24, **given))

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert sorted(i for _, i in order(seed=1, epoch=2)) == list(range(120))
    assert len({tuple(i for _, i in order(seed=s, epoch=e)) for s in (0, 1) for e in (0, 1)}) == 4
    assert order(seed=1, epoch=2, start=30) == order(seed=1, epoch=2)[30:]
    with pytest.raises(ValueError, match="each of 3 samples, got 2"):
        EpochSampler(3, seed=0, groups=[1, 1])


def test_people_of_an_image_share_a_window_but_not_a_batch() -> None:
    windows = within = neighbors = 0
    for epoch in range(200):
        sampler = EpochSampler(120, seed=0, epoch=epoch, groups=IMAGES.tolist(), window=24)
        images = IMAGES[[i for _, i in sampler]]
        windows += sum(len(set(images[begin : begin + 24])) for begin in range(0, 120, 24))
        for begin in range(0, 120, 6):
            batch = images[begin : begin + 6]
            within += int((batch[:, None] == batch).sum()) - 6
        neighbors += int((images[1:] == images[:-1]).sum())
    # Four of the five windows end amid an image at most.
    assert 40 <= windows / 200 <= 44
    # Two of a window's 24 are in one batch of 6 with a probability of 5 / 23; few images are cut by a window's end.
    pairs = sum(n * (n - 1) for n in np.bincount(IMAGES))
    assert within / 200 == pytest.approx(pairs * 5 / 23, rel=0.15)
    # Places of a window are shuffled, so a neighbor is no likelier of the same image than another of the window.
    assert neighbors / 200 / 119 == pytest.approx(within / 200 / 120 / 5, rel=0.15)


@pytest.mark.slow
def test_grouped_batches_do_not_depend_on_workers_or_resuming(people: list[Person]) -> None:
    dataset, groups = make(people * 3, extra=EXTRA), [p.image_id for p in people] * 3

    def batches(workers: int, start: int = 0) -> list[str]:
        sampler = EpochSampler(30, seed=3, start=start, groups=groups, window=12)
        loader = make_loader(dataset, batch_size=4, workers=workers, sampler=sampler)
        found = [digest([batch]) for batch in loader]
        assert len(found) == len(loader)
        return found

    whole = batches(0)
    assert len(whole) == 8
    assert batches(2) == whole
    assert batches(0, start=4) == whole[1:]
    assert batches(2, start=20) == whole[5:]
    by_hand = [dataset[item] for item in EpochSampler(30, seed=3, groups=groups, window=12)]
    assert [digest([collate(by_hand[n : n + 4])]) for n in range(0, 30, 4)] == whole
    with pytest.raises(ValueError, match="whole batches of 5, got 12"):
        make_loader(dataset, batch_size=5, workers=0, sampler=EpochSampler(30, seed=3, groups=groups, window=12))


def indexes(samples: Sequence[Sample]) -> list[int]:
    """A batch that may be empty."""
    return [sample.index for sample in samples]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
def test_shards_cover_each_batch_once(people: list[Person], count: int) -> None:
    """Also from the middle of a window, and where the last batch has fewer people than there are processes."""
    dataset, groups = make(people * 3, augment=None), [p.image_id for p in people] * 3

    def batches(shard: Shard, start: int, workers: int = 0) -> list[list[int]]:
        sampler = EpochSampler(30, seed=3, start=start, groups=groups, window=12)
        loader = make_loader(dataset, batch_size=4, workers=workers, sampler=sampler, collate=indexes, shard=shard)
        found = list(loader)
        assert len(found) == len(loader)
        return found

    assert sorted(chain.from_iterable(batches(Shard(), 0))) == list(range(30))
    for start in (0, 4, 20):
        whole = batches(Shard(), start)
        shares = [batches(Shard(index, count), start) for index in range(count)]
        assert [list(chain.from_iterable(turn)) for turn in zip(*shares, strict=True)] == whole
        assert all(max(map(len, turn)) - min(map(len, turn)) <= 1 for turn in zip(*shares, strict=True))
    assert len(shares[-1][-1]) == (1 if count == 2 else 0)  # of the last two people
    assert batches(Shard(1, count), 0, workers=1) == batches(Shard(1, count), 0)
    with pytest.raises(ValueError, match="a batch of 4 cannot be shared by 5 processes"):
        batches(Shard(0, 5), 0)


def test_shares_are_those_of_tensor_split() -> None:
    for size, count in ((10, 3), (4, 4), (2, 3), (0, 2), (7, 1)):
        shares = [list(Shard(index, count).of(range(size))) for index in range(count)]
        assert shares == [part.tolist() for part in torch.arange(size).tensor_split(count)]


def test_each_image_of_a_window_is_read_once(people: list[Person]) -> None:
    reads: list[Path] = []

    def read(path: Path) -> np.ndarray:
        reads.append(path)
        return read_image(path)

    dataset = make(people, read=read)
    sampler = EpochSampler(10, seed=0, groups=[p.image_id for p in people], window=10)
    assert len(list(make_loader(dataset, batch_size=2, workers=0, sampler=sampler))) == 5
    assert len(reads) == len(set(reads)) == 3


def test_moving_a_batch_keeps_it(people: list[Person]) -> None:
    batch = collate([make(people)[0]])
    assert digest([batch.to("cpu")]) == digest([batch])


def test_a_missing_image_is_named(people: list[Person]) -> None:
    gone = Person(1, 1, Path("gone.jpg"), (5.0, 5.0, 90.0, 100.0), None, (240, 320), 9000.0)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        make([gone])[0]
