"""From dots in an image through boxes, crops and a stub network back to the dots; then files, folders and boxes."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pose.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from pose.codecs.heatmap import merge_flip
from pose.config.load import make_config
from pose.data.coco import load_coco
from pose.data.people import ground_truth_people
from pose.data.transforms import normalize
from pose.images.read import read_image
from pose.images.write import write_image
from pose.inference.predict_images import predict_images
from pose.inference.results import People, person_scores
from pose.inference.torch_predictor import Predictor, predict_heatmaps
from pose.keypoints.geometry import grow_box
from pose.keypoints.skeletons import COCO17
from pose.runtime.device import pick_device
from tests.helpers.dots import BOX, INPUT, SHARES, THREE, TRUTH, DotFinder, dots, example_image, in_box, predictor


@pytest.mark.slow
@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((480, 640), (200.0, 100.0, 60.0, 150.0)),
        ((480, 640), (30.5, 20.25, 33.0, 40.0)),
        ((480, 640), (100.0, 200.0, 400.0, 120.0)),  # lying: grown in height
        ((1500, 2000), (300.0, 100.0, 900.0, 1300.0)),
        ((480, 640), (-20.0, -30.0, 120.0, 200.0)),  # beyond the border
        ((480, 640), (560.0, 300.0, 110.0, 190.0)),
    ],
)
def test_keypoints_come_back_in_image_pixels(size: tuple[int, int], box: tuple[float, ...], flip_test: bool) -> None:
    truth = in_box(box, SHARES)
    pixel = grow_box(box, INPUT)[1][1] / 48  # image pixels a heatmap pixel
    people = predictor(flip_test=flip_test).predict(dots(size, truth, 1.6 * pixel), [box])
    inside = ((truth >= 0) & (truth < (size[1], size[0]))).all(axis=1)
    assert inside.sum() >= 2
    error = np.abs(people.keypoints[0] - truth)[inside].max() / pixel
    # About half a step of the quarter grid; a quarter more for the flip, whose map is shifted by 3/4 of a pixel too.
    assert error < (0.5 if flip_test else 0.3)
    assert people.scores[0][inside].min() > 0.8
    assert people.keypoints.dtype == people.scores.dtype == np.float32


def test_flip_swaps_left_and_right() -> None:
    box = (100.0, 50.0, 150.0, 200.0)
    image = dots((300, 400), in_box(box, SHARES), 6.0)
    merged = predictor(flip_test=True).predict(image, [box])
    plain = predictor(flip_test=False).predict(image, [box])
    np.testing.assert_allclose(merged.keypoints, plain.keypoints, atol=0.6 * grow_box(box, INPUT)[1][1] / 48)
    # Without the swap each of the two would be found at half height, on either side.
    assert merged.scores.min() > 0.9


def test_predict_heatmaps_is_the_mean_with_the_mirrored_crop() -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(3, 3, 4, stride=4).eval()
    images = torch.randint(0, 256, (2, 3, 32, 16), dtype=torch.uint8)
    plain = predict_heatmaps(model, images, flip_indices=None)
    torch.testing.assert_close(plain, model(normalize(images)), rtol=0, atol=0)
    mirrored = model(normalize(torch.from_numpy(images.numpy()[..., ::-1].copy())))
    both = predict_heatmaps(model, images, flip_indices=THREE.flip_indices)
    torch.testing.assert_close(both, merge_flip(plain, mirrored, THREE.flip_indices), rtol=0, atol=1e-6)
    assert both.is_inference()


def test_boxes_go_in_batches_and_keep_their_order() -> None:
    boxes = [(40.0 + 10 * i, 60.0, 80.0, 100.0) for i in range(5)]
    image = dots((300, 400), in_box(boxes[2], SHARES), 4.0)
    small, large = predictor(batch_size=2), predictor(batch_size=64)
    a, b = small.predict(image, boxes, box_scores=np.arange(5)), large.predict(image, boxes)
    assert small.model.batches == [2, 2, 2, 2, 1, 1]
    assert large.model.batches == [5, 5]
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    np.testing.assert_array_equal(a.box_scores, np.arange(5))
    np.testing.assert_array_equal(b.box_scores, 1)
    np.testing.assert_array_equal(a.boxes, boxes)


def test_no_boxes_give_no_people() -> None:
    people = predictor().predict(np.zeros((30, 40, 3), np.uint8), [])
    assert len(people) == 0
    assert people.keypoints.shape == (0, 3, 2)
    assert people.image_size == (30, 40)
    assert people.to_coco(1) == []
    people.draw(np.zeros((30, 40, 3), np.uint8))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[1, 2, 0, 4]], "box 0 is"),
        ([[0, 0, 5, 5], [1, 2, 3, -4]], "box 1 is .*positive width and height"),
        ([[1, 2, 3, math.nan]], "finite"),
        ([1, 2, 3, 4], r"one box is \[\[...\]\]"),
        ([[1, 2, 3]], r"\(N, 4\)"),
        ([["a", 2, 3, 4]], "must be numbers"),
    ],
)
def test_wrong_boxes_are_refused(boxes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictor().predict(np.zeros((30, 40, 3), np.uint8), boxes)


def test_wrong_images_and_networks_are_refused() -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="uint8"):
        predictor().predict(image.astype(np.float32), [[0, 0, 5, 5]])
    with pytest.raises(ValueError, match="skeleton 'coco17' has 17"):
        Predictor(DotFinder(), skeleton=COCO17, input_size=INPUT, flip_test=False).predict(image, [[0, 0, 5, 5]])
    broken = predictor()
    broken.model.forward = lambda x: torch.full((len(x), 3, 64, 48), math.nan)
    with pytest.raises(ValueError, match="not finite"):
        broken.predict(image, [[0, 0, 5, 5]])
    with pytest.raises(ValueError, match="batch_size"):
        predictor(batch_size=0)


def test_tiny_and_huge_boxes_run() -> None:
    people = predictor().predict(np.zeros((30, 40, 3), np.uint8), [[5, 5, 1e-3, 1e-3], [-1e6, -1e6, 2e6, 2e6]])
    assert np.isfinite(people.keypoints).all()


def test_pick_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(ValueError, match=f"no device '{name}' on this machine; it has cpu"):
            pick_device(name)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        pick_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("auto") == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"'cuda:2' .* cuda, cuda:0, cuda:1, cpu"):
        pick_device("cuda:2")


def test_from_checkpoint_uses_its_skeleton_and_size(tmp_path: Path) -> None:
    split = {"images": "i", "annotations": "a"}
    skeleton = THREE.to_dict()
    config = make_config(
        {
            "data": {"skeleton": skeleton, "train": split, "val": split},
            "model": {"backbone": "mobilenet_v3_small", "input_size": [128, 96]},
        }
    )
    torch.manual_seed(0)
    model = config.model.build(num_keypoints=3)
    save_checkpoint(tmp_path / "best.safetensors", model, config=config, epoch=1, metrics={})
    loaded = Predictor.from_checkpoint(tmp_path, device="cpu", flip_test=False, batch_size=5)
    assert loaded.skeleton == THREE
    assert loaded.input_size == (128, 96)
    assert loaded.source == str(tmp_path / "best.safetensors")
    assert not loaded.model.training
    direct = Predictor(model, skeleton=THREE, input_size=(128, 96), flip_test=False)
    image = dots((300, 400), in_box((100.0, 50.0, 150.0, 200.0), SHARES), 6.0)
    a, b = (p.predict(image, [[100, 50, 150, 200]]) for p in (loaded, direct))
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        Predictor.from_checkpoint(tmp_path / "none.safetensors", device="cpu")


@pytest.mark.slow
def test_from_checkpoint_folds_batch_norms() -> None:
    """Those of the demo model, which was trained: heatmaps are equal to a few roundings of fp32."""
    folded = Predictor.from_checkpoint("demo", device="cpu")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.model.modules())
    plain = Predictor(load_checkpoint("demo").build(), skeleton=folded.skeleton, input_size=folded.input_size)
    assert any(isinstance(module, nn.BatchNorm2d) for module in plain.model.modules())
    image = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    one, other = (predictor.heatmaps(image, [[10, 10, 30, 50]])[1] for predictor in (folded, plain))
    assert other.max() > 0
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item())


def test_person_score_and_coco_record() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.15, 0.1, 0.0]])
    np.testing.assert_allclose(person_scores([0.5, 1.0], scores), [0.5 * 0.7, 0.0])
    points = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    people = People(
        image_path=None,
        image_size=(20, 30),
        keypoints=points,
        scores=scores.astype(np.float32),
        boxes=np.ones((2, 4), np.float32),
        box_scores=np.array([0.5, 1.0], np.float32),
        skeleton=THREE,
    )
    first, second = people.to_coco(7)
    assert (first["image_id"], first["category_id"]) == (7, 1)
    assert [record["category_id"] for record in people.to_coco(7, category_id=18)] == [18, 18]
    np.testing.assert_allclose(first["keypoints"], [0, 1, 0.9, 2, 3, 0.5, 4, 5, 0.1], rtol=1e-6)
    assert first["score"] == pytest.approx(0.35)
    assert second["score"] == 0
    assert "bbox" not in first
    json.dumps(first)
    with pytest.raises(ValueError, match=r"\(20, 30\), got \(30, 20\)"):
        people.draw(np.zeros((30, 20, 3), np.uint8))


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """photos/7.jpg, photos/sub/0012.png, photos/sub/old.bmp, and what is no image."""
    photos = tmp_path / "photos"
    for name in ("7.jpg", "sub/0012.png"):
        write_image(photos / name, example_image())
    cv2.imwrite(str(photos / "sub/old.bmp"), example_image()[..., ::-1])
    (photos / "notes.txt").write_text("no image")
    (photos / "._7.jpg").write_bytes(b"a resource fork of macOS")
    return photos


def write_boxes(path: Path, data: Any) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def run(inputs: Any, out: Path, boxes: Any = "whole", **changes: Any) -> Any:
    return predict_images(predictor(), inputs, out=out, boxes=boxes, heatmaps=False, threshold=0.2, **changes)


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def contents(out: Path) -> dict[str, Any]:
    return {image["file_name"]: image for image in json.loads((out / "predictions.json").read_text())["images"]}


def test_folder_with_boxes(folder: Path, tmp_path: Path) -> None:
    boxes = write_boxes(
        tmp_path / "boxes.json",
        [
            {"image_id": 7, "bbox": BOX, "score": 0.5, "category_id": 1},
            {"image_id": 12, "bbox": BOX},
            {"image_id": 12, "bbox": [0, 0, 50, 60], "score": 0.01},
            {"image_id": 99, "bbox": BOX},
        ],
    )
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    steps: list[tuple[int, int]] = []
    summary = run(
        [folder], tmp_path / "out", boxes, min_box_score=0.1, progress=lambda done, total: steps.append((done, total))
    )
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before
    assert files(tmp_path / "out") == {"7.jpg", "sub/0012.png", "sub/old.bmp.png", "predictions.json"}
    assert (summary.images, summary.people, summary.images_without_boxes, summary.broken) == (3, 2, 1, ())
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert "2 people in 3 images" in str(summary)
    assert str(boxes) in str(summary)

    data = json.loads((tmp_path / "out/predictions.json").read_text())
    assert data["keypoint_names"] == ["l", "r", "m"]
    assert data["boxes"] == boxes.name
    assert data["complete"] is True
    found = contents(tmp_path / "out")
    assert found["sub/old.bmp"] == {"file_name": "sub/old.bmp", "image_size": [300, 400], "people": []}
    (person,) = found["7.jpg"]["people"]
    assert person["bbox"] == list(BOX)
    assert person["box_score"] == 0.5
    assert person["score"] == pytest.approx(0.5 * np.mean([s for *_, s in person["keypoints"]]), abs=1e-4)
    np.testing.assert_allclose(np.array(person["keypoints"])[:, :2], TRUTH, atol=2.2)
    drawn = read_image(tmp_path / "out/sub/0012.png")
    assert (drawn != example_image()).any(axis=-1).mean() > 0.005
    np.testing.assert_array_equal(read_image(tmp_path / "out/sub/old.bmp.png"), example_image())


@pytest.mark.parametrize("name", ["sub/0012.png", "0012.png", "C:\\data\\sub\\0012.png", "/data/photos/sub/0012.png"])
def test_file_names_match_by_path_or_end(folder: Path, tmp_path: Path, name: str) -> None:
    boxes = write_boxes(tmp_path / "boxes.json", [{"file_name": name, "bbox": BOX}])
    run([folder], tmp_path / "out", boxes)
    assert [len(image["people"]) for image in contents(tmp_path / "out").values()] == [0, 1, 0]


def test_coco_annotations_as_boxes(folder: Path, tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 500, "file_name": "sub/old.bmp"}, {"id": 7, "file_name": "elsewhere.jpg"}],
        "categories": [{"id": 2, "name": "dog", "keypoints": ["nose"]}, {"id": 1, "name": "person"}],
        "annotations": [
            {"image_id": 500, "category_id": 2, "bbox": BOX, "iscrowd": 0},
            {"image_id": 500, "category_id": 2, "bbox": BOX, "iscrowd": 1},
            {"image_id": 500, "category_id": 1, "bbox": BOX},
            {"image_id": 7, "category_id": 2, "bbox": BOX},  # its image is not 7.jpg: the file says so
        ],
    }
    summary = run([folder], tmp_path / "out", write_boxes(tmp_path / "boxes.json", coco))
    assert (summary.people, summary.images_without_boxes) == (1, 2)
    assert len(contents(tmp_path / "out")["sub/old.bmp"]["people"]) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty"),
        ("{", "not JSON"),
        ("3", "no list of boxes"),
        ({"images": []}, "no list of boxes"),
        ([], "holds no boxes"),
        (["x"], "record 0 is 'x'"),
        ([{"bbox": [0, 0, 5, 5]}], "needs a file_name or an image_id"),
        ([{"image_id": [7], "bbox": [0, 0, 5, 5]}], "needs a file_name or an image_id"),
        ([{"image_id": 7}], "has bbox None"),
        ([{"image_id": 7, "bbox": [0, 0, 5]}], "expected .x, y, width, height"),
        ([{"image_id": 7, "bbox": [0, 0, 5, -1]}], "width and height positive"),
        ([{"image_id": 7, "bbox": [0, 0, 5, 0]}], "none of the 1 boxes can be read; .*width and height positive"),
        ([{"image_id": 7, "bbox": [0, "x", 5, 5]}], "record 0 has bbox"),
        ('[{"image_id": 7, "bbox": [0, NaN, 5, 5]}]', "record 0 has bbox"),
        ([{"image_id": 7, "bbox": [0, 10**400, 5, 5]}], "record 0 has bbox"),
        ([{"image_id": 7, "bbox": [0, 0, 5, 5], "score": "high"}], "record 0 has score 'high'"),
        ([{"image_id": 8, "bbox": [0, 0, 5, 5]}], "none of the 1 boxes .* image_id 8, the images are 7.jpg"),
        ([{"image_id": 7, "bbox": [0, 0, 5, 5], "category_id": c} for c in (4, 5)], r"categories 4, 5, and"),
        ({"images": [{"id": 1}], "annotations": [{"image_id": 7}]}, r"images\[0\] needs"),
    ],
)
def test_malformed_boxes(folder: Path, tmp_path: Path, data: Any, message: str) -> None:
    boxes = write_boxes(tmp_path / "boxes.json", data)
    with pytest.raises(ValueError, match=message) as caught:
        run([folder], tmp_path / "out", boxes)
    assert str(boxes) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_ambiguous_and_missing_boxes(folder: Path, tmp_path: Path) -> None:
    write_image(folder / "b/0012.jpg", example_image())
    by_id = write_boxes(tmp_path / "id.json", [{"image_id": 12, "bbox": BOX}])
    with pytest.raises(ValueError, match=r"image_id 12 fits b/0012.jpg and sub/0012.png"):
        run([folder], tmp_path / "out", by_id)
    write_image(folder / "c/0012.jpg", example_image())
    by_name = write_boxes(tmp_path / "name.json", [{"file_name": "0012.jpg", "bbox": BOX}])
    with pytest.raises(ValueError, match=r"file_name 0012\.jpg fits b/0012\.jpg and c/0012\.jpg"):
        run([folder], tmp_path / "out", by_name)
    with pytest.raises(FileNotFoundError, match="no boxes"):
        run([folder], tmp_path / "out", tmp_path / "none.json")


def test_whole_images_with_a_warning(folder: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="whole image is taken as one person") as caught:
        summary = run([folder], tmp_path / "out")
    assert len(caught) == 1
    assert (summary.images, summary.people) == (3, 3)
    assert contents(tmp_path / "out")["7.jpg"]["people"][0]["bbox"] == [0, 0, 400, 300]


@pytest.mark.filterwarnings("ignore:each whole image")
def test_results_inside_the_input_folder_are_not_read(folder: Path, tmp_path: Path) -> None:
    out = folder / "results"
    for _ in range(2):  # an earlier prediction may be replaced
        assert run([folder], out).images == 3
    assert files(out) == {"7.jpg", "sub/0012.png", "sub/old.bmp.png", "predictions.json"}
    # Images in a folder inside `out` are read.
    assert run([folder], tmp_path).images > 3


@pytest.mark.filterwarnings("ignore:each whole image")
def test_inputs_and_strangers_are_not_overwritten(folder: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match="would be overwritten"):
        run([folder], folder)
    with pytest.raises(ValueError, match=r"7\.jpg is an input and would be overwritten"):
        run([folder / "7.jpg"], folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ValueError, match="would be overwritten"):
        run([folder / "7.jpg"], tmp_path / "link")
    write_image(tmp_path / "mine/7.jpg", example_image())
    with pytest.raises(ValueError, match="not of an earlier prediction"):
        run([folder / "7.jpg"], tmp_path / "mine")
    earlier = write_boxes(tmp_path / "predictions.json", [{"image_id": 7, "bbox": BOX}])
    with pytest.raises(ValueError, match=r"predictions\.json is an input"):
        run([folder], tmp_path, earlier)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        run([folder], tmp_path / "file")
    assert all(p.read_bytes() == data for p, data in before.items())


@pytest.mark.filterwarnings("ignore:each whole image")
def test_names_that_collide(folder: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "other/7.jpg", example_image())
    with pytest.raises(ValueError, match=r"both be written to .*7\.jpg"):
        run([folder, tmp_path / "other"], tmp_path / "out")
    # The same file twice is one image, and a file named itself goes to the top.
    summary = run([folder, folder / "sub/0012.png", folder], tmp_path / "out")
    assert summary.images == 3
    assert files(tmp_path / "out") == {"7.jpg", "0012.png", "sub/old.bmp.png", "predictions.json"}


@pytest.mark.filterwarnings("ignore:each whole image")
def test_broken_images(folder: Path, tmp_path: Path) -> None:
    bad = folder / "sub/bad.jpg"
    bad.write_bytes((folder / "7.jpg").read_bytes()[:20])
    with pytest.warns(UserWarning, match="skipped: cannot read .*bad.jpg"):
        summary = run([folder], tmp_path / "out")
    assert summary.broken == (bad,)
    assert "1 unreadable file skipped" in str(summary)
    assert set(contents(tmp_path / "out")) == {"7.jpg", "sub/0012.png", "sub/old.bmp"}
    with (
        pytest.warns(UserWarning, match="skipped"),
        pytest.raises(ValueError, match=r"cannot read .*bad.jpg.*1 other images are done"),
    ):
        run([bad, folder / "7.jpg"], tmp_path / "named")
    assert set(contents(tmp_path / "named")) == {"7.jpg"}
    (tmp_path / "all").mkdir()
    (tmp_path / "all/bad.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(ValueError, match="cannot read"):
        run([tmp_path / "all"], tmp_path / "none")


def test_missing_and_empty_inputs(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no image or folder .*gone\.jpg"):
        run([folder / "gone.jpg"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"notes\.txt is no image"):
        run([folder / "notes.txt"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no image in .*empty"):
        run([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(ValueError, match="no image in the list"):
        run([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_heatmaps_are_written_for_each_person(folder: Path, tmp_path: Path) -> None:
    boxes = write_boxes(tmp_path / "boxes.json", [{"image_id": 7, "bbox": BOX}, {"image_id": 7, "bbox": BOX}])
    predict_images(predictor(), [folder / "7.jpg"], out=tmp_path / "out", boxes=boxes, heatmaps=True, threshold=0.2)
    assert files(tmp_path / "out") == {
        "7.jpg",
        "7.jpg.heatmaps-0.jpg",
        "7.jpg.heatmaps-1.jpg",
        "predictions.json",
    }


def test_drawings_of_an_earlier_prediction_are_told(folder: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    records = [{"file_name": "7.jpg", "bbox": [5, 5, 20, 20]}, {"file_name": "7.jpg", "bbox": [9, 9, 20, 20]}]
    out = tmp_path / "out"
    for used in (records, records, records[:1]):
        boxes.write_text(json.dumps(used))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            predict_images(predictor(), [folder / "7.jpg"], out=out, boxes=boxes, heatmaps=True)
        said = [str(w.message) for w in caught if "earlier prediction" in str(w.message)]
        expected = f"1 file of an earlier prediction is still in {out}, e.g. 7.jpg.heatmaps-1.jpg"
        assert [text.partition(";")[0] for text in said] == ([expected] if len(used) == 1 else [])


@pytest.mark.parametrize("heatmaps", [False, True])
def test_crops_of_several_images_share_batches(folder: Path, tmp_path: Path, heatmaps: bool) -> None:
    """And the heatmaps come from the same runs of the network."""
    boxes = write_boxes(
        tmp_path / "boxes.json",
        [{"image_id": 7, "bbox": BOX}, {"image_id": 12, "bbox": BOX}, {"image_id": 12, "bbox": BOX}],
    )
    model = predictor(batch_size=64, flip_test=False)
    predict_images(model, [folder], out=tmp_path / "out", boxes=boxes, heatmaps=heatmaps)
    assert model.model.batches == [3]
    assert len(list((tmp_path / "out").rglob("*heatmaps-*"))) == 3 * heatmaps
    small = predictor(batch_size=2, flip_test=False)
    predict_images(small, [folder], out=tmp_path / "small", boxes=boxes, heatmaps=heatmaps)
    assert small.model.batches == [1, 2]
    for name in files(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "small" / name).read_bytes()


@pytest.mark.filterwarnings("ignore:each whole image")
def test_few_large_images_wait_together(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose.inference.image_loop.MAX_PIXELS_HELD", 2 * 300 * 400)
    model = predictor(flip_test=False)
    predict_images(model, [folder], out=tmp_path / "out")
    assert model.model.batches == [2, 1]


@pytest.mark.filterwarnings("ignore:each whole image")
def test_arrays_by_their_names(folder: Path, tmp_path: Path) -> None:
    run([folder], tmp_path / "files")
    summary = run({"7.jpg": read_image(folder / "7.jpg"), "x/y": example_image()}, tmp_path / "arrays")
    assert summary.images == 2
    assert files(tmp_path / "arrays") == {"7.jpg", "x/y.png", "predictions.json"}
    assert contents(tmp_path / "arrays")["7.jpg"] == contents(tmp_path / "files")["7.jpg"]
    for images, message in (
        ({"../7.jpg": example_image()}, "called '../7.jpg'; results need a name below their folder"),
        ({"a.jpg": example_image()[..., 0]}, "a.jpg is an array .* make a gray image one"),
        ({}, "no image in the list given"),
    ):
        with pytest.raises(ValueError, match=message):
            run(images, tmp_path / "wrong")


@pytest.mark.filterwarnings("ignore:each whole image")
def test_images_on_which_nothing_is_drawn_are_counted(folder: Path, tmp_path: Path) -> None:
    write_image(folder / "black.png", np.zeros((30, 40, 3), np.uint8))
    message = r"no keypoint of anybody scores more than 0.2 on 1 of 4 images, so none is drawn there"
    with pytest.warns(UserWarning, match=message) as caught:
        run([folder], tmp_path / "out")
    assert len(caught) == 2  # and that of whole images


def test_call_reads_files_upright(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", example_image())
    data = (tmp_path / "a.jpg").read_bytes()
    # Orientation 6: stored lying, to be turned clockwise by a quarter.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    (tmp_path / "turned.jpg").write_bytes(
        data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    )
    stored, turned = predictor()(tmp_path / "a.jpg"), predictor()(str(tmp_path / "turned.jpg"))
    assert stored.image_size == (300, 400)
    assert turned.image_size == (400, 300)
    assert turned.image_path == tmp_path / "turned.jpg"
    np.testing.assert_array_equal(turned.boxes, [[0, 0, 300, 400]])
    np.testing.assert_array_equal(
        predictor()(example_image(), boxes=[BOX]).keypoints, predictor().predict(example_image(), [BOX]).keypoints
    )
    with pytest.raises(FileNotFoundError, match="gone"):
        predictor()(tmp_path / "gone.jpg")


def test_real_boxes_of_a_coco_file(coco_sample: Path, tmp_path: Path) -> None:
    annotations = coco_sample / "annotations/person_keypoints_val2017.json"
    images = coco_sample / "images/val2017"
    names = ["000000000785.jpg", "000000000139.jpg"]
    people = ground_truth_people(load_coco(annotations, COCO17), images, min_keypoints=0)
    expected = {n: sum(p.path.name == n for p in people) for n in names}
    run([images / n for n in names], tmp_path / "out", annotations)
    assert {n: len(image["people"]) for n, image in contents(tmp_path / "out").items()} == expected
