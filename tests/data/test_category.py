"""Which category of a COCO file has the keypoints, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pose.data.category import check_names, find_category, read_category
from pose.data.coco import load_coco
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.errors import DataError

PATH = Path("a.json")
DOG = {"id": 18, "name": "dog", "keypoints": ["nose", "tail", "paw"], "skeleton": [[1, 2], [3, 2]]}
CAT = {"id": 17, "name": "cat", "keypoints": ["nose", "whiskers"]}
CAR = {"id": 3, "name": "car"}


def test_the_only_one_with_keypoints() -> None:
    found = find_category(PATH, [CAR, DOG], None)
    assert found is not None
    assert (found.id, found.name) == (18, "dog")
    assert found.keypoint_names == ("nose", "tail", "paw")
    assert found.edges == (("nose", "tail"), ("paw", "tail"))  # COCO counts from 1
    assert find_category(PATH, [CAR], []) is None


def test_coco_s_own_category(coco_sample: Path) -> None:
    path = coco_sample / "annotations/person_keypoints_val2017.json"
    found = read_category(path, json.loads(path.read_text()))
    assert found.keypoint_names == COCO17.keypoint_names
    index = COCO17.keypoint_names.index
    assert {frozenset(map(index, edge)) for edge in found.edges} == set(map(frozenset, COCO17.edges))


def test_several_are_told_apart_by_name() -> None:
    with pytest.raises(
        ValueError,
        match=r"in several categories, 'dog', 'cat', and they are not the same; .* choose it by data\.category=dog",
    ):
        find_category(PATH, [DOG, CAT], None)
    found = find_category(PATH, [DOG, CAT], None, name="cat")
    assert found is not None
    assert found.id == 17
    with pytest.raises(ValueError, match=r"has 0 categories named 'dgo' \(data\.category\); did you mean 'dog'\?"):
        find_category(PATH, [DOG, CAT], None, name="dgo")


def test_annotations_tell_the_id_where_nothing_else_does() -> None:
    found = find_category(PATH, None, [{"category_id": 5, "keypoints": []}, {"category_id": 6}])
    assert found is not None
    assert (found.id, found.keypoint_names) == (5, ())
    with pytest.raises(ValueError, match=r"\[5, 6\].*add categories and choose one by data\.category=NAME"):
        find_category(PATH, [], [{"category_id": c, "keypoints": []} for c in (5, 6)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, r"no category with keypoint names \(categories: none\); expected one such as .*Add it to the file, or"),
        ({"categories": [CAR]}, r"\(categories: car\)"),
        ({"categories": 3}, "'categories' is no list but 3"),
        ({"categories": [DOG | {"keypoints": [1]}]}, r"category 'dog' has keypoints \[1\]; expected a list"),
        ([], "no category with keypoint names"),
    ],
)
def test_files_that_describe_no_skeleton(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_category(PATH, data)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize("edge", [[0, 1], [1, 4], [2, 2], 5])
def test_edges_that_do_not_fit_are_left_out(edge: Any) -> None:
    with pytest.warns(UserWarning, match=r"'dog': 1 edges .* left out.* two numbers from 1 to 3.*only drawn"):
        found = find_category(PATH, [DOG | {"skeleton": [edge, [1, 2]]}], None)
    assert found is not None
    assert found.edges == (("nose", "tail"),)


def skeleton(*names: str) -> Skeleton:
    return Skeleton.from_names("mine", keypoint_names=names)


def test_names_are_compared(recwarn: pytest.WarningsRecorder) -> None:
    found = read_category(PATH, {"categories": [DOG]})
    check_names(PATH, found, skeleton("nose", "tail", "paw"))
    assert not recwarn.list
    with pytest.raises(
        ValueError, match=r"'dog' has 3 keypoints \(nose, tail, paw\), skeleton 'mine' has 2 \(a, b\)"
    ):
        check_names(PATH, found, skeleton("a", "b"))
    with pytest.raises(ValueError, match="another order: number 2 is 'tail' in the file and 'paw' in the skeleton"):
        check_names(PATH, found, skeleton("nose", "paw", "tail"))
    with pytest.warns(UserWarning, match="calls 1 keypoint otherwise than skeleton 'mine': 'paw' for 'foot'"):
        check_names(PATH, found, skeleton("nose", "tail", "foot"))


def test_load_coco_takes_the_named_category_by_its_id(tmp_path: Path) -> None:
    """Ids may differ between files: the name says which."""
    one = {"image_id": 1, "bbox": [1, 1, 9, 9], "area": 81.0, "iscrowd": 0}
    annotations = [
        {**one, "id": 1, "category_id": 18, "num_keypoints": 3, "keypoints": [1, 1, 2] * 3},
        {**one, "id": 2, "category_id": 17, "num_keypoints": 2, "keypoints": [1, 1, 2] * 2},
        {**one, "id": 3, "category_id": 3},
    ]
    images = [{"id": 1, "file_name": "1.jpg", "width": 20, "height": 20}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [DOG, CAT, CAR]}))
    coco = load_coco(path, skeleton("nose", "whiskers"), category="cat")
    assert coco.category_id == 17
    assert coco.annotations is not None
    assert [a.id for a in coco.annotations] == [2]


def test_text_under_keypoints_names_none() -> None:
    with pytest.warns(UserWarning, match="category 'dog' has keypoints 'nose', which is no list of names; they are"):
        found = find_category(PATH, [DOG | {"keypoints": "nose"}], [{"category_id": 18, "keypoints": [1, 2, 2]}])
    assert found is not None
    assert (found.ids, found.keypoint_names) == ((18,), ())


def test_the_same_keypoints_are_read_as_one() -> None:
    wolf = DOG | {"id": 9, "name": "wolf"}
    for name in (None, ["dog", "wolf"]):
        found = find_category(PATH, [DOG, wolf, CAR], None, name=name)
        assert found is not None
        assert (found.ids, found.name, found.keypoint_names) == ((18, 9), "dog, wolf", ("nose", "tail", "paw"))
    one = find_category(PATH, [DOG, wolf], None, name=["wolf"])
    assert one is not None
    assert one.ids == (9,)
    with pytest.raises(ValueError, match="'dog', 'cat', and they are not the same"):
        find_category(PATH, [DOG, CAT, wolf], None, name=["dog", "cat"])


def test_an_empty_list_chooses_no_category() -> None:
    rows = [{"id": 1, "name": "dog", "keypoints": ["nose"]}]
    with pytest.raises(DataError, match=r"data\.category is an empty list"):
        find_category(Path("a.json"), rows, [], name=[])
