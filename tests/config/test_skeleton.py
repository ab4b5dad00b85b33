"""What a config's skeleton takes from the annotations, what it guesses, and what it says of that."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from pose.config.keypoints import Config, EvalConfig
from pose.config.load import make_config
from pose.config.skeleton import with_skeleton
from pose.keypoints.skeletons import COCO17, Skeleton

NAMES = ["nose", "left_ear", "right_ear", "tail"]
DOG = {"id": 18, "name": "dog", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]]}
FULL = {
    "name": "mine",
    "keypoint_names": NAMES,
    "flip_pairs": [["left_ear", "right_ear"]],
    "edges": [["nose", "tail"]],
    "oks_sigmas": [0.1, 0.2, 0.2, 0.3],
    "upper_body": ["nose"],
}


def make(tmp_path: Path, skeleton: Any, *categories: Any, **data: Any) -> Config:
    document = {"images": [], "annotations": [], "categories": list(categories)}
    (tmp_path / "dogs.json").write_text(json.dumps(document))
    split = {"images": "images", "annotations": "dogs.json"}
    section = {"root": str(tmp_path), "skeleton": skeleton, "train": split, "val": split, **data}
    config = make_config({"data": section})
    assert isinstance(config, Config)
    return config


def complete(config: Config) -> tuple[Skeleton, list[str]]:
    """The skeleton, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = with_skeleton(config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".* stand in no flip pair")  # true as long as it is so
        assert with_skeleton(found) is found  # nothing is left to guess
    assert make_config(found.model_dump(mode="json")) == found  # as a run's config.yaml and checkpoints hold it
    return found.data.resolve_skeleton(), [str(w.message) for w in caught]


def test_all_from_the_annotations(tmp_path: Path) -> None:
    config = make(tmp_path, "from_annotations", {"id": 1, "name": "person"}, DOG)
    with pytest.raises(ValueError, match="to be read from the annotations first"):
        config.data.resolve_skeleton()
    skeleton, said = complete(config)
    assert skeleton.name == "dog"
    assert list(skeleton.keypoint_names) == NAMES
    assert skeleton.flip_pairs == ((1, 2),)
    assert skeleton.edges == ((0, 1), (0, 2))
    assert skeleton.oks_sigmas == (0.026, 0.035, 0.035, 0.072)
    assert skeleton.upper_body == ()
    pairs, sigmas, half = said
    assert "flip_pairs are guessed from the names: left_ear - right_ear" in pairs
    assert "3 are those of COCO's parts of the same name, 1 are 0.072, the median of COCO's" in sigmas
    assert "half-body augmentation is off" in half
    assert all(text.startswith("skeleton 'dog'") for text in said)


def test_an_empty_section_is_the_same(tmp_path: Path) -> None:
    assert complete(make(tmp_path, {}, DOG))[0] == complete(make(tmp_path, "from_annotations", DOG))[0]


def test_what_is_given_is_taken(tmp_path: Path) -> None:
    given = {"oks_sigmas": [0.1, 0.2, 0.2, 0.3], "flip_pairs": [["right_ear", "left_ear"]], "edges": []}
    skeleton, said = complete(make(tmp_path, given, DOG))
    assert skeleton.oks_sigmas == (0.1, 0.2, 0.2, 0.3)
    assert skeleton.flip_pairs == ((2, 1),)
    assert skeleton.edges == ()
    assert len(said) == 1  # upper_body


def test_a_full_section_reads_no_file(tmp_path: Path) -> None:
    config = make(tmp_path, FULL)
    (tmp_path / "dogs.json").unlink()
    assert with_skeleton(config) is config
    assert config.data.resolve_skeleton().to_dict() == FULL


def test_names_of_ones_own_need_no_category(tmp_path: Path) -> None:
    skeleton, said = complete(make(tmp_path, {"keypoint_names": ["a", "b"], "upper_body": ["a"]}))
    assert (skeleton.name, skeleton.edges, skeleton.flip_pairs) == ("custom", (), ())
    assert ["flip_pairs are guessed from the names: none" in said[0], len(said)] == [True, 2]


