"""torchvision's detectors with random weights that lean towards people, and the commands that use them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from numpy.typing import NDArray

from pose.data.boxes import Boxes, read_boxes
from pose.images.files import find_images
from pose.inference.detect_images import detect_images, warn_if_turned
from pose.inference.detector import Detector, TorchvisionDetector, build_network, check_detector, load_detector
from pose.keypoints.skeletons import COCO17
from tests.helpers.command import Outcome
from tests.helpers.detectors import leaning_to_people

Cli = Callable[..., Outcome]
NAMES = ("ssdlite", "fasterrcnn")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of random weights, as torchvision writes them, that lean towards people."""
    files = {}
    for name in NAMES:
        if name == "ssdlite":
            state = leaning_to_people()
        else:
            torch.manual_seed(0)
            state = build_network(name).state_dict()
            state["roi_heads.box_predictor.cls_score.bias"][1] += 6
            # The published file comes from frozen norms, which count no batches.
            state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
        files[name] = tmp_path_factory.mktemp("weights") / f"{name}.pth"
        torch.save(state, files[name])
    return files


@pytest.fixture
def images() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in ((240, 320), (400, 120), (64, 64))]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_boxes_equal_torchvisions_own(name: str, weights: dict[str, Path], images: list[Any]) -> None:
    detector = load_detector(name, weights=weights[name], min_score=0.3)
    assert isinstance(detector, Detector)
    found = detector(images)
    assert sum(len(scores) for _, scores in found) > 5
    with torch.inference_mode():
        tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255 for image in images]
        for image, (boxes, scores), result in zip(images, found, detector.model(tensors), strict=True):
            rows = [
                (float(s), b.tolist())
                for b, label, s in zip(result["boxes"], result["labels"], result["scores"], strict=True)
                if label == 1 and s >= 0.3
            ]
            expected = [[x1, y1, x2 - x1, y2 - y1] for _, (x1, y1, x2, y2) in sorted(rows, reverse=True)]
            np.testing.assert_allclose(sorted(boxes.tolist()), sorted(expected), atol=0.05)
            assert (np.diff(scores) <= 0).all()
            height, width = image.shape[:2]
            assert (boxes[:, :2] >= 0).all()
            assert (boxes[:, :2] + boxes[:, 2:] <= (width + 0.01, height + 0.01)).all()


def test_nothing_in_nothing_out(weights: dict[str, Path]) -> None:
    assert load_detector(weights=weights["ssdlite"])([]) == []


def test_only_people_count() -> None:
    class Net(torch.nn.Module):
        def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
            boxes = torch.tensor([[0, 0, 5, 5], [1, 2, 4, 8], [3, 3, 3, 9], [0, 1, 2, 3], [0, 0, 1, 1.0]])
            labels, scores = torch.tensor([2, 1, 1, 1, 1]), torch.tensor([0.99, 0.6, 0.9, 0.8, 0.2])
            assert images[0].shape == (3, 4, 6)
            assert images[0].max() == 1
            return [{"boxes": boxes, "labels": labels, "scores": scores} for _ in images]

    ((boxes, scores),) = TorchvisionDetector(Net(), name="net")([np.full((4, 6, 3), 255, np.uint8)])
    np.testing.assert_array_equal(boxes, [[0, 1, 2, 2], [1, 2, 3, 6]])
    np.testing.assert_allclose(scores, [0.8, 0.6])


def test_boxes_become_double_on_the_cpu_only() -> None:
    """Apple's MPS has no float64."""

    class OnDevice:
        def __init__(self, values: Any) -> None:
            self.values = torch.tensor(values)

        def cpu(self) -> torch.Tensor:
            return self.values

        def double(self) -> None:
            raise TypeError("the MPS framework doesn't support float64")

    class Net(torch.nn.Module):
        def forward(self, images: list[torch.Tensor]) -> list[dict[str, Any]]:
            return [{"boxes": OnDevice([[0, 1, 2, 3.0]]), "labels": OnDevice([1]), "scores": OnDevice([0.75])}]

    ((boxes, scores),) = TorchvisionDetector(Net(), name="net")([np.zeros((4, 6, 3), np.uint8)])
    assert (boxes.tolist(), scores.tolist()) == ([[0, 1, 2, 2]], [0.75])
    assert boxes.dtype == scores.dtype == np.float64


