"""Rescoring and NMS against HRNet's loops, the ten numbers against plain pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pose.data.coco import CocoFile, load_coco
from pose.data.detections import detected_people
from pose.data.people import ground_truth_people
from pose.evaluation import oks_nms as nms_module
from pose.evaluation.coco import METRICS, Predictions, evaluate_coco, to_coco_results
from pose.evaluation.oks_nms import oks_nms
from pose.inference.results import person_scores
from pose.keypoints.geometry import grow_box
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.errors import DataError

SIGMAS = np.array(COCO17.oks_sigmas)
TWO = Skeleton.from_names("two", keypoint_names=["head", "tail"])


def make_predictions(n: int = 60, images: int = 4, k: int = 17, seed: int = 0) -> Predictions:
    """Clusters of similar people, so that NMS has something to do."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(50, 400, (n // 5, k, 2))
    boxes = rng.uniform([0, 0, 40, 60], [300, 200, 200, 300], (n, 4))
    return Predictions(
        image_ids=rng.integers(1, images + 1, n) * 10,
        boxes_xywh=boxes,
        box_scores=rng.random(n),
        keypoints_img=centers[rng.integers(0, len(centers), n)] + rng.normal(0, 3, (n, k, 2)),
        keypoint_scores=rng.uniform(-0.2, 1, (n, k)),
        input_size=(256, 192),
    )


def test_person_scores_equal_the_loop() -> None:
    p = make_predictions()
    p.keypoint_scores[0] = 0.1  # none above
    p.keypoint_scores[1] = 0.2  # exactly at the threshold does not count
    p.keypoint_scores[2, :3] = 0.2
    want = []
    for box_score, scores in zip(p.box_scores, p.keypoint_scores, strict=True):
        total, valid = 0.0, 0
        for score in scores:
            if score > 0.2:
                total, valid = total + score, valid + 1
        want.append((total / valid if valid else 0.0) * box_score)
    np.testing.assert_allclose(person_scores(p.box_scores, p.keypoint_scores), want, rtol=1e-12)
    assert person_scores(p.box_scores, p.keypoint_scores)[:2].tolist() == [0, 0]


def naive_nms(
    keypoints: np.ndarray, scores: np.ndarray, areas: np.ndarray, sigmas: np.ndarray, t: float
) -> list[int]:
    """oks_nms with oks_iou of HRNet, keypoints flattened with a score as there."""
    flat = np.concatenate([keypoints, np.ones((*keypoints.shape[:2], 1))], axis=-1).reshape(len(keypoints), -1)
    order = scores.argsort()[::-1]
    variances = (sigmas * 2) ** 2
    keep = []
    while order.size > 0:
        i = order[0]
        keep.append(int(i))
        g, a_g = flat[i], areas[i]
        ious = np.zeros(len(order) - 1)
        for n, other in enumerate(order[1:]):
            d = flat[other]
            dx, dy = d[0::3] - g[0::3], d[1::3] - g[1::3]
            e = (dx**2 + dy**2) / variances / ((a_g + areas[other]) / 2 + np.spacing(1)) / 2
            ious[n] = np.sum(np.exp(-e)) / e.shape[0]
        order = order[np.where(ious <= t)[0] + 1]
    return keep


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.97])
def test_nms_equals_the_loop(threshold: float) -> None:
    sizes = set()
    for seed in range(5):
        p = make_predictions(seed=seed)
        got = oks_nms(p.keypoints_img, p.box_scores, p.areas, SIGMAS, threshold=threshold)
        assert got.tolist() == naive_nms(p.keypoints_img, p.box_scores, p.areas, SIGMAS, threshold)
        sizes.add(len(got))
    assert min(sizes) < 60


def test_nms_of_many_people_goes_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    p = make_predictions()
    want = naive_nms(p.keypoints_img, p.box_scores, p.areas, SIGMAS, 0.9)
    for elements in (1, 60 * 17 * 7):  # one person at a time, seven
        monkeypatch.setattr(nms_module, "_NMS_ELEMENTS", elements)
        assert oks_nms(p.keypoints_img, p.box_scores, p.areas, SIGMAS).tolist() == want


