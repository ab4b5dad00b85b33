"""Each library against pycocotools as it is called by everybody."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pose.config.load import make_config
from pose.evaluation.coco_backends import BACKENDS, check_backend, coco_numbers
from pose.keypoints.oks import METRICS
from pose.runtime.errors import ConfigError, MissingPackage

K = 5
INSTALLED = [name for name in BACKENDS if find_spec(name)]
SIGMAS = [0.03, 0.05, 0.1, 0.02, 0.08]


def make(
    seed: int, *, images: int = 12, areas: tuple[float, float] = (200.0, 2e4)
) -> tuple[dict[str, Any], list[Any]]:
    """12 images, with crowds, people without keypoints, nobody at all, equal scores, more than 20 detections."""
    rng = np.random.default_rng(seed)
    annotations: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image in range(1, 13):
        people = []
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = rng.uniform([0, 0, 20, 20], [200, 200, 150, 150])
            points = np.column_stack([rng.uniform([x, y], [x + w, y + h], (K, 2)), rng.integers(0, 3, K)])
            points[:, 2] *= rng.random() < 0.8
            people.append(points)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": [x, y, w, h],
                    "area": rng.uniform(*areas),
                    "iscrowd": int(rng.random() < 0.2),
                    "num_keypoints": int((points[:, 2] > 0).sum()),
                    "keypoints": points.ravel().tolist(),
                }
            )
        for _ in range(rng.choice([0, 3, 8, 30])):
            base = people[rng.integers(len(people))] if people else np.full((K, 3), 50.0)
            points = base + rng.normal(0, rng.choice([0.0, 2.0, 8.0, 30.0]), (K, 3))
            low, size = points[:, :2].min(axis=0), np.ptp(points[:, :2], axis=0)
            detections.append(
                {
                    "id": len(detections) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": points.ravel().tolist(),
                    "score": float(rng.integers(1, 12)) / 12,
                    "bbox": [*low.tolist(), *size.tolist()],
                    "area": float(size.prod()),
                }
            )
    truth = {
        "info": {},
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": 400, "width": 400} for i in range(1, 13)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": annotations,
    }
    return truth, detections


def plain_numbers(truth: dict[str, Any], detections: list[Any], image_ids: list[int]) -> list[float]:
    evaluation = evaluated(truth, detections, image_ids, most=20)
    evaluation.summarize()
    return [float(number) for number in evaluation.stats]


def evaluated(truth: dict[str, Any], detections: list[Any], image_ids: list[int], *, most: int) -> Any:
    sides = []
    for records in (truth["annotations"], detections):
        side = COCO()
        side.dataset = {**truth, "annotations": records}
        side.createIndex()
        sides.append(side)
    evaluation = COCOeval(*sides, "keypoints")
    evaluation.params.kpt_oks_sigmas = np.array(SIGMAS)
    evaluation.params.maxDets = [most]
    evaluation.params.imgIds = image_ids
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("backend", INSTALLED)
def test_equals_plain_pycocotools(backend: str, seed: int) -> None:
    truth, detections = make(seed)
    images = list(range(1, 13)) if seed % 2 else [2, 3, 5, 8, 9, 11]
    numbers = coco_numbers(truth, detections, image_ids=images, oks_sigmas=SIGMAS, backend=backend)
    assert tuple(numbers) == METRICS
    np.testing.assert_allclose(list(numbers.values()), plain_numbers(truth, detections, images), rtol=0, atol=1e-9)
    assert 0.01 < numbers["AP"] < 0.99


@pytest.mark.parametrize("most", [2, 28, 100])
@pytest.mark.parametrize("backend", INSTALLED)
def test_another_number_of_answers_that_count(backend: str, most: int) -> None:
    """Against the mean of COCOeval's own curves, as its summary knows 20 answers only."""
    truth, detections = make(5)
    numbers = coco_numbers(
        truth, detections, image_ids=range(1, 13), oks_sigmas=SIGMAS, backend=backend, max_detections=most
    )
    evaluation = evaluated(truth, detections, list(range(1, 13)), most=most)
    precision, recall = evaluation.eval["precision"][..., 0, 0], evaluation.eval["recall"][..., 0, 0]
    np.testing.assert_allclose(numbers["AP"], precision[precision > -1].mean(), atol=1e-9)
    np.testing.assert_allclose(numbers["AP50"], precision[0].mean(), atol=1e-9)
    np.testing.assert_allclose(numbers["AR"], recall[recall > -1].mean(), atol=1e-9)
    standard = coco_numbers(truth, detections, image_ids=range(1, 13), oks_sigmas=SIGMAS, backend=backend)
    assert (numbers["AR"] > standard["AR"]) == (most > 20)
    assert (numbers["AR"] < standard["AR"]) == (most < 20)


@pytest.mark.parametrize("backend", INSTALLED)
def test_any_image_ids(backend: str) -> None:
    """Negative ones too, and in any order."""
    truth, detections = make(3)
    want = coco_numbers(truth, detections, image_ids=range(1, 13), oks_sigmas=SIGMAS, backend=backend)
    for entry in truth["images"]:
        entry["id"] -= 6
    truth["images"].reverse()
    for record in [*truth["annotations"], *detections]:
        record["image_id"] -= 6
    assert coco_numbers(truth, detections, image_ids=range(-5, 7), oks_sigmas=SIGMAS, backend=backend) == want


@pytest.mark.parametrize("backend", INSTALLED)
def test_sizes_that_nobody_has_and_no_output(backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    truth, detections = make(0, areas=(2e4, 3e4))
    numbers = coco_numbers(truth, detections, image_ids=range(1, 13), oks_sigmas=SIGMAS, backend=backend)
    assert numbers["APM"] == numbers["ARM"] == -1
    assert numbers["APL"] > 0
    assert capfd.readouterr() == ("", "")


def test_a_backend_that_is_missing_or_unknown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'cocox' is unknown; did you mean 'hotcoco'"):
        check_backend("cocox")
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(MissingPackage, match="hotcoco needs hotcoco, not installed here: pip install hotcoco"):
        check_backend("hotcoco")
    split = {"images": "a", "annotations": "b"}
    with pytest.raises(ValueError, match=r"eval.backend: expected 'pycocotools' or 'hotcoco'"):
        make_config({"data": {"train": split, "val": split}}, ["eval.backend=fast"])
