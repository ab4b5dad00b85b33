"""The analysis against pycocotools, and against cases whose answer is counted by hand."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.data.coco import CocoFile, load_coco
from pose.evaluation.analysis.analyze import analyze
from pose.evaluation.analysis.errors import KINDS, classify
from pose.evaluation.analysis.groups import make_groups, overlaps, visible_ranges
from pose.evaluation.analysis.scenes import make_scenes
from pose.evaluation.analysis.table import analysis_table
from pose.evaluation.coco import evaluate_coco
from pose.keypoints.skeletons import COCO17, Skeleton

# Three points: one of the middle, and a pair. With sigma 0.05 and area 10,000, d pixels have the similarity
# exp(-d^2 / 200): 0.956 at 3, 0.607 at 10, 0.135 at 20, 0.85 at 5.70 and 0.5 at 11.77.
FISH = Skeleton.from_names(
    "fish",
    keypoint_names=["head", "left_fin", "right_fin"],
    flip_pairs=[("left_fin", "right_fin")],
    oks_sigmas=[0.05] * 3,
)
PLACES = np.array([[100.0, 100], [150, 100], [200, 100]])


def moved(points: np.ndarray, x: float, y: float) -> np.ndarray:
    return points + np.array([x, y])


def write_coco(path: Path, people: list[dict[str, Any]], images: int = 2) -> CocoFile:
    """`people`: image_id and keypoints (K, 3), and what differs from an area of 10,000 and a box of 200 x 100."""
    annotations = []
    for number, person in enumerate(people, start=1):
        keypoints = np.asarray(person.pop("keypoints"), dtype=float)
        count = int((keypoints[:, 2] > 0).sum())
        standard = {"id": number, "category_id": 1, "bbox": [0, 0, 200, 100], "area": 1e4, "iscrowd": 0}
        annotations.append(standard | {"keypoints": keypoints.ravel().tolist(), "num_keypoints": count} | person)
    listed = [{"id": i, "file_name": f"{i}.jpg", "height": 400, "width": 400} for i in range(1, images + 1)]
    path.write_text(json.dumps({"images": listed, "annotations": annotations}))
    k = len(annotations[0]["keypoints"]) // 3
    skeleton = COCO17 if k == 17 else FISH if k == 3 else Skeleton.from_names("n", keypoint_names=list("abcde"[:k]))
    return load_coco(path, skeleton)


def person(points: np.ndarray, visible: Any = 2, **more: Any) -> dict[str, Any]:
    return {"image_id": 1, "keypoints": np.c_[points, np.broadcast_to(visible, len(points))]} | more


def result(points: Any, score: float = 0.9, image_id: int = 1) -> dict[str, Any]:
    flat = np.c_[np.asarray(points, dtype=float), np.ones(len(points))].ravel().tolist()
    return {"image_id": image_id, "category_id": 1, "keypoints": flat, "score": score}


def kinds_of(coco: CocoFile, points: np.ndarray) -> list[str]:
    """Of a detection of the first person."""
    (scene,) = make_scenes(coco, [result(points)], FISH.oks_sigmas, image_ids=[1])
    found = classify(points[None], np.array([0]), scene, sigmas=np.array(FISH.oks_sigmas), flip=FISH.flip_indices)
    return ["-" if kind < 0 else KINDS[kind] for kind in found[0]]


@pytest.mark.parametrize(
    ("pixels", "kind"), [(0, "good"), (5.6, "good"), (5.8, "jitter"), (11.7, "jitter"), (11.9, "miss"), (200, "miss")]
)
def test_good_jitter_and_miss_by_distance(tmp_path: Path, pixels: float, kind: str) -> None:
    coco = write_coco(tmp_path / "c.json", [person(PLACES)])
    assert kinds_of(coco, PLACES + np.array([[0, pixels], [0, 0], [0, 0]])) == [kind, "good", "good"]


def test_inversion_is_the_other_side_of_the_same_person(tmp_path: Path) -> None:
    coco = write_coco(tmp_path / "c.json", [person(PLACES)])
    assert kinds_of(coco, PLACES[[0, 2, 1]]) == ["good", "inversion", "inversion"]
    assert kinds_of(coco, moved(PLACES[[0, 2, 2]], 0, 11)) == ["jitter", "inversion", "jitter"]
    # The head has no other side: on a fin it is a miss.
    assert kinds_of(coco, PLACES[[1, 1, 2]]) == ["miss", "good", "good"]


def test_the_other_side_counts_only_where_it_is_labeled(tmp_path: Path) -> None:
    coco = write_coco(tmp_path / "c.json", [person(PLACES, [2, 1, 0])])
    assert kinds_of(coco, PLACES[[0, 2, 1]]) == ["good", "miss", "-"]


def test_swap_is_the_same_part_of_somebody_else(tmp_path: Path) -> None:
    other = moved(PLACES, 0, 150)
    coco = write_coco(tmp_path / "c.json", [person(PLACES), person(other)])
    assert kinds_of(coco, np.array([other[0], other[1], PLACES[2]])) == ["swap", "swap", "good"]
    assert kinds_of(coco, np.array([PLACES[0], other[2], PLACES[2]])) == ["good", "swap", "good"]  # of either side
    assert kinds_of(coco, np.array([other[1], PLACES[1], PLACES[2]])) == ["miss", "good", "good"]  # another part


def test_what_is_near_its_own_place_is_no_confusion(tmp_path: Path) -> None:
    """10 px from its own place (0.61), and exactly on somebody else's."""
    coco = write_coco(tmp_path / "c.json", [person(PLACES), person(moved(PLACES, 0, 10))])
    assert kinds_of(coco, moved(PLACES, 0, 10)) == ["jitter"] * 3