def test_nms_uses_the_oks_of_pycocotools() -> None:
    """With equal areas and all keypoints visible the two definitions agree, so the threshold can bracket it."""
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 200, (17, 2))
    b = a + rng.normal(0, 6, a.shape)
    evaluation = COCOeval(iouType="keypoints")
    evaluation._gts[1, 1] = [{"keypoints": flat(a, 2), "bbox": [0, 0, 9, 9], "area": 2e4}]
    evaluation._dts[1, 1] = [{"keypoints": flat(b, 1), "score": 1.0}]
    oks = evaluation.computeOks(1, 1)[0, 0]
    assert 0.3 < oks < 0.99
    pair, area = np.stack([a, b]), np.full(2, 2e4)
    assert oks_nms(pair, [1, 0.5], area, SIGMAS, threshold=oks + 1e-9).tolist() == [0, 1]
    assert oks_nms(pair, [0.5, 1], area, SIGMAS, threshold=oks - 1e-9).tolist() == [1]


def test_nms_of_none_one_and_equals() -> None:
    assert oks_nms(np.zeros((0, 17, 2)), [], [], SIGMAS).tolist() == []
    assert oks_nms(np.zeros((1, 17, 2)), [0.0], [0.0], SIGMAS).tolist() == [0]
    assert oks_nms(np.zeros((3, 17, 2)), [0.5] * 3, [1.0] * 3, SIGMAS).tolist() == [0]


def test_results_are_per_image_best_first_and_without_bbox() -> None:
    p = make_predictions()
    results, sources = to_coco_results(p, COCO17, category_id=3)
    scores = person_scores(p.box_scores, p.keypoint_scores)
    want = []
    for image_id in dict.fromkeys(p.image_ids.tolist()):
        people = np.flatnonzero(p.image_ids == image_id)
        kept = naive_nms(p.keypoints_img[people], scores[people], p.areas[people], SIGMAS, 0.9)
        want += [(image_id, int(people[i])) for i in kept]
    assert len(want) < 60
    assert len(results) == len(want)
    assert sources.tolist() == [index for _, index in want]
    for record, (image_id, index) in zip(results, want, strict=True):
        assert list(record) == ["image_id", "category_id", "keypoints", "score"]
        assert (record["image_id"], record["category_id"], record["score"]) == (image_id, 3, scores[index])
        triples = np.array(record["keypoints"]).reshape(17, 3)
        np.testing.assert_array_equal(triples[:, :2], p.keypoints_img[index])
        np.testing.assert_array_equal(triples[:, 2], p.keypoint_scores[index])
    json.dumps(results)


def test_wrong_predictions_are_refused() -> None:
    p = make_predictions(k=2)
    with pytest.raises(DataError, match="2 keypoints, skeleton 'coco17' has 17"):
        to_coco_results(p, COCO17)
    fields = {f: getattr(p, f) for f in p.__dataclass_fields__}
    with pytest.raises(DataError, match=r"box_scores must have shape \(60,\)"):
        Predictions(**{**fields, "box_scores": p.box_scores[:5]})
    with pytest.raises(ValueError, match="keypoint_scores that are not finite"):
        Predictions(**{**fields, "keypoint_scores": p.keypoint_scores * np.nan})


def test_areas_are_those_of_the_grown_boxes() -> None:
    """Not of the boxes, which would let OKS-NMS drop fewer people."""
    p = make_predictions()
    np.testing.assert_array_equal(p.areas, grow_box(p.boxes_xywh, (256, 192))[1].prod(axis=-1))
    assert (p.areas > 1.25**2 * p.boxes_xywh[:, 2:].prod(axis=-1)).all()
    assert (replace(p, input_size=(192, 256)).areas != p.areas).any()


def flat(points: np.ndarray, value: float) -> list[float]:
    return np.column_stack([points, np.full(len(points), value)]).ravel().tolist()


def as_results(coco: CocoFile, jitter: float = 0.0, skip: int = 10**9) -> list[dict[str, Any]]:
    """The annotations as results, shifted by a share of the person's size, every `skip`-th left out."""
    rng = np.random.default_rng(0)
    assert coco.annotations is not None
    results = []
    for number, a in enumerate(coco.annotations):
        points = a.keypoints_img[:, :2] + rng.normal(0, 1, (len(a.keypoints_img), 2)) * jitter * np.sqrt(a.area)
        score = float(rng.random())
        if a.num_keypoints and not a.is_crowd and number % skip != skip - 1:
            keypoints = flat(points, 0.9)
            results.append({"image_id": a.image_id, "category_id": 1, "keypoints": keypoints, "score": score})
    return results