@pytest.mark.slow
def test_wrong_detectors_and_weights(weights: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no detector 'yolo'; there are ssdlite and fasterrcnn"):
        load_detector("yolo")
    with pytest.raises(ValueError, match="is a int; expected ssdlite, fasterrcnn, or an object"):
        check_detector(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"min_score is in \[0, 1\], got 2"):
        load_detector(weights=weights["ssdlite"], min_score=2)
    with pytest.raises(FileNotFoundError, match=r"no weights .*gone.pth; give torchvision's file ssdlite320_"):
        load_detector(weights=tmp_path / "gone.pth")
    with pytest.raises(ValueError, match=r"does not hold the weights of the detector 'ssdlite' \(Missing key"):
        load_detector(weights=weights["fasterrcnn"])
    (tmp_path / "cut.pth").write_bytes(weights["ssdlite"].read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cut.pth does not hold the weights"):
        load_detector(weights=tmp_path / "cut.pth")


def test_download_is_checked_and_kept(
    weights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in torch's cache is used without the network if its hash is that of its name."""
    data = weights["ssdlite"].read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:8]
    calls: list[str] = []

    def download(url: str, target: str, *, hash_prefix: str, progress: bool) -> None:
        calls.append(url)
        assert hash_prefix == digest
        Path(target).write_bytes(data)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    network = build_network("ssdlite")
    fake = type("N", (), {"url": f"https://example.org/models/ssd-{digest}.pth", "make": lambda *a, **k: network})
    monkeypatch.setattr("pose.inference.detector._network", lambda name: fake)
    for _ in range(2):
        load_detector()
    assert calls == [fake.url]
    assert capsys.readouterr().out == ""
    (tmp_path / f"hub/checkpoints/ssd-{digest}.pth").write_bytes(data[:-1])
    with pytest.raises(ValueError, match=rf"is damaged: its SHA-256 starts with \w+, not {digest}; delete it"):
        load_detector()


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("invalid hash value")])
def test_offline_says_where_to_put_the_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(OSError, match="cannot download") as caught:
        load_detector("fasterrcnn")
    where = tmp_path / "hub/checkpoints/fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth"
    assert all(part in str(caught.value) for part in (str(error), str(where), "--weights"))


