"""The skeleton's derived arrays, its round trip and its messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose.keypoints.skeletons import COCO17, Skeleton, guess_flip_pairs, guess_oks_sigmas, split_side

HAND: dict[str, Any] = {
    "keypoint_names": ["wrist", "left_tip", "right_tip", "thumb"],
    "flip_pairs": [("left_tip", "right_tip")],
    "edges": [("wrist", "thumb")],
}


def test_coco17_is_the_published_one() -> None:
    pycocotools = pytest.importorskip("pycocotools.cocoeval")
    np.testing.assert_allclose(COCO17.oks_sigmas, pycocotools.Params("keypoints").kpt_oks_sigmas)
    # flip_pairs of HRNet's COCODataset.
    assert COCO17.flip_pairs == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))
    assert COCO17.upper_body == tuple(range(11))
    assert len(COCO17.edges) == 19


def test_coco17_equals_the_category_of_the_real_file(coco_sample: Any) -> None:
    import json

    category = json.loads((coco_sample / "annotations/person_keypoints_val2017.json").read_text())["categories"][0]
    assert list(COCO17.keypoint_names) == category["keypoints"]
    assert {frozenset(edge) for edge in COCO17.edges} == {frozenset(i - 1 for i in e) for e in category["skeleton"]}


def test_flip_indices_swap_the_pairs_and_are_their_own_inverse() -> None:
    order = COCO17.flip_indices
    assert order.tolist() == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    np.testing.assert_array_equal(order[order], np.arange(17))


def test_sides() -> None:
    for name, side in zip(COCO17.keypoint_names, COCO17.sides, strict=True):
        assert side == (name.split("_")[0] if "_" in name else "middle")


def test_round_trip() -> None:
    assert Skeleton.from_dict(COCO17.to_dict()) == COCO17


def test_from_names_fills_in_what_is_left_out() -> None:
    skeleton = Skeleton.from_names("hand", keypoint_names=HAND["keypoint_names"])
    assert skeleton.oks_sigmas == (0.062, 0.072, 0.072, 0.072)  # COCO's wrist, and its median
    assert np.median(COCO17.oks_sigmas) == 0.072
    assert skeleton.flip_pairs == ((1, 2),)
    assert skeleton.edges == skeleton.upper_body == ()
    assert Skeleton.from_names("hand", keypoint_names=HAND["keypoint_names"], flip_pairs=[]).flip_pairs == ()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_eye", "right_eye"),
        ("l_eye", "r_eye"),
        ("eye_left", "eye_right"),
        ("eye_l", "eye_r"),
        ("L_Eye", "R_Eye"),
        ("leftEye", "rightEye"),
        ("LeftEye", "RightEye"),
        ("LEye", "REye"),
        ("eyeL", "eyeR"),
        ("lefteye", "righteye"),
        ("Lear", "Rear"),
        ("Lsho", "Rsho"),
        ("left eye", "right eye"),
        ("Left-Eye", "Right-Eye"),
        ("front.left.paw", "front.right.paw"),
        ("eye_left_2", "eye_right_2"),
    ],
)
def test_sides_in_names(left: str, right: str) -> None:
    assert [split_side(left)[0], split_side(right)[0]] == ["left", "right"]
    assert split_side(left)[1] == split_side(right)[1]
    assert guess_flip_pairs([right, "nose", left]) == [(left, right)]
    assert guess_oks_sigmas([left]) == guess_oks_sigmas([right])


@pytest.mark.parametrize(
    "name", ["nose", "tail", "left", "r", "left_right", "landmark_12", "12", "upright", "rear", "头"]
)
def test_names_without_a_side(name: str) -> None:
    assert split_side(name)[0] == "middle"


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["FL_paw", "FR_paw", "HL_paw", "HR_paw"], ["FL_paw FR_paw", "HL_paw HR_paw"]),
        (["RF", "LF", "RH", "LH", "tail"], ["LF RF", "LH RH"]),
        (["lf_hoof", "rf_hoof", "lr_hoof", "rr_hoof"], ["lf_hoof rf_hoof", "lr_hoof rr_hoof"]),
        (["earleft", "earright"], ["earleft earright"]),
        (["Lt ear", "Rt ear"], ["Lt ear Rt ear"]),
        (["left", "right", "middle"], ["left right"]),
        (["l", "m", "r"], ["l r"]),
        (["left_eye", "right_eye", "FL", "FR"], ["left_eye right_eye", "FL FR"]),
        (["FL_paw", "HR_paw", "bl", "upright", "left_right", "Lip", "Rip"], []),
    ],
)
def test_sides_that_only_a_pair_shows(names: list[str], pairs: list[str]) -> None:
    assert [" ".join(pair) for pair in guess_flip_pairs(names)] == pairs
    assert all(split_side(name)[0] == "middle" for name in names if "_eye" not in name)


def test_only_certain_pairs_are_guessed() -> None:
    names = ["left_eye", "eye_left", "right_eye", "left_ear", "right_hip", "left_paw_1", "right_paw_2"]
    assert guess_flip_pairs(names) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoint_names": []}, "no keypoints|is no keypoint"),
        ({"keypoint_names": ["wrist", "left_tip", "right_tip", "thumb", "wrist"]}, "twice: wrist"),
        ({"flip_pairs": [("left_tip", "right_tp")]}, "did you mean 'right_tip'"),
        ({"flip_pairs": [("left_tip", "right_tip", "thumb")]}, "two names"),
        ({"flip_pairs": [("thumb", "thumb")]}, "not two different"),
        ({"flip_pairs": [("left_tip", "right_tip"), ("left_tip", "thumb")]}, "two flip_pairs"),
        ({"oks_sigmas": [0.1]}, "each of its 4 keypoints"),
        ({"oks_sigmas": [0.1, 0.1, 0.1, -1]}, "positive"),
        ({"upper_body": ["elbow"]}, "upper_body names 'elbow'"),
    ],
)
def test_errors_say_what_to_mend(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton.from_names("hand", **{**HAND, **change})