def plain_pycocotools(
    annotations: Path, results: list[dict[str, Any]], folder: Path, image_ids: list[int] | None = None
) -> list[float]:
    """As everybody runs it: files, and the defaults of COCOeval."""
    path = folder / "results.json"
    path.write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(str(path)), "keypoints")
        if image_ids is not None:
            evaluation.params.imgIds = image_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


@pytest.fixture(scope="module")
def val(coco_sample: Path) -> CocoFile:
    return load_coco(coco_sample / "annotations/person_keypoints_val2017.json", COCO17)


def test_ground_truth_as_results_is_perfect(val: CocoFile, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = evaluate_coco(val, as_results(val), COCO17)
    assert tuple(numbers) == METRICS
    assert set(numbers.values()) == {1.0}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("jitter", [0.02, 0.06])
def test_equals_plain_pycocotools_on_real_annotations(val: CocoFile, tmp_path: Path, jitter: float) -> None:
    results = as_results(val, jitter, skip=7)
    numbers = evaluate_coco(val, results, COCO17)
    assert list(numbers.values()) == plain_pycocotools(val.path, results, tmp_path)
    assert 0.01 < numbers["AP"] < 0.99


def test_only_the_best_of_an_image_count_as_in_pycocotools(val: CocoFile, tmp_path: Path) -> None:
    """30 results a person, many with the score of another."""
    results = [r for jitter in np.linspace(0, 0.3, 30) for r in as_results(val, jitter)]
    for number, record in enumerate(results):
        record["score"] = number * 7 % 11 / 11
    numbers = evaluate_coco(val, results, COCO17)
    assert list(numbers.values()) == plain_pycocotools(val.path, results, tmp_path)
    assert 0.01 < numbers["AP"] < 0.99


def test_real_detections_with_keypoints_of_the_nearest_person(
    val: CocoFile, coco_sample: Path, tmp_path: Path
) -> None:
    """The whole chain on the 118 detected boxes: rescoring, NMS, records, numbers; all images or those with boxes."""
    images = coco_sample / "images/val2017"
    boxes = detected_people(
        coco_sample / "person_detection_results/COCO_val2017_sample_detections_person.json", val, images
    ).people
    truth = ground_truth_people(val, images)
    rng = np.random.default_rng(0)
    keypoints = []
    for box in boxes:
        center = np.array(box.box_xywh[:2]) + np.array(box.box_xywh[2:]) / 2
        near = [p for p in truth if p.image_id == box.image_id]
        best = min(near, key=lambda p: np.hypot(*(np.array(p.box_xywh[:2]) + np.array(p.box_xywh[2:]) / 2 - center)))
        assert best.keypoints_img is not None
        keypoints.append(best.keypoints_img[:, :2] + rng.normal(0, 0.03 * np.sqrt(best.area), (17, 2)))
    xywh = np.array([b.box_xywh for b in boxes])
    p = Predictions(
        image_ids=np.array([b.image_id for b in boxes]),
        boxes_xywh=xywh,
        box_scores=np.array([b.score for b in boxes]),
        keypoints_img=np.array(keypoints),
        keypoint_scores=rng.uniform(0.3, 1, (118, 17)),
        input_size=(256, 192),
    )
    results, _ = to_coco_results(p, COCO17)
    assert 4 < len(results) < 118
    everything = evaluate_coco(val, results, COCO17)
    assert list(everything.values()) == plain_pycocotools(val.path, results, tmp_path)
    with_boxes = sorted({b.image_id for b in boxes})
    some = evaluate_coco(val, results, COCO17, image_ids=with_boxes)
    assert list(some.values()) == plain_pycocotools(val.path, results, tmp_path, with_boxes)
    # 36 images hold people, 4 have boxes: on all of them most people are missed.
    assert 0 < everything["AR50"] < 0.5 < some["AR50"]


def test_only_the_given_people_count(val: CocoFile) -> None:
    assert val.annotations is not None
    known = [a for a in val.annotations if a.num_keypoints and not a.is_crowd]
    half = {a.id for a in known[::2]}
    ids = {a.id: r for a, r in zip(known, as_results(val), strict=True)}
    found = [r for i, r in ids.items() if i in half]
    assert evaluate_coco(val, found, COCO17)["AR"] < 0.7
    assert evaluate_coco(val, found, COCO17, person_ids=half)["AP"] == 1.0


def make_coco(tmp_path: Path, area: float = 2000.0) -> CocoFile:
    """Two fish in one image, none in the other; two keypoints each, category 1."""
    data = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": 100, "width": 100} for i in (1, 2)],
        "annotations": [
            {
                "id": i,
                "image_id": 1,
                "category_id": 1,
                "bbox": [10 * i, 10, 40, 50],
                "area": area,
                "iscrowd": 0,
                "num_keypoints": 2,
                "keypoints": [10 * i, 20, 2, 30 + i, 40, 1],
            }
            for i in (1, 2)
        ],
    }
    (tmp_path / "fish.json").write_text(json.dumps(data))
    return load_coco(tmp_path / "fish.json", TWO)


