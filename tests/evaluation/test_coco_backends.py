"""The replaced methods and the other library against pycocotools as it is."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pose.config.load import make_config
from pose.evaluation.coco_backends import BACKENDS, _fast_evaluation, _match, check_backend, coco_numbers
from pose.keypoints.oks import METRICS

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


def run(kind: type, truth: dict[str, Any], detections: list[Any], image_ids: list[int]) -> Any:
    sides = []
    for records in (truth["annotations"], detections):
        side = COCO()
        side.dataset = {**truth, "annotations": records}
        side.createIndex()
        sides.append(side)
    evaluation = kind(*sides, "keypoints")
    evaluation.params.kpt_oks_sigmas = np.array(SIGMAS)
    evaluation.params.maxDets = [20]
    evaluation.params.imgIds = image_ids
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(8))
def test_everything_equals_plain_pycocotools(seed: int) -> None:
    truth, detections = make(seed)
    images = list(range(1, 13)) if seed % 2 else [2, 3, 5, 8, 9, 11]
    plain = run(COCOeval, truth, detections, images)
    fast = run(_fast_evaluation(), truth, detections, images)
    assert plain.ious.keys() == fast.ious.keys()
    for key, oks in plain.ious.items():
        np.testing.assert_array_equal(fast.ious[key], oks)
    matched = 0.0
    for want, got in zip(plain.evalImgs, fast.evalImgs, strict=True):
        assert (want is None) == (got is None)
        if want is None:
            continue
        assert want.keys() == got.keys()
        for key, value in want.items():
            np.testing.assert_array_equal(got[key], value, err_msg=key)
        matched += (want["dtMatches"] > 0).sum()
    assert matched > 50
    for key in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(fast.eval[key], plain.eval[key])
    for backend in INSTALLED:
        numbers = coco_numbers(truth, detections, image_ids=images, oks_sigmas=SIGMAS, backend=backend)
        assert tuple(numbers) == METRICS
        np.testing.assert_allclose(list(numbers.values()), plain.stats, rtol=0, atol=1e-9)
        assert 0.01 < numbers["AP"] < 0.99


@pytest.mark.parametrize("backend", INSTALLED)
def test_sizes_that_nobody_has_and_no_output(backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    truth, detections = make(0, areas=(2e4, 3e4))
    numbers = coco_numbers(truth, detections, image_ids=range(1, 13), oks_sigmas=SIGMAS, backend=backend)
    assert numbers["APM"] == numbers["ARM"] == -1
    assert numbers["APL"] > 0
    assert capfd.readouterr() == ("", "")


def test_a_match_prefers_people_who_count() -> None:
    oks = np.array([[0.6, 0.9], [0.0, 0.8]])
    people, detections, ignored = _match(
        oks, thresholds=[0.5, 0.7], ignore=[0, 1], crowd=[False, True], gt_ids=[7, 8], dt_ids=[1, 2]
    )
    assert detections.tolist() == [[7, 8], [8, 8]]  # at 0.7 both fall to the crowd, who can be matched twice
    assert people.tolist() == [[1, 2], [0, 2]]
    assert ignored.tolist() == [[False, True], [True, True]]


def test_a_backend_that_is_missing_or_unknown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"'cocox' is unknown; valid: pycocotools, hotcoco"):
        check_backend("cocox")
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(ValueError, match=r"not installed .*pip install 'pose\[fast\]', or set eval.backend=pyco"):
        check_backend("hotcoco")
    split = {"images": "a", "annotations": "b"}
    with pytest.raises(ValueError, match=r"eval.backend: expected 'pycocotools' or 'hotcoco'"):
        make_config({"data": {"train": split, "val": split}}, ["eval.backend=fast"])
