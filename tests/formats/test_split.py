"""`pose split`: whole images, frames of a video together, nothing lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pose.formats.split import prefix, split_coco
from pose.runtime.errors import DataError
from tests.formats.base import write_dataset
from tests.helpers.command import call_pose


def clips(folder: Path) -> Path:
    """Four videos of five frames, two people in each."""
    images = [
        {"id": i, "file_name": f"walk{i // 5}/frame_{i % 5:04d}.jpg", "height": 9, "width": 9} for i in range(20)
    ]
    people = [{"id": i + 1, "image_id": i // 2, "category_id": 1} for i in range(40)]
    path = folder / "clips.json"
    path.write_text(
        json.dumps({"info": {"a": 1}, "images": images, "annotations": people, "categories": [{"id": 1}]})
    )
    return path


def parts(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{name}_{split}.json").read_text()) for split in ("train", "val")]


def test_by_image(tmp_path: Path) -> None:
    outcome = call_pose("split", clips(tmp_path), "--val", "0.3")
    assert outcome.code == 0, outcome.err
    train, val = parts(tmp_path, "clips")
    assert outcome.out.splitlines() == [
        f"{tmp_path / 'clips_train.json'}: 14 images, 28 people",
        f"{tmp_path / 'clips_val.json'}: 6 images, 12 people",
    ]
    for part in (train, val):
        ids = {image["id"] for image in part["images"]}
        assert {a["image_id"] for a in part["annotations"]} == ids
        assert (part["info"], part["categories"]) == ({"a": 1}, [{"id": 1}])
    assert sorted(i["id"] for part in (train, val) for i in part["images"]) == list(range(20))


def test_frames_stay_together(tmp_path: Path) -> None:
    outcome = call_pose("split", clips(tmp_path), "--by-prefix")
    train, val = parts(tmp_path, "clips")
    assert [len(part["images"]) for part in (train, val)] == [15, 5]
    assert len({image["file_name"].split("/")[0] for image in val["images"]}) == 1
    assert "clips_val.json: 5 images of 1 group, 10 people" in outcome.out


def test_a_part_with_nobody_is_warned_of(tmp_path: Path) -> None:
    path = clips(tmp_path)
    document = json.loads(path.read_text())
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] == 0]
    path.write_text(json.dumps(document))
    outcome = call_pose("split", path, "--val", "0.1")
    assert outcome.code == 0
    assert re.search(
        r"warning: .*clips_val\.json has images with nobody alone; give another --seed or --val", outcome.err
    )


def test_the_seed_chooses(tmp_path: Path) -> None:
    chosen = []
    for seed in (0, 0, 1):
        path = clips(tmp_path)
        split_coco(path, share=0.2, seed=seed)
        _, val = parts(tmp_path, "clips")
        chosen.append([image["id"] for image in val["images"]])
        for split in ("train", "val"):
            (tmp_path / f"clips_{split}.json").unlink()
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[("walk/frame_0012.jpg", "walk/frame_"), ("a.png", "a"), ("cam1-007_rgb.png", "cam1-"), ("a.jp2", "a")],
        *[("x\\y12.jpg", "x/y"), ("v1.0001.jpg", "v1."), ("cam2.12.rgb.png", "cam2."), ("a_1.rf.3a.jpg", "a_")],
        *[("clip1.mp4_frame_0001.jpg", "clip1.mp4_frame_"), ("2024.05.01_0000.jpg", "2024.05.01_")],
        *[("cam1.side_0001.jpg", "cam1.side_"), ("img_0007_jpg.rf.9f2.jpg", "img_"), ("7", "")],
    ],
)
def test_prefix(name: str, expected: str) -> None:
    assert prefix(name) == expected


def test_mistakes(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    for arguments, said in (
        ((path, "--val", "20"), "--val 20.0 is no share; give one between 0 and 1, such as 0.2"),
        ((path, "--by-prefix", "--val", "0"), "is no share"),
        ((tmp_path / "none.json",), "no file"),
    ):
        outcome = call_pose("split", *arguments)
        assert outcome.code == 2
        assert said in outcome.err
    (tmp_path / "dogs_val.json").write_text("mine")
    outcome = call_pose("split", path)
    assert (outcome.code, (tmp_path / "dogs_val.json").read_text()) == (2, "mine")
    assert not (tmp_path / "dogs_train.json").exists()


def test_what_was_split_already(tmp_path: Path) -> None:
    """`pose convert` keeps the splits of a format that has them, and the next line of a guide is `pose split`."""
    for name in ("dogs_train.json", "dogs_val.json"):
        (tmp_path / name).write_text("{}")
    outcome = call_pose("split", tmp_path / "dogs.json")
    assert outcome.code == 2
    assert "dogs_train.json and dogs_val.json are there: what they were made of was split already" in outcome.err
    outcome = call_pose("split", tmp_path)
    assert outcome.code == 2
    assert f"{tmp_path} is a folder; a COCO JSON is split: pose convert {tmp_path} " in outcome.err


def test_nothing_is_lost_or_in_both(tmp_path: Path) -> None:
    path = clips(tmp_path)
    content = json.loads(path.read_text())
    content["annotations"][0]["image_id"] = 99
    path.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="1 annotation of images that it does not list are in neither file"):
        split_coco(path, share=0.2)
    for split in ("train", "val"):
        (tmp_path / f"clips_{split}.json").unlink()
    content["images"][1]["id"] = 0
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"images\[1\] .* has the id 0 of walk0/frame_0000.jpg"):
        split_coco(path, share=0.2)
