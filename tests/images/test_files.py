"""Which files of folders are images: by suffix, through links, and what is told of the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pose.images.files import SUFFIXES, files_below, find_images
from pose.images.read import read_image
from tests.helpers.command import Outcome

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
# How Pillow calls the format, where OpenCV does not write it under this name.
BY_PILLOW = {".jfif": "JPEG", ".gif": "GIF"}


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".pxm"])
def test_every_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix in BY_PILLOW:
        Image.fromarray(PIXELS).save(path, BY_PILLOW[suffix])
    else:
        gray = PIXELS[..., 0]
        shape = {".pgm": gray, ".pbm": (gray > 99).astype(np.uint8) * 255}.get(suffix, PIXELS)
        done, data = cv2.imencode(suffix, shape)
        assert done
        path.write_bytes(data)
    assert [image.name for image in find_images([tmp_path], out=tmp_path / "out")] == [path.name]
    assert read_image(path).shape == (48, 64, 3)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_links_are_followed_once(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    make(tmp_path, "store/2.png", "store/deep/3.png", "photos/1.png", "photos/real/4.png")
    os.symlink("../store", photos / "monday")
    os.symlink("../store", photos / "tuesday")
    os.symlink("real", photos / "again")
    os.symlink("..", photos / "real" / "loop")
    names = [path.relative_to(photos).as_posix() for path in files_below(photos)]
    assert names == ["1.png", "monday/2.png", "monday/deep/3.png", "real/4.png"]


def test_a_line_tells_what_is_used(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b/c.JPE", "d.heic", "e.HEIC", "f.txt", "g", ".hidden.png", "out/h.png")
    said: list[str] = []
    find_images([tmp_path, tmp_path / "b"], out=tmp_path / "out", tell=said.append)
    assert said == ["7 files: 2 images, 5 left out: .heic 2, .txt 1, without suffix 1, given twice 1"]
    find_images([tmp_path / "a.png"], out=tmp_path / "out", tell=said.append)
    assert len(said) == 1
    find_images([tmp_path / "b"], out=tmp_path / "out", tell=said.append)
    assert said[1:] == ["1 file: 1 image"]


def test_what_is_no_image(tmp_path: Path) -> None:
    make(tmp_path, "d.heic", "f.txt")
    with pytest.raises(ValueError, match=r"no image in .* \(there are \.heic 1, \.txt 1\); expected \.jpg"):
        find_images([tmp_path], out=tmp_path / "out")
    with pytest.raises(ValueError, match=r"d\.heic is HEIC, as telephones store it, .* convert it to JPEG"):
        find_images([tmp_path / "d.heic"], out=tmp_path / "out")


def test_predict_begins_with_the_line(pose_cli: Callable[..., Outcome], tiny_run: Path, tmp_path: Path) -> None:
    make(tmp_path, "photos/a.txt")
    Image.fromarray(PIXELS).save(tmp_path / "photos" / "b.gif")
    outcome = pose_cli("predict", tiny_run, tmp_path / "photos", "--out", tmp_path / "out", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("2 files: 1 image, 1 left out: .txt 1\n")
