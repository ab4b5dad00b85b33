"""Whatever ends the work on many images, what was done by then stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pose.images.files import find_images
from pose.images.types import Image
from pose.images.write import write_image
from pose.inference.base import PredictorBase
from pose.inference.detect_images import detect_images
from pose.inference.load import load
from pose.inference.predict_images import predict_images

pytestmark = pytest.mark.filterwarnings("ignore:(each|a) whole image", "ignore:no keypoint of anybody")


@pytest.fixture(scope="module")
def predictor(tiny_run: Path) -> PredictorBase:
    return load(tiny_run, "cpu", flip_test=False, batch_size=1)


@pytest.fixture
def images(tiny_dataset: Path, tmp_path: Path) -> Path:
    """Five of the tiny pictures."""
    (tmp_path / "in").mkdir()
    for number in range(1, 6):
        shutil.copy(tiny_dataset / "images" / f"{number:06}.png", tmp_path / "in")
    return tmp_path / "in"


def written(out: Path) -> tuple[bool, list[str]]:
    document = json.loads((out / "predictions.json").read_text())
    return document["complete"], [image["file_name"] for image in document["images"]]


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


def test_predictions_until_ctrl_c(predictor: PredictorBase, images: Path, tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match=r"ended early: .*predictions\.json has the 3 images done by then"),
        pytest.raises(KeyboardInterrupt),
    ):
        predict_images(predictor, [images], out=tmp_path / "out", progress=stop_at(3))
    assert written(tmp_path / "out") == (False, [f"{number:06}.png" for number in (1, 2, 3)])
    predict_images(predictor, [images], out=tmp_path / "out")  # the same folder again
    assert written(tmp_path / "out") == (True, [f"{number:06}.png" for number in range(1, 6)])


def test_predictions_until_the_disk_is_full(
    predictor: PredictorBase, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then not even the end can be written; what was written before has no gap."""
    monkeypatch.setattr("pose.inference.predict_images.WRITE_SECONDS", 0.0)
    monkeypatch.setattr("pose.inference.predict_images.time.monotonic", lambda: 0.0)
    full = False

    def write(path: Path, image: Image) -> None:
        nonlocal full
        if path.name == "000003.png":
            full = True
            raise OSError(28, "No space left on device", str(path))
        write_image(path, image)

    def write_json(*arguments: Any, **options: Any) -> None:
        if full:
            raise OSError(28, "No space left on device")
        real(*arguments, **options)

    real = predict_images.__globals__["write_json"]
    monkeypatch.setattr("pose.inference.predict_images.write_image", write)
    monkeypatch.setattr("pose.inference.predict_images.write_json", write_json)
    with pytest.warns(UserWarning, match="ended early"), pytest.raises(OSError, match=r"No space left .*000003"):
        predict_images(predictor, [images], out=tmp_path / "out")
    assert written(tmp_path / "out") == (False, [f"{number:06}.png" for number in (1, 2, 3)])


def test_one_odd_image_costs_no_other(predictor: PredictorBase, images: Path, tmp_path: Path) -> None:
    """One that is too large to be looked at, and one that is too large for the format of its name."""
    Pillow.new("RGB", (40_000, 8)).save(images / "000001b.png")
    Pillow.new("RGB", (20_000, 8)).save(tmp_path / "wide.png")
    (tmp_path / "wide.png").rename(images / "000001c.webp")
    with pytest.warns(UserWarning, match="not drawn") as warned:
        summary = predict_images(predictor, [images], out=tmp_path / "out")
    said = [str(warning.message) for warning in warned]
    assert any("skipped: " in line and "000001b.png is 40000 x 8; sides go up to 32766" in line for line in said)
    assert any("not drawn, but in predictions.json: cannot write" in line for line in said)
    assert (summary.images, len(summary.broken)) == (6, 1)
    complete, names = written(tmp_path / "out")
    assert complete
    assert "000001c.webp" in names
    assert not (tmp_path / "out" / "000001c.webp").exists()
    assert len(list((tmp_path / "out").glob("*.png"))) == 5


@pytest.mark.parametrize("side", [5e-324, 1e-300, 0.0, 1e39])
def test_a_box_that_gives_no_number_is_refused_before_the_work(
    predictor: PredictorBase, images: Path, tmp_path: Path, side: float
) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps([{"image_id": 2, "bbox": [5, 5, side, side]}]))
    with pytest.raises(ValueError, match=r"bbox \[5, 5, .*positive and at least 0\.001"):
        predict_images(predictor, [images], out=tmp_path / "out", boxes=tmp_path / "boxes.json")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"box 0 is .*positive width and height"):
        predictor.predict(np.zeros((80, 64, 3), np.uint8), [[5, 5, side, side]])


def test_the_smallest_and_the_largest_box_give_numbers(predictor: PredictorBase) -> None:
    with np.errstate(all="raise"):
        found = predictor.predict(np.zeros((80, 64, 3), np.uint8), [[5, 5, 1e-3, 1e-3], [-9e8, 5, 9e8, 9e8]])
    assert np.isfinite(found.keypoints).all()


class OneBox:
    name = "one box"

    def __call__(self, images_rgb: Any) -> list[Any]:
        return [(np.array([[1.0, 2, 30, 40]]), np.array([0.75])) for _ in images_rgb]


def test_detections_until_ctrl_c(images: Path, tmp_path: Path) -> None:
    """Beside the file, so that nobody takes them for all; an earlier file stays."""
    out, found = tmp_path / "boxes.json", find_images([images], out=tmp_path / "boxes.json")
    detect_images(OneBox(), found, out=out)
    before = out.read_bytes()
    with (
        pytest.warns(UserWarning, match=r"boxes\.partial\.json has the boxes of the first 2 of 5 images"),
        pytest.raises(KeyboardInterrupt),
    ):
        detect_images(OneBox(), found, out=out, batch_size=1, progress=stop_at(2))
    assert out.read_bytes() == before
    records = json.loads((tmp_path / "boxes.partial.json").read_text())
    assert [record["file_name"] for record in records] == ["000001.png", "000002.png"]