def test_of_inversion_and_swap_the_nearer_counts(tmp_path: Path) -> None:
    near = moved(PLACES, 0, 8)
    coco = write_coco(tmp_path / "c.json", [person(PLACES), person(near)])
    assert kinds_of(coco, np.array([PLACES[0], PLACES[2], PLACES[2]]))[1] == "inversion"
    assert kinds_of(coco, np.array([PLACES[0], near[2], PLACES[2]]))[1] == "swap"


def test_similarity_to_others_takes_their_size(tmp_path: Path) -> None:
    """20 px are a miss for somebody of area 10,000 (0.14), and a jitter for 40,000 (0.61)."""
    other = moved(PLACES, 0, 150)
    small, large = ([person(PLACES), person(other, area=area)] for area in (1e4, 4e4))
    points = np.array([other[0] + (20, 0), PLACES[1], PLACES[2]])
    assert kinds_of(write_coco(tmp_path / "a.json", small), points)[0] == "miss"
    assert kinds_of(write_coco(tmp_path / "b.json", large), points)[0] == "swap"


def test_counts_by_hand(tmp_path: Path) -> None:
    """Three people, one of whom is not found, and a detection of nobody: every number on paper.

    Person 1: head 10 px off (jitter, 0.6065), fins swapped by side (similarity 0 to their own places).
    Person 2 (its right fin is not labeled): both exact. Person 3: not found. Detections score 0.9, 0.8,
    and 0.7 for the one of nobody.
    """
    far = moved(PLACES, 0, 200)
    coco = write_coco(
        tmp_path / "c.json",
        [person(PLACES), person(far, [2, 2, 0]), person(PLACES, image_id=2)],
    )
    first = np.array([PLACES[0] + (10, 0), PLACES[2], PLACES[1]])
    results = [result(first, 0.9), result(far, 0.8), result(moved(PLACES, 0, 3000), 0.7, image_id=2)]
    a = analyze(coco, results, FISH)
    near = np.exp(-0.5)  # 10 px
    counts = {"annotated": 3, "found": 2, "detections": 3, "detections_of_nobody": 1}
    assert a["people"] == {**counts, "detections_ignored": 0}
    # Where the third one has no labels, COCO counts a detection of it neither as right nor as wrong.
    people = [person(PLACES), person(far, [2, 2, 0]), person(PLACES, [0, 0, 0], image_id=2)]
    coco = write_coco(tmp_path / "d.json", people)
    b = analyze(coco, [*results, result(PLACES, 0.6, image_id=2)], FISH)
    assert b["people"] == {**counts, "annotated": 2, "detections": 4, "detections_ignored": 1}
    assert "; 1 of 4 detections are of nobody, 1 of crowds or others who do not count\n" in analysis_table(b)
    assert a["errors"]["counts"] == {"good": 2, "jitter": 1, "inversion": 2, "swap": 0, "miss": 0}
    head, left, right = a["keypoints"]
    assert [k["labelled"] for k in a["keypoints"]] == [3, 3, 2]
    assert head["errors"] == {"good": 1, "jitter": 1, "inversion": 0, "swap": 0, "miss": 0}
    assert left["errors"] == {"good": 1, "jitter": 0, "inversion": 1, "swap": 0, "miss": 0}
    assert right["errors"] == {"good": 0, "jitter": 0, "inversion": 1, "swap": 0, "miss": 0}
    assert head["similarity"] == pytest.approx((near + 1) / 2)
    assert left["similarity"] == pytest.approx(0.5, abs=1e-4)  # one exact, one 50 px off
    # PCK: 10 px are 0.05 of the box's longer side, 200; 50 px are 0.25.
    assert head["pck"] == pytest.approx([2 / 3] * 3)
    assert left["pck"] == pytest.approx([1 / 3] * 3)
    assert right["pck"] == [0, 0, 0]
    assert a["pck"]["all"] == pytest.approx([3 / 8] * 3)
    # Of 3 people one has OKS 1, one 0.20. At every threshold the first detection is wrong, the second right:
    # precision 1/2 up to recall 1/3, which 34 of 101 recalls reach.
    assert a["ap"] == pytest.approx(0.5 * 34 / 101)
    # With the inversions corrected person 1 has (0.607 + 1 + 1) / 3 = 0.869, right at the 8 thresholds to 0.85.
    want = (8 * 67 / 101 + 2 * 0.5 * 34 / 101) / 10
    assert a["errors"]["ap_gained_if_corrected"]["inversion"] == pytest.approx(want - a["ap"])
    assert a["errors"]["ap_gained_if_corrected"]["swap"] == 0
    # The head alone: both found at the 3 thresholds up to 0.6, one above.
    assert head["ap"] == pytest.approx((3 * 67 / 101 + 7 * 0.5 * 34 / 101) / 10)
    assert head["ar"] == pytest.approx((3 * 2 / 3 + 7 / 3) / 10)
    assert a["oks_histogram"]["not_found"] == 1
    assert a["oks_histogram"]["people"] == [0, 0, 0, 0, 1, *[0] * 14, 1]
    assert sum(g["people"] for g in a["groups"] if g["kind"] == "size") == 3
    json.dumps(a, allow_nan=False)