@pytest.mark.slow
def test_threads_find_the_same(weights: dict[str, Path], images: list[Any]) -> None:
    detector = load_detector(weights=weights["ssdlite"], min_score=0.3)
    expected = detector(images)
    found: list[list[Boxes]] = []
    threads = [threading.Thread(target=lambda: found.append(detector(images))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for each in found:
        for (boxes, scores), (same, as_well) in zip(each, expected, strict=True):
            np.testing.assert_array_equal(boxes, same)
            np.testing.assert_array_equal(scores, as_well)


# Files and commands


class OneBox:
    """Finds one person in every image but in small ones."""

    name = "one box"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, images_rgb: Sequence[Any]) -> list[Boxes]:
        self.batches.append(len(images_rgb))
        numbers = [int(image.shape[0] > 50) for image in images_rgb]
        return [(np.array([[1.004, 2, 30, 40]] * n).reshape(-1, 4), np.full(n, 0.75)) for n in numbers]


def test_folder_to_boxes_and_back(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    for name, side in (("a.jpg", 80), ("sub/b.png", 60), ("c.jpg", 20)):
        cv2.imwrite(str(photos / name), np.zeros((side, 64, 3), np.uint8))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8")
    out, detector, steps = tmp_path / "boxes.json", OneBox(), []
    for _ in range(2):  # earlier boxes are replaced
        with pytest.warns(UserWarning, match="skipped: cannot read .*broken.jpg"):
            summary = detect_images(
                detector,
                find_images([photos], out=out),
                out=out,
                batch_size=3,
                workers=2,
                progress=lambda done, total: steps.append((done, total)),
            )
    assert detector.batches == [3] * 2
    assert steps == [(0, 4), (4, 4)] * 2
    assert str(summary) == (
        f"2 people in 3 images (found by one box, 1 image without people, 1 unreadable file skipped): {out}"
    )
    box = {"category_id": 1, "bbox": [1.0, 2.0, 30.0, 40.0], "score": 0.75}
    assert json.loads(out.read_text()) == [{"file_name": name, **box} for name in ("a.jpg", "sub/b.png")]
    boxes = read_boxes(out, ["a.jpg", "sub/b.png", "c.jpg"], skeleton=COCO17, min_score=0).boxes
    assert {name: len(found) for name, (found, _) in boxes.items()} == {"a.jpg": 1, "sub/b.png": 1, "c.jpg": 0}


def test_arrays_to_boxes(tmp_path: Path) -> None:
    arrays = {"a": np.zeros((80, 64, 3), np.uint8), "sub/b": np.zeros((20, 64, 3), np.uint8)}
    out = tmp_path / "boxes.json"
    summary = detect_images(OneBox(), find_images(arrays, out=out), out=out)
    assert (summary.images, summary.people, summary.images_without_people) == (2, 1, 1)
    assert [record["file_name"] for record in json.loads(out.read_text())] == ["a"]


def test_a_detector_that_gives_nan_is_told_of(tmp_path: Path) -> None:
    class Broken(OneBox):
        def __call__(self, images_rgb: Sequence[Any]) -> list[Boxes]:
            return [(np.array([[0, 0, 9, np.nan], [0, 0, 9, 9]]), np.array([0.9, 0.8])) for _ in images_rgb]

    out = tmp_path / "boxes.json"
    with pytest.warns(UserWarning, match="left out 1 box of the detector one box"):
        detect_images(Broken(), find_images({"a": np.zeros((80, 64, 3), np.uint8)}, out=out), out=out)
    assert [record["bbox"] for record in json.loads(out.read_text())] == [[0, 0, 9, 9]]


def test_images_that_are_stored_turned_are_warned_of(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    PIL.Image.new("RGB", (40, 30)).save(tmp_path / "plain.jpg")
    for name, orientation in (("upright.jpg", 1), ("turned.jpg", 6), ("mirrored.png", 2)):
        exif[0x0112] = orientation
        PIL.Image.new("RGB", (40, 30)).save(tmp_path / name, exif=exif)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8")
    with pytest.warns(UserWarning, match=r"2 images are stored turned \(mirrored.png, turned.jpg\) and searched so"):
        warn_if_turned(find_images([tmp_path], out=tmp_path / "boxes.json"))


def test_what_is_no_boxes_is_not_overwritten(tmp_path: Path, tiny_dataset: Path) -> None:
    for out, message in (
        (tiny_dataset / "people.json", "does not hold boxes"),
        (tiny_dataset / "boxes.json", "does not hold boxes"),  # another program's
        (tmp_path / "boxes.txt", "name it with .json"),
        (tmp_path, "name it with .json"),
    ):
        with pytest.raises(ValueError, match=message):
            detect_images(OneBox(), find_images([tiny_dataset / "images"], out=out), out=out)


@pytest.mark.slow
def test_config_to_boxes_to_evaluation(
    weights: dict[str, Path], tiny_run: Path, tiny_dataset: Path, tmp_path: Path, pose_cli: Cli
) -> None:
    out = tmp_path / "boxes.json"
    options = ("--weights", weights["ssdlite"], "--workers", 0, "--device", "cpu")
    outcome = pose_cli("detect", tiny_run.parent / "tiny.yaml", "--out", out, *options, "--min-score", 0.3)
    assert outcome.code == 0, outcome.err
    records = json.loads(out.read_text())
    assert outcome.out.startswith(f"{len(records)} people in 10 images (found by ssdlite")
    assert {r["image_id"] for r in records} <= set(range(1, 11))
    assert all(r["file_name"] == f"{r['image_id']:06}.png" and r["score"] >= 0.3 for r in records)
    outcome = pose_cli("eval", tiny_run, "--boxes", out, "--out", tmp_path / "eval", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert f"(boxes {out}, 10 images, {len(records)} people)" in outcome.out
    images, least = tiny_dataset / "images", float(np.median([r["score"] for r in records])) + 1e-5
    outcome = pose_cli(
        "predict", tiny_run, images, "--boxes", out, "--min-box-score", least, "--out", tmp_path / "file"
    )
    assert outcome.code == 0, outcome.err
    options = (*options, "--boxes", "detect", "--min-box-score", least)
    direct = pose_cli("predict", tiny_run, images, *options, "--out", tmp_path / "direct")
    assert direct.code == 0, direct.err
    found = []
    for folder in ("file", "direct"):
        data = json.loads((tmp_path / folder / "predictions.json").read_text())
        # Equal scores may come in any order.
        found.append([box for image in data["images"] for box in sorted(p["bbox"] for p in image["people"])])
    assert data["boxes"] == "found by ssdlite"
    assert len(found[0]) == sum(r["score"] >= least for r in records) > 0
    np.testing.assert_allclose(*found, atol=0.02)


@pytest.mark.slow
def test_video(tiny_run: Path, tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose.inference.detector.load_detector", lambda *a, **k: OneBox())
    assert pose_cli("clip", tmp_path / "clip.mp4", "--frames", 4).code == 0
    outcome = pose_cli("predict", tiny_run, tmp_path / "clip.mp4", "--boxes", "detect", "--out", tmp_path / "out.mp4")
    assert outcome.code == 0, outcome.err
    assert "(boxes: found by one box)" in outcome.out
    _, *lines = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert [[p["box_score"] for p in line["people"]] for line in lines] == [[0.75]] * 4
    options = ("--boxes", "detect", "--min-box-score", 0.8)
    assert pose_cli("predict", tiny_run, tmp_path / "clip.mp4", *options, "--out", tmp_path / "out.mp4").code == 0
    _, *lines = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert all(line["people"] == [] for line in lines)


def test_wrong_input_of_detect(tiny_run: Path, tiny_dataset: Path, tmp_path: Path, pose_cli: Cli) -> None:
    config, images, out = tiny_run.parent / "tiny.yaml", tiny_dataset / "images", tmp_path / "boxes.json"
    for arguments, message in (
        ((config, images), "is a config; give it alone"),
        ((config, "--split", "test"), "--split is test; a config has train and val"),
        (("gone",), "no image or folder gone"),
        ((images, "--detector", "yolo"), "no detector 'yolo'"),
        ((images, "--weights", "gone.pth"), "no weights gone.pth"),
        ((images, "--device", "tpu"), "unknown device 'tpu'"),
    ):
        outcome = pose_cli("detect", *arguments, "--out", out)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.splitlines()[-1].startswith("error: ")
        assert message in outcome.err
    outcome = pose_cli("predict", tiny_run, images, "--weights", "w.pth", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "--weights are the detector's; they need --boxes detect" in outcome.err
    assert not out.exists()
