"""Files are read once and decoded from memory; JPEGs that are cut off are warned of by their name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.features
import PIL.Image
import PIL.ImageOps
import pytest
from numpy.typing import NDArray

from pose.images.header import exif_orientation, image_size
from pose.images.read import UnreadableImage, is_cut_off, read_header, read_image, read_upright
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
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_pixels_as_stored_and_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"größe.{suffix}"
    IMAGE.save(path, **({} if suffix == "bmp" else {"exif": exif}))
    with PIL.Image.open(path) as opened:
        upright = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"))
        # Pillow turns a TIFF too, and the pixels of the others may be lossy.
        stored = np.asarray(IMAGE if suffix == "tif" else opened.convert("RGB"))
    for got, expected in ((read_upright(path), upright), (read_image(path), stored)):
        assert got.shape == expected.shape
        assert got.dtype == np.uint8
        assert np.abs(got.astype(int) - expected).max() <= (3 if suffix == "jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_as_viewers_turn_it(tmp_path: Path, orientation: int) -> None:
    if not PIL.features.check("avif") or not cv2.haveImageReader(str(save_avif(tmp_path / "a.avif", 1))):
        pytest.skip("this Pillow or this OpenCV knows no AVIF")
    path = save_avif(tmp_path / "turned.avif", orientation)
    with PIL.Image.open(path) as opened:
        upright, stored = np.asarray(PIL.ImageOps.exif_transpose(opened)), np.asarray(opened)
    assert read_header(path) == (stored.shape[:2], orientation)
    other = tmp_path / "other.avif"  # the format's name stands among those that the file is compatible with
    other.write_bytes(path.read_bytes()[:8] + b"mif1" + path.read_bytes()[12:])
    assert read_upright(other).tobytes() == read_upright(path).tobytes()
    for got, expected in ((read_upright(path), upright), (read_image(path), stored)):
        assert got.shape == expected.shape
        assert np.abs(got.astype(int) - expected).max() <= 4
    for end in range(300):  # nothing but a number comes of a header that is cut off
        assert exif_orientation(path.read_bytes()[:end]) in range(1, 9)
        image_size(path.read_bytes()[:end])


def save_avif(path: Path, orientation: int) -> Path:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    IMAGE.save(path, exif=exif, quality=100)
    return path


@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_bits_is_as_bright(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "deep.avif"
    deep = np.asarray(IMAGE)[..., ::-1].astype(np.uint16) << bits - 8
    if not cv2.haveImageWriter(str(path)):
        pytest.skip("this OpenCV knows no AVIF")
    cv2.imwrite(str(path), deep, [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100])
    assert np.abs(read_image(path).astype(int) - np.asarray(IMAGE)).max() <= 4


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


GRAY_16 = np.linspace(0, 65535, 80 * 60).round().astype(np.uint16).reshape(60, 80)


def encoded(suffix: str, pixels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", encoded(".png", GRAY_16)),
        ("a.tif", encoded(".tif", GRAY_16)),
        ("a.pgm", encoded(".pgm", GRAY_16)),
        ("a.jp2", encoded(".jp2", GRAY_16)),
        ("rgb.png", encoded(".png", np.stack([GRAY_16] * 3, axis=-1))),
        ("rgb.tif", encoded(".tif", np.stack([GRAY_16] * 3, axis=-1))),
        ("float.tif", encoded(".tif", (GRAY_16 / 65535).astype(np.float32))),
        ("int.tif", encoded(".tif", GRAY_16.astype(np.int32))),
    ],
)
def test_deep_pixels_are_scaled_alike(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    expected = np.round(GRAY_16 / 257).astype(np.uint8)
    for image in (read_image(path), read_upright(path), read_input(path, color="rgb")[0]):
        np.testing.assert_array_equal(image, np.stack([expected] * 3, axis=-1))


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_a_deep_pil_image_is_as_its_file(tmp_path: Path, mode: str) -> None:
    pixels = (GRAY_16 / 65535).astype(np.float32) if mode == "F" else GRAY_16.astype(np.int32)
    image = PIL.Image.fromarray(GRAY_16 if mode == "I;16" else pixels)
    assert image.mode == mode
    (tmp_path / "a.png").write_bytes(encoded(".png", GRAY_16))
    np.testing.assert_array_equal(read_input(image, color="rgb")[0], read_image(tmp_path / "a.png"))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_that_only_the_first_of_several_frames_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("pose.images.read._told_of_frames", [])
    frames = [PIL.Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=rf"a\.{suffix} has 3 frames or pages, of which the first is read") as said:
        image = read_upright(tmp_path / f"a.{suffix}")
    assert len(said) == 1
    read_upright(tmp_path / f"a.{suffix}")  # the first speaks for all
    np.testing.assert_allclose(image[15, 20], (255, 0, 0), atol=6)
    frames[0].save(tmp_path / f"one.{suffix}")
    read_upright(tmp_path / f"one.{suffix}")


def test_few_bits_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(".png", GRAY_16 >> 4))
    said = r"uses 12 of its 16 bits \(values up to 4095\), so it is taken as nearly black; store it multiplied by 16"
    color = tmp_path / "color.png"
    color.write_bytes(encoded(".png", np.stack([GRAY_16 >> 4] * 3, axis=-1)))
    opened = PIL.Image.open(path), PIL.Image.open(color), PIL.Image.fromarray(GRAY_16 >> 4)
    for image, name in ((path, "a.png"), *((image, "the image") for image in opened)):
        with pytest.warns(UserWarning, match=f"{name} {said}"):
            read_input(image, color="rgb")


def test_training_tells_of_few_bits_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose.images.read._told", [])
    (tmp_path / "a.png").write_bytes(encoded(".png", GRAY_16 >> 4))
    (tmp_path / "b.png").write_bytes(encoded(".png", GRAY_16 >> 5))
    with pytest.warns(UserWarning, match=r"a\.png uses 12 of its 16 bits") as said:
        [read_image(tmp_path / name) for name in ("a.png", "b.png", "a.png")]
    assert len(said) == 1


@pytest.mark.parametrize(
    "pixels",
    [
        *(GRAY_16, GRAY_16 >> 4, GRAY_16 / 65535, GRAY_16 / 257, GRAY_16 > 9, GRAY_16 >> 8),
        *((GRAY_16 >> 4) / 1.0, GRAY_16 / 1.0, GRAY_16 / 65535 * 2 - 1, (GRAY_16 >> 4).astype(np.int32)),
    ],
)
def test_the_advice_for_arrays_gives_the_whole_range(pixels: NDArray[Any]) -> None:
    image = np.stack([pixels] * 3, axis=-1)
    with pytest.raises(ValueError, match=r"make its numbers( of 12 bits)? 0 to 255 by ") as error:
        read_input(image, color="rgb")
    advised = eval(str(error.value).split("0 to 255 by ")[1], {"np": np, "image": image})
    assert (advised.dtype, advised.min(), advised.max()) == (np.uint8, 0, 255)
    if pixels is GRAY_16:
        np.testing.assert_array_equal(advised[..., 0], np.round(GRAY_16 / 257))
    assert ("of 12 bits" in str(error.value)) == (pixels.dtype.kind in "ui" and pixels.max() == 4095)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_that_are_not_finite_have_an_advice_too(value: float) -> None:
    with pytest.raises(ValueError, match=r"make its numbers 0 to 255 by np\.nan_to_num"):
        read_input(np.full((8, 8, 3), value), color="rgb")


@pytest.mark.parametrize("most", [15, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("magic", ["P2", "P3", "P5", "P6"])
def test_the_maximum_of_a_pnm_is_white(tmp_path: Path, most: int, magic: str) -> None:
    channels = 3 if magic in ("P3", "P6") else 1
    values = np.linspace(0, most, 64).round().astype(int).repeat(channels)
    text = " ".join(map(str, values)).encode() + b"\n"
    raw = values.astype(">u2" if most > 255 else "u1").tobytes()
    head = f"{magic}\n# of a camera\n8 8\n{most}\n".encode()
    (tmp_path / "a.pnm").write_bytes(head + (raw if magic in ("P5", "P6") else text))
    image = read_image(tmp_path / "a.pnm")
    np.testing.assert_allclose(image.reshape(64, 3)[:, 0], values[::channels] * 255 / most, atol=1)
    assert (image.min(), image.max()) == (0, 255)


def test_other_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encoded(".tif", GRAY_16.astype(np.float32)))
    with pytest.raises(UnreadableImage, match=r"a\.tif holds float32 from 0 to 65535; expected 8 bits, 16 bits, or"):
        read_image(path)


def test_heic_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(UnreadableImage, match=r"a\.jpg: HEIC, as telephones store it; convert it to JPEG"):
        read_image(path)