def test_perfect_results_have_no_errors(tmp_path: Path) -> None:
    coco = write_coco(tmp_path / "c.json", [person(PLACES), person(PLACES, image_id=2)])
    a = analyze(coco, [result(PLACES), result(PLACES, image_id=2)], FISH)
    assert a["ap"] == 1
    assert a["errors"]["counts"]["good"] == 6
    assert [k["ap"] for k in a["keypoints"]] == [1, 1, 1]
    assert a["precision_recall"]["precision"]["0.90"] == [1] * 101


def test_nothing_found_and_nothing_to_find(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a = analyze(write_coco(tmp_path / "c.json", [person(PLACES)]), [], FISH)
        assert (a["ap"], a["people"]["found"], a["pck"]["all"]) == (0, 0, [0, 0, 0])
        assert a["examples"]["worst"][0]["found"] is None
        empty = write_coco(tmp_path / "d.json", [person(PLACES, 0)])
        a = analyze(empty, [result(PLACES)], FISH)
        assert a["ap"] is None
        assert a["precision_recall"] is None
        assert a["keypoints"][0]["ap"] is None
        a = analyze(empty, [result(PLACES)], FISH, image_ids=[])
        assert a["ap"] is None
    json.dumps(a, allow_nan=False)


def test_files_without_annotations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"images": []}))
    with pytest.raises(ValueError, match="no annotations to compare"):
        analyze(load_coco(tmp_path / "t.json", FISH, need_annotations=False), [], FISH)