def test_edges_of_other_names_are_not_taken(tmp_path: Path) -> None:
    skeleton, _ = complete(make(tmp_path, {"keypoint_names": ["a", "b", "c", "d"]}, DOG))
    assert (skeleton.name, skeleton.edges) == ("custom", ())
    skeleton, _ = complete(make(tmp_path, {"keypoint_names": NAMES}, DOG))
    assert (skeleton.name, skeleton.edges) == ("dog", ((0, 1), (0, 2)))


def test_the_names_of_coco_mean_coco(tmp_path: Path) -> None:
    person = {"id": 1, "name": "person", "keypoints": list(COCO17.keypoint_names), "skeleton": [[1, 2]]}
    skeleton, said = complete(make(tmp_path, "from_annotations", person))
    assert said == []
    assert skeleton.oks_sigmas == COCO17.oks_sigmas
    assert (skeleton.flip_pairs, skeleton.upper_body) == (COCO17.flip_pairs, COCO17.upper_body)
    assert skeleton.edges == ((0, 1),)


def test_sides_without_a_partner_are_warned_of(tmp_path: Path) -> None:
    given = FULL | {"flip_pairs": [], "oks_sigmas": None}
    for skeleton in (given, FULL | {"flip_pairs": []}):  # also where nothing is left out, as `pose new` writes it
        said = complete(make(tmp_path, skeleton))[1]
        assert any("the names left_ear, right_ear have a side but stand in no flip pair" in text for text in said)
    lame = DOG | {"keypoints": ["nose", "left_ear", "right_eye", "tail"]}
    said = complete(make(tmp_path, "from_annotations", lame))[1]
    assert any("the names left_ear, right_eye have a side" in text for text in said)


def test_one_of_several_categories(tmp_path: Path) -> None:
    cat = {"id": 17, "name": "cat", "keypoints": ["nose"]}
    with pytest.raises(ValueError, match=r"choose it by data\.category=dog"):
        with_skeleton(make(tmp_path, "from_annotations", DOG, cat))
    skeleton, _ = complete(make(tmp_path, "from_annotations", DOG, cat, category="cat"))
    assert (skeleton.name, skeleton.keypoint_names) == ("cat", ("nose",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"flip_pairs": [["left_ear", "right_er"]]}, r"flip_pairs names 'right_er'.*did you mean 'right_ear'"),
        ({"edges": [["nose", "tial"]]}, "edges names 'tial'.*did you mean 'tail'"),
        ({"oks_sigmas": [0.1]}, r"'dog' needs one positive OKS sigma for each of its 4 keypoints, got \[0\.1\]"),
        ({"upper_body": ["hand"]}, "upper_body names 'hand', which is no keypoint"),
    ],
)
def test_what_does_not_fit_the_file(tmp_path: Path, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_skeleton(make(tmp_path, given, DOG))


def test_no_category_with_keypoints(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dogs\.json has no category with keypoint names \(categories: dog\)"):
        with_skeleton(make(tmp_path, "from_annotations", {"id": 1, "name": "dog"}))
    config = make(tmp_path, "from_annotations")
    (tmp_path / "dogs.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*dogs\.json"):
        with_skeleton(config)


def test_a_misspelt_name_of_a_skeleton(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'from_annotations'"):
        make(tmp_path, "from_annotation", DOG)


def test_flip_pairs_matter_only_where_images_are_mirrored(tmp_path: Path) -> None:
    """`pose score` neither trains nor predicts."""
    config = make(tmp_path, {"keypoint_names": ["nose", "left_ear", "tail"]})
    assert sum("flip" in text for text in complete(config)[1]) == 2
    unmirrored = config.model_copy(update={"augment": None, "eval": EvalConfig(flip_test=False)})
    assert not any("flip" in text for text in complete(unmirrored)[1])
