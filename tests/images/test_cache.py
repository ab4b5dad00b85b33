"""The cache on disk: the same pixels, and never those of a torn or outdated entry."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.data.dataset import PeopleDataset
from pose.data.loader import EpochSampler, make_loader
from pose.data.people import Person
from pose.data.transforms import Augment
from pose.images import cache as image_cache
from pose.images.cache import DiskCache
from pose.images.read import read_image
from pose.keypoints.skeletons import COCO17
from pose.runtime.files import write_atomic

SIZE = 40 * 56 * 3


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    found = [tmp_path / f"images/{number}.jpg" for number in range(6)]
    found[0].parent.mkdir()
    for path in found:
        cv2.imwrite(str(path), rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))
    return found


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.raw"))


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(image_cache, "read_image", fail)


def test_the_same_pixels_without_decoding_again(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path / "cache", max_bytes=10**6)
    want = [read_image(path) for path in paths]
    for path, image in zip(paths, want, strict=True):
        np.testing.assert_array_equal(cache(path), image)
    assert len(entries(tmp_path / "cache")) == 6
    forbid(monkeypatch)
    for other in (cache, DiskCache(tmp_path / "cache", max_bytes=10**6), pickle.loads(pickle.dumps(cache))):
        for path, image in zip(paths, want, strict=True):
            got = other(path)
            assert (got.dtype, got.shape) == (np.uint8, (40, 56, 3))
            np.testing.assert_array_equal(got, image)


def test_a_changed_image_is_decoded_anew(paths: list[Path], tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", max_bytes=10**6)
    first = cache(paths[0])
    state = paths[0].stat()
    paths[0].write_bytes(paths[1].read_bytes())
    os.utime(paths[0], ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    np.testing.assert_array_equal(cache(paths[0]), read_image(paths[1]))
    assert (cache(paths[0]) != first).any()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),  # blocks that never were written
        lambda data: bytes(len(data)),
        lambda data: data[:8] + b"\x01" + data[9:],  # another height
        lambda data: b"poseimg0" + data[8:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_a_torn_entry_is_not_read_but_written_again(paths: list[Path], tmp_path: Path, damage: object) -> None:
    folder = tmp_path / "cache"
    DiskCache(folder, max_bytes=10**6)(paths[0])
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    assert len(whole) == SIZE + image_cache._HEADER
    assert callable(damage)
    entry.write_bytes(damage(whole))
    np.testing.assert_array_equal(DiskCache(folder, max_bytes=10**6)(paths[0]), read_image(paths[0]))
    assert entry.read_bytes() == whole


def test_a_crash_while_writing_leaves_no_entry(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    cache = DiskCache(folder, max_bytes=10**6)

    def crash(source: str, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pose.runtime.files.os.replace", crash)
        with pytest.raises(KeyboardInterrupt):
            cache(paths[0])
    assert entries(folder) == []
    old, new = folder / "ab/.x.raw.1.part", folder / "ab/.y.raw.2.part"
    for left in (old, new):  # as a killed process leaves them
        write_atomic(left, b"123")
    os.utime(old, (0, 0))
    DiskCache(folder, max_bytes=10**6)(paths[0])
    assert not old.exists()
    assert new.exists()  # may be another worker's, which is still writing
    assert len(entries(folder)) == 1


def test_no_more_than_the_limit(paths: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    limit = 3 * (SIZE + 100) + 100
    for _ in range(2):  # a second process finds it full
        cache = DiskCache(folder, max_bytes=limit)
        for path in paths:
            np.testing.assert_array_equal(cache(path), read_image(path))
        assert len(entries(folder)) == 3
        assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) <= limit


def test_a_full_disk_is_said_once_and_training_goes_on(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path / "cache", max_bytes=10**6)

    def full(path: Path, data: bytes, *, flush: bool) -> None:
        raise OSError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(image_cache, "write_atomic", full)
    with pytest.warns(UserWarning, match=r"data.cache gets no more images: .*No space left"):
        cache(paths[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(cache(paths[1]), read_image(paths[1]))


def test_a_folder_that_cannot_be_and_a_missing_image(paths: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write"):
        DiskCache(paths[0] / "cache", max_bytes=1)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        DiskCache(tmp_path / "cache", max_bytes=10**6)(tmp_path / "gone.jpg")


def read_all(folder: Path, paths: list[Path], turn: int) -> list[bytes]:
    cache = DiskCache(folder, max_bytes=10**6)
    return [cache(paths[n]).tobytes() for n in (turn, *range(6), *range(5, -1, -1))]


def test_several_processes_at_once(paths: list[Path], tmp_path: Path) -> None:
    want = [read_image(path).tobytes() for path in paths]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        found = pool.starmap(read_all, [(tmp_path / "cache", paths, turn) for turn in range(6)])
    for turn, images in enumerate(found):
        assert images == [want[n] for n in (turn, *range(6), *range(5, -1, -1))]
    assert len(entries(tmp_path / "cache")) == 6


def test_batches_are_the_same_to_the_bit(paths: list[Path], tmp_path: Path) -> None:
    keypoints = np.column_stack([np.random.default_rng(0).uniform(0, 40, (17, 2)), np.full(17, 2)]).astype(np.float32)
    people = [Person(n, n, path, (4.0, 5.0, 30.0, 30.0), keypoints, (40, 56), 900.0) for n, path in enumerate(paths)]
    extra = [{"name": "ColorJitter", "p": 1.0}, {"name": "CoarseDropout", "p": 1.0}]

    def images(read: object, workers: int) -> list[np.ndarray]:
        dataset = PeopleDataset(people, COCO17, input_size=(64, 64), augment=Augment(), extra=extra, read=read)  # type: ignore[arg-type]
        loader = make_loader(dataset, batch_size=3, workers=workers, sampler=EpochSampler(6, seed=0))
        return [batch.images.numpy() for batch in loader]

    want = images(read_image, 0)
    cache = DiskCache(tmp_path / "cache", max_bytes=10**6)
    for workers in (0, 2, 0):  # cold, warm in workers, warm here
        for got, image in zip(images(cache, workers), want, strict=True):
            np.testing.assert_array_equal(got, image)
