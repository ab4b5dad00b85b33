"""From boxes through a model that knows the answer back to keypoints in the image, and what is written of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pose.codecs.heatmap import encode
from pose.config.keypoints import Config
from pose.config.load import load_config, make_config
from pose.data.people import Person
from pose.evaluation.coco import METRICS
from pose.evaluation.run import Evaluation, Predictions, crop_predictor, evaluate, predict_people, score
from pose.evaluation.splits import validation_set
from pose.keypoints.geometry import crop_affine, grow_box
from pose.keypoints.skeletons import COCO17
from pose.runtime.outputs import evaluation_mark

CPU = torch.device("cpu")
SIZE = (256, 192)


class Oracle(nn.Module):
    """Gives the true heatmaps of people that come in order, and with `flip_test` those of the mirrored crops.

    It knows the crops only from the protocol: 1.25 times the box grown to 192:256, its center at (96, 128).
    """

    def __init__(self, people: list[Person], truth: dict[int, np.ndarray], *, flip_test: bool) -> None:
        super().__init__()
        points = []
        for person in people:
            x, y, w, h = person.box_xywh
            width = 1.25 * max(w, h * 0.75)
            points.append((truth[person.image_id] - (x + w / 2, y + h / 2)) * (192 / width) + (96, 128))
        self.points = torch.from_numpy(np.stack(points)).float()
        self.flip_test = flip_test
        self.seen: list[int] = []
        self.inputs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        mirrored = self.flip_test and len(self.seen) % 2 == 1
        start = sum(self.seen[:-1:2]) if mirrored else sum(self.seen[:: 2 if self.flip_test else 1])
        self.seen.append(len(x))
        self.inputs.append(x.clone())
        points = self.points[start : start + len(x)]
        if mirrored:  # a network takes the mirrored left wrist for a right one
            points = (torch.tensor([191.0, 0]) - points * torch.tensor([1.0, -1]))[:, COCO17.flip_indices]
        return encode(points / 4, torch.ones(points.shape[:2]), heatmap_size=(64, 48))[0]


def predict(model: nn.Module, people: list[Person], *, flip_test: bool = False, **options: Any) -> Predictions:
    predict_crops = crop_predictor(model, skeleton=COCO17, device=CPU, flip_test=flip_test)
    return predict_people(predict_crops, people, skeleton=COCO17, input_size=SIZE, **options)


@pytest.fixture
def config(tiny_config: dict[str, Any]) -> Config:
    tiny_config["model"]["input_size"] = list(SIZE)
    return make_config(tiny_config)


def truth_of(root: Path) -> dict[int, np.ndarray]:
    document = json.loads((root / "people.json").read_text())
    return {a["image_id"]: np.reshape(a["keypoints"], (17, 3))[:, :2] for a in document["annotations"]}


@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize("boxes", ["gt", "boxes.json"])
def test_the_truth_comes_back(config: Config, tiny_dataset: Path, flip_test: bool, boxes: str) -> None:
    val = validation_set(config.data, boxes=boxes if boxes == "gt" else str(tiny_dataset / boxes))
    truth = truth_of(tiny_dataset)
    model = Oracle(val.people, truth, flip_test=flip_test)
    predictions = predict(model, val.people, flip_test=flip_test, batch_size=4)
    assert model.seen == ([4, 4, 4, 4, 2, 2] if flip_test else [4, 4, 2])
    pixel = grow_box(val.people[0].box_xywh, SIZE)[1][1] / 48  # 1.2 image pixels a heatmap pixel
    want = np.stack([truth[person.image_id] for person in val.people])
    # Half a pixel of rounding; flipping adds the quarter by which the mirrored map is off.
    error = np.abs(predictions.keypoints_img - want)
    assert error.max() < (0.8 if flip_test else 0.55) * pixel
    assert error.mean() < 0.3 * pixel
    result = score(predictions, val, COCO17)
    assert result.metrics is not None
    assert result.metrics["AP"] == pytest.approx(1.0)
    assert (result.boxes, result.images, result.people) == (val.boxes, 10, 10)


def test_what_the_model_sees(config: Config) -> None:
    """The crop, normalized; then the same mirrored."""
    val = validation_set(config.data)
    model = Oracle(val.people, truth_of(Path(config.data.root)), flip_test=True)
    counts: list[int] = []
    predict(model, val.people, flip_test=True, batch_size=8, on_batch=counts.append)
    assert counts == [8, 2]
    plain, mirrored = model.inputs[:2]
    assert plain.shape == (8, 3, *SIZE)
    assert torch.equal(mirrored, plain.flip(-1))
    # The box [8, 10, 47, 59] has its center between four pixels; the crop's center is their mean, in RGB.
    image = cv2.imread(str(val.people[0].path))[39:41, 31:33, ::-1].mean(axis=(0, 1))
    want = (image / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(plain[0, :, 128, 96], want, atol=1.5 / 255 / 0.22)


def test_swapped_people_score_nothing(config: Config, tiny_dataset: Path) -> None:
    """Left for right: the keypoints lie at random places, so only the nose is right."""
    val = validation_set(config.data)
    truth = {i: points[COCO17.flip_indices] for i, points in truth_of(tiny_dataset).items()}
    model = Oracle(val.people, truth, flip_test=False)
    predictions = predict(model, val.people)
    metrics = score(predictions, val, COCO17).metrics
    assert metrics is not None
    assert metrics["AP"] < 0.1


def test_predictions_carry_the_boxes(config: Config, tiny_dataset: Path) -> None:
    val = validation_set(config.data, boxes=str(tiny_dataset / "boxes.json"))
    model = Oracle(val.people, truth_of(tiny_dataset), flip_test=False)
    found = predict(model, val.people)
    np.testing.assert_array_equal(found.image_ids, range(1, 11))
    np.testing.assert_array_equal(found.boxes_xywh, [[9, 9, 47, 61]] * 10)
    np.testing.assert_array_equal(found.box_scores, [0.9] * 10)
    np.testing.assert_allclose(found.areas, (47 * 1.25) ** 2 / 0.75)
    record = score(found, val, COCO17).results[0]
    # All peaks are 1 (rounded to a pixel): the person's score is the box's.
    assert record["score"] == pytest.approx(0.9)


def test_nobody_to_look_at() -> None:
    found = predict(nn.Identity(), [])
    assert found.keypoints_img.shape == (0, 17, 2)
    assert found.boxes_xywh.shape == (0, 4)


def test_only_images_with_boxes_changes_what_counts(config: Config, tiny_dataset: Path, tmp_path: Path) -> None:
    """Boxes on half of the images: the people of the others are misses, unless they are left out."""
    boxes = json.loads((tiny_dataset / "boxes.json").read_text())[:5]
    (tmp_path / "half.json").write_text(json.dumps(boxes))
    recalls = []
    for only in (False, True):
        val = validation_set(config.data, boxes=str(tmp_path / "half.json"), only_images_with_boxes=only)
        model = Oracle(val.people, truth_of(tiny_dataset), flip_test=False)
        found = predict(model, val.people)
        result = score(found, val, COCO17)
        assert result.metrics is not None
        recalls.append((result.images, result.people, result.metrics["AR"]))
    assert recalls == [(10, 5, pytest.approx(0.5)), (5, 5, pytest.approx(1.0))]


def test_people_who_are_left_out_do_not_count(tiny_config: dict[str, Any]) -> None:
    """`limit`: the model is asked for four people, and the other six are not missed."""
    tiny_config["model"]["input_size"] = list(SIZE)
    tiny_config["data"]["val"] |= {"limit": 4}
    config = make_config(tiny_config)
    val = validation_set(config.data)
    model = Oracle(val.people, truth_of(Path(config.data.root)), flip_test=True)
    result = evaluate(model, val, config, device=CPU)
    assert result.metrics is not None
    assert (result.images, result.people) == (10, 4)
    assert (result.metrics["AP"], result.metrics["AR"]) == pytest.approx((1.0, 1.0))


def test_evaluate_takes_its_settings_from_the_config(tiny_config: dict[str, Any]) -> None:
    tiny_config["model"]["input_size"] = list(SIZE)
    tiny_config["eval"] |= {"flip_test": False, "batch_size": 3}
    config = make_config(tiny_config)
    val = validation_set(config.data)
    model = Oracle(val.people, truth_of(Path(config.data.root)), flip_test=False).train()
    seen: list[int] = []
    # What runs is a copy of the model, which has the hook too.
    model.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    result = evaluate(model, val, config, device=CPU)
    assert seen == [3, 3, 3, 1]
    assert not model.training
    assert result.metrics is not None
    assert tuple(result.metrics) == METRICS


def test_evaluate_folds_the_batch_norms_of_a_copy(tiny_config: dict[str, Any]) -> None:
    """The model itself, which may be in training, stays as it was."""
    config = make_config(tiny_config)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 17, 4, stride=4, bias=False), nn.BatchNorm2d(17))
    model(torch.randn(8, 3, 64, 48)).sum().backward()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert before["1.running_mean"].abs().max() > 0
    folded: list[bool] = []
    model[0].register_forward_hook(lambda module, args, output: folded.append(module.bias is not None))
    evaluate(model, validation_set(config.data), config, device=CPU)
    assert folded
    assert all(folded)
    assert model[0].bias is None
    assert isinstance(model[1], nn.BatchNorm2d)
    assert {key: torch.equal(value, before[key]) for key, value in model.state_dict().items()} == dict.fromkeys(
        before, True
    )


def test_a_model_that_diverged(config: Config) -> None:
    class Nothing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full((len(x), 17, 64, 48), torch.nan)

    val = validation_set(config.data)
    with pytest.raises(ValueError, match=r"not finite: training has diverged\. Start another with a lower train\.lr"):
        evaluate(Nothing(), val, config, device=CPU)


def test_crop_is_the_protocols() -> None:
    """The oracle's arithmetic and the package's agree."""
    centers, sizes = grow_box(np.array([[10.0, 20, 100, 300]]), SIZE)
    affine = crop_affine(centers[0], float(sizes[0, 1]), SIZE)
    width = 1.25 * 300 * 0.75
    point = np.array([37.0, 91.0])
    np.testing.assert_allclose(
        affine @ [*point, 1], (point - (10 + 100 / 2, 20 + 300 / 2)) * (192 / width) + (96, 128)
    )


def test_written_files(config: Config, tmp_path: Path) -> None:
    numbers = {name: 0.1 * i for i, name in enumerate(METRICS)}
    records = [{"image_id": 1, "category_id": 1, "keypoints": [0.0] * 51, "score": 0.5}]
    mark = evaluation_mark(tmp_path, checkpoint=tmp_path / "best.safetensors", data=tmp_path, boxes="gt")
    Evaluation(numbers, records, "gt", images=3, people=2).write(
        tmp_path, config=config, details={"epoch": 4}, mark=mark
    )
    want = {**numbers, "boxes": "gt", "images": 3, "people": 2, "epoch": 4}
    assert json.loads((tmp_path / "metrics.json").read_text()) == want
    assert json.loads((tmp_path / "results.json").read_text()) == records
    assert load_config(tmp_path / "config.yaml") == config
    # Numbers of an earlier evaluation must not lie beside results that they do not belong to.
    Evaluation(None, records, "b.json", images=3, people=2).write(tmp_path, config=config, details={}, mark=mark)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "config.yaml"}