def test_other_numbers_of_keypoints_and_missing_sizes(tmp_path: Path) -> None:
    coco = make_coco(tmp_path)
    numbers = evaluate_coco(coco, as_results(coco), TWO)
    assert {k: v for k, v in numbers.items() if v != 1} == {"APL": -1, "ARL": -1}  # 2000 is medium
    assert evaluate_coco(make_coco(tmp_path, 1e4), as_results(coco), TWO)["APM"] == -1


def test_sigmas_come_from_the_skeleton(tmp_path: Path) -> None:
    coco = make_coco(tmp_path)
    results = as_results(coco)
    for record in results:
        record["keypoints"][0] += 5.0
    tight = Skeleton.from_names("tight", keypoint_names=["head", "tail"], oks_sigmas=[0.01, 0.01])
    assert evaluate_coco(coco, results, TWO)["AP"] > 0.7
    # One of two keypoints is missed: OKS 0.5, at the lowest of the ten thresholds.
    assert evaluate_coco(coco, results, tight)["AP75"] == 0


def test_bbox_in_results_changes_nothing_and_records_stay_as_they_are(tmp_path: Path) -> None:
    coco = make_coco(tmp_path)
    results = as_results(coco, 0.03)
    want = evaluate_coco(coco, results, TWO)
    with_box = [{**r, "bbox": [0, 0, 1, 1]} for r in results]
    before = json.dumps(with_box)
    assert evaluate_coco(coco, with_box, TWO) == want
    assert json.dumps(with_box) == before


def test_nobody_who_counts_gives_no_result(tmp_path: Path) -> None:
    coco = make_coco(tmp_path)
    assert coco.annotations is not None
    nobody = replace(coco, annotations=tuple(replace(a, num_keypoints=0) for a in coco.annotations))
    with pytest.raises(ValueError, match="has nobody to count AP with"):
        evaluate_coco(nobody, as_results(coco), TWO)


def test_no_results_give_zeros(tmp_path: Path) -> None:
    coco = make_coco(tmp_path)
    zeros = dict.fromkeys(METRICS, 0.0)
    assert evaluate_coco(coco, [], TWO) == zeros
    assert evaluate_coco(coco, as_results(coco), TWO, image_ids=[2]) == zeros
    assert evaluate_coco(coco, as_results(coco), TWO, image_ids=[]) == zeros


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "result 0 is on image 9"),
        ({"category_id": 2}, "result 0 is of category 2"),
        ({"keypoints": [1.0] * 51}, "result 0 has 51 numbers.* needs 6"),
    ],
)
def test_wrong_results_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    coco = make_coco(tmp_path)
    record = as_results(coco)[0]
    with pytest.raises(ValueError, match=message):
        evaluate_coco(coco, [{**record, **change}], TWO)
    with pytest.raises(ValueError, match="lacks score"):
        evaluate_coco(coco, [{k: v for k, v in record.items() if k != "score"}], TWO)


def test_a_file_without_annotations_cannot_be_evaluated(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"images": []}))
    with pytest.raises(ValueError, match="results can still be written"):
        evaluate_coco(load_coco(tmp_path / "t.json", TWO, need_annotations=False), [], TWO)