def test_visible_ranges() -> None:
    assert visible_ranges(17) == [(1, 5), (6, 10), (11, 15), (16, 17)]  # Ronchi and Perona
    assert visible_ranges(1) == [(1, 1)]
    assert visible_ranges(2) == [(1, 1), (2, 2)]
    for k in range(1, 140):
        covered = [n for first, last in visible_ranges(k) for n in range(first, last + 1)]
        assert covered == list(range(1, k + 1))


def test_overlaps() -> None:
    boxes = np.array([[0.0, 0, 100, 100], [50, 0, 100, 100], [85, 85, 100, 100], [500, 0, 10, 10]])
    # IoU of 0 and 1 is 1/3, of 1 and 2 is 975 / 19025 = 0.05, of 0 and 2 is 0.01.
    assert overlaps(boxes).tolist() == [1, 1, 0, 0]
    assert overlaps(np.zeros((0, 4))).tolist() == []
    assert overlaps(np.zeros((2, 4))).tolist() == [0, 0]


def random_case(
    path: Path, *, images: int, seed: int, k: int = 17
) -> tuple[CocoFile, list[dict[str, Any]], Skeleton]:
    """People of all sizes, crowds, people without labels, doubles, equal scores and false detections."""
    rng = np.random.default_rng(seed)
    people, results = [], []
    for image in range(1, images + 1):
        for _ in range(rng.integers(0, 5)):
            size = rng.uniform(15, 200)
            box = [*rng.uniform(0, 200, 2), size, size * 1.5]
            points = rng.uniform(0, 1, (k, 2)) * box[2:] + box[:2]
            visible = rng.integers(1, 3, k) * (rng.random(k) < rng.choice([0, 0.2, 0.7, 1], p=[0.1, 0.3, 0.3, 0.3]))
            crowd = int(rng.random() < 0.1)
            people.append(person(points, visible, image_id=image, bbox=box, area=size**2, iscrowd=crowd))
            for _ in range(rng.integers(0, 3)):
                noise = rng.normal(0, 1, (k, 2)) * rng.choice([0.0, 0.03, 0.1, 0.3]) * size
                results.append(result(points + noise, round(float(rng.random()), 1), image))
        for _ in range(rng.poisson(0.5) if rng.random() < 0.9 else 25):
            results.append(result(rng.uniform(0, 400, (k, 2)), round(float(rng.random()), 1), image))
    coco = write_coco(path, people, images)
    return coco, results, COCO17 if k == 17 else FISH


@pytest.mark.slow
@pytest.mark.parametrize(("k", "seed"), [(17, 0), (17, 1), (3, 2)])
def test_equals_pycocotools(tmp_path: Path, k: int, seed: int) -> None:
    """AP and AR of everyone, of each keypoint as if it were alone, of the groups as if the others were ignored."""
    coco, results, skeleton = random_case(tmp_path / "c.json", images=25, seed=seed, k=k)
    a = analyze(coco, results, skeleton)
    assert coco.annotations is not None
    official = evaluate_coco(coco, results, skeleton)
    assert a["ap"] == pytest.approx(official["AP"], abs=1e-12)
    assert 0.02 < official["AP"] < 0.98
    for index in range(0, k, 1 if k == 3 else 5):
        changed = json.loads(coco.path.read_text())
        for annotation in changed["annotations"]:
            points = np.reshape(annotation["keypoints"], (k, 3))
            points[np.arange(k) != index, 2] = 0
            annotation |= {"keypoints": points.ravel().tolist(), "num_keypoints": int(points[index, 2] > 0)}
        (tmp_path / "one.json").write_text(json.dumps(changed))
        want = evaluate_coco(load_coco(tmp_path / "one.json", skeleton), results, skeleton)
        assert a["keypoints"][index]["ap"] == pytest.approx(want["AP"], abs=1e-12)
        assert a["keypoints"][index]["ar"] == pytest.approx(want["AR"], abs=1e-12)
    scenes = make_scenes(coco, results, skeleton.oks_sigmas)
    for group, got in zip(make_groups(k), a["groups"], strict=True):
        if group.kind == "size":
            continue  # COCO has other limits; below
        members = {int(i) for s in scenes for i in s.ids[group.includes(s)]}
        if not got["people"]:
            continue
        # As COCOeval marks whom to ignore.
        marked = [x if x.id in members else replace(x, num_keypoints=0) for x in coco.annotations]
        want = evaluate_coco(replace(coco, annotations=tuple(marked)), results, skeleton)
        assert got["ap"] == pytest.approx(want["AP"], abs=1e-12)
        assert got["ar"] == pytest.approx(want["AR"], abs=1e-12)


