"""JPEGs that are cut off are warned of by their name; `pose check` is tested on its own."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from pose.images.read import warn_if_cut_off
from pose.inference.inputs import read_input
from tests.helpers.command import Outcome

PICTURE = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))


def jpeg(**options: Any) -> bytes:
    data = io.BytesIO()
    PICTURE.save(data, "JPEG", **options)
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
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for whole in (data, data + b"video of a phone\xff\xda and more"):
            path.write_bytes(whole)
            warn_if_cut_off(path)
    for cut in (data[:-2], data[: len(data) - len(jpeg()) // 3]):
        path.write_bytes(cut)
        with pytest.warns(UserWarning, match=r"a\.jpg is cut off; what is missing of the picture is grey"):
            assert read_input(str(path), color="rgb")[0].shape == (60, 80, 3)


def test_others_are_left_to_the_decoder(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"text", (tmp_path / "a.png").read_bytes()[:500]):
            (tmp_path / "b.jpg").write_bytes(data)
            warn_if_cut_off(tmp_path / "b.jpg")


def test_prediction_names_the_file(pose_cli: Callable[..., Outcome], tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-900])
    outcome = pose_cli("predict", tiny_run, tmp_path / "cut.jpg", "--out", tmp_path / "out", "--device", "cpu")
    assert outcome.code == 0
    assert f"warning: {tmp_path / 'cut.jpg'} is cut off" in outcome.err
