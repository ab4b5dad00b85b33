"""Files are read once and decoded from memory; JPEGs that are cut off are warned of by their name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from pose.images.read import UnreadableImage, is_cut_off, read_image, read_upright
from pose.inference.inputs import read_input
from tests.helpers.command import Outcome

IMAGE = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))


def jpeg(**options: Any) -> bytes:
    data = io.BytesIO()
    IMAGE.save(data, "JPEG", **options)
    return data.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG inside of the headers, with its own end marker."""
    inside = jpeg(quality=10)
    segment = b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside
    whole = jpeg()
    return whole[:2] + segment + whole[2:]


@pytest.mark.parametrize(
    "data", [jpeg(), jpeg(progressive=True), with_thumbnail()], ids=["plain", "progressive", "thumb"]
)
def test_cut_off(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    for whole in (data, data + b"video of a phone\xff\xda and more"):
        assert not is_cut_off(whole)
    for cut in (data[:-2], data[: len(data) - len(jpeg()) // 3]):
        path.write_bytes(cut)
        with pytest.warns(UserWarning, match=r"a\.jpg is cut off; what is missing of the image is gray"):
            assert read_input(str(path), color="rgb")[0].shape == (60, 80, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_what_there_is_of_a_jpeg_is_read_as_from_a_file(tmp_path: Path, progressive: bool) -> None:
    data, path = jpeg(progressive=progressive), tmp_path / "a.jpg"
    found = 0
    for end in range(700, len(data), 97):
        path.write_bytes(data[:end])
        expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if expected is not None:
            np.testing.assert_array_equal(read_image(path), expected[..., ::-1])
            found += 1
    assert found > 10


def test_others_are_left_to_the_decoder() -> None:
    png = io.BytesIO()
    IMAGE.save(png, "PNG")
    for data in (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"text", png.getvalue()[:500]):
        assert not is_cut_off(data)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pixels_as_stored_and_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"größe.{suffix}"
    IMAGE.save(path, **({} if suffix == "bmp" else {"exif": exif}))
    with PIL.Image.open(path) as opened:
        upright = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"))
        stored = np.asarray(opened.convert("RGB"))  # which turns a TIFF too
    for got, expected in ((read_upright(path), upright), (read_image(path), stored)):
        assert got.shape == expected.shape
        assert got.dtype == np.uint8
        assert np.abs(got.astype(int) - expected).max() <= (3 if suffix == "jpg" else 0)


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-900])
    read: list[Path] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path), real(path))[1])
    monkeypatch.setattr("cv2.imread", None)
    with pytest.warns(UserWarning, match="cut off"):
        read_input(tmp_path / "cut.jpg", color="rgb")
    assert read == [tmp_path / "cut.jpg"]


def test_what_cannot_be_read_is_one_kind_of_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    for data in (b"", b"text", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(data)
        with pytest.raises(UnreadableImage, match=r"cannot read .*a\.png: broken, or not an image"):
            read_image(path)
    with pytest.raises(FileNotFoundError, match="no image"):
        read_image(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UnreadableImage, match=r"cannot read .*a\.png: Permission denied"):
        read_upright(path)


@pytest.mark.slow
def test_prediction_names_the_file(pose_cli: Callable[..., Outcome], tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-900])
    outcome = pose_cli("predict", tiny_run, tmp_path / "cut.jpg", "--out", tmp_path / "out", "--device", "cpu")
    assert outcome.code == 0
    assert f"warning: {tmp_path / 'cut.jpg'} is cut off" in outcome.err