def test_sizes_equal_pycocotools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With COCO's own ranges the groups give APM and APL."""
    monkeypatch.setattr("pose.evaluation.analysis.groups.SIZES", (0, 32, 96))
    coco, results, skeleton = random_case(tmp_path / "c.json", images=60, seed=3)
    small, medium, large = (g for g in analyze(coco, results, skeleton)["groups"] if g["kind"] == "size")
    want = evaluate_coco(coco, results, skeleton)
    assert medium["ap"] == pytest.approx(want["APM"], abs=1e-12)
    assert large["ap"] == pytest.approx(want["APL"], abs=1e-12)
    assert large["ar"] == pytest.approx(want["ARL"], abs=1e-12)
    assert small["people"] > 0


def test_equals_pycocotools_on_real_annotations(coco_sample: Path) -> None:
    coco = load_coco(coco_sample / "annotations/person_keypoints_val2017.json", COCO17)
    assert coco.annotations is not None
    rng = np.random.default_rng(0)
    results = [
        result(
            x.keypoints_img[:, :2] + rng.normal(0, 0.05, (17, 2)) * np.sqrt(x.area), float(rng.random()), x.image_id
        )
        for x in coco.annotations
    ]
    assert analyze(coco, results, COCO17)["ap"] == pytest.approx(
        evaluate_coco(coco, results, COCO17)["AP"], abs=1e-12
    )
    half = [a.id for a in coco.annotations[::2]]
    images = list(coco.images)[::2]
    some = analyze(coco, results, COCO17, image_ids=images, person_ids=half)
    want = evaluate_coco(coco, results, COCO17, image_ids=images, person_ids=half)
    assert some["ap"] == pytest.approx(want["AP"], abs=1e-12)


def test_table_has_pairs_in_a_line(tmp_path: Path) -> None:
    coco = write_coco(tmp_path / "c.json", [person(PLACES), person(PLACES, image_id=2)])
    lines = analysis_table(analyze(coco, [result(PLACES[[0, 2, 1]])], FISH)).splitlines()
    assert lines[0].startswith("1 of 2 people found (OKS 0.1 and more); 0 of 1 detections are of nobody")
    assert lines[1].startswith(
        "keypoints of the people found: 33.3% good, 0.0% jitter (AP +0.000 without), 66.7% inv"
    )
    assert [line.split()[0] for line in lines[2:]] == ["keypoint", "head", "fin"]
    assert lines[3].split()[1:4] == ["0.505", "0.500", "100.0%"]  # 51 of 101 recalls; one of two within 20 px
    assert lines[4].split()[1:] == ["0.000", "0.000", "0.0%", "0.0%", "100.0%", "0.0%", "0.0%"]
    empty = analysis_table(analyze(coco, [], FISH, image_ids=[])).splitlines()
    assert empty[-1].split() == ["fin", *"-------"]
    odd = Skeleton.from_names("odd", keypoint_names=["a", "b", "c"], flip_pairs=[("a", "b")], oks_sigmas=[0.05] * 3)
    assert [line[:5].strip() for line in analysis_table(analyze(coco, [], odd)).splitlines()[3:]] == ["a, b", "c"]
